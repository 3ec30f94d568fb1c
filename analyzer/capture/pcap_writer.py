"""Keeps frames as classic pcap during a capture. Each record is written whole, with one write.

The file header names the link type of all frames, so it is written before the first frame. From then on the file is
readable at any time.
"""

from __future__ import annotations

import os
import struct
from typing import Final

from analyzer.capture.frame_writer import FrameWriter
from analyzer.capture.records import Records, most_captured
from analyzer.errors import OutputError
from analyzer.text import inert, say

__all__ = ["PcapWriter"]

_NANOSECONDS: Final = 0xA1B23C4D
_FILE_HEADER: Final = struct.Struct("<IHHiIII")
_RECORD_HEADER: Final = struct.Struct("<IIII")
_SECOND_NS: Final = 1_000_000_000
_ETHERNET: Final = 1


class PcapWriter(FrameWriter):
    """A pcap file with nanoseconds, which grows by one frame at a time. The format has no place for losses."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Begin the file and replace an existing one. Raises OutputError if it cannot be written."""
        super().__init__(path)
        self._link_type: int | None = None

    def add(self, records: Records) -> None:
        """Write the current frame of `records`.

        Args:
            records: The frames.

        Raises:
            OutputError: It cannot be written, or it has a second link type, which pcap cannot hold.
        """
        link_type = int(records.link_type)
        if self._link_type is None:
            self._begin(link_type)
        if link_type != self._link_type:
            raise OutputError(
                say(
                    "{path} is a pcap file, which holds only one link type: choose a name that ends in .pcapng",
                    path=inert(os.fsdecode(self.path)),
                )
            )
        seconds, fraction = divmod(int(records.time_ns), _SECOND_NS)
        captured = int(records.captured)
        original = int(records.original) & 0xFFFFFFFF
        start = int(records.offset)
        header = _RECORD_HEADER.pack(seconds & 0xFFFFFFFF, fraction, captured, original)
        self._write(header + records.block[start : start + captured])

    def close(self) -> None:
        """Close the file. Without a frame it becomes an empty capture."""
        try:
            if self._link_type is None and not self._file.closed:
                self._begin(_ETHERNET)
        finally:
            super().close()

    def _begin(self, link_type: int) -> None:
        self._write(_FILE_HEADER.pack(_NANOSECONDS, 2, 4, 0, 0, most_captured(link_type), link_type & 0xFFFF))
        self._link_type = link_type
