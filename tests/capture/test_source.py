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
    BLOCK_OCTETS,
    Octets,
    octets_of_path,
    octets_of_standard_input,
    reason_of,
)
from analyzer.errors import InputError
from tests.capture.reading import failing, in_pieces
from tests.commands.running import ROOT


def everything(octets: Octets) -> bytes:
    pieces = []
    while piece := octets.read(BLOCK_OCTETS):
        pieces.append(piece)
    return b"".join(pieces)


def test_what_was_peeked_is_read_again() -> None:
    octets = Octets(in_pieces(b"abcdefgh", 3), "test", False)
    assert octets.peek(2) == b"ab"
    assert octets.held() == b"abc"
    assert octets.peek(4) == b"abcd"
    assert everything(octets) == b"abcdefgh"


def test_peeking_past_the_end_gives_what_there_is() -> None:
    octets = Octets(io.BytesIO(b"abc"), "test", False)
    assert octets.peek(10) == b"abc"
    assert octets.read(10) == b"abc"
    assert octets.read(10) == b""


def test_a_read_does_not_wait_for_a_whole_block() -> None:
    reader, writer = os.pipe()
    with open(reader, "rb") as stream:
        os.write(writer, b"abc")
        assert Octets(stream, "test", False).read(BLOCK_OCTETS) == b"abc"
        os.close(writer)


def test_a_stream_that_has_nothing_yet_and_does_not_wait_is_an_os_error() -> None:
    class Empty:
        def read(self, count: int) -> None:
            return None

    with pytest.raises(OSError, match="nothing to read"):
        Octets(cast(BinaryIO, Empty()), "test", False).read(1)


@pytest.mark.parametrize("owned", [True, False])
def test_only_an_owned_stream_is_closed(owned: bool) -> None:
    stream = io.BytesIO(b"abc")
    Octets(stream, "test", owned).close()
    assert stream.closed is owned


def test_the_name_is_made_harmless() -> None:
    assert Octets(io.BytesIO(), "a\x1b[31m\u202e", False).name == "a\\x1b[31m\\u202e"


def test_a_path(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"abc")
    octets = octets_of_path(path)
    assert everything(octets) == b"abc"
    assert octets.name == str(path)
    octets.close()


def test_a_fifo(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(b"abc",))
    writer.start()
    octets = octets_of_path(str(path))
    assert everything(octets) == b"abc"
    writer.join()
    octets.close()


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.pcap does not exist: check"):
        octets_of_path(tmp_path / "nowhere.pcap")


def test_a_directory(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a directory: give"):
        octets_of_path(tmp_path)


def test_a_file_that_may_not_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(InputError, match="secret may not be read: ask"):
        octets_of_path("secret")


@pytest.mark.parametrize("path", ["a\0b", "x" * 5000])
def test_a_path_that_cannot_be(path: str) -> None:
    with pytest.raises(InputError, match="cannot be opened") as caught:
        octets_of_path(path)
    assert str(caught.value).isprintable()


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"abc")))
    octets = octets_of_standard_input()
    assert octets.name == "standard input"
    assert everything(octets) == b"abc"


def test_no_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(InputError, match="is closed"):
        octets_of_standard_input()


def test_standard_input_is_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = io.TextIOWrapper(io.BytesIO())
    monkeypatch.setattr(terminal, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stdin", terminal)
    with pytest.raises(InputError, match="is a terminal"):
        octets_of_standard_input()


def test_the_reason_of_an_error() -> None:
    assert reason_of(OSError(errno.EIO, "Input/output error", "a name")) == "Input/output error"
    assert reason_of(OSError("only words\x1b")) == "only words\\x1b"
    assert reason_of(EOFError()) == "EOFError"


def test_an_interruption_passes_through() -> None:
    octets = Octets(failing(b"", KeyboardInterrupt()), "test", False)
    with pytest.raises(KeyboardInterrupt):
        octets.read(1)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only of glibc is it known how it keeps memory")
def test_the_memory_of_blocks_is_used_again() -> None:
    """Of 64 MiB through a pipe each piece would be mapped and zeroed anew, 16,000 pages and more."""
    program = """
import resource
from analyzer.capture.source import BLOCK_OCTETS, keep_blocks, octets_of_standard_input
keep_blocks()
octets = octets_of_standard_input()
before = octets.read(BLOCK_OCTETS)
faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
while piece := octets.read(BLOCK_OCTETS):
    before = piece
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults)
"""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, input=bytes(64 << 20), stdout=subprocess.PIPE, check=True, cwd=ROOT)
    assert int(done.stdout) < 2_000
