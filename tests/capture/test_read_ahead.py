"""A thread that reads ahead gives what reading alone gives, in the same order, and leaves nothing behind."""

from __future__ import annotations

import gzip
import io
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from analyzer.capture import open_capture, open_stream, read_ahead
from analyzer.capture.read_ahead import ReadAhead
from analyzer.capture.source import Bytes, bytes_of_path
from analyzer.capture.stored_file import StoredFile

BLOCK = 64
CONTENT = bytes(range(256)) * 4


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_ahead, "BLOCK_BYTES", BLOCK)


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    assert threads() == []


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "tcpanalyze-read-ahead"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "capture"
    path.write_bytes(CONTENT)
    return path


class Told(Bytes):
    """The bytes of a file: how often they were read, and one read that fails."""

    def __init__(self, stream: BinaryIO, fails: int = 0) -> None:
        super().__init__(stream, "test", True)
        self.reads = 0
        self.fifth = threading.Event()
        self._fails = fails

    def read(self, most: int) -> bytes:
        self.reads += 1
        if self.reads == 5:
            self.fifth.set()
        if self.reads == self._fails:
            raise OSError("damaged")
        return super().read(most)


def test_the_same_bytes(path: Path) -> None:
    data = bytes_of_path(path)
    file = data.file()
    assert file is not None
    ahead = ReadAhead(data, file)
    assert b"".join(iter(lambda: ahead.read(BLOCK), b"")) == CONTENT
    assert (ahead.read(BLOCK), file.position()) == (b"", len(CONTENT))
    ahead.close()


def test_what_was_peeked_before_comes_first(path: Path) -> None:
    data = bytes_of_path(path)
    assert data.peek(4) == CONTENT[:4]
    file = StoredFile(data._stream)
    ahead = ReadAhead(data, file)
    assert file.position() == 0
    assert ahead.peek(6) == CONTENT[:6]
    assert b"".join(iter(lambda: ahead.read(BLOCK), b"")) == CONTENT
    assert file.position() == len(CONTENT)
    ahead.close()


def test_a_small_file_has_no_thread(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A thread that has ended by the time that one looks would not be seen.
    monkeypatch.setattr(threading.Thread, "start", lambda _: pytest.fail("a thread began"))
    os.truncate(path, BLOCK - 1)
    with path.open("rb", buffering=0) as stream:
        ahead = ReadAhead(Bytes(stream, "test", False), StoredFile(stream))
        assert ahead.read(BLOCK) == CONTENT[: BLOCK - 1]
        assert ahead.read(BLOCK) == b""
        assert threads() == []
        ahead.close()


def test_it_reads_while_nobody_asks_and_not_too_much(path: Path) -> None:
    with path.open("rb", buffering=0) as stream:
        told, file = Told(stream), StoredFile(stream)
        ahead = ReadAhead(told, file)
        assert ahead.read(BLOCK) + ahead.read(BLOCK) == CONTENT[: 2 * BLOCK]
        assert told.fifth.wait(30)
        assert file.position() == 2 * BLOCK
        ahead.close()
        assert told.reads <= 2 + 4


def test_a_fault_comes_after_what_was_before_it_and_stays(path: Path) -> None:
    stream = path.open("rb", buffering=0)
    ahead = ReadAhead(Told(stream, fails=4), StoredFile(stream))
    assert [ahead.read(BLOCK) for _ in range(3)] == [CONTENT[at : at + BLOCK] for at in (0, BLOCK, 2 * BLOCK)]
    for _ in range(2):
        with pytest.raises(OSError, match="damaged"):
            ahead.read(BLOCK)
    ahead.close()
    assert stream.closed


def test_left_in_the_middle(path: Path) -> None:
    data = bytes_of_path(path)
    ahead = ReadAhead(data, StoredFile(data._stream))
    ahead.read(BLOCK)
    ahead.read(BLOCK)
    assert len(threads()) == 1
    ahead.close()
    ahead.close()
    assert data._stream.closed


def test_without_threads_it_reads_alone(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    data = bytes_of_path(path)
    ahead = ReadAhead(data, StoredFile(data._stream))
    assert b"".join(iter(lambda: ahead.read(BLOCK), b"")) == CONTENT
    ahead.close()


def test_files_are_read_so_and_streams_and_what_is_compressed_are_not(tmp_path: Path) -> None:
    capture = Path(__file__).resolve().parents[2] / "captures" / "echo.pcap"
    compressed = tmp_path / "echo.pcap.gz"
    compressed.write_bytes(gzip.compress(capture.read_bytes()))
    with open_capture(compressed) as records:
        assert not isinstance(records._bytes, ReadAhead)
    with open_capture(capture) as records:
        assert isinstance(records._bytes, ReadAhead)
        while records.advance():
            pass
    with open_stream(io.BytesIO(capture.read_bytes()), "test") as records:
        assert not isinstance(records._bytes, ReadAhead)
