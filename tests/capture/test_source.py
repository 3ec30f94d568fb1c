from __future__ import annotations

import errno
import io
import os
import platform
import subprocess
import sys
import threading
from pathlib import Path
from typing import BinaryIO, cast

import pytest

from analyzer.capture.source import (
    BLOCK_BYTES,
    Bytes,
    bytes_of_path,
    bytes_of_standard_input,
    reason_of,
)
from analyzer.errors import InputError
from tests.capture.reading import failing, in_pieces
from tests.commands.running import ROOT


def everything(data: Bytes) -> bytes:
    pieces = []
    while piece := data.read(BLOCK_BYTES):
        pieces.append(piece)
    return b"".join(pieces)


def test_what_was_peeked_is_read_again() -> None:
    data = Bytes(in_pieces(b"abcdefgh", 3), "test", False)
    assert data.peek(2) == b"ab"
    assert data.held() == b"abc"
    assert data.peek(4) == b"abcd"
    assert everything(data) == b"abcdefgh"


def test_peeking_past_the_end_gives_what_there_is() -> None:
    data = Bytes(io.BytesIO(b"abc"), "test", False)
    assert data.peek(10) == b"abc"
    assert data.read(10) == b"abc"
    assert data.read(10) == b""


def test_a_read_does_not_wait_for_a_whole_block() -> None:
    reader, writer = os.pipe()
    with open(reader, "rb") as stream:
        os.write(writer, b"abc")
        assert Bytes(stream, "test", False).read(BLOCK_BYTES) == b"abc"
        os.close(writer)


def test_a_stream_that_has_nothing_yet_and_does_not_wait_is_an_os_error() -> None:
    class Empty:
        def read(self, count: int) -> None:
            return None

    with pytest.raises(OSError, match="has no data yet"):
        Bytes(cast(BinaryIO, Empty()), "test", False).read(1)


@pytest.mark.parametrize("owned", [True, False])
def test_only_an_owned_stream_is_closed(owned: bool) -> None:
    stream = io.BytesIO(b"abc")
    Bytes(stream, "test", owned).close()
    assert stream.closed is owned


def test_the_name_is_made_harmless() -> None:
    assert Bytes(io.BytesIO(), "a\x1b[31m\u202e", False).name == "a\\x1b[31m\\u202e"


def test_a_path(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"abc")
    data = bytes_of_path(path)
    assert everything(data) == b"abc"
    assert data.name == str(path)
    data.close()


def test_a_fifo(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(b"abc",))
    writer.start()
    data = bytes_of_path(str(path))
    assert everything(data) == b"abc"
    writer.join()
    data.close()


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.pcap does not exist: check"):
        bytes_of_path(tmp_path / "nowhere.pcap")


def test_a_directory(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a directory: give"):
        bytes_of_path(tmp_path)


def test_a_file_that_may_not_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(InputError, match="secret is not readable: ask"):
        bytes_of_path("secret")


@pytest.mark.parametrize("path", ["a\0b", "x" * 5000])
def test_a_path_that_cannot_be(path: str) -> None:
    with pytest.raises(InputError, match="cannot open") as caught:
        bytes_of_path(path)
    assert str(caught.value).isprintable()


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"abc")))
    data = bytes_of_standard_input()
    assert data.name == "standard input"
    assert everything(data) == b"abc"


def test_no_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(InputError, match="is closed"):
        bytes_of_standard_input()


def test_standard_input_is_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = io.TextIOWrapper(io.BytesIO())
    monkeypatch.setattr(terminal, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stdin", terminal)
    with pytest.raises(InputError, match="is a terminal"):
        bytes_of_standard_input()


def test_the_reason_of_an_error() -> None:
    assert reason_of(OSError(errno.EIO, "Input/output error", "a name")) == "Input/output error"
    assert reason_of(OSError("only words\x1b")) == "only words\\x1b"
    assert reason_of(EOFError()) == "EOFError"


def test_an_interruption_passes_through() -> None:
    data = Bytes(failing(b"", KeyboardInterrupt()), "test", False)
    with pytest.raises(KeyboardInterrupt):
        data.read(1)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only of glibc is it known how it keeps memory")
def test_the_memory_of_blocks_is_used_again() -> None:
    """Of 64 MiB through a pipe each piece would be mapped and zeroed anew, 16,000 pages and more."""
    program = """
import resource
from analyzer.capture.source import BLOCK_BYTES, keep_blocks, bytes_of_standard_input
keep_blocks()
bytes = bytes_of_standard_input()
before = bytes.read(BLOCK_BYTES)
faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
while piece := bytes.read(BLOCK_BYTES):
    before = piece
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults)
"""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, input=bytes(64 << 20), stdout=subprocess.PIPE, check=True, cwd=ROOT)
    assert int(done.stdout) < 2_000
