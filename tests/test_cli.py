"""The command as a user runs it: exit status, standard output, standard error, and what lies in the folder after."""

from __future__ import annotations

import gzip
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner

from analyzer import cli
from analyzer.commands import output, show

ROOT = Path(__file__).resolve().parent.parent
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


# The main job.


def test_text_then_pictures_and_their_paths(tmp_path: Path) -> None:
    done = run(ECHO, cwd=tmp_path)
    assert done.returncode == 0
    assert done.stderr == b""
    lines = done.stdout.decode().splitlines()
    assert lines[-2:] == ["reports/echo/connection-0.svg", "reports/echo/connection-0.png"]
    assert any("ACK 2/4 + FIN 3/4" in line for line in lines)
    assert sorted(os.listdir(tmp_path / "reports" / "echo")) == ["connection-0.png", "connection-0.svg"]


def test_output_names_the_folder_and_image_format_the_files(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "pictures"
    status, out, _ = inside([ECHO, "-o", folder, "--image-format", "pdf"], capfd)
    assert status == 0
    assert out.splitlines()[-1] == str(folder / "connection-0.pdf")
    assert os.listdir(folder) == ["connection-0.pdf"]


def test_no_report_draws_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert inside([ECHO, "--no-report"], capfd)[0] == 0
    assert os.listdir(tmp_path) == []


def test_summary_leaves_segments_and_pictures_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    status, out, _ = inside([ECHO, "--summary"], capfd)
    assert status == 0
    assert "three segments" in out
    assert "SYN 1/3" not in out
    assert os.listdir(tmp_path) == []


def test_json_holds_the_document_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    status, out, err = inside([ECHO, "--json"], capfd)
    assert (status, err) == (0, "")
    assert json.loads(out)["connections"][0]["close"]["outcome"] == "three-segment"
    assert os.listdir(tmp_path) == []
    status, out, err = inside([ECHO, "--json", "--summary"], capfd)
    assert "segments" not in json.loads(out)["connections"][0]


def test_json_draws_where_output_asks_for_it(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    status, out, _ = inside([ECHO, "--json", "-o", tmp_path / "drawn", "--image-format", "svg"], capfd)
    assert status == 0
    assert json.loads(out)["schema"] == "tcpanalyze/1"
    assert os.listdir(tmp_path / "drawn") == ["connection-0.svg"]


def test_only_the_first_are_drawn_and_it_says_so(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    capture = tmp_path / "three.pcap"
    capture.write_bytes(three_connections())
    status, out, _ = inside([capture, "-o", tmp_path / "o", "--image-format", "svg", "--images", "2"], capfd)
    assert status == 0
    assert sorted(os.listdir(tmp_path / "o")) == ["connection-0.svg", "connection-1.svg"]
    assert "the first 2 of 3 connections" in out
    status, out, _ = inside([capture, "-o", tmp_path / "p", "--image-format", "svg", "--connection", "2"], capfd)
    assert os.listdir(tmp_path / "p") == ["connection-2.svg"]
    assert "the first" not in out
    assert "#2" in out
    assert "#0" not in out


def three_connections() -> bytes:
    """The echo recording three times, each with another client port."""
    recording = ECHO.read_bytes()
    header, records = recording[:24], recording[24:]
    port = struct.pack(">H", struct.unpack(">H", records[16 + 34 : 16 + 36])[0])
    return header + b"".join(records.replace(port, struct.pack(">H", 50000 + number)) for number in range(3))


def test_standard_input_also_compressed(tmp_path: Path) -> None:
    for octets in (ECHO.read_bytes(), gzip.compress(ECHO.read_bytes())):
        done = run("-", cwd=tmp_path, stdin=octets)
        assert done.returncode == 0
        assert done.stdout.decode().splitlines()[-1] == "reports/stdin/connection-0.png"


@pytest.mark.parametrize(
    ("capture", "name"),
    [
        ("a/echo.pcap", "echo"),
        ("echo.PCAPNG", "echo"),
        ("echo.pcap.gz", "echo"),
        ("x.cap", "x"),
        (".pcap", ".pcap"),
        ("plain", "plain"),
        ("-", "stdin"),
    ],
)
def test_the_folder_is_named_after_the_capture(capture: str, name: str) -> None:
    assert output.name_of(capture) == name


def test_ascii(capfd: pytest.CaptureFixture[str]) -> None:
    assert inside([ECHO, "--no-report", "--ascii"], capfd)[1].isascii()


def test_a_truncated_capture_is_reported_as_far_as_it_goes(tmp_path: Path) -> None:
    cut = tmp_path / "cut.pcap"
    cut.write_bytes(ECHO.read_bytes()[:-5])
    done = run(cut, "--no-report", cwd=tmp_path)
    assert done.returncode == 0
    assert said(done).startswith("warning: the file ends inside the record")
    assert b"9 frames" in done.stdout
    document = json.loads(run(cut, "--json", cwd=tmp_path).stdout)
    assert document["capture"]["truncated"] is True
    assert len(document["capture"]["warnings"]) == 1


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
    assert CliRunner().invoke(show.command, ["-h"]).exit_code == 0


# Where the output goes wrong.


def test_an_unwritable_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reports").write_text("a file where the folder should be")
    status, out, err = inside([ECHO], capfd)
    assert status == 2
    assert "SYN 1/3" in out
    assert "cannot write reports/echo" in err


def test_full_disk_behind_standard_output(tmp_path: Path) -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full on this system")
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [*COMMAND, str(ECHO), "--no-report"], stdout=full, stderr=subprocess.PIPE, cwd=ROOT, check=False
        )
    assert done.returncode == 2
    assert said(done) == "the output cannot be written: No space left on device"


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


def test_interrupted_while_reading(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    def interrupt(path: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("analyzer.pipeline.analyze", interrupt)
    status, _, err = inside([ECHO], capfd)
    assert (status, err.strip()) == (130, "tcpanalyze: interrupted")


def test_out_of_memory_is_a_sentence(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    def exhaust(path: str) -> None:
        raise MemoryError

    monkeypatch.setattr("analyzer.pipeline.analyze", exhaust)
    status, _, err = inside([ECHO], capfd)
    assert status == 2
    assert "not enough memory" in err


# On a terminal.


def on_a_terminal(arguments: Sequence[str], cwd: Path, **environment: str) -> bytes:
    """Standard output and error of the command on a terminal of their own."""
    leader, follower = pty.openpty()
    with os.fdopen(follower, "wb", buffering=0) as terminal:
        child = subprocess.Popen(
            [*COMMAND, *arguments],
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


def test_colour_only_on_a_terminal_and_without_no_color(tmp_path: Path) -> None:
    assert b"\x1b[" in on_a_terminal([str(ECHO), "--no-report"], tmp_path)
    assert b"\x1b[" not in on_a_terminal([str(ECHO), "--no-report"], tmp_path, NO_COLOR="1")
    assert b"\x1b[" not in on_a_terminal([str(ECHO), "--no-report"], tmp_path, TERM="dumb")
    assert b"\x1b[" not in run(ECHO, "--no-report", cwd=tmp_path).stdout


def test_a_bar_while_drawing_and_none_left_behind(tmp_path: Path) -> None:
    capture = tmp_path / "three.pcap"
    capture.write_bytes(three_connections())
    shown = on_a_terminal([str(capture), "-o", "out", "--image-format", "svg"], tmp_path)
    assert b"drawing" in shown
    assert b"out/connection-2.svg" in shown
