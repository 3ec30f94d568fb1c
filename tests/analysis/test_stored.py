from __future__ import annotations

import gzip
import io
import json
import sys
from pathlib import Path

import pytest

from analyzer import analyze as analyze_of_the_package
from analyzer.analysis import reading
from analyzer.analysis import stored as pipeline
from analyzer.analysis.reading import Reading
from analyzer.analysis.stored import analyze, analyze_whole
from analyzer.capture import Records, open_capture
from analyzer.errors import CaptureFormatError, InputError, UsageError
from analyzer.report.document import document, write_document
from analyzer.tcp.table import QUIET_NS
from tests.analysis.test_loop import answer
from tests.capture.builders import START_NS, pcap, pcap_header, pcap_record
from tests.tcp.transcript import FIRST_WRAPS, frames, read

TRANSCRIPT = """
    > S 0:0(0)                      ; handshake-1
    < S. 0:0(0) ack 1               ; handshake-2
    > . 1:1(0) ack 1                ; handshake-3
    > P. 1:101(100) ack 1           ; data
    > S 0:0(0) isn +70000           ; handshake-1
    < S. 0:0(0) isn +7000 ack 1     ; handshake-2
    > R 1:1(0)                      ; reset
    > S 0:0(0) isn +70000           ; handshake-1
"""
ARP = bytes(12) + b"\x08\x06" + bytes(46)
SEGMENTS = [frame for frame, _, _ in frames(read(TRANSCRIPT), FIRST_WRAPS)]
FRAMES = [ARP, *SEGMENTS]


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    path = tmp_path / "three\x1b.pcap"
    path.write_bytes(pcap(FRAMES))
    return path


class Standing:
    """Standard input that holds a capture."""

    def __init__(self, content: bytes) -> None:
        self.buffer = io.BytesIO(content)
        self.closed = False

    def isatty(self) -> bool:
        return False


def test_a_stored_capture(stored: Path) -> None:
    trace = analyze(stored)
    capture = trace.capture
    assert capture.path.endswith("three\\x1b.pcap")
    assert (capture.format, capture.link_types, capture.link_type_names) == ("pcap", (1,), ("Ethernet",))
    assert (capture.frames, capture.tcp_segments, capture.skipped) == (9, 8, {"ARP": 1})
    assert (capture.first_time_ns, capture.last_time_ns) == (START_NS, START_NS + 8000)
    assert (capture.truncated, capture.warnings) == (False, ())
    assert [connection.handshake.outcome for connection in trace] == ["complete", "aborted", "unanswered"]
    assert [len(connection.segments) for connection in trace] == [4, 3, 1]
    assert [segment.frame for segment in trace[1].segments] == [6, 7, 8]
    assert analyze_of_the_package is analyze


def test_segments_are_the_same_read_again(stored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = [list(connection.segments) for connection in analyze(stored)]
    monkeypatch.setattr(pipeline, "SEGMENTS_KEPT", 7)
    trace = analyze(stored)
    # Forwards, backwards, the same twice, and with room for all or for one at a time.
    for room in (200_000, 1):
        monkeypatch.setattr(pipeline, "SEGMENTS_READ_AHEAD", room)
        for number in (0, 1, 2, 2, 1, 0):
            assert list(trace[number].segments) == kept[number]


def test_connections_in_order_are_read_in_one_go(stored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "SEGMENTS_KEPT", 1)
    opened = []

    def counted(path: str, decompress_limit: int | None) -> Records:
        opened.append(path)
        return open_capture(path, decompress_limit)

    monkeypatch.setattr(reading, "open_capture", counted)
    trace = analyze(stored)
    assert sum(len(connection.segments) for connection in trace) == 8
    assert len(opened) == 2


def test_a_verdict_that_is_passed_again_is_the_same(stored: Path) -> None:
    kept = [(connection.verdict, list(connection.segments)) for connection in analyze(stored)]
    trace = analyze(stored)
    held = trace[0]
    assert trace[0] is held
    for _ in range(2):
        assert [(connection.verdict, list(connection.segments)) for connection in trace] == kept
    assert [connection.id for connection in trace.connections[1:]] == [1, 2]
    assert trace.connections[-1].id == 2
    with pytest.raises(IndexError):
        trace.connections[3]


def test_a_file_that_went_away(stored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "SEGMENTS_KEPT", 1)
    trace = analyze(stored)
    stored.unlink()
    with pytest.raises(InputError):
        len(trace[0].segments)


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Standing(pcap(FRAMES)))
    trace = analyze("-")
    assert trace.capture.path == "-"
    assert [len(connection.segments) for connection in trace] == [4, 3, 1]


def test_standard_input_that_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "SEGMENTS_KEPT_OF_A_PIPE", 7)
    monkeypatch.setattr(sys, "stdin", Standing(pcap(FRAMES)))
    trace = analyze("-")
    assert len(trace) == 3
    with pytest.raises(InputError, match="save the capture to a file"):
        len(trace[0].segments)


def test_there_is_no_such_connection(stored: Path) -> None:
    trace = analyze(stored)
    with pytest.raises(UsageError, match="connection 3 does not exist"):
        trace[0].source.segments(3)
    with pytest.raises(UsageError, match="connection -1 does not exist"):
        trace[0].source.segments(-1)


def test_a_capture_that_breaks_off(tmp_path: Path) -> None:
    path = tmp_path / "cut.pcap"
    path.write_bytes(pcap(FRAMES)[:-3])
    trace = analyze(path)
    assert trace.capture.truncated
    assert len(trace.capture.warnings) == 1
    assert [len(connection.segments) for connection in trace] == [4, 3]


def test_a_capture_without_frames(tmp_path: Path) -> None:
    path = tmp_path / "empty.pcap"
    path.write_bytes(pcap([]))
    trace = analyze(path)
    assert (len(trace), trace.capture.frames) == (0, 0)
    assert trace.capture.first_time_ns is trace.capture.last_time_ns is None


def test_what_is_no_capture(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("no capture at all, only text\n")
    with pytest.raises(CaptureFormatError):
        analyze(path)
    with pytest.raises(InputError):
        analyze(tmp_path / "missing.pcap")


def test_standard_input_keeps_what_cannot_be_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A dense beginning, from which more segments could be foreseen than there are.
    path = tmp_path / "redirected.pcap"
    path.write_bytes(pcap([*numbered(20), *[b"\0" * 60_000] * 200]))
    monkeypatch.setattr(pipeline, "SEGMENTS_KEPT_OF_A_PIPE", 200)
    with path.open("rb") as file:
        standing = Standing(b"")
        monkeypatch.setattr(standing, "buffer", file)
        monkeypatch.setattr(sys, "stdin", standing)
        trace = analyze("-")
    whole = analyze(path)
    assert [list(one.segments) for one in trace] == [list(one.segments) for one in whole]


def test_what_an_error_answers_is_found_without_reading_a_file_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # When the error about the SYN comes, the client has sent its ACK since.
    path = tmp_path / "late.pcap"
    path.write_bytes(pcap([*SEGMENTS[:3], answer(SEGMENTS[0])]))
    (error,) = analyze(path)[0].icmp_errors
    assert (error.frame, error.answers, error.seq, error.about) == (4, 1, 0, "client")
    monkeypatch.setattr("analyzer.analysis.stored.SEGMENTS_KEPT", 1)
    connection = analyze(path)[0]
    assert [error.answers for error in connection.icmp_errors] == [None]
    assert document(analyze(path), segments=False)["connections"][0]["icmp_errors"][0]["answers"] is None
    assert len(connection.segments) == 3
    assert [error.answers for error in connection.icmp_errors] == [1]
    stream = io.StringIO()
    write_document(analyze(path), stream)
    assert json.loads(stream.getvalue())["connections"][0]["icmp_errors"][0]["answers"] == 1


# Captures with more connections than are held, and connections that are handed on.


def numbered(count: int, transcript: str = TRANSCRIPT) -> list[bytes]:
    """The frames of the transcript `count` times, each time from another port."""
    made = [frame for frame, _, _ in frames(read(transcript), FIRST_WRAPS)]
    client, server = made[0][34:36], made[0][36:38]
    return [
        frame.replace(client + server, other + server).replace(server + client, server + other)
        for other in (bytes([9, number]) for number in range(count))
        for frame in made
    ]


@pytest.fixture
def crowded(tmp_path: Path) -> Path:
    path = tmp_path / "crowded.pcap"
    path.write_bytes(pcap(numbered(20)))
    return path


def test_more_connections_than_are_held_are_folded(crowded: Path) -> None:
    whole = analyze(crowded)
    trace = analyze(crowded, Reading(hold=10))
    folded = trace.capture.folded
    assert whole.capture.folded is None
    assert folded is not None
    assert len(trace) + folded.connections == len(whole) == 60
    assert len(trace) <= 10
    assert trace.capture.tcp_segments == whole.capture.tcp_segments
    assert sum(c.segment_count for c in trace) + folded.segments == whole.capture.tcp_segments
    assert sum(folded.handshakes.values()) == sum(folded.closes.values()) == folded.connections
    for connection in trace:
        same = whole[connection.id]
        assert connection.verdict == same.verdict
        assert trace[connection.id].id == connection.id
        assert list(connection.segments) == list(same.segments)
    for number in (0, 60, -1):
        with pytest.raises(IndexError):
            trace[number]
    with pytest.raises(UsageError, match="at least 2"):
        analyze(crowded, Reading(hold=1))


def test_a_small_compressed_file_is_not_given_much_memory(
    crowded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = crowded.with_suffix(".gz")
    packed.write_bytes(gzip.compress(crowded.read_bytes()))
    monkeypatch.setattr(reading, "CONNECTIONS_HELD_OF_A_MEBIBYTE", 10)
    assert analyze(crowded).capture.folded is None
    assert analyze(packed).capture.folded is not None
    assert analyze(packed, Reading(hold=100)).capture.folded is None


def test_whoever_needs_all_connections_gets_none_less(crowded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(analyze_whole(crowded)) == 60
    monkeypatch.setattr(reading, "CONNECTIONS_HELD", 10)
    with pytest.raises(UsageError, match=r"too many connections .* editcap -c"):
        analyze_whole(crowded)


def test_of_what_is_left_the_segments_are_read_again(crowded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = {connection.id: list(connection.segments) for connection in analyze(crowded)}
    monkeypatch.setattr(pipeline, "SEGMENTS_KEPT", 1)
    trace = analyze(crowded, Reading(hold=10))
    assert all(list(connection.segments) == whole[connection.id] for connection in trace)
    # A connection that left and began again is two, and each has its own segments.
    late = numbered(20) + numbered(1)[3:4]
    crowded.write_bytes(pcap(late))
    trace = analyze(crowded, Reading(hold=10))
    assert [segment.frame for segment in trace.connections[len(trace) - 1].segments] == [len(late)]


@pytest.mark.parametrize("hold", [2, 3, 7, 1000])
def test_every_connection_is_handed_on_once(crowded: Path, hold: int) -> None:
    expected = [connection.verdict for connection in analyze(crowded)]
    streaming = pipeline.stream(crowded, Reading(hold=hold))
    assert streaming.capture is None
    handed_on = {connection.id: connection.verdict for connection in streaming}
    assert [handed_on[number] for number in range(60)] == expected
    assert streaming.capture == analyze(crowded).capture


def test_what_has_ended_is_handed_on_before_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "FRAMES_AT_ONCE", 1)
    path = tmp_path / "long.pcap"
    refused = numbered(1, "> S 0:0(0) ; handshake-1\n < R. 0:0(0) ack 1 ; reset")
    records = [pcap_record(frame, START_NS) for frame in refused]
    records += [pcap_record(ARP, START_NS + QUIET_NS), pcap_record(ARP, START_NS + QUIET_NS)]
    path.write_bytes(pcap_header() + b"".join(records))
    frames_read: list[int] = []
    streaming = pipeline.stream(path, Reading(watch=lambda records: frames_read.append(int(records.frame))))
    assert [connection.handshake.outcome for connection in streaming] == ["refused"]
    assert next(iter(pipeline.stream(path))).segment_count == 2
    assert frames_read[-1] == 4


@pytest.mark.parametrize("at_once", [1, 3, 1 << 14])
@pytest.mark.parametrize("piped", [False, True])
def test_only_the_times_of_the_capture_end_a_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int, piped: bool
) -> None:
    """Neither where the reading pauses nor where the capture comes from: each SYN is as late as the rule wants it."""
    monkeypatch.setattr(pipeline, "FRAMES_AT_ONCE", at_once)
    times = [START_NS]
    for number in range(1, 60):
        # Every third one comes just too early to begin a connection.
        times.append(times[-1] + QUIET_NS - 1000 * (number % 3 == 0))
    frames_of_both = [SEGMENTS[0], numbered(1)[0]]
    records = [pcap_record(frame, time_ns) for time_ns in times for frame in frames_of_both]
    content = pcap_header() + b"".join(records)
    path = tmp_path / "slow.pcap"
    path.write_bytes(content)
    monkeypatch.setattr(sys, "stdin", Standing(content))
    handed_on = [
        (connection.id, connection.segment_count, connection.first_frame)
        for connection in pipeline.stream("-" if piped else path)
    ]
    assert len(handed_on) == 2 * 41
    assert sum(count for _, count, _ in handed_on) == 120
    assert handed_on == sorted(handed_on)


# A file that has changed.


def test_a_file_that_grows_or_shrinks_while_it_is_read(stored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analyzer.capture.read_ahead.BLOCK_BYTES", 64)
    monkeypatch.setattr(pipeline, "FRAMES_AT_ONCE", 1)
    content = stored.read_bytes()

    def cut(records: Records) -> None:
        if records.frame == 5:
            stored.write_bytes(content[: len(content) // 2])

    trace = analyze(stored, Reading(watch=cut))
    assert "became shorter while it was read" in trace.capture.warnings[-1]

    def extend(records: Records) -> None:
        if records.frame == 5:
            stored.write_bytes(content + pcap_record(ARP, START_NS))

    stored.write_bytes(content)
    trace = analyze(stored, Reading(watch=extend))
    assert "grew while it was read" in trace.capture.warnings[-1]


def test_a_file_that_changed_before_it_is_read_again(stored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "SEGMENTS_KEPT", 1)
    monkeypatch.setattr(pipeline, "SEGMENTS_READ_AHEAD", 1)
    content = stored.read_bytes()
    trace = analyze(stored)
    # What was added behind does no harm, and what is cut off only to those that had their part in it.
    stored.write_bytes(content + content[24:])
    assert len(trace[0].segments) == 4
    stored.write_bytes(content[:-40])
    assert len(trace[1].segments) == 3
    with pytest.raises(InputError, match="has changed since it was first read: analyse it again"):
        _ = trace[2].segments
    stored.write_bytes(pcap(numbered(2)))
    with pytest.raises(InputError, match="has changed since it was first read"):
        _ = trace[0].segments
