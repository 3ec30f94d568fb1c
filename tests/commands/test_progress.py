"""The bar on standard error: who sees it, what it says, that nothing of it stays."""

from __future__ import annotations

import gzip
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from analyzer.capture import open_capture
from analyzer.commands import progress
from tests.commands.running import ECHO, IMPATIENT, ROOT, on_a_terminal, run

CLEARED = b"\x1b[2K"
CURSOR_SHOWN = b"\x1b[?25h"


def test_a_bar_for_a_file_goes_before_the_report_comes(tmp_path: Path) -> None:
    shown = on_a_terminal([str(ECHO), "--no-report"], tmp_path, IMPATIENT)
    assert b"reading" in shown
    assert b"frames, " in shown
    assert b"per second" in shown
    bar, report = shown.split(CURSOR_SHOWN, 1)
    assert b"handshake" not in bar
    assert CLEARED in report
    assert b"reading" not in report.rpartition(CLEARED)[2]


@pytest.mark.slow
def test_nobody_sees_a_bar_in_the_first_second_or_in_a_file(tmp_path: Path) -> None:
    assert b"reading" not in on_a_terminal([str(ECHO), "--no-report"], tmp_path)
    done = subprocess.run(
        [*IMPATIENT, str(ECHO), "--no-report"],
        cwd=tmp_path,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
    )
    assert done.stderr == b""
    assert run(ECHO, "--no-report", cwd=tmp_path).stderr == b""


def test_what_draws_the_bar_is_loaded_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    begun = []
    monkeypatch.setattr(progress._Bar, "_begin", lambda self, total: begun.append(total))
    with progress.reading() as watch, open_capture(ECHO) as records:
        assert watch is not None
        watch(records)
    assert begun == []


def test_the_position_is_that_in_the_compressed_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "echo.pcap.gz"
    path.write_bytes(gzip.compress(ECHO.read_bytes()))
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    told: list[tuple[int, int | None, str]] = []
    monkeypatch.setattr(progress._Bar, "show", lambda self, *values: told.append(values))
    with progress.reading() as watch, open_capture(path) as records:
        assert watch is not None
        while records.advance():
            pass
        watch(records)
        records.file = None
        watch(records)
    size = path.stat().st_size
    assert [values[:2] for values in told] == [(size, size), (0, None)]
    assert told[0][2].startswith("10 frames, ")


def test_interrupted_under_the_bar_the_terminal_is_sane(tmp_path: Path) -> None:
    fifo = tmp_path / "grows.pcap"
    os.mkfifo(fifo)
    leader, follower = pty.openpty()
    child = subprocess.Popen(
        [*IMPATIENT, str(fifo)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=follower,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm"},
    )
    os.close(follower)
    shown = b""
    with fifo.open("wb", buffering=0) as pipe:
        pipe.write(ECHO.read_bytes())
        deadline = time.monotonic() + 30
        while b"reading" not in shown and time.monotonic() < deadline:
            shown += os.read(leader, 65536)
        child.send_signal(signal.SIGINT)
        while True:
            try:
                piece = os.read(leader, 65536)
            except OSError:
                break
            if not piece:
                break
            shown += piece
    assert child.wait(timeout=30) == 130
    os.close(leader)
    last = shown.rpartition(CURSOR_SHOWN)[2]
    assert b"reading" not in last.rpartition(CLEARED)[2]
    assert last.endswith(b"tcpanalyze: interrupted\r\n")
