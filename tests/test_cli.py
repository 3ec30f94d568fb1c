"""How the command ends: its exit status, its one sentence on standard error, and nothing half-written."""

from __future__ import annotations

import fcntl
import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

import pytest

from analyzer.commands import COMMANDS
from tests.commands.running import COMMAND, ECHO, IMPATIENT, ROOT, inside, run, said, three_connections
from tests.programs import need

# Misuse and bad input: one sentence, status 2, nothing on standard output.

BAD = {
    "empty": (b"", "is empty"),
    "text": (b"once upon a time\n", "is a text file"),
    "unknown": (bytes(range(128, 192)), "80 81 82 83"),
    "cut-header": (ECHO.read_bytes()[:10], "inside its pcap file header"),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_is_no_capture(kind: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    content, reason = BAD[kind]
    path = tmp_path / kind
    path.write_bytes(content)
    status, out, err = inside([path], capfd)
    assert status == 2
    assert out == ""
    assert reason in err
    assert err.count("\n") == 1


def test_missing_and_directory(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    status, _, err = inside([tmp_path / "nowhere.pcap"], capfd)
    assert (status, "does not exist" in err) == (2, True)
    status, _, err = inside([tmp_path], capfd)
    assert (status, "is a directory" in err) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "Missing argument"),
        ([ECHO, "--bogus"], "No such option"),
        ([ECHO, "--connection", "7"], "connection 7 does not exist"),
        ([ECHO, "--connection", "x"], "not a valid whole number"),
        ([ECHO, "--image-format", "gif"], "gif"),
        ([ECHO, "--no-report", "-o", "x"], "cannot be combined"),
    ],
)
def test_misuse(arguments: list[str | Path], reason: str, capfd: pytest.CaptureFixture[str]) -> None:
    status, out, err = inside(arguments, capfd)
    assert (status, out) == (2, "")
    assert reason in err
    assert err.startswith("tcpanalyze: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["liv", "-i", "lo"], "liv is neither a command nor a capture: did you mean tcpanalyze live?"),
        (["chek"], "chek is neither a command nor a capture: did you mean tcpanalyze check?"),
        (["nothing-like-it"], "nothing-like-it does not exist: check its name and folder"),
        (["live"], "Missing option '-i' / '--interface'; see tcpanalyze live --help"),
        ([ECHO, "--bogus"], "No such option '--bogus'; see tcpanalyze --help"),
    ],
)
def test_what_was_meant_is_named(
    arguments: list[str | Path], said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    status, out, err = inside(arguments, capfd)
    assert (status, out, err) == (2, "", f"tcpanalyze: {said}\n")


def test_a_capture_may_be_called_like_a_mistyped_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "liv").write_bytes(Path(ECHO).read_bytes())
    monkeypatch.chdir(tmp_path)
    assert inside(["liv", "--no-report"], capfd)[0] == 0


def test_hostile_name_is_inert_on_the_terminal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    _, _, err = inside([tmp_path / "a\x1b[2Jb\n"], capfd)
    assert "\x1b" not in err
    assert err.count("\n") == 1


def test_help_and_version(tmp_path: Path) -> None:
    done = run("--help", cwd=tmp_path)
    assert done.returncode == 0
    assert b"CAPTURE" in done.stdout
    assert run("-h", cwd=tmp_path).stdout == done.stdout


# Where the output goes wrong.


def test_full_disk_behind_standard_output(tmp_path: Path) -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full on this system")
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [*COMMAND, str(ECHO), "--no-report"], stdout=full, stderr=subprocess.PIPE, cwd=ROOT, check=False
        )
    assert done.returncode == 2
    assert said(done) == "cannot write the output: No space left on device"


def test_full_disk_behind_the_help(tmp_path: Path) -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full on this system")
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [*COMMAND, "--help"], stdout=full, stderr=subprocess.PIPE, cwd=ROOT, check=False
        )
    assert done.returncode == 2
    assert said(done) == "cannot write the output: No space left on device"


def test_a_refusal_of_the_system_is_not_laid_to_the_output(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", "/a\x1bb")

    monkeypatch.setattr("analyzer.analysis.stored.analyze", refuse)
    status, _, err = inside([ECHO], capfd)
    sentence = "the operating system reported an error: Permission denied: /a\\x1bb"
    assert (status, err) == (2, f"tcpanalyze: {sentence}\n")


EVERY_COMMAND: Final = {
    "text": [ECHO],
    "json": [ECHO, "--json"],
    "stream": [ECHO, "--stream"],
    "help": ["--help"],
    "version": ["--version"],
    "check": ["check", ECHO],
    "demo": ["demo", "echo", "--replay"],
    "diff": ["diff", ECHO, ECHO],
    "explain": ["explain", ECHO, "5", "--no-dissection"],
    "help-of-a-command": ["explain", "--help"],
    "interfaces": ["interfaces"],
    "verify": ["verify", ECHO],
}
"""Every command but `live`, whose end tests/commands/test_live.py looks at."""

MORE_THAN_A_PIPE_HOLDS: Final = {
    "text": ["captures/download.pcap", "--all"],
    "json": ["captures/download.pcap", "--json"],
    "stream": ["captures/clients.pcap", "--stream"],
    "check": ["check", "captures", "--expect", "close = reset"],
    "demo": ["demo", "loss", "--replay"],
    "diff": ["diff", "captures/both-ends/client.pcap", "captures/both-ends/server.pcap", "--json"],
    "explain": ["explain", "captures/download.pcap", "20"],
    "verify": ["verify", *["captures/loss.pcap"] * 30],
}
"""What has more than 4 KiB of output. Anything shorter fits into the pipe before its reader can be gone."""


def test_the_closed_pipe_is_tested_with_every_command() -> None:
    assert COMMANDS.keys() - EVERY_COMMAND.keys() == {"live"}


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
@pytest.mark.parametrize("arguments", EVERY_COMMAND.values(), ids=EVERY_COMMAND)
def test_a_pipe_that_nobody_reads(arguments: list[str | Path], encoding: str, tmp_path: Path) -> None:
    if arguments[0] == "verify":
        need("tshark")
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as gone:
        done = subprocess.run(
            [*COMMAND, *map(str, arguments)],
            stdout=gone,
            stderr=subprocess.PIPE,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": encoding},
            check=False,
        )
    assert (done.returncode, done.stderr) == (141, b"")
    assert os.listdir(tmp_path) == []


@pytest.mark.slow
@pytest.mark.skipif(
    not hasattr(fcntl, "F_SETPIPE_SZ"), reason="the size of a pipe cannot be set on this system"
)
@pytest.mark.parametrize("arguments", MORE_THAN_A_PIPE_HOLDS.values(), ids=MORE_THAN_A_PIPE_HOLDS)
def test_a_pipe_closed_after_one_line(arguments: list[str], tmp_path: Path) -> None:
    """As `head -1` closes it."""
    if arguments[0] == "verify":
        need("tshark")
    read, write = os.pipe()
    fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, 1)
    with os.fdopen(write, "wb") as output:
        child = subprocess.Popen(
            [*COMMAND, *(str(ROOT / word) if word.startswith("captures") else word for word in arguments)],
            stdout=output,
            stderr=subprocess.PIPE,
            cwd=tmp_path,
            # Without a buffer Python takes what went out before the reader left for all of it.
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": ""},
        )
    with child:
        with os.fdopen(read, "rb", buffering=0) as reader:
            assert reader.readline().endswith(b"\n")
        _, errors = child.communicate(timeout=60)
    assert (child.returncode, errors) == (141, b"")


def test_an_error_is_reported_though_nobody_reads(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as gone:
        done = generated(
            tmp_path,
            "import analyzer.cli, analyzer.analysis.stored, analyzer.errors, sys\n"
            "def begin(*_, **__):\n"
            "    sys.stdout.write('half an answer')\n"
            "    raise analyzer.errors.InputError('the rest is damaged')\n"
            "analyzer.analysis.stored.analyze = begin\n"
            "analyzer.cli.main()\n",
            gone,
        )
    assert (done.returncode, said(done)) == (2, "the rest is damaged")


@pytest.mark.slow
def test_interrupted_while_drawing(tmp_path: Path) -> None:
    capture = tmp_path / "three.pcap"
    capture.write_bytes(three_connections())
    child = subprocess.Popen(
        [*COMMAND, str(capture), "-o", str(tmp_path / "out")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
    )
    assert child.stdout is not None
    assert child.stderr is not None
    with child:
        deadline = time.monotonic() + 30
        while not (tmp_path / "out").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=30)
    assert child.returncode == 130
    assert err.decode().splitlines() == ["tcpanalyze: interrupted"]
    assert "ACK 4/4" in out.decode()
    assert all(re.fullmatch(r"connection-\d\.(svg|png)", name) for name in os.listdir(tmp_path / "out"))


@contextmanager
def ending(child: subprocess.Popen[bytes]) -> Iterator[None]:
    """Inside, a failure ends the child."""
    try:
        yield
    finally:
        child.kill()


def test_interrupted_in_a_stream_what_has_ended_is_written(tmp_path: Path) -> None:
    fifo = tmp_path / "grows.pcap"
    os.mkfifo(fifo)
    child = subprocess.Popen(
        [*IMPATIENT, str(fifo), "--stream"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert child.stdout is not None
    with child, ending(child), fifo.open("wb", buffering=0) as pipe:
        recording = ECHO.read_bytes()
        pipe.write(recording)
        # The first frame once more, an hour later and from another port: what was closed then has ended.
        length = 16 + int.from_bytes(recording[32:36], "little")
        seconds = int.from_bytes(recording[24:28], "little") + 3600
        pipe.write(seconds.to_bytes(4, "little") + recording[28:74] + b"\1\1" + recording[76 : 24 + length])
        assert select.select([child.stdout], [], [], 30)[0]
        line = json.loads(child.stdout.readline())
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=30)
    assert (line["id"], line["close"]["outcome"]) == (0, "three-segment")
    assert (child.returncode, out, err.decode().strip()) == (130, b"", "tcpanalyze: interrupted")


def test_interrupted_while_reading(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("analyzer.analysis.stored.analyze", interrupt)
    status, _, err = inside([ECHO], capfd)
    assert (status, err.strip()) == (130, "tcpanalyze: interrupted")


def test_interrupted_in_generated_code(tmp_path: Path) -> None:
    """`python -m` would end by the signal, not with our status, after an exec that was interrupted."""
    done = generated(
        tmp_path,
        "import analyzer.cli, analyzer.analysis.stored\n"
        "analyzer.analysis.stored.analyze = lambda *_, **__: exec('raise KeyboardInterrupt')\n"
        "analyzer.cli.main()\n",
    )
    assert (done.returncode, said(done)) == (130, "interrupted")


def test_out_of_memory_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def exhaust(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr("analyzer.analysis.stored.analyze", exhaust)
    status, _, err = inside([ECHO], capfd)
    assert status == 2
    assert "not enough memory" in err


def test_what_was_analysed_goes_with_the_process(tmp_path: Path) -> None:
    done = generated(
        tmp_path,
        "import analyzer.cli, analyzer.trace.build, os\n"
        "analyzer.trace.build.Judged.__del__ = lambda judged: os.write(2, b'taken apart')\n"
        "analyzer.cli.main()\n",
    )
    assert (done.returncode, done.stderr) == (0, b"")


def generated(
    folder: Path, source: str, output: BinaryIO | int = subprocess.PIPE
) -> subprocess.CompletedProcess[bytes]:
    """What `python -m` makes of a module that runs the command on the echo capture, without pictures."""
    (folder / "generated.py").write_text(source)
    return subprocess.run(
        [sys.executable, "-m", "generated", ECHO, "--no-report"],
        stdout=output,
        stderr=subprocess.PIPE,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(folder))), "PYTHONUNBUFFERED": ""},
        check=False,
    )
