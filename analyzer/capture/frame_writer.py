"""Shared by the files that keep frames during a capture: each block of bytes is written whole."""

from __future__ import annotations

import os

from analyzer.capture.records import Records
from analyzer.capture.source import reason_of
from analyzer.errors import OutputError
from analyzer.text import inert, say

__all__ = ["FrameWriter"]


class FrameWriter:
    """A file that grows by one frame at a time."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Begin the file and replace an existing one. Raises OutputError if it cannot be written."""
        self.path = os.fspath(path)
        try:
            self._file = open(self.path, "wb", buffering=0)  # noqa: SIM115
        except (OSError, ValueError) as error:
            raise self._fault(error) from error

    def add(self, records: Records) -> None:
        """Write the current frame of `records`. Raises OutputError if it cannot be written."""
        raise NotImplementedError

    def lost(self, frames: int, time_ns: int) -> None:
        """Write how many frames the capture lost, if the format has a place for it.

        Args:
            frames: The number of lost frames.
            time_ns: When it was counted, in nanoseconds since the epoch.

        Raises:
            OutputError: It cannot be written.
        """

    def close(self) -> None:
        """Close the file. It is complete before that, too."""
        self._file.close()

    def _write(self, block: bytes) -> None:
        try:
            written = self._file.write(block)
            if written != len(block):
                # A full disk takes a part of the block. Without this part the file is whole again.
                self._file.truncate(self._file.tell() - written)
                raise OSError(28, os.strerror(28))
        except OSError as error:
            raise self._fault(error) from error

    def _fault(self, error: Exception) -> OutputError:
        return OutputError(
            say(
                "cannot write {path} ({reason}): choose another file with -w",
                path=inert(os.fsdecode(self.path)),
                reason=reason_of(error),
            )
        )
