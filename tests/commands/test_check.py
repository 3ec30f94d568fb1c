"""tcpanalyze check as a user runs it: every exit status, every option, and real programs."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import jsonschema
import pytest
from lxml import etree

from analyzer.capture.marker import Marker
from analyzer.check.formats import FORMATS as TABLE
from analyzer.commands.check import FORMATS
from analyzer.errors import InputError
from tests.commands.running import COMMAND, ECHO, ROOT, inside, run
from tests.live import need
from tools.check_reference import CLOSES

FOUR_WAY = ROOT / "captures" / "four-way.pcap"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where we are: a capture, and nothing expected of it yet."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(ECHO, tmp_path / "echo.pcap")
    return tmp_path


class Runner:
    """`check` in this process."""

    def __init__(self, capfd: pytest.CaptureFixture[str]) -> None:
        self._capfd = capfd

    def __call__(self, *arguments: str | Path) -> tuple[int, str, str]:
        return inside(["check", *arguments], self._capfd)


@pytest.fixture
def checks(folder: Path, capfd: pytest.CaptureFixture[str]) -> Runner:
    return Runner(capfd)


def test_status_0_all_is_as_expected(checks: Runner) -> None:
    status, out, errors = checks(
        "echo.pcap", "--expect", "handshake=complete", "--expect", "close=three-segment", "--expect", "active=client",
        "--max", "retransmission=0", "--min", "data.client.bytes=2", "-e", "handshake.rtt < 50ms",
        "-e", "duration < 2s",
    )  # fmt: skip
    assert (status, errors) == (0, "")
    assert out == "1 capture, 8 expectations: all as expected\n"


def test_status_1_it_is_not(checks: Runner) -> None:
    status, out, errors = checks(
        "echo.pcap", "--expect", "close=four-segment", "--max", "data.client.bytes=1"
    )
    assert (status, errors) == (1, "")
    lines = out.splitlines()
    assert (
        lines[0] == "echo.pcap:frame 9: error: close is three-segment, expected four-segment [close.outcome]"
    )
    assert "  note: expected by --expect close=four-segment" in lines
    assert "  note: expected by --max data.client.bytes=1" in lines
    assert lines[-1] == "1 capture, 3 expectations: 2 findings"


def test_status_2_a_capture_that_cannot_be_read_and_the_others_all_the_same(checks: Runner) -> None:
    status, out, _ = checks("missing.pcap", "echo.pcap", "-e", "close=reset")
    assert status == 2
    assert "missing.pcap: error: missing.pcap does not exist" in out
    assert "echo.pcap:frame 9: error: close is three-segment, expected reset" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "no capture is named"),
        (["echo.pcap", "-e", "clos=reset"], "there is no key clos: did you mean close?"),
        (["echo.pcap", "-e", "close=rest"], "close.outcome cannot be rest: did you mean reset?"),
        (["echo.pcap", "-e", "close"], "write KEY OPERATOR VALUE"),
        (["echo.pcap", "--only", "id ==", "-e", "close=reset"], "the filter 'id ==' is not valid"),
        (["echo.pcap", "--max", "close"], "write KEY=VALUE"),
        (["empty"], "empty has no captures"),
        (["echo.pcap", "--record", "--update"], "exclude each other"),
        (["echo.pcap", "--record", "-e", "close=reset"], "take only captures"),
        (["echo.pcap", "--only", "id == 0"], "apply to expectations of the command line"),
        (["echo.pcap", "-i", "lo"], "--interface needs --live"),
        (["echo.pcap", "-f", "tcp"], "--filter needs --live"),
        (["--live"], "--live runs a command"),
        (["--live", "--", "true"], "there are no expectations: use --expect or --expectations"),
        (
            ["--live", "--expectations", "missing.toml", "--", "true"],
            "cannot read the expectations in missing.toml",
        ),
        (["--live", "-i", "nosuch", "-e", "close=reset", "--", "true"], "interface nosuch does not exist"),
        (["echo.pcap", "--format", "pdf"], "--format"),
        (["echo.pcap", "-e", "close=reset", "-o", "echo.pcap/x"], "cannot write echo.pcap/x"),
        (["echo.pcap", "-e", "close=reset", "--nosuch"], "--nosuch"),
    ],
)
def test_status_2_wrong_usage(checks: Runner, folder: Path, arguments: Sequence[str], words: str) -> None:
    (folder / "empty").mkdir()
    status, out, errors = checks(*arguments)
    assert status == 2
    assert words in errors
    assert len(errors.splitlines()) == 1
    assert out == ""


def test_nothing_expected(checks: Runner) -> None:
    status, out, _ = checks("echo.pcap")
    assert status == 2
    assert "echo.pcap has no expectations" in out


def test_chosen_connections(checks: Runner) -> None:
    clients = ROOT / "captures" / "clients.pcap"
    _, out, _ = checks(clients, "--connection", "1", "--connection", "4", "-e", "close=reset")
    assert [line.split()[4] for line in out.splitlines() if ": error: " in line] == ["1:", "4:"]
    status, out, _ = checks(clients, "--only", "server.port == 1", "-e", "close=reset")
    assert status == 1
    assert "none of the 6 connections matches server.port == 1" in out
    assert checks(clients, "--only", "server.port == 1", "-e", "close=reset", "--allow-none")[0] == 0


def test_a_capture_that_is_cut_off(checks: Runner, folder: Path) -> None:
    (folder / "cut.pcap").write_bytes(ECHO.read_bytes()[:-5])
    status, out, _ = checks("cut.pcap", "-e", "handshake=complete")
    assert status == 1
    assert "cut.pcap: error: capture.truncated is true, expected false [capture.truncated]" in out
    assert checks("cut.pcap", "-e", "handshake=complete", "--allow-truncated")[0] == 0


@pytest.mark.slow
def test_standard_input(folder: Path) -> None:
    done = run("check", "-", "-e", "close=three-segment", cwd=folder, stdin=ECHO.read_bytes())
    assert (done.returncode, done.stderr) == (0, b"")
    done = run("check", "-", cwd=folder, stdin=ECHO.read_bytes())
    assert done.returncode == 2


def test_folders_and_patterns(checks: Runner, folder: Path) -> None:
    shutil.copy(FOUR_WAY, folder)
    for names in ((".",), ("*.pcap",), ("echo.pcap", "four-way.pcap")):
        _, out, _ = checks(*names, "-e", "handshake=complete")
        assert out.startswith("2 captures, 4 expectations")


def test_record_check_change_update(checks: Runner, folder: Path) -> None:
    assert checks("--record", ".") == (0, "echo.expect.toml\n", "")
    assert checks("echo.pcap")[0] == 0
    status, _, errors = checks("--record", "echo.pcap")
    assert status == 2
    assert "echo.expect.toml exists already" in errors
    assert checks("--update", "echo.pcap") == (0, "echo.expect.toml: unchanged\n", "")
    shutil.copy(FOUR_WAY, folder / "echo.pcap")
    status, out, _ = checks("echo.pcap")
    assert status == 1
    assert "expected by echo.expect.toml:17" in out
    status, out, _ = checks("--update", "echo.pcap", "missing.pcap")
    assert status == 2
    assert '+close.outcome = "four-segment"' in out
    assert checks("echo.pcap")[0] == 0


def test_an_update_leaves_a_bound_and_says_that_it_does_not_hold(checks: Runner, folder: Path) -> None:
    mine = "[connections]\nhandshake.rtt = '< 1ns'\n"
    (folder / "echo.expect.toml").write_text(mine)
    status, out, _ = checks("--update", "echo.pcap")
    assert status == 1
    assert out.startswith("echo.expect.toml: unchanged\necho.pcap:frame 3: error: handshake.rtt is ")
    assert (folder / "echo.expect.toml").read_text() == mine


def test_two_captures_cannot_share_a_file(checks: Runner, folder: Path) -> None:
    shutil.copy(ECHO, folder / "echo.pcapng")
    status, _, errors = checks("--record", "echo.pcap", "echo.pcapng")
    assert status == 2
    assert "would share one file of expectations" in errors


def test_named_files_of_expectations(checks: Runner, folder: Path) -> None:
    (folder / "mine.toml").write_text("[connections]\nclose = 'reset'\n")
    (folder / "echo.expect.toml").write_text("[connections]\nclose = 'open'\n")
    _, out, _ = checks("echo.pcap", "--expectations", "mine.toml")
    assert "expected reset" in out
    assert "expected open" not in out


def test_schema(checks: Runner) -> None:
    status, out, _ = checks("--schema")
    assert status == 0
    jsonschema.Draft7Validator.check_schema(json.loads(out))


@pytest.mark.parametrize("form", FORMATS)
def test_every_format(checks: Runner, folder: Path, form: str) -> None:
    status, out, errors = checks("echo.pcap", "-e", "close=reset", "--format", form)
    assert (status, errors) == (1, "")
    assert "close is three-segment, expected reset" in out
    status, printed, _ = checks("echo.pcap", "-e", "close=reset", "--format", form, "-o", "made/report")
    assert status == 1
    assert (folder / "made" / "report").read_text("utf-8") == out
    assert printed.startswith("echo.pcap:frame 9: error: ")


def test_the_formats_are_those_of_the_table() -> None:
    assert list(FORMATS) == list(TABLE)


def test_junit_beside_another(checks: Runner, folder: Path) -> None:
    _, out, _ = checks("echo.pcap", "-e", "close=reset", "--format", "tap", "--junit", "junit.xml")
    assert out.startswith("TAP version 14")
    assert etree.parse(folder / "junit.xml").getroot().get("failures") == "1"


@pytest.mark.parametrize("environment", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C"}], ids=str)
def test_a_locale_without_the_characters(folder: Path, environment: dict[str, str]) -> None:
    done = run("check", "echo.pcap", "-e", "close=reset", cwd=folder, stdin=b"", **environment)
    assert done.returncode == 1
    assert done.stdout.isascii()
    assert b"127.0.0.1:48520 -> 127.0.0.1:20000: opened" in done.stdout


def test_a_machine_s_format_without_the_characters(folder: Path) -> None:
    arguments = ("check", "echo.pcap", "-e", "close=reset", "--format", "junit")
    done = run(*arguments, cwd=folder, PYTHONIOENCODING="ascii")
    assert done.returncode == 1
    assert b"\\u2192" in done.stdout


@pytest.mark.slow
def test_a_name_that_is_hostile(folder: Path) -> None:
    name = "a\x1b[2J\n::error::b.pcap"
    shutil.copy(ECHO, folder / name)
    for form in FORMATS:
        done = run("check", name, "-e", "close=reset", "--format", form, cwd=folder)
        assert done.returncode == 1
        assert b"\x1b" not in done.stdout
        assert b"\n::error::b" not in done.stdout


# With a command.


def live(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    need("tcpdump")
    return run("check", "--live", "-i", "lo", *arguments, cwd=folder)


ASK = (
    "import socket, sys; server = socket.create_server(('127.0.0.1', int(sys.argv[1]))); "
    "client = socket.create_connection(server.getsockname()); peer, _ = server.accept(); "
    "client.sendall(b'AB'); peer.recv(2); client.close(); peer.recv(1); peer.close(); server.close(); "
    "print('done'); sys.exit(int(sys.argv[2]))"
)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


@pytest.mark.slow
@pytest.mark.parametrize(
    ("own", "close", "status"),
    [(0, "three-segment", 0), (0, "reset", 1), (3, "three-segment", 3), (3, "reset", 3), (1, "reset", 1)],
)
def test_live_ends_with_the_worse_of_both(folder: Path, own: int, close: str, status: int) -> None:
    port = str(free_port())
    done = live(
        folder, "-f", f"tcp port {port}", "-e", f"close={close}", "-w", "kept.pcapng",
        "--", sys.executable, "-c", ASK, port, str(own),
    )  # fmt: skip
    assert done.returncode == status, done.stderr
    assert done.stdout.startswith(b"done\n"), "the command has our standard output, and has it first"
    kept = run("check", "kept.pcapng", "-e", "close=three-segment", "-e", "frames=8", cwd=folder)
    assert kept.returncode == 0, kept.stdout


NOBODY: Final = ("--live", "-f", "tcp port 1")


def test_live_with_a_command_that_a_signal_ends(checks: Runner) -> None:
    need("tcpdump")
    status, _, _ = checks(*NOBODY, "-e", "connections=0", "--", "sh", "-c", "kill -TERM $$")
    assert status == 128 + signal.SIGTERM


def test_live_with_a_command_that_is_none(checks: Runner, folder: Path) -> None:
    need("tcpdump")
    status, _, errors = checks(*NOBODY, "-e", "connections=0", "--", "no-such-command")
    assert status == 127
    assert errors == "tcpanalyze: cannot run no-such-command: No such file or directory\n"
    (folder / "plain").write_text("")
    assert checks(*NOBODY, "-e", "connections=0", "--", "./plain")[0] == 126


def test_live_with_nothing_captured_is_a_finding(checks: Runner) -> None:
    need("tcpdump")
    status, out, _ = checks(*NOBODY, "-e", "close=open", "--", "true")
    assert status == 1
    assert "live on lo: error: the capture has no TCP connections, expected at least one" in out


def test_live_says_where_it_is_not_certain(checks: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    need("tcpdump")

    def refuse(self: Marker) -> None:
        raise InputError("lo takes no datagram")

    monkeypatch.setattr(Marker, "send", refuse)
    _, _, errors = checks(*NOBODY, "-e", "connections=0", "--", "true")
    assert errors == "tcpanalyze: warning: lo takes no datagram\n"


@pytest.mark.slow
def test_live_and_ctrl_c(folder: Path) -> None:
    """The terminal sends it to both: the command ends first, then we do, and nothing is left."""
    need("tcpdump")
    # It sleeps in short stretches: Python does not notice a signal that comes while it is about to sleep.
    ready = "import os, time; print(os.getpid(), flush=True)\nwhile True: time.sleep(0.01)"
    with subprocess.Popen(
        [
            *COMMAND,
            "check",
            "--live",
            "-f",
            "tcp port 1",
            "-e",
            "close=open",
            "--",
            sys.executable,
            "-c",
            ready,
        ],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
    ) as process:
        assert process.stdout is not None
        command = int(process.stdout.readline())
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 130
    assert errors.splitlines()[-1] == "tcpanalyze: interrupted"
    with pytest.raises(ProcessLookupError):
        os.kill(command, 0)


@pytest.mark.slow
def test_ctrl_c_while_the_command_is_started(
    checks: Runner, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It runs already, and Python does not know it yet: it is waited for all the same."""
    need("tcpdump")

    started = ("sh", "-c", "sleep 0.3; touch over")

    class Interrupted(subprocess.Popen[bytes]):
        def __init__(self, arguments: Sequence[str], **others: Any) -> None:
            super().__init__(arguments, **others)
            if arguments == started:
                signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patched:
        patched.setattr(subprocess, "Popen", Interrupted)
        status, _, errors = checks(*NOBODY, "-e", "close=open", "--", *started)
    assert (status, errors) == (130, "tcpanalyze: interrupted\n")
    assert (folder / "over").exists()


# Real programs.

NGINX: Final = """
daemon off; pid {folder}/pid; error_log {folder}/error.log; worker_processes 1;
events {{ worker_connections 32; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{ listen 127.0.0.1:{port}; location / {{ return 200 "hello\\n"; }} }}
}}
"""


@contextmanager
def serving(command: Sequence[str], port: int) -> Iterator[None]:
    """A server that listens when the block begins, and is gone after it."""
    need(command[0])
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + 10
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port)).close()
                    break
                except ConnectionRefusedError:
                    assert process.poll() is None
                    assert time.monotonic() < deadline
                    time.sleep(0.01)
            yield
        finally:
            process.terminate()


@contextmanager
def nginx(folder: Path, port: int) -> Iterator[None]:
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port))
    # As root it gives its workers away to a user of its own, to whom this folder is closed.
    log = str(folder / "error.log")
    with serving(["nginx", "-c", str(folder / "nginx.conf"), "-e", log], port):
        yield


@contextmanager
def redis(folder: Path, port: int) -> Iterator[None]:
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    with serving(command, port):
        yield


@contextmanager
def nobody(folder: Path, port: int) -> Iterator[None]:
    yield


URL = "http://127.0.0.1:{port}/"
EXCHANGES: Final = {
    "curl sends one request to nginx": (nginx, ["curl", "-sS", URL], 0),
    "curl sends a request with `Connection: close` to nginx": (
        nginx,
        ["curl", "-sS", "-H", "Connection: close", URL],
        0,
    ),
    "redis-cli sends one command to redis": (redis, ["redis-cli", "-p", "{port}", "PING"], 0),
    "redis-cli tells redis to shut down": (redis, ["redis-cli", "-p", "{port}", "SHUTDOWN", "NOSAVE"], 0),
    "curl connects to a port on which no program listens": (nobody, ["curl", "-sS", URL], 7),
}


@pytest.mark.slow
@pytest.mark.parametrize(("exchange", "holds"), [(what, holds) for what, holds, _ in CLOSES])
def test_what_the_documentation_says_of_real_programs(
    folder: Path, exchange: str, holds: tuple[str, ...]
) -> None:
    serve, command, status = EXCHANGES[exchange]
    need("tcpdump")
    need(command[0])
    port = free_port()
    with serve(folder, port):
        done = live(
            folder, "-f", f"tcp port {port}", *(part for one in holds for part in ("-e", one)), "-e", "connections=1",
            "--", *(word.format(port=port) for word in command),
        )  # fmt: skip
    assert done.returncode == status, done.stdout.decode()
    assert b"all as expected" in done.stdout
