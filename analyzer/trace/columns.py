"""Keeps segments as columns of numbers: about 80 bytes each, in both builds.

Segments are in the order of the capture, in blocks of `SEGMENTS_IN_A_BLOCK`. Many segments share the same flags,
labels, notes, states and reasons. Each such combination is kept once, as a `Kind`, and a column has its number. Another
column has the place of the next segment of the same connection.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from librt.vecs import append, vec
from mypy_extensions import i16, i32, i64

from analyzer.tcp.step import Step
from analyzer.wire.header import Header

__all__ = ["PAYLOAD_KEPT", "SEGMENTS_IN_A_BLOCK", "Columns", "Kind"]

PAYLOAD_KEPT: Final = 33
"""The bytes of a payload that are kept: eleven Chinese characters."""

BLOCK_BITS: Final = 9
SEGMENTS_IN_A_BLOCK: Final = 1 << BLOCK_BITS
"""With this size the payloads of a block are shorter than 2**15 bytes, so that an offset fits into two bytes."""

PLACE_IN_BLOCK: Final = SEGMENTS_IN_A_BLOCK - 1


class Kind:
    """What many segments have in common, as masks and codes of the machine.

    Attributes:
        direction: 0 if the first endpoint of the connection is the sender, 1 for the second.
        flags: The flags of the header.
        labels: A mask of `tcp.labels`.
        notes: A mask of `tcp.notes`.
        first_before: The state of the first endpoint before the segment.
        first_after: The state of the first endpoint after the segment.
        second_before: The state of the second endpoint before the segment.
        second_after: The state of the second endpoint after the segment.
        first_path: The rows of `states.TRANSITIONS` that the first endpoint took, as in `Step`.
        second_path: The rows that the second endpoint took.
    """

    def __init__(self, direction: i64, flags: i64, labels: i64, notes: i64, step: Step) -> None:
        self.direction: i64 = direction
        self.flags: i64 = flags
        self.labels: i64 = labels
        self.notes: i64 = notes
        self.first_before: i64 = step.first_before
        self.first_after: i64 = step.first_after
        self.second_before: i64 = step.second_before
        self.second_after: i64 = step.second_after
        self.first_path: i64 = step.first_path
        self.second_path: i64 = step.second_path

    @property
    def before(self) -> tuple[int, int]:
        """The states of the first and the second endpoint before the segment."""
        return self.first_before, self.second_before

    @property
    def after(self) -> tuple[int, int]:
        """The states of the first and the second endpoint after the segment."""
        return self.first_after, self.second_after

    @property
    def paths(self) -> tuple[int, int]:
        """The rows of `states.TRANSITIONS` that the first and the second endpoint took."""
        return self.first_path, self.second_path


class Block:
    """The columns of consecutive segments. `payload` has the beginnings of their payloads, joined."""

    def __init__(self) -> None:
        self.frame: vec[i64] = vec[i64]([0] * SEGMENTS_IN_A_BLOCK)
        self.time_ns: vec[i64] = vec[i64]([0] * SEGMENTS_IN_A_BLOCK)
        # These four are unsigned numbers of 32 bits.
        self.seq: vec[i32] = vec[i32]([0] * SEGMENTS_IN_A_BLOCK)
        self.ack: vec[i32] = vec[i32]([0] * SEGMENTS_IN_A_BLOCK)
        self.length: vec[i32] = vec[i32]([0] * SEGMENTS_IN_A_BLOCK)
        self.window: vec[i32] = vec[i32]([0] * SEGMENTS_IN_A_BLOCK)
        self.kind: vec[i32] = vec[i32]([0] * SEGMENTS_IN_A_BLOCK)
        self.next: vec[i32] = vec[i32]([-1] * SEGMENTS_IN_A_BLOCK)
        self.payload_start: vec[i16] = vec[i16]([0] * SEGMENTS_IN_A_BLOCK)
        self.payload: bytes = b""


class Columns:
    """The kept segments of all connections. A connection has a number, from 0.

    Attributes:
        count: How many segments are kept.
    """

    def __init__(self, wireshark: bool = False) -> None:
        """Keep nothing yet. wireshark: keep the notes and the window that Wireshark shows."""
        self._wireshark: bool = wireshark
        self.count: i64 = 0
        self._blocks: list[Block] = []
        self._block: Block = Block()
        self._payload: bytearray = bytearray()
        self._kinds: list[Kind] = []
        self._codes: dict[tuple[int, int, int, int], int] = {}
        # Number of a connection -> the places of its first segment and of its last one so far.
        self._first: vec[i32] = vec[i32]()
        self._last: vec[i32] = vec[i32]()

    def keep(self, number: i64, header: Header, step: Step, frame: i64, time_ns: i64) -> None:
        """Keep the current segment for connection `number`. frame: from 1. time_ns: since the epoch."""
        place = self.count
        at = place & PLACE_IN_BLOCK
        if at == 0:
            self._begin_block()
        block = self._block
        block.frame[at] = frame
        block.time_ns[at] = time_ns
        block.seq[at] = i32(_signed(step.relative_seq))
        block.ack[at] = i32(_signed(step.relative_ack))
        block.length[at] = i32(_signed(header.payload_length))
        notes = step.notes
        window = step.window
        if self._wireshark:
            notes = step.wireshark_notes
            window = step.wireshark_window
        block.window[at] = i32(_signed(window))
        block.kind[at] = i32(self._code(step, header.flags, notes))
        block.payload_start[at] = i16(len(self._payload))
        kept = header.payload_captured
        if kept > 0:
            if kept > PAYLOAD_KEPT:
                kept = PAYLOAD_KEPT
            start = header.payload_offset
            self._payload += header.block[start : start + kept]
        self.count += 1
        while len(self._first) <= number:
            self._first = append(self._first, -1)
            self._last = append(self._last, -1)
        last = i64(self._last[number])
        if last < 0:
            self._first[number] = i32(place)
        else:
            self._block_of(last).next[last & PLACE_IN_BLOCK] = i32(place)
        self._last[number] = i32(place)

    def _begin_block(self) -> None:
        if self.count > 0:
            self._block.payload = bytes(self._payload)
            self._payload = bytearray()
            self._block = Block()
        self._blocks.append(self._block)

    def _block_of(self, place: i64) -> Block:
        return self._blocks[place >> BLOCK_BITS]

    def _code(self, step: Step, flags: i64, notes: i64) -> i64:
        """The number of the kind of a segment. A new kind is added."""
        states = (
            step.first_before | step.first_after << 8 | step.second_before << 16 | step.second_after << 24
        )
        marks = flags | step.labels << 12 | step.direction << 25
        key = (int(marks << 32 | states), int(notes), int(step.first_path), int(step.second_path))
        known = self._codes.get(key)
        if known is not None:
            return known
        code = len(self._kinds)
        self._codes[key] = code
        self._kinds.append(Kind(step.direction, flags, step.labels, notes, step))
        return code

    def has(self, number: i64) -> bool:
        """Whether the connection has kept segments."""
        return number < len(self._first) and self._first[number] >= 0

    def places(self, number: i64) -> vec[i32]:
        """The places of the segments of a connection, in the order of the capture."""
        found: vec[i32] = vec[i32]()
        if not self.has(number):
            return found
        place = i64(self._first[number])
        while place >= 0:
            found = append(found, i32(place))
            place = i64(self._block_of(place).next[place & PLACE_IN_BLOCK])
        return found

    def frame(self, place: i64) -> int:
        """The frame of a segment, from 1."""
        return self._block_of(place).frame[place & PLACE_IN_BLOCK]

    def time_ns(self, place: i64) -> int:
        """The time of a segment, in nanoseconds since the epoch."""
        return self._block_of(place).time_ns[place & PLACE_IN_BLOCK]

    def seq(self, place: i64) -> int:
        """The sequence number of a segment, relative to the base of its endpoint."""
        return i64(self._block_of(place).seq[place & PLACE_IN_BLOCK]) & 0xFFFFFFFF

    def ack(self, place: i64) -> int:
        """The relative acknowledgement number of a segment; 0 without the flag ACK."""
        return i64(self._block_of(place).ack[place & PLACE_IN_BLOCK]) & 0xFFFFFFFF

    def length(self, place: i64) -> int:
        """The payload bytes of a segment."""
        return i64(self._block_of(place).length[place & PLACE_IN_BLOCK]) & 0xFFFFFFFF

    def window(self, place: i64) -> int:
        """The window of a segment in bytes, scaled if the scale is known."""
        return i64(self._block_of(place).window[place & PLACE_IN_BLOCK]) & 0xFFFFFFFF

    def kind(self, place: i64) -> Kind:
        """The flags, labels, notes, states and reasons of a segment."""
        return self._kinds[self.code(place)]

    def code(self, place: i64) -> i64:
        """The number of the kind of a segment."""
        return i64(self._block_of(place).kind[place & PLACE_IN_BLOCK])

    def payload(self, place: i64) -> bytes:
        """The first bytes of the payload of a segment as captured, at most `PAYLOAD_KEPT`."""
        block = self._block_of(place)
        at = place & PLACE_IN_BLOCK
        start = i64(block.payload_start[at])
        if block is self._block:
            end = i64(len(self._payload))
            if place + 1 < self.count:
                end = i64(block.payload_start[at + 1])
            return bytes(self._payload[start:end])
        end = i64(len(block.payload)) if at == PLACE_IN_BLOCK else i64(block.payload_start[at + 1])
        return block.payload[start:end]

    def numbers(self) -> Iterator[int]:
        """The numbers of the connections with kept segments."""
        return iter([number for number in range(len(self._first)) if self._first[number] >= 0])


def _signed(number: i64) -> i64:
    """The 32 bits of a number as a signed number, which a column of `i32` can hold."""
    return ((number & 0xFFFFFFFF) ^ 0x80000000) - 0x80000000
