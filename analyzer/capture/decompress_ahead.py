"""The bytes of a large compressed file, decompressed in a process of its own while those before are analysed.

A thread would not do: what decompresses takes Python's lock back for every piece of what comes out, and the compiled
analysis keeps it. The process is a fork, which goes on with the decompressor from where we had come with it, and
writes into memory that it shares with us.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NoReturn

from analyzer.capture.compression import CompressedOctets
from analyzer.capture.source import BLOCK_BYTES, Bytes, SourceFault
from analyzer.capture.stored_file import StoredFile
from analyzer.signals import undisturbed
from analyzer.text import Message

if TYPE_CHECKING:
    import mmap

__all__ = ["DecompressAhead"]

ALONE_BYTES: Final = 8 << 20
"""So much comes out before the process begins: what is smaller would not earn back the milliseconds that it costs."""

_BLOCKS_AHEAD: Final = 4
_NUMBER_BYTES: Final = 8


class DecompressAhead(Bytes):
    """What `bytes` gives, in the same order. What goes wrong is raised after the bytes before it.

    Where there can be no process, or only one processor, `bytes` is simply read. `close` ends the process.
    """

    def __init__(self, data: CompressedOctets, file: StoredFile) -> None:
        """
        bytes: taken over, and closed with this.
        file: what they come from. Its `reached` is, once there is a process, how far what was handed on has come.
        """
        super().__init__(data._stream, data.name, data._owned)
        self.warnings = data.warnings
        self._bytes = data
        self._file = file
        self._until_process = ALONE_BYTES
        self._process: _Process | None = None

    def close(self) -> None:
        """End the process, and close what the bytes come from if it is owned."""
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
                # A process that nobody knows of would stay as long as we do.
                with undisturbed():
                    self._process = _begin(self._bytes, self._file)
        return piece


class _Process:
    """The process as we see it: blocks in the order in which it fills them, and then how it ended."""

    def __init__(
        self,
        number: int,
        blocks: mmap.mmap,
        room: tuple[int, int],
        filled: int,
        file: StoredFile,
        warnings: list[str],
    ) -> None:
        """
        number: of the process.
        room: both ends of a pipe; each byte in it allows one more block. The end that is read stays open here,
            so that writing is no error when the process has done its work.
        filled: of a pipe with two numbers for each block: its length, and how far the file was read for it. In the
            end the length is 0, and the warnings and the fault of the process follow, pickled.
        file: where the second goes.
        warnings: where those of the process go.
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
                    "the process that decompressed it was ended from outside: run it again, with more memory free"
                )
            )

    def close(self) -> None:
        import signal

        if self._filled.closed:
            return
        self._filled.close()
        for end in self._room:
            os.close(end)
        # It has nothing to tidy up. The program around us may have taken note of its end already.
        with suppress(ProcessLookupError, ChildProcessError):
            if not self._ended:
                os.kill(self._number, signal.SIGKILL)
            os.waitpid(self._number, 0)
        self._blocks.close()


def _may_fork() -> bool:
    """Whether a fork is sound, and of use.

    A fork has one thread, and finds locked what another one had locked. The libraries of macOS do not bear it.
    """
    if sys.platform != "linux" or len(os.sched_getaffinity(0)) == 1:
        return False
    try:
        return len(os.listdir("/proc/self/task")) == 1
    except OSError:
        return False


def _begin(data: CompressedOctets, file: StoredFile) -> _Process | None:
    """Start the process; None where the system grants none. For `undisturbed`, which it stays in."""
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
    data: CompressedOctets,
    file: StoredFile,
    blocks: mmap.mmap,
    room: tuple[int, int],
    filled: tuple[int, int],
) -> NoReturn:
    """What the process does. It ends when its parent does, because nobody makes room then; signals are for that."""
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
