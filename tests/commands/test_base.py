"""What the commands share."""

from __future__ import annotations

import errno
import os
import sys
from types import SimpleNamespace

import click
import pytest

from analyzer.commands.base import (
    Command,
    Interrupted,
    OutputFault,
    ReaderGone,
    complain,
    decompress_limit,
    output_told_apart,
    warn,
)


def command(error: type[BaseException]) -> Command:
    def callback() -> None:
        raise error

    return Command("sample", callback=callback)


@pytest.mark.parametrize(
    ("raised", "seen"),
    [(BrokenPipeError, BrokenPipeError), (KeyboardInterrupt, Interrupted), (OSError, OSError)],
)
def test_how_a_command_is_ended(raised: type[BaseException], seen: type[Exception]) -> None:
    with pytest.raises(seen):
        command(raised).invoke(click.Context(command(raised)))


@pytest.mark.parametrize(
    ("number", "seen"), [(errno.EPIPE, ReaderGone), (errno.ENOSPC, OutputFault), (errno.EIO, OutputFault)]
)
def test_what_goes_wrong_with_standard_output(
    number: int, seen: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("sys.stdout", SimpleNamespace(write=refuse, flush=refuse))
    monkeypatch.setattr("sys.stdout.buffer", SimpleNamespace(write=refuse), raising=False)
    with output_told_apart():
        with pytest.raises(seen):
            sys.stdout.write("text")
        with pytest.raises(seen):
            sys.stdout.flush()
        with pytest.raises(seen):
            sys.stdout.buffer.write(b"bytes")


def test_one_line_on_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    complain("it does not work")
    warn("it half works")
    captured = capfd.readouterr()
    assert captured.out == ""
    assert captured.err == "tcpanalyze: it does not work\ntcpanalyze: warning: it half works\n"


def test_nobody_listens_on_standard_error(monkeypatch: pytest.MonkeyPatch) -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w", buffering=1) as gone:
        monkeypatch.setattr("sys.stderr", gone)
        complain("it does not work")
        monkeypatch.undo()
        os.dup2(os.open(os.devnull, os.O_WRONLY), write)


@pytest.mark.parametrize(
    ("size", "data"),
    [
        ("0", 0),
        ("none", 0),
        ("NONE", 0),
        ("17", 17),
        ("1k", 1024),
        ("3M", 3 << 20),
        ("2GiB", 2 << 30),
        ("1TB", 1 << 40),
    ],
)
def test_a_size(size: str, data: int) -> None:
    def echoed(decompress_limit: int) -> int:
        return decompress_limit

    shell = click.command()(decompress_limit(echoed))
    assert shell.main(["--decompress-limit", size], standalone_mode=False) == data


@pytest.mark.parametrize("size", ["", "-1", "1.5G", "much", "1P", "9" * 16, "\u0663", "1\x1b[31m"])
def test_no_size(size: str) -> None:
    shell = click.command()(decompress_limit(lambda decompress_limit: None))
    with pytest.raises(click.BadParameter, match=r"is not a size: write e.g. 500M, 2G or none") as caught:
        shell.main(["--decompress-limit", size], standalone_mode=False)
    assert caught.value.message.isprintable()
