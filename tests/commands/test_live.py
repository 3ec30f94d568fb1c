"""tcpanalyze live: for real on loopback, and however it ends nothing is left."""

from __future__ import annotations

import os
import pty
import re
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from analyzer import cli
from analyzer.capture import live as capture
from analyzer.capture.backends import NAMED
from analyzer.pipeline import analyze
from tests.capture.stand_ins import StandIns, processes_with, soon
from tests.live import exchange, need

ROOT = Path(__file__).parents[2]
LABELS = ["SYN 1/3", "SYN-ACK 2/3", "ACK 3/3", "DATA", "FIN 1/4", "ACK 2/4 + FIN 3/4", "ACK 4/4"]

ORDINARY = {*LABELS, "ACK"}


class Running(NamedTuple):
    process: subprocess.Popen[str]
    server: socket.socket
    mark: bytes
    folder: Path

    def children(self) -> list[int]:
        return [pid for pid in processes_with(self.mark, "environ") if pid != self.process.pid]

    def nothing_is_left(self) -> bool:
        temporary = self.folder / "tmp"
        return soon(lambda: not processes_with(self.mark, "environ")) and soon(
            lambda: not list(temporary.iterdir())
        )


@contextmanager
def running(folder: Path, *arguments: str, backend: str = "auto") -> Iterator[Running]:
    """The command with a listening server to capture from; inside it has said that it captures."""
    need({"auto": "tcpdump", "pyshark": "tshark"}.get(backend, backend))
    (folder / "tmp").mkdir()
    mark = f"TCPANALYZE_TEST={uuid.uuid4()}"
    name, value = mark.split("=")
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "COLUMNS": "110",
        name: value,
        "TMPDIR": str(folder / "tmp"),
    }
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        command = [sys.executable, "-m", "analyzer.cli", "live", "-i", "lo", "-f", f"tcp port {port}"]
        with subprocess.Popen(
            [*command, "--backend", backend, "-w", "kept.pcapng", *arguments],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                assert process.stderr is not None
                assert "capturing on lo" in process.stderr.readline()
                yield Running(process, server, mark.encode(), folder)
            finally:
                process.kill()


def until(running: Running, words: str) -> str:
    """What it prints up to the line with these words."""
    assert running.process.stdout is not None
    text = ""
    for line in running.process.stdout:
        text += line
        if words in line:
            return text
    raise AssertionError(text)


def kept(folder: Path) -> int:
    trace = analyze(folder / "kept.pcapng")
    assert not trace.capture.truncated
    return trace.capture.frames


@pytest.mark.parametrize("backend", NAMED)
def test_the_ladder_the_verdict_and_the_same_labels_as_the_file(tmp_path: Path, backend: str) -> None:
    drawn = [] if backend == "tcpdump" else ["--no-report"]
    with running(tmp_path, "--until", "closed", "--no-why", *drawn, backend=backend) as live:
        exchange(live.server, b"hello")
        out, errors = live.process.communicate(timeout=30)
    assert live.process.returncode == 0
    assert errors == ""
    assert live.nothing_is_left()
    shown = [line.split("  ")[-1].strip() for line in out.splitlines() if re.search(r"[▶◀]", line)]
    assert [label.removeprefix("SYN-RECEIVED").strip() for label in shown][:4] == LABELS[:4]
    assert "three segments" in out
    assert out.splitlines()[-1] == "kept.pcapng"
    assert ("reports/kept/connection-0.png" in out) == (not drawn)
    again = subprocess.run(
        [sys.executable, "-m", "analyzer.cli", "kept.pcapng", "--no-report"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "150"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert len(labels_in(out)) == 10
    assert labels_in(out) == labels_in(again.stdout)


def labels_in(ladder: str) -> list[tuple[str, str, str]]:
    """Frame, flags and labels of each arrow of a ladder; a label that had no room stands in the next line."""
    found = []
    lines = ladder.splitlines()
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if arrow := re.search(r"^(?:#\d+ )? *(\d+) .*[─▶◀] ([A-Z,]+) seq=.*│ ?(.*)$", line):
            beside = arrow[3].rpartition("  ")[2].strip()
            known = beside if beside in ORDINARY else following.rpartition("│")[2].strip()
            found.append((arrow[1], arrow[2], known))
    return found


@pytest.mark.parametrize(
    ("backend", "number", "status"),
    [
        ("tcpdump", signal.SIGINT, 0),
        ("tcpdump", signal.SIGTERM, 143),
        ("tcpdump", signal.SIGHUP, 129),
        ("tcpdump", signal.SIGKILL, -9),
        # It has a child of its own, which has to end with it.
        ("tshark", signal.SIGINT, 0),
        ("tshark", signal.SIGKILL, -9),
        # It has three, and a temporary file.
        ("pyshark", signal.SIGINT, 0),
        ("pyshark", signal.SIGTERM, 143),
        ("pyshark", signal.SIGHUP, 129),
        ("pyshark", signal.SIGKILL, -9),
    ],
)
def test_signals(tmp_path: Path, backend: str, number: signal.Signals, status: int) -> None:
    with running(tmp_path, "--no-report", backend=backend) as live:
        exchange(live.server)
        text = until(live, "ACK 4/4")
        assert live.children()
        live.process.send_signal(number)
        out, errors = live.process.communicate(timeout=30)
    assert live.process.returncode == status
    assert errors == ""
    assert "SYN 1/3" in text
    assert ("three segments" in out) == (number != signal.SIGKILL)
    assert live.nothing_is_left()
    assert kept(tmp_path) == 10


@pytest.mark.parametrize("traffic", [True, False])
def test_closed_output_ends_it_at_once(tmp_path: Path, traffic: bool) -> None:
    with running(tmp_path) as live:
        assert live.process.stdout is not None
        live.process.stdout.close()
        if traffic:
            exchange(live.server)
        live.process.wait(timeout=10)
        assert live.process.stderr is not None
        errors = live.process.stderr.read()
    assert live.process.returncode == 0
    assert errors == "tcpanalyze: stopped: whoever read the output has closed it\n"
    assert live.nothing_is_left()
    assert not (tmp_path / "reports").exists()
    kept(tmp_path)


# Makes the terminal that is its standard input its own, then becomes the command.
ON_A_TERMINAL = (
    "import fcntl, os, sys, termios; os.setsid(); fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
)


@pytest.mark.parametrize("traffic", [True, False])
def test_the_terminal_goes_away(tmp_path: Path, traffic: bool) -> None:
    need("tcpdump")
    name, value = f"TCPANALYZE_TEST={uuid.uuid4()}".split("=")
    ours, theirs = pty.openpty()
    with socket.create_server(("127.0.0.1", 0)) as server:
        command = ["-m", "analyzer.cli", "live", "-i", "lo", "-f", f"tcp port {server.getsockname()[1]}"]
        with subprocess.Popen(
            [sys.executable, "-c", ON_A_TERMINAL, *command, "-w", "kept.pcapng"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), name: value},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        ) as process:
            os.close(theirs)
            shown = b""
            while b"capturing on" not in shown:
                shown += os.read(ours, 1000)
            if traffic:
                exchange(server)
                while b"ACK 4/4" not in shown:
                    shown += os.read(ours, 1000)
            os.close(ours)
            assert process.wait(timeout=10) == 129
    assert soon(lambda: not processes_with(f"{name}={value}".encode(), "environ"))
    assert kept(tmp_path) == (10 if traffic else 0)


def test_the_child_is_killed(tmp_path: Path) -> None:
    with running(tmp_path, "--no-report", backend="tcpdump") as live:
        exchange(live.server)
        until(live, "ACK 4/4")
        for pid in live.children():
            if b"tcpdump\0" in Path("/proc", str(pid), "cmdline").read_bytes():
                os.kill(pid, signal.SIGKILL)
        out, errors = live.process.communicate(timeout=30)
    assert live.process.returncode == 0
    assert "three segments" in out
    assert "tcpdump ended by signal 9 while it captured" in errors
    assert "is not known" in errors
    assert live.nothing_is_left()
    assert kept(tmp_path) == 10


@pytest.mark.parametrize("victim", [b"pyshark_frames.py", b"tshark", b"dumpcap"])
def test_a_process_of_pyshark_is_killed(tmp_path: Path, victim: bytes) -> None:
    with running(tmp_path, "--no-report", backend="pyshark") as live:
        exchange(live.server)
        until(live, "ACK 4/4")
        killed = [pid for pid in live.children() if victim in program_of(pid)]
        assert killed
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        out, errors = live.process.communicate(timeout=30)
    assert live.process.returncode == 0
    assert "three segments" in out
    assert "pyshark ended " in errors
    assert "is not known" in errors or victim == b"tshark"
    assert live.nothing_is_left()
    assert kept(tmp_path) == 10


def program_of(pid: int) -> bytes:
    """The program's name; for a script, the script's."""
    words = Path("/proc", str(pid), "cmdline").read_bytes().split(b"\0")
    return next(
        (os.path.basename(word) for word in words if word.endswith(b".py")), os.path.basename(words[0])
    )


def test_count_and_duration_end_it(tmp_path: Path) -> None:
    with running(tmp_path, "--no-report", "--count", "4") as live:
        exchange(live.server)
        out, _ = live.process.communicate(timeout=30)
    assert live.process.returncode == 0
    assert "4 frames, 4 TCP segments" in out
    assert kept(tmp_path) == 4
    (tmp_path / "other").mkdir()
    with running(tmp_path / "other", "--no-report", "--duration", "0.1") as live:
        out, errors = live.process.communicate(timeout=30)
    assert live.process.returncode == 0
    assert "no TCP connection" in out
    assert errors == ""


def test_connections_side_by_side_have_their_numbers(tmp_path: Path) -> None:
    with running(tmp_path, "--no-report", "--no-why", "--count", "20") as live:
        exchange(live.server)
        exchange(live.server)
        out, _ = live.process.communicate(timeout=30)
    assert len(re.findall(r"^#0 .*SYN 1/3", out, re.MULTILINE)) == 1
    assert len(re.findall(r"^#1 .*SYN 1/3", out, re.MULTILINE)) == 1
    assert "2 connections" in out


# With stand-ins, in this process.


def test_losses_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    find = StandIns(tmp_path).install("frame", lost=3)
    monkeypatch.setattr("shutil.which", find)
    original = capture.open_live
    monkeypatch.setattr(capture, "open_live", lambda *given: original(*given, find_program=find))
    assert cli.run(["live", "-i", "lo", "--duration", "0.2", "--no-report"]) == 0
    assert "warning: 3 frames were lost by the capture" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["-i", "-w"], "there is no interface -w: there are"),
        (["-i", ";rm"], "there is no interface ;rm: there are"),
        (["-i", "lo", "-w", "-"], "-w - is not possible"),
        (["-i", "lo", "-o", "x", "--no-report"], "exclude each other"),
        ([], "Missing option '-i'"),
        (["-i", "lo", "--duration", "0"], "Invalid value for '--duration'"),
    ],
)
def test_misuse_is_one_sentence(
    arguments: list[str], sentence: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["live", *arguments]) == 2
    captured = capfd.readouterr()
    assert captured.out == ""
    assert sentence in captured.err
    assert captured.err.count("\n") == 1


def test_the_other_commands_are_in_the_help(capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["--help"]) == 0
    assert "tcpanalyze live" in capfd.readouterr().out
