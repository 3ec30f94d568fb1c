"""The output of a capture program that waits to be read. A thread takes it as it comes."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from contextlib import suppress
from typing import IO, Final

__all__ = ["Waiting"]

MOST_WAITING: Final = 64 << 20
"""The largest number of bytes that may wait in memory."""
PIPE_BYTES: Final = 1 << 20
"""The largest pipe, 1 MiB, that Linux gives to an ordinary user."""
LOOK_FOR_SIGNALS: Final = 0.2
"""Seconds of each wait. Python does not notice a signal that comes just before it begins to wait. Without this limit
Ctrl-C on a quiet interface might have no effect until the next frame."""


class Waiting:
    """The output of the program that waits to be read. It is a stream for `open_stream`.

    Attributes:
        bytes: The number of bytes that wait.
        seen: Whether the program has written any bytes.
        arrived_ns: When the bytes read last arrived, in nanoseconds of the monotonic clock.
    """

    def __init__(self, output: IO[bytes]) -> None:
        self.bytes: int = 0
        self.seen: bool = False
        self.arrived_ns: int = time.monotonic_ns()
        self._output = output
        self._pieces: deque[tuple[int, bytes]] = deque()
        self._changed = threading.Condition()
        self._ended = False
        self._discarding = False
        with suppress(ImportError, OSError, AttributeError):
            import fcntl

            fcntl.fcntl(output.fileno(), fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        self._reader = threading.Thread(target=self._take, name="captured bytes", daemon=True)
        self._reader.start()

    def read(self, _most: int) -> bytes:
        """Wait for bytes and return a piece of any size; empty at the end."""
        with self._changed:
            while not self._pieces and not self._ended:
                self._changed.wait(LOOK_FOR_SIGNALS)
            if not self._pieces:
                return b""
            self.arrived_ns, piece = self._pieces.popleft()
            self.bytes -= len(piece)
            self._changed.notify_all()
        return piece

    def discard(self) -> None:
        """Discard all further bytes, so that the program can end."""
        with self._changed:
            self._discarding = True
            self._changed.notify_all()

    def join(self, within: float) -> None:
        """Wait at most `within` seconds for the reader thread, after the end of the program."""
        self._reader.join(within)

    def _take(self) -> None:
        descriptor = self._output.fileno()
        while True:
            try:
                piece = os.read(descriptor, PIPE_BYTES)
            except (OSError, ValueError):
                piece = b""
            with self._changed:
                while self.bytes > MOST_WAITING and not self._discarding:
                    self._changed.wait()
                if piece:
                    self.seen = True
                    if not self._discarding:
                        self._pieces.append((time.monotonic_ns(), piece))
                        self.bytes += len(piece)
                else:
                    self._ended = True
                self._changed.notify_all()
            if not piece:
                return
