"""The bytes of a capture, in order, from a path, standard input or any stream.

Nothing here seeks, so a pipe does as well as a file, and a read gives what is there rather than wait for a
whole block, so a capture that is still being written can be followed.
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
"""The most bytes one read asks for."""


_KEPT_BY_MALLOC: Final = 31 << 20


@cache
def keep_blocks() -> None:
    """Have the C library keep the memory of blocks, rather than give it back and ask for it again each time.

    That of Linux keeps what is free up to twice the largest mapping ever freed, 64 MiB at most. What it gives back is
    mapped and zeroed anew, page by page, which takes as long as reading it, or decompressing it.
    """
    bytes(_KEPT_BY_MALLOC)


class SourceFault(Exception):
    """The bytes end too early or are damaged, for a `reason`. It never leaves `capture`."""

    @property
    def reason(self) -> str:
        """What it was made with; `str` would make English of a `Message`."""
        reason: str = self.args[0]
        return reason


class SourceRefusal(SourceFault):
    """The bytes may be sound, and are not read on all the same; the reason says what to do."""


class Bytes:
    """The bytes of one stream, with a look ahead at the first of them.

    warnings: sentences about what marred the stream without stopping it.
    """

    def __init__(self, stream: BinaryIO, name: str, owned: bool) -> None:
        """
        stream: anything with `read(n)`; `read1` is preferred where there is one, because it does not wait.
        name: what messages call it; made harmless here.
        owned: whether `close` closes the stream.
        """
        self.name: str = inert(name)
        self._stream: BinaryIO = stream
        self._owned: bool = owned
        self._read: Callable[[int], bytes | None] = getattr(stream, "read1", stream.read)
        self._held: bytes = b""
        self.warnings: list[str] = []

    def peek(self, count: int) -> bytes:
        """The next `count` bytes, fewer only at the end; they are still there for `read`."""
        while len(self._held) < count:
            piece = self._more(BLOCK_BYTES)
            if not piece:
                break
            self._held += piece
        return self._held[:count]

    def held(self) -> bytes:
        """What was read ahead by `peek`, without reading (and perhaps waiting for) more."""
        return self._held

    def read(self, most: int) -> bytes:
        """Some bytes, `most` unless more were read ahead; `b""` at the end.

        Raises OSError or SourceFault.
        """
        if self._held:
            piece = self._held
            self._held = b""
            return piece
        return self._more(most)

    def file(self) -> StoredFile | None:
        """The file that the bytes come from; None where they come from anything else."""
        try:
            return StoredFile(self._stream)
        except (OSError, ValueError, AttributeError):
            return None

    def can_rewind(self) -> bool:
        """Whether this is a file opened here, which can be read once more."""
        return self._owned and self.file() is not None

    def rewind(self) -> None:
        """Go back to the first byte. Raises OSError where that cannot be done."""
        self._held = b""
        self._stream.seek(0)

    def close(self) -> None:
        """Let go of the stream; close it if it is owned."""
        self._held = b""
        if self._owned:
            self._stream.close()

    def _more(self, most: int) -> bytes:
        piece = self._read(most)
        if piece is None:
            raise BlockingIOError(Message("the stream is non-blocking and has no data yet"))
        return piece


def bytes_of_path(path: str | os.PathLike[str]) -> Bytes:
    """The bytes of the file or FIFO at `path`. Raises InputError where it cannot be opened."""
    name = inert(os.fsdecode(path))
    try:
        # Unbuffered: blocks are read straight into the objects they are used from.
        return Bytes(open(path, "rb", buffering=0), name, True)
    except FileNotFoundError as error:
        raise InputError(say("{path} does not exist: check its name and folder", path=name)) from error
    except (OSError, ValueError) as error:
        if isinstance(error, IsADirectoryError) or (isinstance(error, OSError) and os.path.isdir(path)):
            sentence = Message("{path} is a directory: give the capture file inside it", path=name)
        elif isinstance(error, PermissionError):
            sentence = Message("{path} is not readable: ask its owner for read permission", path=name)
        else:
            reason = reason_of(error)
            sentence = Message("{path} cannot be opened ({reason}): check its name", path=name, reason=reason)
        raise InputError(said(sentence)) from error


def bytes_of_standard_input() -> Bytes:
    """The bytes of standard input. Raises InputError where there is none, or a person is typing into it."""
    name = Message("standard input")
    if sys.stdin is None or sys.stdin.closed:
        raise InputError(say("standard input is closed: give the path of a capture instead of -"))
    if sys.stdin.isatty():
        raise InputError(say("standard input is a terminal: pipe a capture into it, or give a path"))
    return Bytes(sys.stdin.buffer, name, False)


def reason_of(error: BaseException) -> str:
    """What a foreign exception says, in a few words without its number and file name."""
    if isinstance(error, SourceFault):
        return error.reason
    if isinstance(error, OSError) and error.strerror:
        return inert(error.strerror)
    return inert(str(error)) or type(error).__name__
