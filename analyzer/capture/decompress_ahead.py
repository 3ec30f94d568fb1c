"""Decompress a large file in a second process, while this process analyses the bytes before.

A thread is not enough: a decompressor takes Python's global lock for every piece of its output, and the compiled
analysis holds that lock. The process is a fork. It continues with the decompressor from where this process stopped, and
writes into shared memory.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NoReturn

from analyzer.capture.compression import CompressedBytes
from analyzer.capture.source import BLOCK_BYTES, Bytes, SourceFault
from analyzer.capture.stored_file import StoredFile
from analyzer.signals import undisturbed
from analyzer.text import Message

if TYPE_CHECKING:
    import mmap

__all__ = ["DecompressAhead"]

ALONE_BYTES: Final = 8 << 20
"""The process begins after this much output. For less, starting it would cost more than it saves."""

_BLOCKS_AHEAD: Final = 4
_NUMBER_BYTES: Final = 8


class DecompressAhead(Bytes):
    """The decompressed bytes, in order. An error is raised after the bytes before it.

    Without a second processor, or if no process can be started, the bytes are read in this process. `close` ends the
    process.
    """

    def __init__(self, data: CompressedBytes, file: StoredFile) -> None:
        """Take over the decompressor.

        Args:
            data: The decompressed bytes. They are closed with this object.
            file: The file that they come from. Once the process runs, `file.reached` is the position in the file of
                the bytes already returned.
        """
        super().__init__(data._stream, data.name, data._owned)
        self.warnings = data.warnings
        self._bytes = data
        self._file = file
        self._until_process = ALONE_BYTES
        self._process: _Process | None = None

    def close(self) -> None:
        """End the process, and close the source of the bytes if it is owned."""
        self._held = b""
        if self._process is not None:
            self._process.close()
        self._bytes.close()

    def _more(self, most: int) -> bytes:
        if self._process is not None:
            return self._process.read()
        piece = self._bytes.read(most)
        if self._until_process > 0:
            self._until_process -= len(piece)
            if self._until_process <= 0 and piece and _may_fork():
                # A process that is not known here would run as long as this one.
                with undisturbed():
                    self._process = _begin(self._bytes, self._file)
        return piece


class _Process:
    """The view of the process from outside: blocks in the order in which it fills them, then how it ended."""

    def __init__(
        self,
        number: int,
        blocks: mmap.mmap,
        room: tuple[int, int],
        filled: int,
        file: StoredFile,
        warnings: list[str],
    ) -> None:
        """Let the process fill the first blocks.

        Args:
            number: The number of the process.
            blocks: The shared memory.
            room: Both ends of a pipe. Each byte in it allows one more block. The reading end stays open here, so
                that writing does not fail after the process has finished.
            filled: The reading end of a pipe with two numbers for each block: its length, and the position in the file
                after it. At the end the length is 0, and the warnings and the fault of the process follow, pickled.
            file: The file, whose `reached` is set to that position.
            warnings: The list that gets the warnings of the process.
        """
        self._number = number
        self._blocks = blocks
        self._room = room
        self._filled = os.fdopen(filled, "rb")
        self._file = file
        self._file.reached = file.position()
        self._warnings = warnings
        self._next = 0
        self._ended = False
        self._fault: Exception | None = None
        os.write(room[1], b" " * _BLOCKS_AHEAD)

    def read(self) -> bytes:
        if not self._ended:
            length = self._number_told()
            self._file.reached = max(self._file.position(), self._number_told())
            if length:
                block = self._blocks[self._next : self._next + length]
                self._next = (self._next + BLOCK_BYTES) % len(self._blocks)
                os.write(self._room[1], b" ")
                return block
            self._end(self._filled.read())
        if self._fault is not None:
            raise self._fault
        return b""

    def _number_told(self) -> int:
        return int.from_bytes(self._filled.read(_NUMBER_BYTES), "little")

    def _end(self, ending: bytes) -> None:
        import pickle

        self._ended = True
        if ending:
            warnings, self._fault = pickle.loads(ending)
            self._warnings += warnings
        else:
            self._fault = SourceFault(
                Message(
                    "the process that decompressed it was killed: free some memory and run tcpanalyze again"
                )
            )

    def close(self) -> None:
        import signal

        if self._filled.closed:
            return
        self._filled.close()
        for end in self._room:
            os.close(end)
        # The process has nothing to tidy up. The program around this one may have reaped it already.
        with suppress(ProcessLookupError, ChildProcessError):
            if not self._ended:
                os.kill(self._number, signal.SIGKILL)
            os.waitpid(self._number, 0)
        self._blocks.close()


def _may_fork() -> bool:
    """Whether a fork is safe and useful.

    A fork has only one thread, and locks of other threads stay locked in it. The libraries of macOS do not allow it.
    """
    if sys.platform != "linux" or len(os.sched_getaffinity(0)) == 1:
        return False
    try:
        return len(os.listdir("/proc/self/task")) == 1
    except OSError:
        return False


def _begin(data: CompressedBytes, file: StoredFile) -> _Process | None:
    """Start the process; None if the system refuses it. Call this inside `undisturbed`; the process stays in it."""
    import mmap

    ends: list[int] = []
    try:
        for _ in range(2):
            ends += os.pipe()
        room, filled = (ends[0], ends[1]), (ends[2], ends[3])
        blocks = mmap.mmap(-1, _BLOCKS_AHEAD * BLOCK_BYTES)
        number = os.fork()
        if number == 0:
            _decompress(data, file, blocks, room, filled)
    except OSError:
        for end in ends:
            os.close(end)
        return None
    os.close(filled[1])
    return _Process(number, blocks, room, filled[0], file, data.warnings)


def _decompress(
    data: CompressedBytes,
    file: StoredFile,
    blocks: mmap.mmap,
    room: tuple[int, int],
    filled: tuple[int, int],
) -> NoReturn:
    """Run the process. It ends with its parent, because nobody makes room then. The parent alone handles signals."""
    try:
        import pickle

        os.close(room[1])
        os.close(filled[0])
        told = len(data.warnings)
        memory = memoryview(blocks)
        at = 0
        fault: Exception | None = None
        while os.read(room[0], 1):
            try:
                count = data.read_into(memory[at : at + BLOCK_BYTES])
            except Exception as error:
                count, fault = 0, error
            at = (at + BLOCK_BYTES) % len(blocks)
            numbers = count, file.position()
            os.write(filled[1], b"".join(number.to_bytes(_NUMBER_BYTES, "little") for number in numbers))
            if not count:
                os.write(filled[1], pickle.dumps((data.warnings[told:], fault)))
                break
    finally:
        os._exit(0)
