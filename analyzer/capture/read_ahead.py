"""The bytes of a large file, read in a thread of its own while those before them are analysed.

Reading lets go of Python's lock, and the analysis does not. What decompresses does so only between the pieces of what
comes out: it has a process instead (`decompress_ahead.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.capture.source import Bytes
from analyzer.capture.stored_file import StoredFile

if TYPE_CHECKING:
    import queue
    import threading

__all__ = ["ReadAhead"]

BLOCK_BYTES: Final = 1 << 21
_BLOCKS_AHEAD: Final = 4
"""How many blocks wait at most, and their size. Each costs both threads a moment, so they are larger than what one
thread would read at a time; more or still larger ones leave the cache before they are looked at."""


class ReadAhead(Bytes):
    """The bytes of a file, from where `bytes` has come. What goes wrong is raised after the bytes before it.

    The thread begins with the second block, so a small file has none. `close` ends it.
    """

    def __init__(self, data: Bytes, file: StoredFile) -> None:
        """
        bytes: taken over, and closed with this.
        file: what they come from. Its `reached` is from now on how far they have been handed on.
        """
        super().__init__(data._stream, data.name, data._owned)
        self._bytes = data
        self._file = file
        self._file.reached = file.position() - len(data.held())
        self._last: bytes | Exception | None = None
        self._thread: threading.Thread | None = None

    def close(self) -> None:
        """End the thread, and close what the bytes come from if it is owned."""
        self._held = b""
        if self._thread is not None:
            self._stopping = True
            self._room.release()
            self._thread.join()
            self._thread = None
        self._bytes.close()

    def _more(self, most: int) -> bytes:
        block = self._block() if self._last is None else self._last
        if not block or isinstance(block, Exception):
            self._last = block
        if isinstance(block, Exception):
            raise block
        assert self._file.reached is not None
        self._file.reached += len(block)
        return block

    def _block(self) -> bytes | Exception:
        if self._thread is None and (self._file.position() < BLOCK_BYTES or not self._begin()):
            return self._read_block()
        self._room.release()
        return self._blocks.get()

    def _read_block(self) -> bytes | Exception:
        try:
            return self._bytes.read(BLOCK_BYTES)
        except Exception as error:
            return error

    def _begin(self) -> bool:
        """Start the thread; False where the system grants no more of them."""
        import queue
        import threading

        self._stopping = False
        self._blocks: queue.SimpleQueue[bytes | Exception] = queue.SimpleQueue()
        self._room = threading.Semaphore(_BLOCKS_AHEAD - 1)
        thread = threading.Thread(target=self._run, name="tcpanalyze-read-ahead", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            return False
        self._thread = thread
        return True

    def _run(self) -> None:
        while True:
            self._room.acquire()
            if self._stopping:
                return
            block = self._read_block()
            self._blocks.put(block)
            if not block or isinstance(block, Exception):
                return
