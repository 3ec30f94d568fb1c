"""What a capture program has written and nobody has read yet: a thread takes it as it comes."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from contextlib import suppress
from typing import IO, Final

__all__ = ["Waiting"]

MOST_WAITING: Final = 64 << 20
"""Bytes that wait in memory to be parsed."""
PIPE_BYTES: Final = 1 << 20
"""Linux gives an ordinary user pipes of up to 1 MiB."""
LOOK_FOR_SIGNALS: Final = 0.2
"""Seconds. Python does not notice a signal that comes just before it begins to wait: Ctrl-C on a quiet interface would
end nothing until the next frame comes."""


class Waiting:
    """What the program has written and nobody has asked for yet: a stream for `open_stream`.

    bytes: how many. seen: whether there were ever any. arrived_ns: when what was read last had come, by the
    monotonic clock.
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
        """All that is there, after waiting for some; nothing at the end."""
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
        """Nobody will ask any more: take what still comes, so that the program can end."""
        with self._changed:
            self._discarding = True
            self._changed.notify_all()

    def join(self, within: float) -> None:
        """Wait for the reader thread, after the program's end. within: seconds."""
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
