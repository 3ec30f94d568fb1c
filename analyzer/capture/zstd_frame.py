"""One frame of zstd, decompressed into memory that is there already.

The library reads by itself, and neither says where a frame has ended nor hands on what it still holds when it has taken
in all there is. So it is handed the parts of the frame and nothing else (RFC 8878 3.1.1), the last of them alone.
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
"""RFC 8878 3.1.1.1.1: the byte after the magic number, and what stands behind the last block if it says so."""

_BLOCK_HEADER_BYTES: Final = 3
_RUN: Final = 1
"""RFC 8878 3.1.1.2: whether a block is the last, its type and its size. A run of one byte has that byte only, and its
size is how often it comes."""

_ROOM: Final = 2 << 17
"""A block gives 128 KiB at most. So there is room for what is held of the block before, and for the one handed over."""


class ZstdFrame:
    """A decompressor in the shape of those of the standard library, which can also write where it is told to.

    Errors of the library leave it as they are.
    """

    def __init__(self, window: int, *, careful: bool) -> None:
        """
        window: the most bytes it may look back over.
        careful: block by block, so that an error comes after all that was before it.
        """
        self.eof: bool = False
        self.needs_input: bool = True
        self._careful = careful
        self._parts = _Parts(careful)
        self._out: memoryview = memoryview(b"")  # what has come out beyond what was asked for
        decompressor = zstandard.ZstdDecompressor(max_window_size=window)
        self._reader = decompressor.stream_reader(cast("BinaryIO", self._parts))

    @property
    def unused_data(self) -> bytes:
        """What has come after the end."""
        return self._parts.left()

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Some of what comes out of it, now that `data` has come; nothing where more has to, or at its end."""
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
        """The same, put into `room`; gives how many bytes."""
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

    It knows nothing of the frame: the library does not say what it holds, so that a circle would never be let go of.
    """

    def __init__(self, single: bool) -> None:
        """single: one at a time, rather than all that have come but the last."""
        self._single = single
        # What has come, and how much of it was read; where the parts end that were not, of which the last may not have
        # come as a whole; and where the part behind them begins, None behind the last block.
        self._data: bytes = b""
        self._at: int = 0
        self._ends: deque[int] = deque()
        self._next: int | None = 0
        self._has_checksum: bool | None = None  # unknown before the header

    def left(self) -> bytes:
        """What has come and was not read."""
        return self._data[self._at :]

    def read(self, _most: int) -> memoryview:
        """What comes next, nothing at the end, BlockingIOError where it has not come yet.

        The library asks only while nothing has come out, so that then nothing is lost.
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
        """More has come."""
        handed, self._at = self._at, 0
        self._data = self._data[handed:] + data
        self._ends = deque(end - handed for end in self._ends)
        if self._next is not None:
            self._next = self._find(self._next - handed)

    def _find(self, begin: int) -> int | None:
        """Note where the parts from there on end, as far as what says so has come; gives what `_next` is then."""
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
