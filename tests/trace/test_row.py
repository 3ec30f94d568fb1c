from __future__ import annotations

from analyzer.tcp.step import Step
from analyzer.trace.row import PAYLOAD_KEPT, Row
from analyzer.wire.header import Header


def header(payload: bytes) -> Header:
    made = Header()
    made.block = b"before" + payload + b"after"
    made.payload_offset = 6
    made.payload_captured = len(payload)
    made.payload_length = len(payload) + 10
    made.flags = 0x18
    return made


def test_it_keeps_what_was_observed_last() -> None:
    step = Step()
    step.direction, step.labels, step.notes = 1, 8, 16
    step.relative_seq, step.relative_ack, step.window = 5, 6, 7
    step.first_before, step.first_after, step.second_before, step.second_after = 1, 2, 3, 4
    step.first_path, step.second_path = 9, 0
    row = Row(header(b"AB"), step, 12, 345)
    step.labels = step.first_after = 0
    assert (row.frame, row.time_ns, row.direction, row.flags) == (12, 345, 1, 0x18)
    assert (row.seq, row.ack, row.length, row.window) == (5, 6, 12, 7)
    assert (row.labels, row.notes, row.payload) == (8, 16, b"AB")
    assert (row.before, row.after, row.paths) == ((1, 3), (2, 4), (9, 0))


def test_of_a_long_payload_the_beginning() -> None:
    assert Row(header(bytes(100)), Step(), 1, 0).payload == bytes(PAYLOAD_KEPT)
    assert Row(header(b""), Step(), 1, 0).payload == b""
