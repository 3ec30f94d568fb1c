"""The bytes of a capture, in order, from a path, standard input or any stream.

Reading never seeks, so a pipe works like a file. A read returns the bytes that are there and does not wait for a whole
block, so a capture that is still being written can be followed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import cache
from typing import BinaryIO, Final

from analyzer.capture.stored_file import StoredFile
from analyzer.errors import InputError
from analyzer.text import Message, inert, said, say

__all__ = [
    "BLOCK_BYTES",
    "Bytes",
    "SourceFault",
    "SourceRefusal",
    "bytes_of_path",
    "bytes_of_standard_input",
    "keep_blocks",
    "reason_of",
]

BLOCK_BYTES: Final = 1 << 20
"""The largest number of bytes that one read asks for."""


_KEPT_BY_MALLOC: Final = 31 << 20


@cache
def keep_blocks() -> None:
    """Make the C library keep the memory of blocks, instead of returning it to the system each time.

    On Linux it keeps free memory up to twice the size of the largest mapping ever freed, at most 64 MiB. Returned
    memory is mapped and zeroed again, page by page, which takes as long as reading or decompressing the bytes.
    """
    bytes(_KEPT_BY_MALLOC)


class SourceFault(Exception):
    """The bytes end too early or are damaged. This error never leaves `capture`."""

    @property
    def reason(self) -> str:
        """The reason, as it was given. `str` would turn a `Message` into plain English text."""
        reason: str = self.args[0]
        return reason


class SourceRefusal(SourceFault):
    """The bytes may be intact, but reading them is refused. The reason says what to do."""


class Bytes:
    """The bytes of one stream. The first bytes can be looked at before they are read.

    Attributes:
        name: The name of the stream in messages, harmless.
        warnings: A sentence for each fault that did not stop the stream.
    """

    def __init__(self, stream: BinaryIO, name: str, owned: bool) -> None:
        """Begin at the current position of a stream.

        Args:
            stream: Anything with `read(n)`. If it has `read1`, that is used, because it does not wait.
            name: Its name in messages. It is made harmless here.
            owned: Whether `close` closes the stream.
        """
        self.name: str = inert(name)
        self._stream: BinaryIO = stream
        self._owned: bool = owned
        self._read: Callable[[int], bytes | None] = getattr(stream, "read1", stream.read)
        self._held: bytes = b""
        self.warnings: list[str] = []

    def peek(self, count: int) -> bytes:
        """Return the next `count` bytes, or fewer at the end. `read` returns them again."""
        while len(self._held) < count:
            piece = self._more(BLOCK_BYTES)
            if not piece:
                break
            self._held += piece
        return self._held[:count]

    def held(self) -> bytes:
        """Return the bytes that `peek` has read ahead, without reading more."""
        return self._held

    def read(self, most: int) -> bytes:
        """Read some bytes.

        Args:
            most: The largest number of bytes, unless `peek` has read more ahead.

        Returns:
            The bytes; empty at the end.

        Raises:
            OSError: The stream cannot be read.
            SourceFault: The bytes are damaged, or end too early.
        """
        if self._held:
            piece = self._held
            self._held = b""
            return piece
        return self._more(most)

    def file(self) -> StoredFile | None:
        """Return the file that the bytes come from; None if the source is not a file."""
        try:
            return StoredFile(self._stream)
        except (OSError, ValueError, AttributeError):
            return None

    def can_rewind(self) -> bool:
        """Whether this is a file that was opened here, so that it can be read again."""
        return self._owned and self.file() is not None

    def rewind(self) -> None:
        """Go back to the first byte. Raises OSError if that is not possible."""
        self._held = b""
        self._stream.seek(0)

    def close(self) -> None:
        """Close the stream if it is owned."""
        self._held = b""
        if self._owned:
            self._stream.close()

    def _more(self, most: int) -> bytes:
        piece = self._read(most)
        if piece is None:
            raise BlockingIOError(Message("the stream is non-blocking and has no data yet"))
        return piece


def bytes_of_path(path: str | os.PathLike[str]) -> Bytes:
    """Open the file or FIFO at `path`. Raises InputError if it cannot be opened."""
    name = inert(os.fsdecode(path))
    try:
        # Unbuffered: blocks are read directly into the objects that are then used.
        return Bytes(open(path, "rb", buffering=0), name, True)
    except FileNotFoundError as error:
        raise InputError(say("{path} does not exist: check its name and folder", path=name)) from error
    except (OSError, ValueError) as error:
        if isinstance(error, IsADirectoryError) or (isinstance(error, OSError) and os.path.isdir(path)):
            sentence = Message("{path} is a directory: give the path of a capture in it", path=name)
        elif isinstance(error, PermissionError):
            sentence = Message("{path} is not readable: ask its owner for read permission", path=name)
        else:
            reason = reason_of(error)
            sentence = Message("cannot open {path} ({reason}): check its name", path=name, reason=reason)
        raise InputError(said(sentence)) from error


def bytes_of_standard_input() -> Bytes:
    """Open standard input. Raises InputError if it is closed, or if it is a terminal."""
    name = Message("standard input")
    if sys.stdin is None or sys.stdin.closed:
        raise InputError(say("standard input is closed: give the path of a capture instead of -"))
    if sys.stdin.isatty():
        raise InputError(say("standard input is a terminal: pipe a capture into it, or give a path"))
    return Bytes(sys.stdin.buffer, name, False)


def reason_of(error: BaseException) -> str:
    """The message of a foreign exception, without its number and file name."""
    if isinstance(error, SourceFault):
        return error.reason
    if isinstance(error, OSError) and error.strerror:
        return inert(error.strerror)
    return inert(str(error)) or type(error).__name__
