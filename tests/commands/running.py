"""Running the command in tests: as a child process, in this process, on a terminal of its own."""

from __future__ import annotations

import os
import pty
import struct
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from analyzer import cli

ROOT = Path(__file__).resolve().parent.parent.parent
ECHO = ROOT / "captures" / "echo.pcap"
COMMAND = [sys.executable, "-m", "analyzer.cli"]


def run(
    *arguments: str | Path, cwd: Path, stdin: bytes = b"", **environment: str
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        cwd=cwd,
        input=stdin,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100", **environment},
        timeout=60,
        check=False,
    )


def said(done: subprocess.CompletedProcess[bytes]) -> str:
    """The one sentence on standard error."""
    lines = done.stderr.decode().splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("tcpanalyze: ")
    return lines[0].removeprefix("tcpanalyze: ")


def inside(arguments: Sequence[str | Path], capfd: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """The command in this process: status, output, errors."""
    status = cli.run([str(argument) for argument in arguments])
    captured = capfd.readouterr()
    return status, captured.out, captured.err


def three_connections() -> bytes:
    """The echo recording three times, each with another client port."""
    recording = ECHO.read_bytes()
    header, records = recording[:24], recording[24:]
    port = struct.pack(">H", struct.unpack(">H", records[16 + 34 : 16 + 36])[0])
    return header + b"".join(records.replace(port, struct.pack(">H", 50000 + number)) for number in range(3))


IMPATIENT = [
    sys.executable,
    "-c",
    "from analyzer.commands import progress; progress.PATIENCE = 0; from analyzer.cli import main; main()",
]
"""The command whose bars come at once."""


def on_a_terminal(
    arguments: Sequence[str], cwd: Path, command: Sequence[str] = COMMAND, **environment: str
) -> bytes:
    """Standard output and error of the command on a terminal of their own."""
    leader, follower = pty.openpty()
    with os.fdopen(follower, "wb", buffering=0) as terminal:
        child = subprocess.Popen(
            [*command, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=terminal,
            stderr=terminal,
            cwd=cwd,
            env={**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "100", **environment},
        )
    shown = b""
    with os.fdopen(leader, "rb", buffering=0) as screen:
        while True:
            try:
                piece = screen.read(65536)
            except OSError:
                break
            if not piece:
                break
            shown += piece
    assert child.wait(timeout=60) == 0
    return shown
