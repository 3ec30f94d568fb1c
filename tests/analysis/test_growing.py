from __future__ import annotations

from pathlib import Path

import pytest

from analyzer.analysis import growing
from analyzer.analysis.growing import follow
from analyzer.analysis.reading import Reading
from analyzer.analysis.stored import analyze
from analyzer.capture import open_capture
from analyzer.errors import InputError
from tests.analysis.test_loop import answer
from tests.analysis.test_stored import SEGMENTS, numbered
from tests.capture.builders import pcap
from tests.tcp.transcript import FIRST_WRAPS, frames, read
from tests.wire.wrappings import netlink, nflog

CAPTURES = Path(__file__).parents[2] / "captures"


@pytest.mark.parametrize("path", sorted(CAPTURES.glob("*.pcap*")), ids=lambda path: path.name)
def test_following_gives_the_segments_of_the_stored_capture(path: Path) -> None:
    stored = analyze(path)
    expected = {c.id: list(c.segments) for c in stored.connections}
    followed: dict[int, list[object]] = {}
    with open_capture(path) as records:
        following = follow(records, str(path))
        for sighting in following:
            assert sighting.new == (sighting.number not in followed)
            followed.setdefault(sighting.number, []).append(sighting.segment)
            assert sighting.frame == sighting.segment.frame
            assert sighting.time_ns == sighting.segment.time_ns
        trace = following.trace()
    assert followed == expected
    assert trace.capture == stored.capture
    assert [c.verdict for c in trace.connections] == [c.verdict for c in stored.connections]
    assert {c.id: list(c.segments) for c in trace.connections} == expected


@pytest.mark.parametrize("name", ["echo.pcap", "refused.pcap", "reset.pcap"])
def test_a_connection_is_over_with_its_last_segment(name: str) -> None:
    with open_capture(CAPTURES / name) as records:
        sightings = [sighting.over for sighting in follow(records, name)]
    assert not sightings[0]
    assert sightings[-1]


def test_past_the_budget_segments_are_read_from_the_file_that_holds_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(growing, "SEGMENTS_KEPT_OF_A_PIPE", 3)
    path = str(CAPTURES / "echo.pcap")
    with open_capture(path) as records:
        following = follow(records, "live", stored=path)
        assert len(list(following)) == 10
        assert len(following.trace().connections[0].segments) == 10
    with open_capture(path) as records:
        following = follow(records, "live")
        assert len(list(following)) == 10
        with pytest.raises(InputError, match="save the capture to a file first"):
            _ = following.trace().connections[0].segments


def test_a_connection_can_be_looked_at_before_its_end() -> None:
    with open_capture(CAPTURES / "echo.pcap") as records:
        sighting = next(iter(follow(records, "live")))
        assert sighting.connection.server.port == 20000
        assert list(sighting.connection.segments) == []


def test_errors_are_told_when_they_come(tmp_path: Path) -> None:
    path = tmp_path / "answered.pcap"
    path.write_bytes(pcap([SEGMENTS[0], *[answer(SEGMENTS[0])] * 20, SEGMENTS[1]]))
    told: list[object] = []
    with open_capture(str(path)) as records:
        following = follow(records, "live")
        following.on_error = lambda number, error: told.append((number, error.frame, error.answers))
        for sighting in following:
            told.append(sighting.frame)
    # As many as are kept.
    assert told == [1, *[(0, frame, 1) for frame in range(2, 18)], 22]
    assert following.trace()[0].icmp_error_count == 20


def test_a_growing_capture_is_bounded_too(tmp_path: Path) -> None:
    crowded = tmp_path / "crowded.pcap"
    crowded.write_bytes(pcap(numbered(20)))
    with open_capture(str(crowded)) as records:
        following = follow(records, "live", reading=Reading(hold=10))
        numbers = [sighting.number for sighting in following]
        trace = following.trace()
    assert max(numbers) == 59
    folded = trace.capture.folded
    assert folded is not None
    assert folded.connections + len(trace) == 60


def test_every_segment_of_a_frame_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "together.pcap"
    packets = [frame[14:] for frame in SEGMENTS[:6]]
    path.write_bytes(pcap([netlink(*[nflog(2, packet) for packet in packets])], link_type=253))
    with open_capture(str(path)) as records:
        following = follow(records, "live")
        seen = [(sighting.number, sighting.new, sighting.segment.labels) for sighting in following]
    assert [(number, new) for number, new, _ in seen] == [
        (0, True), (0, False), (0, False), (0, False), (1, True), (1, False),
    ]  # fmt: skip
    assert [labels for _, _, labels in seen][:3] == [("handshake-1",), ("handshake-2",), ("handshake-3",)]


def test_a_segment_can_be_looked_at_long_after_it_was_seen(tmp_path: Path) -> None:
    path = tmp_path / "long.pcap"
    transcript = "> S 0:0(0) ; handshake-1" + "\n> . 1:2(1) ack 1 ; data" * 1100
    path.write_bytes(pcap([frame for frame, _, _ in frames(read(transcript), FIRST_WRAPS)]))
    with open_capture(str(path)) as records:
        sightings = list(follow(records, "live"))
    assert [sighting.segment.frame for sighting in sightings] == list(range(1, 1102))
