"""What the commands share."""

from __future__ import annotations

import os

import click
import pytest

from analyzer.commands.base import Command, Interrupted, ReaderGone, complain, warn


def command(error: type[BaseException]) -> Command:
    def callback() -> None:
        raise error

    return Command("sample", callback=callback)


@pytest.mark.parametrize(
    ("raised", "seen"), [(BrokenPipeError, ReaderGone), (KeyboardInterrupt, Interrupted), (OSError, OSError)]
)
def test_how_a_command_is_ended(raised: type[BaseException], seen: type[Exception]) -> None:
    with pytest.raises(seen):
        command(raised).invoke(click.Context(command(raised)))


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
