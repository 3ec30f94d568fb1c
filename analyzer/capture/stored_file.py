"""The file that a capture is read from: how far it has been read, and whether it has changed."""

from __future__ import annotations

import os
import stat
from typing import BinaryIO

from analyzer.text import Message

__all__ = ["StoredFile"]


class StoredFile:
    """A regular file, as it was when it was opened.

    Attributes:
        size: The number of its bytes, compressed or not.
        reached: The number of bytes used, if the file is read ahead of its use; else None.
    """

    def __init__(self, stream: BinaryIO) -> None:
        """Note the size and time of the file.

        Args:
            stream: The open file.

        Raises:
            OSError: The stream has no descriptor.
            ValueError: The stream is not a regular file, e.g. a pipe, which has no size.
        """
        self._stream = stream
        self._before = os.fstat(stream.fileno())
        if not stat.S_ISREG(self._before.st_mode):
            raise ValueError(stat.filemode(self._before.st_mode))
        self.size = self._before.st_size
        self.reached: int | None = None

    def position(self) -> int:
        """Return how many of its bytes have been read and used."""
        return self._stream.tell() if self.reached is None else self.reached

    def change(self, name: str) -> str | None:
        """Check whether the file has changed since it was opened.

        Args:
            name: The name of the file in the sentence.

        Returns:
            A sentence about the change; None if there is none, or if the file is closed.
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
