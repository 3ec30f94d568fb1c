"""tcpanalyze live: for real on loopback, and however it ends nothing is left."""

from __future__ import annotations

import os
import pty
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from analyzer import cli
from analyzer.analysis.growing import follow
from analyzer.analysis.stored import analyze
from analyzer.capture import live_capture as capture
from analyzer.capture.backends import NAMED
from analyzer.report.growing_ladder import GrowingLadder
from analyzer.report.terminal import Style
from tests.capture.stand_ins import StandIns, processes_with, soon
from tests.live import exchange, need

ROOT = Path(__file__).parents[2]
LABELS = ["SYN 1/3", "SYN-ACK 2/3", "ACK 3/3", "DATA", "FIN 1/4", "ACK 2/4 + FIN 3/4", "ACK 4/4"]

WIDTH = "110"


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
        "COLUMNS": WIDTH,
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


def until(running: Running, words: str, begin: str = "") -> str:
    """What it prints up to the line with these words that begins so."""
    assert running.process.stdout is not None
    text = ""
    for line in running.process.stdout:
        text += line
        if words in line and line.startswith(begin):
            return text
    raise AssertionError(text)


def kept(folder: Path) -> int:
    trace = analyze(folder / "kept.pcapng")
    assert not trace.capture.truncated
    return trace.capture.frames


@pytest.mark.slow
@pytest.mark.parametrize("backend", NAMED)
def test_the_ladder_the_verdict_and_the_same_labels_as_the_file(tmp_path: Path, backend: str) -> None:
    drawn = [] if backend == "tcpdump" else ["--no-report"]
    with running(tmp_path, "--until", "closed", *drawn, backend=backend) as live:
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
    assert_the_same_as_the_file(out, tmp_path / "kept.pcapng")


def assert_the_same_as_the_file(out: str, path: Path) -> int:
    """That the ladder of `path` grows as `out` did: states, labels, notes and reasons; gives its segments."""
    trace = analyze(path)
    ladder = GrowingLadder(Style(int(WIDTH), False, False))
    numbered = [(segment.frame, one, segment) for one in trace for segment in one.segments]
    lines: list[str] = []
    headed: set[int] = set()
    for _, connection, segment in sorted(numbered, key=lambda entry: entry[0]):
        if connection.id not in headed:
            headed.add(connection.id)
            lines += ladder.connection_lines(connection, segment)
        lines += ladder.segment_lines(connection.id, segment)
    assert out.splitlines()[: len(lines)] == lines
    # What was not in the ladder begins with an empty line.
    assert out.splitlines()[len(lines)] == ""
    return len(numbered)


@pytest.mark.slow
@pytest.mark.parametrize("backend", NAMED)
def test_every_segment_shown_is_that_of_the_file(tmp_path: Path, backend: str) -> None:
    with running(tmp_path, "--no-report", backend=backend) as live:
        half_close(live.server)
        reset(live.server)
        exchange(live.server)
        text = until(live, "ACK 4/4", "#2 ")
        live.process.send_signal(signal.SIGINT)
        assert live.process.stdout is not None
        assert live.process.stderr is not None
        # Not communicate(), which would leave out what `until` has read ahead.
        text += live.process.stdout.read()
        assert live.process.stderr.read() == ""
        assert live.process.wait(30) == 0
    assert assert_the_same_as_the_file(text, tmp_path / "kept.pcapng") > 20
    # There was something to compare: a state, a reason, two notes and a label of each of the three.
    assert {"FIN-WAIT-2", "half-close", "zero window", "RST"} <= set(
        re.findall(r"FIN-WAIT-2|half-close|zero window|RST", text)
    )
    assert "moves from" in " ".join(text.split())


@pytest.mark.slow
@pytest.mark.parametrize("backend", NAMED)
def test_every_value_of_a_segment_is_that_of_the_file(tmp_path: Path, backend: str) -> None:
    need("tshark" if backend == "pyshark" else backend)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        kept = tmp_path / "kept.pcapng"
        with capture.open_live("lo", f"tcp port {port}", backend, kept) as live:
            half_close(server)
            reset(server)
            exchange(server)
            # pyshark hands over late, and says nothing of losses.
            threading.Timer(2.5 if backend == "pyshark" else 0.5, live.stop).start()
            following = follow(live.records, "live", stored=str(kept))
            seen = [(sighting.number, sighting.segment) for sighting in following]
            shown = following.trace()
    trace = analyze(kept)
    assert shown.capture.lost_frames in ({None, 0} if backend == "pyshark" else {0})
    assert trace.capture.lost_frames == shown.capture.lost_frames
    stored = [(connection.id, segment) for connection in trace for segment in connection.segments]
    # Equal in every field: frame, time, states, labels, notes, reasons and payload.
    assert seen == sorted(stored, key=lambda entry: entry[1].frame)
    assert {note for _, segment in seen for note in segment.notes} >= {"half_close", "zero_window"}
    assert [one.verdict for one in shown] == [one.verdict for one in trace]
    assert [one.close for one in shown] == [one.close for one in trace]


def half_close(server: socket.socket) -> None:
    """The client closes its half, and the server goes on sending before it closes its own."""
    with socket.create_connection(server.getsockname()[:2]) as client:
        accepted, _ = server.accept()
        with accepted:
            client.shutdown(socket.SHUT_WR)
            assert accepted.recv(1) == b""
            accepted.sendall(b"still here")
        while client.recv(100):
            pass


def reset(server: socket.socket) -> None:
    """A reader that reads nothing until its window is closed, and then resets."""
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        client.connect(server.getsockname()[:2])
        accepted, _ = server.accept()
        with accepted:
            accepted.setblocking(False)
            deadline = time.monotonic() + 0.2
            while time.monotonic() < deadline:
                with suppress(BlockingIOError):
                    accepted.send(bytes(4000))
                time.sleep(0.01)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()


@pytest.mark.slow
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


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "status", "wait"),
    [
        (signal.SIGINT, 130, 0.0),
        (signal.SIGINT, 130, 0.1),
        (signal.SIGTERM, -15, 0.0),
        (signal.SIGHUP, -1, 0.0),
        (signal.SIGKILL, -9, 0.5),
    ],
)
def test_signals_before_the_capture_is_ready(
    tmp_path: Path, number: signal.Signals, status: int, wait: float
) -> None:
    """At once when the capture program runs, where its guardian may not yet, and a little later."""
    stand_ins = StandIns(tmp_path)
    stand_ins.install("never")
    (tmp_path / "tmp").mkdir()
    name, value = f"TCPANALYZE_TEST={uuid.uuid4()}".split("=")
    with subprocess.Popen(
        [sys.executable, "-m", "analyzer.cli", "live", "-i", "lo", "-w", "kept.pcapng"],
        cwd=tmp_path,
        env={
            **os.environ,
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "TMPDIR": str(tmp_path / "tmp"),
            name: value,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert soon(lambda: bool(stand_ins.running()), within=20)
            time.sleep(wait)
            process.send_signal(number)
            out, errors = process.communicate(timeout=20)
        finally:
            process.kill()
    assert process.returncode == status
    assert out == ""
    assert errors == ("tcpanalyze: interrupted\n" if number == signal.SIGINT else "")
    assert soon(lambda: not processes_with(f"{name}={value}".encode(), "environ"))
    assert not list((tmp_path / "tmp").iterdir())
    assert not (tmp_path / "kept.pcapng").exists()


@pytest.mark.slow
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
    assert (live.process.returncode, errors) == (141, "")
    assert live.nothing_is_left()
    assert not (tmp_path / "reports").exists()
    kept(tmp_path)


# Makes the terminal that is its standard input its own, then becomes the command.
ON_A_TERMINAL = (
    "import fcntl, os, sys, termios; os.setsid(); fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
)


@pytest.mark.slow
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


@pytest.mark.slow
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
    assert "tcpdump ended by signal 9 during the capture" in errors
    assert "is not known" in errors
    assert live.nothing_is_left()
    assert kept(tmp_path) == 10


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
def test_connections_side_by_side_have_their_numbers(tmp_path: Path) -> None:
    with running(tmp_path, "--no-report", "--no-why", "--count", "20") as live:
        exchange(live.server)
        exchange(live.server)
        out, _ = live.process.communicate(timeout=30)
    assert len(re.findall(r"^#0 .*SYN 1/3", out, re.MULTILINE)) == 1
    assert len(re.findall(r"^#1 .*SYN 1/3", out, re.MULTILINE)) == 1
    assert "2 connections" in out


# With stand-ins, in this process.


@pytest.mark.slow
def test_losses_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    find = StandIns(tmp_path).install("frame", lost=3)
    monkeypatch.setattr("shutil.which", find)
    original = capture.open_live
    monkeypatch.setattr(capture, "open_live", lambda *given: original(*given, find_program=find))
    assert cli.run(["live", "-i", "lo", "--duration", "0.2", "--no-report"]) == 0
    captured = capfd.readouterr()
    assert "the capture lost up to 3 frames: segments that seem to be missing below may" in captured.out
    assert "warning" not in captured.err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["-i", "-w"], "interface -w does not exist: choose one of"),
        (["-i", ";rm"], "interface ;rm does not exist: choose one of"),
        (["-i", "lo", "-w", "-"], "-w - is not possible"),
        (["-i", "lo", "-o", "x", "--no-report"], "cannot be combined"),
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
