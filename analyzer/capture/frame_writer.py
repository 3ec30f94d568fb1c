"""What the files that keep frames while they are captured share: each block of bytes goes out whole."""

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
        """Begin the file; one that was there is replaced. Raises OutputError where it cannot be written."""
        self.path = os.fspath(path)
        try:
            self._file = open(self.path, "wb", buffering=0)  # noqa: SIM115
        except (OSError, ValueError) as error:
            raise self._fault(error) from error

    def add(self, records: Records) -> None:
        """Keep the frame that `records` stands at. Raises OutputError where it cannot be written."""
        raise NotImplementedError

    def lost(self, frames: int, time_ns: int) -> None:
        """Keep how many frames the capture lost, where the format has a place for it.

        Raises OutputError where it cannot be written.
        """

    def close(self) -> None:
        """Let go of the file, which is whole without it."""
        self._file.close()

    def _write(self, block: bytes) -> None:
        try:
            written = self._file.write(block)
            if written != len(block):
                # A full disk takes a part: without it the file is whole again.
                self._file.truncate(self._file.tell() - written)
                raise OSError(28, os.strerror(28))
        except OSError as error:
            raise self._fault(error) from error

    def _fault(self, error: Exception) -> OutputError:
        return OutputError(
            say(
                "{path} cannot be written ({reason}): give -w another place",
                path=inert(os.fsdecode(self.path)),
                reason=reason_of(error),
            )
        )
