from __future__ import annotations

import pytest

from analyzer.tcp.step import Step
from analyzer.trace.columns import PAYLOAD_KEPT, SEGMENTS_IN_A_BLOCK, Columns
from analyzer.wire.header import Header


def header(payload: bytes, *, length: int | None = None, flags: int = 0x18) -> Header:
    made = Header()
    made.block = b"before" + payload + b"after"
    made.payload_offset = 6
    made.payload_captured = len(payload)
    made.payload_length = len(payload) if length is None else length
    made.flags = flags
    return made


def step(*, direction: int = 0, seq: int = 0, labels: int = 0) -> Step:
    made = Step()
    made.direction, made.relative_seq, made.labels = direction, seq, labels
    return made


def test_it_keeps_what_was_observed_last() -> None:
    found = step(direction=1, seq=5, labels=8)
    found.notes, found.wireshark_notes = 16, 32
    found.relative_ack, found.window, found.wireshark_window = 6, 7, 70
    found.first_before, found.first_after, found.second_before, found.second_after = 1, 2, 3, 4
    found.first_path, found.second_path = 9, 10
    ours, wireshark = Columns(), Columns(wireshark=True)
    for columns in (ours, wireshark):
        columns.keep(0, header(b"AB", length=12), found, 12, 345)
    found.labels = found.first_after = 0
    for columns, notes, window in ((ours, 16, 7), (wireshark, 32, 70)):
        kind = columns.kind(0)
        assert (columns.count, columns.frame(0), columns.time_ns(0)) == (1, 12, 345)
        assert (columns.seq(0), columns.ack(0), columns.length(0), columns.window(0)) == (5, 6, 12, window)
        assert (kind.direction, kind.flags, kind.labels, kind.notes) == (1, 0x18, 8, notes)
        assert (kind.before, kind.after, kind.paths) == ((1, 3), (2, 4), (9, 10))
        assert columns.payload(0) == b"AB"


@pytest.mark.parametrize(
    "count", [1, SEGMENTS_IN_A_BLOCK, SEGMENTS_IN_A_BLOCK + 1, 3 * SEGMENTS_IN_A_BLOCK - 1]
)
def test_each_connection_has_its_segments_in_order_across_blocks(count: int) -> None:
    columns = Columns()
    for place in range(count):
        # The longest payloads in the first block, so that the last one in it begins as far behind as any can.
        payload = bytes([place & 0xFF]) * (PAYLOAD_KEPT + 10 if place < SEGMENTS_IN_A_BLOCK else place % 3)
        columns.keep(place % 3, header(payload), step(seq=place), place + 1, place * 1000)
    assert columns.count == count
    assert list(columns.numbers()) == list(range(min(count, 3)))
    for number in range(3):
        places = [int(place) for place in columns.places(number)]
        assert places == list(range(number, count, 3))
        assert [columns.frame(place) for place in places] == [place + 1 for place in places]
        assert [columns.seq(place) for place in places] == places
    for place in range(count):
        length = PAYLOAD_KEPT if place < SEGMENTS_IN_A_BLOCK else place % 3
        assert columns.payload(place) == bytes([place & 0xFF]) * length


def test_a_number_that_was_left_out_has_no_segments() -> None:
    columns = Columns()
    columns.keep(2, header(b""), step(), 1, 0)
    assert [columns.has(number) for number in range(4)] == [False, False, True, False]
    assert list(columns.places(0)) == list(columns.places(9)) == []


@pytest.mark.parametrize("number", [0, 1, 2**31 - 1, 2**31, 2**32 - 1])
def test_numbers_of_32_bits(number: int) -> None:
    columns = Columns()
    found = step(seq=number)
    found.relative_ack = found.window = number
    columns.keep(0, header(b"", length=number), found, 2**40, 2**62)
    assert (columns.seq(0), columns.ack(0), columns.length(0), columns.window(0)) == (number,) * 4
    assert (columns.frame(0), columns.time_ns(0)) == (2**40, 2**62)


def test_what_is_alike_is_kept_once() -> None:
    columns = Columns()
    for place in range(9):
        columns.keep(0, header(b"", flags=0x10 + place % 2), step(seq=place), place, place)
    assert columns.kind(0) is columns.kind(2)
    assert columns.kind(0) is not columns.kind(1)
    assert [columns.code(place) for place in range(4)] == [0, 1, 0, 1]


def test_every_mark_makes_a_kind_of_its_own() -> None:
    """Flags of 12 bits, labels of 13, notes and states side by side in one key."""
    columns = Columns()
    marks = [("flags", 0x800), ("labels", 1), ("labels", 1 << 12), ("direction", 1), ("notes", 1 << 34)]
    marks += [(f"{end}_{when}", 11) for end in ("first", "second") for when in ("before", "after", "path")]
    for place, (name, value) in enumerate([("labels", 0), *marks]):
        found = step()
        if name != "flags":
            setattr(found, name, value)
        columns.keep(0, header(b"", flags=value if name == "flags" else 0), found, place, 0)
    assert [columns.code(place) for place in range(len(marks) + 1)] == list(range(len(marks) + 1))
