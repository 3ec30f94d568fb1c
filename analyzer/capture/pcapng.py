"""pcapng files (draft-ietf-opsawg-pcapng): sections of blocks, each section with its own byte order.

Blocks that are not packets, sections, interfaces or statistics are skipped, whatever their length. The length of a
section is ignored, because it is not needed. Block lengths are rounded up to 32 bits, as in Wireshark, because some
writers pad a block and leave the padding out of its length. A packet of an undeclared interface stops the reading, as
in Wireshark: its link type is unknown, and more of the file may be wrong.
"""

from __future__ import annotations

import struct
from typing import Final

from mypy_extensions import i64

from analyzer.capture.records import Records
from analyzer.capture.source import Bytes
from analyzer.errors import CaptureFormatError
from analyzer.text import Message, said, say

__all__ = ["MOST_BLOCK_BYTES", "PCAPNG_MAGIC", "SECTION_HEADER_BYTES", "Interface", "PcapngRecords"]

PCAPNG_MAGIC: Final = b"\x0a\x0d\x0d\x0a"
"""The type of the section header block, the same in both byte orders."""

SECTION_HEADER_BYTES: Final = 28
"""The shortest section header block."""

MOST_BLOCK_BYTES: Final = 16 * 1024 * 1024
"""The longest section, interface or packet block that is accepted (Wireshark's MAX_BLOCK_SIZE)."""

MOST_INTERFACES: Final = 1 << 16
"""The largest number of interfaces in a section, so that memory stays bounded."""

_BYTE_ORDER_LITTLE: Final = b"\x4d\x3c\x2b\x1a"
_BYTE_ORDER_BIG: Final = b"\x1a\x2b\x3c\x4d"

_SECTION_HEADER: Final = 0x0A0D0D0A
_INTERFACE_DESCRIPTION: Final = 1
_PACKET: Final = 2
"""Obsolete since 2009, but still in old files."""
_SIMPLE_PACKET: Final = 3
_INTERFACE_STATISTICS: Final = 5
_ENHANCED_PACKET: Final = 6

# Journal entry; sysdig event, its second version and its large version; custom blocks that may and may not be copied.
_NUMBERED_WITHOUT_PACKET: Final = frozenset((0x9, 0x204, 0x216, 0x221, 0xBAD, 0x40000BAD))
"""Blocks without a packet to which Wireshark nevertheless gives a frame number."""

_PACKET_HEADER_BYTES: Final = 28
_SIMPLE_PACKET_HEADER_BYTES: Final = 12
_INTERFACE_HEADER_BYTES: Final = 16
_STATISTICS_HEADER_BYTES: Final = 20
_TRAILER_BYTES: Final = 4
_STATISTICS_LEAST: Final = _STATISTICS_HEADER_BYTES + _TRAILER_BYTES

_IF_TSRESOL: Final = 9
_IF_TSOFFSET: Final = 14

_LOSSES: Final = (5, 7)
"""isb_ifdrop and isb_osdrop: losses in the interface, and losses in the system between interface and program."""
_UNKNOWN_LOSSES: Final = 2**64 - 1
"""The value for an unknown number of losses, as in Wireshark."""

_LEAST_TIME_NS: Final = -(2**63)
_MOST_TIME_NS: Final = 2**63 - 1


class Interface:
    """The contents of an interface description block.

    Attributes:
        link_type: The LINKTYPE_ number of its packets.
        snaplen: The largest number of bytes kept of a packet; 0 means no limit.
        lost: The number of lost packets in its latest statistics; 0 without statistics.
        plain_ticks_ns: The length of a tick in nanoseconds, if 64 bits are enough to compute times.
        plain_offset_ns: The offset of all times in nanoseconds, in the same case.
        most_plain_ticks: The largest time in ticks for which 64 bits are enough; -1 if they never are.
    """

    def __init__(self, link_type: int, snaplen: int, resolution: int, offset_seconds: int) -> None:
        """Work out how to compute times.

        Args:
            link_type: The LINKTYPE_ number.
            snaplen: The largest number of bytes kept of a packet; 0 means no limit.
            resolution: if_tsresol: the length of a tick as a negative power of ten, or of two if the upper bit is set.
            offset_seconds: if_tsoffset, which is added to every time.
        """
        self.link_type: i64 = link_type
        self.snaplen: i64 = snaplen
        self.lost: int = 0
        self._offset_ns: int = offset_seconds * 1_000_000_000
        self._multiplier: int = 1_000_000_000
        self._divisor: int = 1
        exponent = resolution & 0x7F
        if resolution & 0x80:
            self._divisor = 1 << exponent
        elif exponent <= 9:
            self._multiplier = int(10 ** (9 - exponent))
        else:
            self._multiplier = 1
            self._divisor = int(10 ** (exponent - 9))
        # For ticks of 1, 10, ... nanoseconds, which nearly all files have, 64 bits are enough.
        self.plain_ticks_ns: i64 = 0
        self.plain_offset_ns: i64 = 0
        self.most_plain_ticks: i64 = -1
        if self._divisor == 1 and abs(self._offset_ns) <= _MOST_TIME_NS // 2:
            self.plain_ticks_ns = self._multiplier
            self.plain_offset_ns = self._offset_ns
            self.most_plain_ticks = _MOST_TIME_NS // 2 // self._multiplier

    def exact_time(self, high: int, low: int) -> int:
        """Convert a time of two 32-bit halves to nanoseconds since the epoch, rounded down. It may exceed 64 bits."""
        return ((high << 32) | low) * self._multiplier // self._divisor + self._offset_ns


class PcapngRecords(Records):
    """The packets of a pcapng file."""

    def __init__(self, data: Bytes) -> None:
        """Read the first section header block.

        Args:
            data: The bytes, at a section header block with at least 28 bytes.

        Raises:
            CaptureFormatError: The block cannot be read.
        """
        super().__init__(data, "pcapng")
        self._one: struct.Struct = struct.Struct("<I")
        self._description: struct.Struct = struct.Struct("<HHI")
        self._option: struct.Struct = struct.Struct("<HH")
        self._seconds: struct.Struct = struct.Struct("<q")
        self._counter: struct.Struct = struct.Struct("<Q")
        self._interfaces: list[Interface] = []
        self._fetch(SECTION_HEADER_BYTES)
        fault = self._section()
        if fault:
            raise CaptureFormatError(
                say(
                    "cannot read the pcapng file {path}: {fault}",
                    path=data.name,
                    fault=said(fault),
                )
            )

    def advance(self) -> bool:
        """Step to the next packet; see `Records.advance`."""
        while True:
            position: i64 = self._position
            if len(self.block) - position < 8:
                if not self._fetch(8):
                    return self._end()
                position = self._position
            head = self._pair(position)
            kind = (head >> 32) & 0xFFFFFFFF
            length = head & 0xFFFFFFFF
            if kind == _SECTION_HEADER:
                fault = self._section()
                if fault:
                    return self._stop(fault)
                continue
            if length < 12:
                return self._stop(self._bad_length(length))
            length = (length + 3) & ~3
            if kind in (_ENHANCED_PACKET, _PACKET):
                least: i64 = _PACKET_HEADER_BYTES + _TRAILER_BYTES
            elif kind == _SIMPLE_PACKET:
                least = _SIMPLE_PACKET_HEADER_BYTES + _TRAILER_BYTES
            elif kind == _INTERFACE_DESCRIPTION:
                least = _INTERFACE_HEADER_BYTES + _TRAILER_BYTES
            elif kind == _INTERFACE_STATISTICS and _STATISTICS_LEAST <= length <= MOST_BLOCK_BYTES:
                # Statistics of an impossible length are skipped, because nothing else depends on them.
                least = _STATISTICS_LEAST
            else:
                if not self._pass_over(length):
                    return False
                if kind in _NUMBERED_WITHOUT_PACKET:
                    self.frame += 1
                    self._without_packet += 1
                continue
            if length < least or length > MOST_BLOCK_BYTES:
                return self._stop(self._bad_length(length))
            if len(self.block) - position < length:
                if not self._fetch(length):
                    return self._end()
                position = self._position
            trailer = self._pair(position + length - 8) & 0xFFFFFFFF
            if (trailer + 3) & ~3 != length:
                return self._stop(self._bad_trailer(length, trailer, self._byte()))
            if kind == _INTERFACE_DESCRIPTION:
                fault = self._describe(position, length)
                if fault:
                    return self._stop(fault)
                self._position = position + length
                continue
            if kind == _INTERFACE_STATISTICS:
                self._count_losses(position, length)
                self._position = position + length
                continue
            if kind == _SIMPLE_PACKET:
                return self._simple_packet(position, length)
            return self._timed_packet(kind, position, length)

    def _timed_packet(self, kind: i64, position: i64, length: i64) -> bool:
        """Read an enhanced packet block, or the obsolete packet block, whose fields are in the same places."""
        # Interface and upper half of the time; lower half and captured length; original length.
        number = (self._pair(position + 8) >> 32) & 0xFFFFFFFF
        time = self._pair(position + 12)
        lengths = self._pair(position + 20)
        captured = (lengths >> 32) & 0xFFFFFFFF
        original = lengths & 0xFFFFFFFF
        if kind == _PACKET:
            # A 16-bit interface and a 16-bit drop count; the enhanced block has a 32-bit interface there.
            number = number & 0xFFFF if self._little else number >> 16
        if number >= len(self._interfaces):
            return self._stop(self._undeclared(number))
        interface = self._interfaces[number]
        self.frame += 1
        room: i64 = length - _PACKET_HEADER_BYTES - _TRAILER_BYTES
        if captured > room:
            self._warn_clamped(captured, room)
            captured = room
        if 0 <= time <= interface.most_plain_ticks:
            self.time_ns = time * interface.plain_ticks_ns + interface.plain_offset_ns
        else:
            high, low = (time >> 32) & 0xFFFFFFFF, time & 0xFFFFFFFF
            self.time_ns = self._checked_time(interface.exact_time(high, low))
        self.link_type = interface.link_type
        self.offset = position + _PACKET_HEADER_BYTES
        self.captured = captured
        self.original = original
        self._position = position + length
        return True

    def _simple_packet(self, position: i64, length: i64) -> bool:
        """Read a simple packet block. It belongs to the first interface, and its captured length is computed."""
        if not self._interfaces:
            return self._stop(self._undeclared(0))
        interface = self._interfaces[0]
        original: i64
        (original,) = self._one.unpack_from(self.block, position + 8)
        self.frame += 1
        captured: i64 = original
        if interface.snaplen != 0 and interface.snaplen < captured:
            captured = interface.snaplen
        room: i64 = length - _SIMPLE_PACKET_HEADER_BYTES - _TRAILER_BYTES
        if captured > room:
            self._warn_clamped(captured, room)
            captured = room
        self.time_ns = 0
        self.link_type = interface.link_type
        self.offset = position + _SIMPLE_PACKET_HEADER_BYTES
        self.captured = captured
        self.original = original
        self._position = position + length
        return True

    def _section(self) -> str:
        """Start a section at the next block, a section header. Return a sentence if that fails, else nothing."""
        byte = self._byte()
        if not self._fetch(SECTION_HEADER_BYTES):
            return self._cut(byte)
        position: i64 = self._position
        byte_order = self.block[position + 8 : position + 12]
        if byte_order == _BYTE_ORDER_LITTLE:
            order = "<"
        elif byte_order == _BYTE_ORDER_BIG:
            order = ">"
        else:
            return Message(
                "the section header at byte {byte} has no byte-order magic: the file is damaged there",
                byte=byte,
            )
        self._little = order == "<"
        self._one = struct.Struct(order + "I")
        self._description = struct.Struct(order + "HHI")
        self._option = struct.Struct(order + "HH")
        self._seconds = struct.Struct(order + "q")
        self._counter = struct.Struct(order + "Q")
        length: i64
        major: i64
        trailer: i64
        (length,) = self._one.unpack_from(self.block, position + 4)
        if length < SECTION_HEADER_BYTES or length > MOST_BLOCK_BYTES:
            return self._bad_length(length)
        length = (length + 3) & ~3
        (major, _minor) = self._option.unpack_from(self.block, position + 12)
        if major != 1:
            return Message(
                "the section at byte {byte} has version {major}, but only version 1 is supported: "
                "convert the file with editcap -F pcapng",
                byte=byte,
                major=major,
            )
        if not self._fetch(length):
            return self._cut(byte)
        position = self._position
        (trailer,) = self._one.unpack_from(self.block, position + length - _TRAILER_BYTES)
        if (trailer + 3) & ~3 != length:
            return self._bad_trailer(length, trailer, byte)
        self._interfaces = []
        self._position = position + length
        return ""

    def _describe(self, position: i64, length: i64) -> str:
        """Read an interface description block. Return a sentence if that fails, else nothing."""
        if len(self._interfaces) >= MOST_INTERFACES:
            return Message(
                "the section declares more than {most} interfaces at byte {byte}: the file is damaged there",
                most=MOST_INTERFACES,
                byte=self._byte(),
            )
        link_type, _reserved, snaplen = self._description.unpack_from(self.block, position + 8)
        resolution = 6
        offset_seconds = 0
        at: i64 = position + _INTERFACE_HEADER_BYTES
        end: i64 = position + length - _TRAILER_BYTES
        code: i64
        size: i64
        while end - at >= 4:
            code, size = self._option.unpack_from(self.block, at)
            at += 4
            if code == 0:
                break
            if size > end - at:
                self._warn(
                    Message(
                        "option {code} of the interface at byte {byte} is longer than its block: "
                        "this option and those after it are ignored",
                        code=code,
                        byte=self._byte(),
                    )
                )
                break
            if code == _IF_TSRESOL and size == 1:
                resolution = self.block[at]
            elif code == _IF_TSOFFSET and size == 8:
                (offset_seconds,) = self._seconds.unpack_from(self.block, at)
            at += (size + 3) & ~3
        self._declare(link_type)
        self._interfaces.append(Interface(link_type, snaplen, resolution, offset_seconds))
        return ""

    def _count_losses(self, position: i64, length: i64) -> None:
        """Read an interface statistics block. The latest block of an interface replaces all earlier ones."""
        number: i64
        (number,) = self._one.unpack_from(self.block, position + 8)
        if number >= len(self._interfaces):
            return
        at: i64 = position + _STATISTICS_HEADER_BYTES
        end: i64 = position + length - _TRAILER_BYTES
        code: i64
        size: i64
        lost = -1
        while end - at >= 4:
            code, size = self._option.unpack_from(self.block, at)
            at += 4
            if code == 0 or size > end - at:
                break
            if code in _LOSSES and size == 8:
                (counted,) = self._counter.unpack_from(self.block, at)
                if counted != _UNKNOWN_LOSSES:
                    lost = max(lost, 0) + counted
            at += (size + 3) & ~3
        if lost >= 0:
            interface = self._interfaces[number]
            self.lost = (self.lost or 0) - interface.lost + lost
            interface.lost = lost

    def _pass_over(self, length: i64) -> bool:
        """Skip the next block, which may have any length. Return False if the reading has stopped."""
        byte = self._byte()
        if not self._skip(length - _TRAILER_BYTES) or not self._fetch(_TRAILER_BYTES):
            return self._stop(self._cut(byte))
        trailer: i64
        (trailer,) = self._one.unpack_from(self.block, self._position)
        if (trailer + 3) & ~3 != length:
            return self._stop(self._bad_trailer(length, trailer, byte))
        self._position += _TRAILER_BYTES
        return True

    def _checked_time(self, time_ns: int) -> int:
        if _LEAST_TIME_NS <= time_ns <= _MOST_TIME_NS:
            return time_ns
        self._warn(
            Message(
                "frame {frame} has a time that does not fit in 64 bits of nanoseconds: "
                "the nearest time is used",
                frame=self.frame,
            )
        )
        return _LEAST_TIME_NS if time_ns < 0 else _MOST_TIME_NS

    def _warn_clamped(self, claimed: int, room: int) -> None:
        self._warn(
            Message(
                "frame {frame} has a length field of {claimed} bytes, but its block holds {room}: only those are shown",
                frame=self.frame,
                claimed=claimed,
                room=room,
            )
        )

    def _bad_length(self, length: int) -> str:
        return Message(
            "the block at byte {byte} has a length field of {claimed} bytes, which is not possible for its type: "
            "the file is damaged there",
            byte=self._byte(),
            claimed=length,
        )

    def _bad_trailer(self, length: int, trailer: int, byte: int) -> str:
        return Message(
            "the block at byte {byte} has two lengths, {length} at its start and {trailer} at its end: "
            "the file is damaged there",
            byte=byte,
            length=length,
            trailer=trailer,
        )

    def _undeclared(self, number: int) -> str:
        return Message(
            "the packet at byte {byte} names interface {number}, which its section does not declare: "
            "the file is damaged there",
            byte=self._byte(),
            number=number,
        )
