"""Reassembles IP fragments (RFC 791 3.2, RFC 8200 4.5), in bounded memory.

A datagram is complete when its last missing fragment comes. It belongs to the frame of that fragment.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from analyzer.wire.header import PROTOCOL_AH, Header

__all__ = ["Fragments"]

LIFETIME_NS: Final = 120_000_000_000
"""RFC 1122 3.3.2: a host waits 60 to 120 seconds. Later fragments belong to another datagram with that number."""

MOST_BYTES: Final = 4 << 20
"""The limit for all waiting fragments, with `COST` for each. Beyond it the oldest datagram is dropped first."""

COST: Final = 200
"""The cost of a waiting fragment in addition to its bytes, so that a flood of tiny fragments is limited too."""

LONGEST: Final = 65535

ADDRESSES_4: Final = 11
"""The length of an IPv4 key."""

NO_BYTES: Final = b""


class _Datagram:
    """The fragments of one datagram so far.

    Attributes:
        time_ns: When the first of them came.
        head: The IP header of the fragment with offset 0; empty until it comes.
        parts: Offset -> bytes.
        frames: The number of frames with a fragment.
        total: The length of the whole payload in bytes; -1 until the fragment at its end comes.
        covered: A bit for each unit of eight bytes that is there.
        cost: The cost so far, in bytes.
        broken: Whether the datagram can never be completed.
    """

    def __init__(self, time_ns: int) -> None:
        self.time_ns = time_ns
        self.head = NO_BYTES
        self.parts: dict[int, bytes] = {}
        self.frames = 0
        self.total = -1
        self.covered = 0
        self.cost = COST
        self.broken = False

    def give_up(self) -> None:
        self.broken = True
        self.parts = {}
        self.head = NO_BYTES


class Fragments:
    """The datagrams that wait for fragments.

    Attributes:
        joined: The number of earlier frames with fragments of the datagram that `take` has just completed; else 0.
    """

    def __init__(self) -> None:
        self.joined: i64 = 0
        self._waiting: dict[bytes, _Datagram] = {}
        self._cost = 0

    def take(self, header: Header, end: i64, time_ns: i64) -> bytes:
        """Take the fragment at which a header stopped.

        Args:
            header: The header.
            end: Where the captured bytes end in `header.block`.
            time_ns: When the fragment was captured.

        Returns:
            The whole packet, beginning with its IP header, if this fragment completes it; else nothing. A first
            fragment that the capture truncated is returned at once, as a packet, because nothing can be added to it.
        """
        self.joined = 0
        block, start = header.block, int(header.ip_offset)
        captured = min(int(end), int(header.inner_end))
        at = int(header.inner_offset)
        # The length in the packet counts, even if the frame was shorter.
        if block[start] >> 4 == 4:
            length = int.from_bytes(block[start + 2 : start + 4], "big")
            wire_end = start + length if length else int(header.inner_end)
            number = int.from_bytes(block[start + 6 : start + 8], "big")
            offset, more = (number & 0x1FFF) << 3, bool(number & 0x2000)
            # RFC 791 3.2: source, destination, protocol and identification.
            key = (
                block[start + 12 : start + 20] + block[start + 9 : start + 10] + block[start + 4 : start + 6]
            )
            head = block[start:at]
        else:
            length = int.from_bytes(block[start + 4 : start + 6], "big")
            wire_end = start + 40 + length if length else int(header.inner_end)
            number = int.from_bytes(block[at + 2 : at + 4], "big")
            offset, more = number & 0xFFF8, bool(number & 1)
            # RFC 8200 4.5: source, destination and identification.
            key = block[start + 8 : start + 40] + block[at + 4 : at + 8]
            head = _without_fragment_header(block[start:at], block[at])
            at += 8
        if at >= wire_end:
            return NO_BYTES
        if captured < wire_end:
            return NO_BYTES if offset else _packet(head, block[at:captured], wire_end - at)
        return self._add(key, head, offset, more, block[at:wire_end], int(time_ns))

    def _add(self, key: bytes, head: bytes, offset: int, more: bool, data: bytes, time_ns: int) -> bytes:
        found = self._waiting.get(key)
        if found is not None and time_ns - found.time_ns > LIFETIME_NS:
            self._forget(key, found)
            found = None
        if found is None:
            found = _Datagram(time_ns)
            self._waiting[key] = found
            self._cost += found.cost
        if found.broken:
            return NO_BYTES
        # If more fragments follow, only whole units count (RFC 791 3.2). An incomplete unit leaves a gap.
        units = len(data) >> 3 if more else (len(data) + 7) >> 3
        mask = ((1 << units) - 1) << (offset >> 3)
        found.frames += 1
        there = found.parts.get(offset, NO_BYTES)
        overlaps = found.covered & mask != 0 and there != data
        # RFC 5722 3: an IPv6 datagram with overlapping fragments is dropped, and its later fragments too.
        if offset + len(data) > LONGEST or (overlaps and len(key) > ADDRESSES_4):
            found.give_up()
            return NO_BYTES
        if offset == 0 and not found.head:
            found.head = head
        if not more and found.total < 0:
            found.total = offset + len(data)
        found.parts[offset] = there + data[len(there) :]
        found.covered |= mask
        found.cost += len(data) + COST
        self._cost += len(data) + COST
        whole = self._whole(key, found)
        while self._cost > MOST_BYTES:
            oldest = next(iter(self._waiting))
            self._forget(oldest, self._waiting[oldest])
        return whole

    def _whole(self, key: bytes, found: _Datagram) -> bytes:
        if found.total < 0:
            return NO_BYTES
        full = (1 << ((found.total + 7) >> 3)) - 1
        if found.covered & full != full:
            return NO_BYTES
        payload = bytearray()
        # If IPv4 fragments overlap, the one that begins first counts, then the one that came first. Wireshark does the
        # same (RFC 791 leaves it open, and hosts differ).
        for offset, data in sorted(found.parts.items()):
            if offset <= len(payload) < offset + len(data):
                payload += data[len(payload) - offset :]
        self._forget(key, found)
        if len(payload) < found.total:
            return NO_BYTES
        self.joined = found.frames - 1
        del payload[found.total :]
        return _packet(found.head, bytes(payload), found.total)

    def _forget(self, key: bytes, datagram: _Datagram) -> None:
        del self._waiting[key]
        self._cost -= datagram.cost


def _packet(head: bytes, payload: bytes, length: int) -> bytes:
    """Make an unfragmented packet with `length` bytes after the header, of which `payload` was captured."""
    if head[0] >> 4 == 4:
        total = len(head) + length
        if total > LONGEST:
            return NO_BYTES
        # Don't Fragment stays; More Fragments and the offset go.
        flags = bytes((head[6] & 0xC0, 0))
        return head[:2] + total.to_bytes(2, "big") + head[4:6] + flags + head[8:] + payload
    total = len(head) - 40 + length
    if total > LONGEST:
        return NO_BYTES
    return head[:4] + total.to_bytes(2, "big") + head[6:] + payload


def _without_fragment_header(head: bytes, following: int) -> bytes:
    """The IPv6 header and the headers before the fragment header, which then name the header after it."""
    field, at, kind = 6, 40, head[6]
    while at < len(head):
        length = (head[at + 1] + 2) << 2 if kind == PROTOCOL_AH else (head[at + 1] + 1) << 3
        field, kind = at, head[at]
        at += length
    return head[:field] + bytes((following,)) + head[field + 1 :]
