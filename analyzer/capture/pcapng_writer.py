"""Keeps frames as pcapng during a capture. Each block is written whole, with one write.

So the file is readable at any time, even if the process is killed between two frames.
"""

from __future__ import annotations

import os
import struct
from typing import Final

from analyzer.capture.frame_writer import FrameWriter
from analyzer.capture.records import Records

__all__ = ["PcapngWriter"]

_SECTION_HEADER: Final = 0x0A0D0D0A
_INTERFACE_DESCRIPTION: Final = 1
_INTERFACE_STATISTICS: Final = 5
_ENHANCED_PACKET: Final = 6

_IF_NAME: Final = 2
_IF_TSRESOL: Final = 9
_NANOSECONDS: Final = b"\x09"
_ISB_IFDROP: Final = 5

_PACKET_HEADER: Final = struct.Struct("<IIIIIII")
_LENGTH: Final = struct.Struct("<I")
_PADDING: Final = (b"", b"\0\0\0", b"\0\0", b"\0")


class PcapngWriter(FrameWriter):
    """A pcapng file, which grows by one frame at a time."""

    def __init__(self, path: str | os.PathLike[str], interface: str) -> None:
        """Begin the file and replace an existing one.

        Args:
            path: The path of the file.
            interface: The name of the interface of the frames, for the file.

        Raises:
            OutputError: The file cannot be written.
        """
        super().__init__(path)
        self._interface = interface
        self._numbers: dict[int, int] = {}
        try:
            self._put(_SECTION_HEADER, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
        except BaseException:
            self._file.close()
            raise

    def add(self, records: Records) -> None:
        """Write the current frame of `records`. Raises OutputError if it cannot be written."""
        link_type = int(records.link_type)
        number = self._numbers.get(link_type)
        if number is None:
            number = self._declare(link_type)
        captured = int(records.captured)
        padding = _PADDING[captured & 3]
        length = 32 + captured + len(padding)
        time = int(records.time_ns)
        start = int(records.offset)
        header = _PACKET_HEADER.pack(
            _ENHANCED_PACKET,
            length,
            number,
            (time >> 32) & 0xFFFFFFFF,
            time & 0xFFFFFFFF,
            captured,
            int(records.original) & 0xFFFFFFFF,
        )
        frame = records.block[start : start + captured]
        self._write(b"".join((header, frame, padding, _LENGTH.pack(length))))

    def lost(self, frames: int, time_ns: int) -> None:
        """Write how many frames the capture lost. See `FrameWriter.lost`."""
        if not self._numbers:
            return
        option = struct.pack("<HHQHH", _ISB_IFDROP, 8, frames, 0, 0)
        time = struct.pack("<III", 0, (time_ns >> 32) & 0xFFFFFFFF, time_ns & 0xFFFFFFFF)
        self._put(_INTERFACE_STATISTICS, time + option)

    def _declare(self, link_type: int) -> int:
        number = len(self._numbers)
        options = _option(_IF_NAME, self._interface.encode("utf-8", "surrogateescape"))
        options += _option(_IF_TSRESOL, _NANOSECONDS) + _option(0, b"")
        self._put(_INTERFACE_DESCRIPTION, struct.pack("<HHI", link_type & 0xFFFF, 0, 0) + options)
        self._numbers[link_type] = number
        return number

    def _put(self, kind: int, body: bytes) -> None:
        length = 12 + len(body)
        self._write(struct.pack("<II", kind, length) + body + _LENGTH.pack(length))


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("<HH", code, len(value)) + value + _PADDING[len(value) & 3]
