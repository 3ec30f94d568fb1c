"""How the command ends: its exit status, its one sentence on standard error, and nothing half-written."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.commands.running import COMMAND, ECHO, ROOT, inside, run, said, three_connections

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
        ([ECHO, "--connection", "7"], "there is no connection 7"),
        ([ECHO, "--connection", "x"], "not a valid integer"),
        ([ECHO, "--image-format", "gif"], "gif"),
        ([ECHO, "--no-report", "-o", "x"], "exclude each other"),
    ],
)
def test_misuse(arguments: list[str | Path], reason: str, capfd: pytest.CaptureFixture[str]) -> None:
    status, out, err = inside(arguments, capfd)
    assert (status, out) == (2, "")
    assert reason in err
    assert err.startswith("tcpanalyze: ")
    assert err.count("\n") == 1


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
    assert said(done) == "the output cannot be written: No space left on device"


def test_full_disk_behind_the_help(tmp_path: Path) -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full on this system")
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [*COMMAND, "--help"], stdout=full, stderr=subprocess.PIPE, cwd=ROOT, check=False
        )
    assert done.returncode == 2
    assert said(done) == "the output cannot be written: No space left on device"


def test_a_refusal_of_the_system_is_not_laid_to_the_output(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", "/a\x1bb")

    monkeypatch.setattr("analyzer.pipeline.analyze", refuse)
    status, _, err = inside([ECHO], capfd)
    sentence = "the system refused what this needs: Permission denied: /a\\x1bb"
    assert (status, err) == (2, f"tcpanalyze: {sentence}\n")


def test_closed_pipe(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as gone:
        done = subprocess.run(
            [*COMMAND, str(ECHO)],
            stdout=gone,
            stderr=subprocess.PIPE,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            check=False,
        )
    assert done.returncode == 0
    assert said(done) == "stopped: whoever read the output has closed it"
    assert os.listdir(tmp_path) == []


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


def test_interrupted_while_reading(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("analyzer.pipeline.analyze", interrupt)
    status, _, err = inside([ECHO], capfd)
    assert (status, err.strip()) == (130, "tcpanalyze: interrupted")


def test_out_of_memory_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def exhaust(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr("analyzer.pipeline.analyze", exhaust)
    status, _, err = inside([ECHO], capfd)
    assert status == 2
    assert "not enough memory" in err
