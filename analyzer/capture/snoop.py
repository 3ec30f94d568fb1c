"""snoop files (RFC 1761), the format of Solaris: a file header of 16 bytes, then records, all big-endian."""

from __future__ import annotations

import struct
from typing import Final

from mypy_extensions import i64

from analyzer.capture.records import Records, most_captured
from analyzer.capture.source import Bytes
from analyzer.errors import CaptureFormatError
from analyzer.text import Message, say

__all__ = ["SNOOP_HEADER_BYTES", "SNOOP_MAGIC", "SnoopRecords"]

SNOOP_MAGIC: Final = b"snoop\0\0\0"
"""The identification pattern: the first eight bytes."""

SNOOP_HEADER_BYTES: Final = 16

# The datalink types of RFC 1761, and those that Solaris added later -> LINKTYPE_ numbers.
_LINK_TYPES: Final = {
    0: 1,  # IEEE 802.3: the same frames and the same number as Ethernet
    2: 6,  # IEEE 802.5 token ring
    4: 1,  # Ethernet
    8: 10,  # FDDI
    18: 123,  # SunATM, with the same pseudo-header as in libpcap
    26: 242,  # IP over InfiniBand
}

_RECORD_BYTES: Final = 24
_MOST_PADDING: Final = 65535
"""The longest accepted padding after a frame. Usually it is shorter than four bytes."""


class SnoopRecords(Records):
    """The records of a snoop file."""

    def __init__(self, data: Bytes) -> None:
        """Read the file header.

        Args:
            data: The bytes, at a file header with at least 16 bytes.

        Raises:
            CaptureFormatError: The version of the file is not 2, or its datalink type has no LINKTYPE_ number here.
        """
        super().__init__(data, "snoop")
        self._fetch(SNOOP_HEADER_BYTES)
        version, datalink = struct.unpack_from(">II", self.block, self._position + len(SNOOP_MAGIC))
        self._position += SNOOP_HEADER_BYTES
        link_type = _LINK_TYPES.get(datalink, -1)
        if version != 2 or link_type < 0:
            raise CaptureFormatError(
                say(
                    "{path} has snoop version {version} and datalink type {datalink}, which are not "
                    "supported together: convert it with editcap -F pcap",
                    path=data.name,
                    version=version,
                    datalink=datalink,
                )
            )
        self.link_type = link_type
        self._declare(link_type)
        self._most_captured: i64 = most_captured(link_type)
        self._header: struct.Struct = struct.Struct(">IIIIII")

    def advance(self) -> bool:
        """Step to the next record; see `Records.advance`."""
        position: i64 = self._position
        if len(self.block) - position < _RECORD_BYTES:
            if not self._fetch(_RECORD_BYTES):
                return self._end()
            position = self._position
        original: i64
        captured: i64
        length: i64
        drops: i64
        seconds: i64
        microseconds: i64
        original, captured, length, drops, seconds, microseconds = self._header.unpack_from(
            self.block, position
        )
        # The length of the record includes its header and the padding after the frame.
        padding: i64 = length - _RECORD_BYTES - captured
        if captured > self._most_captured or padding < 0 or padding > _MOST_PADDING:
            return self._stop(
                Message(
                    "record {record} at byte {byte} is damaged: it has a frame of {captured} bytes "
                    "and a record length of {length}; showing the frames before it",
                    record=self.frame + 1,
                    byte=self._byte(),
                    captured=captured,
                    length=length,
                )
            )
        if len(self.block) - position < length:
            if not self._fetch(length):
                return self._end()
            position = self._position
        # A cumulative count. It is 0 also if the system did not count.
        if drops:
            self.lost = drops
        self.offset = position + _RECORD_BYTES
        self.captured = captured
        self.original = original
        self.time_ns = seconds * 1_000_000_000 + microseconds * 1000
        self.frame += 1
        self._position = position + length
        return True
