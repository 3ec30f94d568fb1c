"""The file that a capture is read from: how far it has been read, and whether it stays as it was."""

from __future__ import annotations

import os
import stat
from typing import BinaryIO

from analyzer.text import Message

__all__ = ["StoredFile"]


class StoredFile:
    """A regular file, opened for reading, as it was then.

    size: its bytes, compressed or not. reached: how far it has been used, where it is read ahead of that.
    """

    def __init__(self, stream: BinaryIO) -> None:
        """Raises OSError or ValueError where `stream` is no regular file: a pipe grows, and has no size."""
        self._stream = stream
        self._before = os.fstat(stream.fileno())
        if not stat.S_ISREG(self._before.st_mode):
            raise ValueError(stat.filemode(self._before.st_mode))
        self.size = self._before.st_size
        self.reached: int | None = None

    def position(self) -> int:
        """How many of its bytes have been read and used."""
        return self._stream.tell() if self.reached is None else self.reached

    def change(self, name: str) -> str | None:
        """A sentence on how the file has changed since it was opened; None where it has not, or is closed by now.

        name: what the sentence calls it.
        """
        if self._stream.closed:
            return None
        now = os.fstat(self._stream.fileno())
        if now.st_size < self.size:
            return Message(
                "{path} became shorter while it was read, from {before} to {after} bytes: "
                "the report covers what was read before; do not write to a capture during its analysis",
                path=name,
                before=self.size,
                after=now.st_size,
            )
        if now.st_size > self.size:
            return Message(
                "{path} grew while it was read, from {before} to {after} bytes: "
                "later data is not in the report; analyse it again when it is complete",
                path=name,
                before=self.size,
                after=now.st_size,
            )
        if now.st_mtime_ns != self._before.st_mtime_ns:
            return Message(
                "{path} was written to while it was read: the report may mix old and new data; analyse it again",
                path=name,
            )
        return None
