"""Read a large file in a second thread, while the bytes before are analysed.

Reading releases Python's global lock, and the analysis does not. Decompressors release it too seldom, so they run in a
second process (`decompress_ahead.py`).
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
"""The size of a block, and how many blocks may wait. Each block costs both threads some time, so they are larger than
the blocks of a single thread. With more or larger blocks the bytes would leave the cache before they are used."""


class ReadAhead(Bytes):
    """The bytes of a file, from the current position of `data` on. An error is raised after the bytes before it.

    The thread begins with the second block, so a small file needs no thread. `close` ends it.
    """

    def __init__(self, data: Bytes, file: StoredFile) -> None:
        """Take over the bytes.

        Args:
            data: The bytes. They are closed with this object.
            file: The file that they come from. From now on `file.reached` is the position of the bytes already
                returned.
        """
        super().__init__(data._stream, data.name, data._owned)
        self._bytes = data
        self._file = file
        self._file.reached = file.position() - len(data.held())
        self._last: bytes | Exception | None = None
        self._thread: threading.Thread | None = None

    def close(self) -> None:
        """End the thread, and close the source of the bytes if it is owned."""
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
        """Start the thread. Return False if the system refuses it."""
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
