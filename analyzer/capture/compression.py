"""Compressed captures, decompressed block by block: gzip, zstd, lz4, xz and bzip2.

The decompressors come from the standard library or from packages. Each package is imported for the first file that
needs it. No file is decompressed as a whole. Both the decompressed size and the memory are limited: see
`DECOMPRESS_FLOOR`.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import cache
from typing import Final, NamedTuple, Protocol

from analyzer.capture.source import BLOCK_BYTES, Bytes, SourceFault, SourceRefusal, reason_of
from analyzer.text import Message

__all__ = ["DECOMPRESS_FLOOR", "MAGIC_BYTES", "CompressedBytes", "compression_of", "is_compressed"]

DECOMPRESS_FLOOR: Final = 256 << 20
"""The default limit in bytes of the decompressed size, for a compressed capture of any size."""

MOST_EXPANSION: Final = 200
"""Beyond the floor, the limit is this many times the compressed size. Captures shrink to between a third and a
twentieth, a flood of equal SYNs to a hundredth. A file that shrinks further is not a usual capture, or a trap."""

LARGE_WINDOW_FLOOR: Final = 32 << 20
LARGE_WINDOW_EXPANSION: Final = 32
"""The same for a stream whose window is larger than 32 MiB (`xz -9`, `zstd --ultra` and `--long`). The window has to be
kept in memory. With these limits a small file cannot make the tool fill a large window."""

_PLAIN_WINDOW: Final = 32 << 20
_LARGE_WINDOW: Final = 128 << 20
_LARGEST_WINDOW: Final = 2 << 30
"""Windows of zstd (RFC 8878 3.1.1.1.2): 32 MiB; 128 MiB, the limit of `zstd -d` itself; and the largest possible."""
_PLAIN_XZ_BYTES: Final = 40 << 20
_LARGE_XZ_BYTES: Final = 160 << 20
"""Memory of xz: enough for `xz -8` with its dictionary of 32 MiB, and for a dictionary of 128 MiB; `xz -9` has 64."""

_COMPRESSED_BYTES: Final = 1 << 18
_STEP_BYTES: Final = 1 << 20
_SMALL_STEP_BYTES: Final = 1 << 11
"""If a call of a library meets a fault, the bytes that this call decompressed are lost. So a file is read in large
steps, and after a fault again in small steps. A source that cannot be read again is read in small steps at once."""

_GZIP_WINDOW: Final = 16 + zlib.MAX_WBITS


class _Decoder(Protocol):
    """The common interface of the decompressors of bz2, lzma and lz4.frame."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes | None: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Inflate(Protocol):
    """The interface of zlib, and of ISA-L, which is faster if installed: twice as fast for a high compression."""

    @property
    def eof(self) -> bool: ...
    @property
    def unconsumed_tail(self) -> bytes: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


@cache
def _inflates() -> Callable[[int], _Inflate]:
    """Find the faster library once. A failed import searches all folders again, and a file may have many members."""
    try:
        from isal import isal_zlib
    except ImportError:
        return zlib.decompressobj
    return isal_zlib.decompressobj


class _Gzip:
    """An `_Inflate` with the interface of `_Decoder`."""

    def __init__(self) -> None:
        self._inner = _inflates()(_GZIP_WINDOW)
        self._full = False

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        # ISA-L takes in all its input, and keeps the output beyond `max_length`.
        return not self._full and not self._inner.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        piece = self._inner.decompress(self._inner.unconsumed_tail + data, max_length)
        self._full = len(piece) == max_length
        return piece


_PLAIN: Final = 0
_LARGE: Final = 1
_BOUNDLESS: Final = 2


def _gzip(memory: int, careful: bool) -> _Decoder:
    return _Gzip()


def _zstd(memory: int, careful: bool) -> _Decoder:
    from analyzer.capture.zstd_frame import ZstdFrame

    return ZstdFrame((_PLAIN_WINDOW, _LARGE_WINDOW, _LARGEST_WINDOW)[memory], careful=careful)


def _lz4(memory: int, careful: bool) -> _Decoder:
    from lz4 import frame

    decoder: _Decoder = frame.LZ4FrameDecompressor()
    return decoder


def _xz(memory: int, careful: bool) -> _Decoder:
    import lzma

    limit = (_PLAIN_XZ_BYTES, _LARGE_XZ_BYTES, None)[memory]
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, limit)


def _bzip2(memory: int, careful: bool) -> _Decoder:
    import bz2

    return bz2.BZ2Decompressor()


class _Compression(NamedTuple):
    """A kind of compression.

    Attributes:
        name: Its name.
        magic: The first bytes of each member, stream or frame.
        decoder: Makes a decompressor.
        window: Whether a file can ask for a large window.
    """

    name: str
    magic: bytes
    decoder: Callable[[int, bool], _Decoder]
    window: bool


_COMPRESSIONS: Final = (
    _Compression("gzip", b"\x1f\x8b", _gzip, False),  # RFC 1952 2.3.1; the window is 32 KiB
    _Compression("zstd", b"\x28\xb5\x2f\xfd", _zstd, True),  # RFC 8878 3.1.1
    _Compression("lz4", b"\x04\x22\x4d\x18", _lz4, False),  # LZ4 frame format 1.6; blocks of 4 MiB at most
    _Compression("xz", b"\xfd7zXZ\0", _xz, True),  # the .xz file format 1.2.1, 2.1.1.1
    _Compression("bzip2", b"BZh", _bzip2, False),  # blocks of 900 kB at most
)

MAGIC_BYTES: Final = 6
"""The length of the longest magic number, that of xz."""
_SKIPPABLE_BYTES: Final = 8


def _is_skippable(first: bytes) -> bool:
    """Whether this is a frame without content (RFC 8878 3.1.2; lz4 has the same)."""
    return len(first) >= 4 and first[0] & 0xF0 == 0x50 and first[1:4] == b"\x2a\x4d\x18"


def compression_of(first: bytes) -> str:
    """The name of the compression of a file with these first bytes (six are enough); empty if there is none."""
    for compression in _COMPRESSIONS:
        if first.startswith(compression.magic):
            return compression.name
    return ""


def is_compressed(first: bytes) -> bool:
    """Whether `CompressedBytes` can read a file with these first bytes."""
    return bool(compression_of(first)) or _is_skippable(first)


class CompressedBytes(Bytes):
    """The bytes inside a compressed stream of any number of members or frames. Checksums are checked.

    Bytes decompressed before a fault are returned. The next read raises the fault as a `SourceFault`. Zero bytes
    between or after members count as padding, as for `gzip -d`. Other bytes after a member are ignored with a warning.
    """

    def __init__(self, compressed: Bytes, limit: int | None = None) -> None:
        """Begin at the first byte of a compressed stream.

        Args:
            compressed: The compressed bytes.
            limit: The limit of the decompressed size in bytes. 0 means no limit, and windows of any size. None means
                the rule of `DECOMPRESS_FLOOR` and `MOST_EXPANSION`.
        """
        super().__init__(compressed._stream, compressed.name, compressed._owned)
        self._compressed: Bytes = compressed
        self._limit: int | None = limit
        self._step: int = _STEP_BYTES if compressed.can_rewind() else _SMALL_STEP_BYTES
        self._begin_stream()

    def _begin_stream(self) -> None:
        self._pending: bytes = b""
        self._row: _Compression | None = None
        self._decoder: _Decoder | None = None
        self._memory: int = _BOUNDLESS if self._limit == 0 else _PLAIN
        self._taken: int = 0
        self._given: int = 0
        self._over: bool = False
        self._fault: SourceFault | None = None
        self._fed: bytes | None = b""  # the input of the member before its first output

    @property
    def compression(self) -> str:
        """The name of the compression; empty until something was read."""
        return self._row.name if self._row else ""

    def read_into(self, room: memoryview) -> int:
        """Read into `room`, at most as much as fits, and return the number of bytes. Raises the errors of `read`."""
        most = len(room)
        piece: bytes | memoryview
        if self._held:
            piece, self._held = self._held[:most], self._held[most:]
        else:
            piece = self._next(most, room)
        if not isinstance(piece, memoryview):
            room[: len(piece)] = piece
        return len(piece)

    def _more(self, most: int) -> bytes:
        piece = self._next(most, None)
        assert isinstance(piece, bytes)
        return piece

    def _next(self, most: int, room: memoryview | None) -> bytes | memoryview:
        """Return the next bytes. If the decompressor can write into `room`, they are the beginning of it."""
        while not self._over:
            if self._decoder is None and not self._begin():
                break
            piece = self._decompress(most, room)
            left = most if self._limit == 0 else self._allowed() - self._given
            if len(piece) > left:
                self._stop(self._beyond())
                piece = piece[:left]
            if piece:
                self._given += len(piece)
                return piece
        if self._fault is not None:
            raise self._fault
        return b""

    def _stop(self, fault: SourceFault) -> None:
        self._over = True
        self._fault = fault

    def _allowed(self) -> int:
        """The limit of the output for the input read so far."""
        if self._limit is not None:
            return self._limit
        if self._memory == _PLAIN:
            return max(DECOMPRESS_FLOOR, MOST_EXPANSION * self._taken)
        return max(LARGE_WINDOW_FLOOR, LARGE_WINDOW_EXPANSION * self._taken)

    def _beyond(self) -> SourceRefusal:
        if self._limit is not None:
            return SourceRefusal(
                Message(
                    "its decompressed size exceeds the limit of {limit} bytes: raise --decompress-limit",
                    limit=self._limit,
                )
            )
        return SourceRefusal(
            Message(
                "its decompressed size exceeds {most} MiB and {times} times its compressed size, which is unusual for "
                "a capture: if you trust it, use --decompress-limit none",
                most=self._allowed() >> 20,
                times=self._allowed() // self._taken,
            )
        )

    def _begin(self) -> bool:
        """Go to the next member. Return False if there is none."""
        while True:
            if self._row is not None:
                self._pending = self._pending.lstrip(b"\0")
            if len(self._pending) < _SKIPPABLE_BYTES and self._refill():
                continue
            if not _is_skippable(self._pending):
                break
            self._skip(int.from_bytes(self._pending[4:8], "little"))
        if not self._pending:
            return False
        for row in _COMPRESSIONS:
            if self._pending.startswith(row.magic) and (self._row is None or row is self._row):
                self._row = row
                self._decoder = self._new_decoder(row)
                self._fed = b""
                return True
        self._over = True
        self.warnings.append(
            Message(
                "the data from byte {byte} of the file on is not {compression} data and is ignored",
                compression=self.compression,
                byte=self._taken - len(self._pending),
            )
        )
        return False

    def _skip(self, count: int) -> None:
        self._pending = self._pending[_SKIPPABLE_BYTES:]
        while count > len(self._pending):
            count -= len(self._pending)
            self._pending = b""
            if not self._refill():
                return
        self._pending = self._pending[count:]

    def _refill(self) -> bool:
        piece = self._compressed.read(_COMPRESSED_BYTES)
        self._taken += len(piece)
        self._pending += piece
        return bool(piece)

    def _new_decoder(self, row: _Compression) -> _Decoder:
        try:
            return row.decoder(self._memory, self._step == _SMALL_STEP_BYTES)
        except ImportError as error:
            raise SourceRefusal(
                Message(
                    "the {compression} decompressor is missing ({reason}): install tcpanalyze again",
                    compression=row.name,
                    reason=reason_of(error),
                )
            ) from error

    def _decompress(self, most: int, room: memoryview | None) -> bytes | memoryview:
        """Return the next output of the current member, without waiting for more than some; nothing at its end."""
        decoder, row = self._decoder, self._row
        assert decoder is not None
        assert row is not None
        into: Callable[[bytes, memoryview], int] | None = getattr(decoder, "decompress_into", None)
        pieces: list[bytes] = []
        size = 0
        while size < most and not decoder.eof:
            if decoder.needs_input and not self._pending:
                if size:
                    break
                if not self._refill():
                    self._stop(
                        SourceFault(Message("it ends inside its {compression} stream", compression=row.name))
                    )
                    break
            given, self._pending = self._pending, b""
            if self._fed is not None and row.window:
                self._fed += given
            step = min(self._step, most - size)
            try:
                if room is not None and into is not None:
                    count = into(given, room[size:])
                else:
                    pieces.append(decoder.decompress(given, step))
                    count = len(pieces[-1])
            except Exception as error:
                # Each library has its own errors, and some are built into Python (RuntimeError, OSError).
                if row.window and "memory" in str(error).lower():
                    self._ask_for_memory(row)
                elif self._step == _STEP_BYTES:
                    self._begin_again()
                    return b""
                else:
                    self._stop(SourceFault(reason_of(error)))
                break
            if count:
                self._fed = None
                size += count
        if decoder.eof:
            self._pending = decoder.unused_data or b""
            self._decoder = None
        return b"".join(pieces) if room is None or into is None else room[:size]

    def _begin_again(self) -> None:
        """Go back to the beginning, and in small steps forward again to where the large steps ended."""
        given = self._given
        self._compressed.rewind()
        self._step = _SMALL_STEP_BYTES
        self._begin_stream()
        while self._given < given and self._more(min(given - self._given, BLOCK_BYTES)):
            pass

    def _ask_for_memory(self, row: _Compression) -> None:
        """Begin the member again with a larger window. Only the head of a member can ask for one."""
        if self._memory != _PLAIN or self._fed is None:
            self._stop(
                SourceRefusal(
                    Message(
                        "it needs more than {most} MiB of memory to decompress: "
                        "if you trust it, use --decompress-limit none",
                        most=_LARGE_WINDOW >> 20,
                    )
                )
            )
            return
        self._memory = _LARGE
        self._decoder = self._new_decoder(row)
        self._pending = self._fed
        self._fed = b""
