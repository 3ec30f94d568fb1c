"""pcap files (draft-ietf-opsawg-pcap): a file header of 24 bytes, then records, all with one byte order."""

from __future__ import annotations

import struct
from typing import Final

from mypy_extensions import i64

from analyzer.capture.records import Records, most_captured
from analyzer.capture.source import Bytes
from analyzer.errors import CaptureFormatError
from analyzer.text import Message, say

__all__ = ["FILE_HEADER_BYTES", "PCAP_MAGICS", "PcapRecords"]

FILE_HEADER_BYTES: Final = 24

_MICROSECONDS: Final = 0xA1B2C3D4
_NANOSECONDS: Final = 0xA1B23C4D
# Kuznetzov's modified format: microseconds, and 8 more bytes for each record (interface, protocol, packet type).
_MODIFIED: Final = 0xA1B2CD34
_MAGICS: Final = (_MICROSECONDS, _NANOSECONDS, _MODIFIED)

PCAP_MAGICS: Final = frozenset(struct.pack(order + "I", magic) for order in ("<", ">") for magic in _MAGICS)
"""The first four bytes of the pcap files that `PcapRecords` reads."""

_LENGTHS_IN_ORDER: Final = 0
_LENGTHS_PERHAPS_SWAPPED: Final = 1
_LENGTHS_SWAPPED: Final = 2


class PcapRecords(Records):
    """The records of a pcap file."""

    def __init__(self, data: Bytes) -> None:
        """Read the file header.

        Args:
            data: The bytes, at a file header with at least 24 bytes.

        Raises:
            CaptureFormatError: The version of the file is not 2.
        """
        super().__init__(data, "pcap")
        header = data.peek(FILE_HEADER_BYTES)
        (little,) = struct.unpack_from("<I", header)
        order = "<" if little in _MAGICS else ">"
        magic, major, minor, _zone, _accuracy, _snaplen, link = struct.unpack(order + "IHHiIII", header)
        if major != 2:
            raise CaptureFormatError(
                say(
                    "{path} has pcap version {major}.{minor}, but only version 2 is supported: "
                    "convert it with editcap -F pcap",
                    path=data.name,
                    major=major,
                    minor=minor,
                )
            )
        # The upper 16 bits hold the length of the frame check sequence and reserved bits.
        link_type: int = link & 0xFFFF
        self.link_type = link_type
        self._most_captured: i64 = most_captured(link_type)
        self._fraction_ns: i64 = 1 if magic == _NANOSECONDS else 1000
        self._header_bytes: i64 = 24 if magic == _MODIFIED else 16
        self._little = order == "<"
        # Before version 2.3 the original length comes before the captured one. In 2.3 there are both kinds.
        self._lengths: i64 = _LENGTHS_IN_ORDER
        if minor == 3:
            self._lengths = _LENGTHS_PERHAPS_SWAPPED
        elif minor < 3:
            self._lengths = _LENGTHS_SWAPPED
        # Fields set before the first method call need no check that they are set.
        self._declare(link_type)
        self._skip(FILE_HEADER_BYTES)

    def advance(self) -> bool:
        """Step to the next record; see `Records.advance`."""
        header_bytes = self._header_bytes
        position = self._position
        if len(self.block) - position < header_bytes:
            if not self._fetch(header_bytes):
                return self._end()
            position = self._position
        # Seconds and their fraction, captured and original length.
        time = self._pair(position)
        lengths = self._pair(position + 8)
        captured, original = (lengths >> 32) & 0xFFFFFFFF, lengths & 0xFFFFFFFF
        if self._lengths != _LENGTHS_IN_ORDER and (self._lengths == _LENGTHS_SWAPPED or captured > original):
            captured, original = original, captured
        if captured > self._most_captured:
            return self._stop(self._too_long(captured))
        if len(self.block) - position < header_bytes + captured:
            if not self._fetch(header_bytes + captured):
                return self._end()
            position = self._position
        position += header_bytes
        self.offset = position
        self.captured = captured
        self.original = original
        self.time_ns = ((time >> 32) & 0xFFFFFFFF) * 1_000_000_000 + (time & 0xFFFFFFFF) * self._fraction_ns
        self.frame += 1
        self._position = position + captured
        return True

    def _too_long(self, claimed: int) -> str:
        return Message(
            "record {record} at byte {byte} is damaged: its length field is {claimed} bytes, and the most is {most}; "
            "showing the frames before it",
            record=self.frame + 1,
            byte=self._byte(),
            claimed=claimed,
            most=self._most_captured,
        )
