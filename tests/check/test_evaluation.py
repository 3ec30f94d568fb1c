"""What is found: the frame, what was seen, why, and how often."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from analyzer.analysis.stored import analyze
from analyzer.check.evaluation import MOST_FINDINGS, evaluate
from analyzer.check.expectations import ALL, Choice, choice_of, expectation
from analyzer.check.findings import Check
from analyzer.errors import InputError
from analyzer.report.document import document
from analyzer.report.selection import keys
from analyzer.trace.values import Trace
from tests.commands.running import ROOT

CAPTURES = ROOT / "captures"


def check(name: str, text: str, choice: Choice = ALL) -> Check:
    made = expectation(keys(), text, choice, "the test")
    (checked,) = evaluate([made], analyze(CAPTURES / name), document)
    return checked


@pytest.mark.parametrize(
    ("name", "text", "frame", "message"),
    [
        ("echo.pcap", "close = four-segment", 9, "close is three-segment, expected four-segment"),
        ("echo.pcap", "active = server", 8, "close.active is client, expected server"),
        ("echo.pcap", "handshake = refused", 3, "handshake is complete, expected refused"),
        ("refused.pcap", "handshake = complete", 2, "handshake is refused, expected complete"),
        ("reset.pcap", "close != reset", 8, "close is reset, expected not reset"),
        ("unanswered.pcap", "close = reset", None, "close is none, expected reset"),
        ("echo.pcap", "states.server = LAST-ACK", 10, "states.server is CLOSED, expected LAST-ACK"),
        ("echo.pcap", "states.client = CLOSED", 9, "states.client is TIME-WAIT, expected CLOSED"),
        ("echo.pcap", "data.client.bytes > 1kB", 4, "data.client.bytes is 2, expected more than 1000"),
        ("refused.pcap", "data.client.bytes > 1", 1, "data.client.bytes is 0, expected more than 1"),
        ("echo.pcap", "duration < 1us", 10, "duration is 3"),
        ("echo.pcap", "server.port = 1", 1, "server.port is 20000, expected 1"),
        ("zero-window.pcap", "zero_window = 0", None, "notes.zero_window is"),
        ("zero-window.pcap", "notes = none", None, "notes is "),
        ("echo.pcap", "retransmission = 1", 1, "notes.retransmission is 0, expected 1"),
        ("echo.pcap", "labels = handshake-1 data ...", 2, "labels: server:handshake-2, expected data"),
        ("echo.pcap", "labels = ... reset", 10, "the connection ends after frame 10, expected any or reset"),
        ("echo.pcap", "labels != ...", None, "the labels match ..., expected them not to"),
        ("echo.pcap", "segments.seq < 4", 10, "segments.seq is 4, expected less than 4"),
        ("echo.pcap", "segments = 9", None, "segments is 10, expected 9"),
    ],
)
def test_frame_and_message(name: str, text: str, frame: int | None, message: str) -> None:
    (found,) = check(name, text).findings
    assert found.message.startswith(message)
    if frame is not None:
        assert found.frame == frame
    assert found.connection == 0
    assert found.capture.endswith(name)
    assert found.notes[0].startswith("connection 0, ")
    assert found.notes[-1] == "expected by the test"


def test_the_reason_is_that_of_the_trace() -> None:
    (found,) = check("echo.pcap", "close = four-segment").findings
    assert (found.expected, found.seen, found.rule) == ("four-segment", "three-segment", "close.outcome")
    assert found.notes[1] == "frame 9, FIN,ACK from the server: close-2+close-3"
    assert "the server also closes its half" in found.notes[2]
    (found,) = check("echo.pcap", "data.client.bytes = 3").findings
    assert found.notes[2] == "the segment carries payload: 2 bytes, sequence numbers 1 to 2"


def test_a_note_is_found_where_it_stands() -> None:
    (found,) = check("zero-window.pcap", "zero_window = 0").findings
    trace = analyze(CAPTURES / "zero-window.pcap")
    frames = [one.frame for one in trace[0].segments if "zero_window" in one.notes]
    assert found.frame == frames[0]


def test_it_has_to_hold_for_every_connection() -> None:
    found = check("clients.pcap", "close = reset").findings
    assert [one.connection for one in found] == [0, 1, 2, 3, 4, 5]
    assert found[3].message == "connection 3: close is three-segment, expected reset"
    assert check("clients.pcap", "close = three-segment").findings == []


@pytest.mark.parametrize(
    ("numbers", "only", "chosen"),
    [((1, 4), None, [1, 4]), ((), "id > 3", [4, 5]), ((0, 5), "not id == 0", [5])],
)
def test_chosen_connections(numbers: Sequence[int], only: str | None, chosen: list[int]) -> None:
    found = check("clients.pcap", "close = reset", choice_of(keys(), numbers, only, False)).findings
    assert [one.connection for one in found] == chosen


def test_choosing_none_is_a_finding_unless_it_is_allowed() -> None:
    (found,) = check("clients.pcap", "close = reset", choice_of(keys(), (), "id > 9", False)).findings
    assert found.message == "none of the 6 connections matches id > 9"
    assert (found.connection, found.frame) == (None, None)
    assert check("clients.pcap", "close = reset", choice_of(keys(), (), "id > 9", True)).findings == []


def test_a_capture_without_connections() -> None:
    empty = Trace(analyze(CAPTURES / "echo.pcap").capture, [])
    (checked,) = evaluate([expectation(keys(), "close = open")], empty, document)
    assert checked.findings[0].message == "the capture has no TCP connections, expected at least one"


def test_the_capture_as_a_whole() -> None:
    (found,) = check("clients.pcap", "connections = 5").findings
    assert found.message == "capture.connections is 6, expected 5"
    assert (found.connection, found.frame) == (None, None)
    assert check("clients.pcap", "connections = 6").findings == []
    assert check("udp.pcap", "capture.skipped = UDP").findings == []


def test_every_segment_that_is_otherwise_is_found_up_to_a_number() -> None:
    checked = check("clients.pcap", "segments.from = client")
    assert len(checked.findings) == MOST_FINDINGS
    trace = analyze(CAPTURES / "clients.pcap")
    otherwise = [one.frame for connection in trace for one in connection.segments if one.sender == "server"]
    assert checked.more == len(otherwise) - MOST_FINDINGS
    assert {one.frame for one in checked.findings} <= set(otherwise)


def test_what_the_capture_lost_is_said(tmp_path: Path) -> None:
    trace = analyze(CAPTURES / "echo.pcap")
    connection = trace[0]
    connection.doubts = ("close.outcome",)
    lossy = Trace(type(trace.capture)(**{
        name: getattr(trace.capture, name) for name in trace.capture.__slots__
    } | {"lost_frames": 3}), [connection])  # fmt: skip
    (checked,) = evaluate([expectation(keys(), "close = open")], lossy, document)
    assert any("lost up to 3 frames" in note for note in checked.findings[0].notes)


def test_segments_that_cannot_be_read_again_cost_the_frame_only() -> None:
    class Gone:
        def segments(self, number: int) -> Sequence[object]:
            raise InputError("gone")

    trace = analyze(CAPTURES / "echo.pcap")
    connection = trace[0]
    connection.source = Gone()  # type: ignore[assignment]
    (checked,) = evaluate([expectation(keys(), "close = open")], trace, document)
    assert checked.findings[0].frame == 1


def test_notes_are_harmless() -> None:
    trace = analyze(CAPTURES / "echo.pcap")
    made = expectation(keys(), "verdict = x", source="a\x1b[2Jb")
    (checked,) = evaluate([made], trace, document)
    assert "\x1b" not in str(checked.findings[0])
