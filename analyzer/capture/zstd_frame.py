"""Decompresses one frame of zstd into existing memory.

The library reads its input by itself. It does not report where a frame has ended, and it does not return the output
that it still holds after the last input. So it gets only the parts of one frame (RFC 8878 3.1.1), and the last part
alone.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, cast

import zstandard

if TYPE_CHECKING:
    from typing import BinaryIO

__all__ = ["ZstdFrame"]

_DESCRIPTOR: Final = 4
_CHECKSUM_FLAG: Final = 0x04
_CHECKSUM_BYTES: Final = 4
"""RFC 8878 3.1.1.1.1: the byte after the magic number, its flag for a checksum, and the checksum after the last
block."""

_BLOCK_HEADER_BYTES: Final = 3
_RUN: Final = 1
"""RFC 8878 3.1.1.2: the header of a block holds whether it is the last one, its type and its size. A run holds only one
byte, and its size is the number of repetitions."""

_ROOM: Final = 2 << 17
"""A block decompresses to at most 128 KiB. This is enough for the rest of the previous block and for a new block."""


class ZstdFrame:
    """A decompressor with the interface of those in the standard library. It can also write into given memory.

    Errors of the library are raised unchanged.

    Attributes:
        eof: Whether the frame has ended.
        needs_input: Whether more input is needed before more output.
    """

    def __init__(self, window: int, *, careful: bool) -> None:
        """Begin a frame.

        Args:
            window: The largest window in bytes.
            careful: Whether to decompress block by block, so that an error comes after all output before it.
        """
        self.eof: bool = False
        self.needs_input: bool = True
        self._careful = careful
        self._parts = _Parts(careful)
        self._out: memoryview = memoryview(b"")  # the output beyond the requested length
        decompressor = zstandard.ZstdDecompressor(max_window_size=window)
        self._reader = decompressor.stream_reader(cast("BinaryIO", self._parts))

    @property
    def unused_data(self) -> bytes:
        """The input after the end of the frame."""
        return self._parts.left()

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Take input and return some output; nothing if more input is needed, or at the end."""
        self._take(data)
        if not self._out:
            try:
                piece = self._reader.read1(_ROOM if self._careful else max(max_length, _ROOM))
            except BlockingIOError:
                self.needs_input = True
                return b""
            self.eof = not piece
            if len(piece) <= max_length:
                return piece
            self._out = memoryview(piece)
        piece = bytes(self._out[:max_length])
        self._out = self._out[max_length:]
        return piece

    def decompress_into(self, data: bytes, room: memoryview) -> int:
        """Take input, write some output into `room` and return the number of bytes."""
        if self._out or len(room) < _ROOM:
            piece = self.decompress(data, len(room))
            room[: len(piece)] = piece
            return len(piece)
        self._take(data)
        try:
            count = self._reader.readinto1(room)
        except BlockingIOError:
            self.needs_input = True
            return 0
        self.eof = not count
        return count

    def _take(self, data: bytes) -> None:
        if data:
            self._parts.take(data)
            self.needs_input = False


class _Parts:
    """The parts of a frame, for the library to read: its header, its blocks and its checksum.

    It has no reference to the frame. The library does not support the garbage collector, so a reference cycle would
    never be freed.
    """

    def __init__(self, single: bool) -> None:
        """Begin a frame.

        Args:
            single: Whether to return one part at a time, instead of all available parts except the last.
        """
        self._single = single
        # The input, and the number of bytes read from it; the ends of the parts that were not read, of which the last
        # may be incomplete; and the beginning of the next part, None after the last block.
        self._data: bytes = b""
        self._at: int = 0
        self._ends: deque[int] = deque()
        self._next: int | None = 0
        self._has_checksum: bool | None = None  # unknown before the header

    def left(self) -> bytes:
        """Return the input that was not read."""
        return self._data[self._at :]

    def read(self, _most: int) -> memoryview:
        """Return the next parts; nothing at the end. Raises BlockingIOError if more input is needed.

        The library reads only while it has no output, so the exception loses nothing.
        """
        ends, known = self._ends, len(self._data)
        if ends and ends[0] <= known:
            end = ends.popleft()
            while not self._single and len(ends) > 1 and ends[1] <= known:
                end = ends.popleft()
        elif ends and self._at < known:
            end = known
        elif ends or self._next is not None:
            raise BlockingIOError
        else:
            end = self._at
        begin, self._at = self._at, end
        return memoryview(self._data)[begin:end]

    def take(self, data: bytes) -> None:
        """Add input."""
        handed, self._at = self._at, 0
        self._data = self._data[handed:] + data
        self._ends = deque(end - handed for end in self._ends)
        if self._next is not None:
            self._next = self._find(self._next - handed)

    def _find(self, begin: int) -> int | None:
        """Note the ends of the parts from `begin` on, as far as their headers are there. Return the new `_next`."""
        data, ends = self._data, self._ends
        if self._has_checksum is None:
            if len(data) <= _DESCRIPTOR:
                return begin
            self._has_checksum = bool(data[_DESCRIPTOR] & _CHECKSUM_FLAG)
            begin = zstandard.frame_header_size(data[: _DESCRIPTOR + 1])
            ends.append(begin)
        last_begin = len(data) - _BLOCK_HEADER_BYTES
        while begin <= last_begin:
            header = data[begin] | data[begin + 1] << 8 | data[begin + 2] << 16
            begin += _BLOCK_HEADER_BYTES + (1 if header >> 1 & 3 == _RUN else header >> 3)
            ends.append(begin)
            if header & 1:
                if self._has_checksum:
                    ends.append(begin + _CHECKSUM_BYTES)
                return None
        return begin
