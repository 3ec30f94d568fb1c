from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from analyzer.analysis.stored import analyze
from analyzer.tcp.outcomes import CloseOutcome, HandshakeOutcome
from analyzer.trace.build import Judged, survey
from analyzer.trace.outline import RANKS, Outline, Survey, outline_of
from analyzer.trace.values import Connection
from tests.tcp.transcript import FIRST_WRAPS, Player

ROOT = Path(__file__).resolve().parents[2]
CAPTURES = sorted(path for path in (ROOT / "captures").iterdir() if path.suffix in {".pcap", ".pcapng"})


def outline(
    handshake: HandshakeOutcome = "complete",
    close: CloseOutcome = "three-segment",
    data_lost: bool = False,
    window_closed: bool = False,
    segments: int = 10,
    retransmitted: int = 0,
    data: int = 4,
) -> Outline:
    return Outline(handshake, close, data_lost, window_closed, segments, retransmitted, data)


ONE_OF_EACH = {
    "data lost": outline(close="reset", data_lost=True),
    "reset": outline(close="reset"),
    "not opened": outline(handshake="half-open", close="none"),
    "retransmissions": outline(retransmitted=1),
    "zero window": outline(window_closed=True),
    "the rest": outline(),
}


def surveyed(outlines: Iterable[Outline], most: int) -> Survey:
    found = Survey(most)
    for one in outlines:
        found.look_at(one)
    found.end()
    return found


def values(connections: Sequence[Connection]) -> tuple[object, ...]:
    """All that a survey of all connections says."""
    found = survey(connections, len(connections))
    return found.handshakes(), found.closes(), found.worst


def test_every_rank_has_its_connection() -> None:
    assert list(ONE_OF_EACH) == list(RANKS)
    for place, one in enumerate(ONE_OF_EACH.values()):
        assert one.rank() == place
        assert one.ranking(7)[0] == place


def test_within_a_rank_the_share_decides_then_the_bytes_then_the_place() -> None:
    assert outline(retransmitted=3).ranking(0) < outline(retransmitted=1).ranking(0)
    assert outline(retransmitted=3, segments=30).ranking(0) > outline(retransmitted=2).ranking(0)
    assert outline(data=1000).ranking(0) < outline().ranking(0)
    assert outline().ranking(0) < outline().ranking(1)


def test_a_connection_without_segments_has_repeated_nothing() -> None:
    assert outline(segments=0).ranking(0)[1] == 0


def test_a_survey_counts_all_and_keeps_the_worst() -> None:
    fared = [
        outline(handshake="refused", close="none", data=n) if n % 10 == 0 else outline() for n in range(5000)
    ]
    found = surveyed(fared, 3)
    assert found.handshakes() == {"refused": 500, "complete": 4500}
    assert found.closes() == {"none": 500, "three-segment": 4500}
    assert [place for _, _, _, place in found.worst] == [4990, 4980, 4970]
    everything = sorted(one.ranking(place) for place, one in enumerate(fared))
    assert surveyed(fared, 5000).worst == everything
    assert surveyed(fared, 40).worst == everything[:40]
    assert surveyed([], 40).worst == []


def test_a_survey_goes_on_after_an_end() -> None:
    found = surveyed([outline(retransmitted=1)], 2)
    found.look_at(outline())
    found.end()
    assert [place for _, _, _, place in found.worst] == [0, 1]


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.name)
def test_the_short_way_and_the_long_way_agree(capture: Path) -> None:
    trace = analyze(capture)
    assert isinstance(trace.connections, Judged)
    assert values(trace.connections) == values(list(trace.connections))


def test_data_that_was_lost() -> None:
    played = Player(FIRST_WRAPS)(
        """
        > S 0:0(0)          ; handshake-1
        < S. 0:0(0) ack 1   ; handshake-2
        > . 1:1(0) ack 1    ; handshake-3
        > P. 1:9(8) ack 1   ; data
        < R 1:1(0)          ; reset
        """
    )
    short = outline_of(played.connection)
    assert (short.data_lost, short.bytes) == (True, 8)


@pytest.mark.slow
def test_the_short_way_and_the_long_way_agree_on_foreign_captures(corpus_capture: Path) -> None:
    from analyzer.errors import CaptureFormatError

    try:
        trace = analyze(corpus_capture)
    except CaptureFormatError:
        return
    assert values(trace.connections) == values(list(trace.connections))
