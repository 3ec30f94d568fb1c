from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest

from analyzer.cli import run
from analyzer.commands.demo import _teller
from analyzer.errors import UsageError
from analyzer.lab import record as recorder
from analyzer.lab import scenarios
from analyzer.lab.scenarios import SCENARIOS
from analyzer.lab.stage import Scenario

# Whoever runs the tests in the background may have SIGINT ignored, and a child inherits that.
HEARS_SIGINT = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.mark.parametrize("arguments", [[], ["--list"], ["echo", "--list"]])
def test_the_list_names_every_scenario_and_what_it_needs(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["demo", *arguments]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:-2] if not line.startswith(" ")] == list(SCENARIOS)
    assert lines[0].split() == ["scenario", "needs", "what", "it", "shows"]
    assert [line.split()[1:3] for line in lines if line.startswith("by-hand ")] == [["root,", "scapy"]]
    assert all(len(line) <= 100 for line in lines)
    assert lines[-1] == "All scenarios need the permission to capture. With --replay they need nothing."


@pytest.mark.parametrize("arguments", [["--list"], ["echo", "--replay", "--speed", "1000"]])
@pytest.mark.parametrize("width", [40, 60])
def test_a_narrow_terminal_shows_all_of_it(
    arguments: list[str], width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    assert run(["demo", *arguments, "--ascii"]) == 0
    out = capsys.readouterr().out
    assert out.isascii()
    assert max(map(len, out.splitlines())) <= width
    assert SCENARIOS["echo"].shows in " ".join(out.split())


def test_what_a_scenario_tells_fits_the_terminal_and_its_characters(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    _teller(True)("→ flags=PA seq=1001 ack=729230384 payload='made by hand'")
    assert capsys.readouterr().out == (
        "     -> flags=PA seq=1001\n     ack=729230384\n     payload='made by hand'\n"
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nobody"], "scenario nobody does not exist"),
        (["--port", "1"], "name a scenario: "),
        (["--replay"], "name a scenario: "),
        (["echo", "--replay", "--port", "1"], "--replay plays a recording"),
        (["echo", "--replay", "--record", "x"], "--replay plays a recording"),
        (["echo", "--speed", "2"], "--speed works only with --replay: add --replay or remove --speed"),
        (["echo", "--replay", "--speed", "0"], "Invalid value"),
    ],
)
def test_what_makes_no_sense_is_a_sentence(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["demo", *arguments]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"tcpanalyze: {sentence}")


@pytest.mark.slow
@pytest.mark.parametrize("scenario", [SCENARIOS["echo"]], ids=["echo"])
def test_a_scenario_is_shown_and_judged(live_scenario: Scenario, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["demo", "echo", "--port", "20998"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("A socketserver echo server receives two bytes")
    assert "→ 127.0.0.1:20998" in printed
    assert "SYN-ACK 2/3" in printed
    assert printed.splitlines()[-1] == "The capture shows what the scenario promises."


@pytest.mark.slow
@pytest.mark.parametrize("scenario", [SCENARIOS["refused"]], ids=["refused"])
def test_a_broken_promise_ends_with_status_1(
    live_scenario: Scenario,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    lying = replace(live_scenario, promise=SCENARIOS["echo"].promise)
    monkeypatch.setattr(scenarios, "SCENARIOS", {"refused": lying})
    for arguments in ([], ["--record", str(tmp_path / "out")]):
        assert run(["demo", "refused", *arguments]) == 1
        assert "does not show what the scenario promises: connection 0: handshake" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_recording_is_played_at_its_pace(capsys: pytest.CaptureFixture[str]) -> None:
    before = time.monotonic()
    assert run(["demo", "--replay", "four-way"]) == 0
    took = time.monotonic() - before
    assert 0.3 < took < 3
    assert "FIN 3/4" in capsys.readouterr().out
    before = time.monotonic()
    assert run(["demo", "--replay", "unanswered", "--speed", "100"]) == 0
    assert time.monotonic() - before < 2


def test_record_takes_one_or_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded: list[tuple[str, int | None]] = []

    def pretend(scenario: Scenario, directory: str, *, port: int | None) -> Path:
        recorded.append((scenario.name, port))
        return Path(directory) / scenario.file_name

    monkeypatch.setattr(recorder, "record", pretend)
    assert run(["demo", "reset", "--record", str(tmp_path), "--port", "4711"]) == 0
    assert run(["demo", "--record", str(tmp_path)]) == 0
    assert recorded == [("reset", 4711), *((name, None) for name in SCENARIOS)]
    assert capsys.readouterr().out.splitlines()[:2] == [f"{tmp_path}/reset.pcap", f"{tmp_path}/echo.pcap"]


def test_a_terminated_command_leaves_nothing(tmp_path: Path) -> None:
    waits = '#!/bin/sh\necho $$ > "$0.pid"\nexec sleep 60\n'
    program = tmp_path / "bin" / "tcpdump"
    program.parent.mkdir()
    program.write_text(waits)
    program.chmod(0o755)
    pid_file = program.with_suffix(".pid")
    tool = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "from analyzer.cli import main; main()",
            "demo",
            "echo",
            "--record",
            str(tmp_path / "out"),
        ],
        env={**os.environ, "PATH": f"{program.parent}:/bin:/usr/bin"},
        cwd=ROOT,
        stderr=subprocess.PIPE,
    )
    with tool:
        deadline = time.monotonic() + 10
        while not (pid_file.exists() and pid_file.read_text()):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        tool.terminate()
        _, said = tool.communicate(timeout=10)
    assert tool.returncode == 128 + signal.SIGTERM
    assert said == b"tcpanalyze: ended by SIGTERM\n"
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid_file.read_text()), 0)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
@pytest.mark.parametrize("scenario", [SCENARIOS["unanswered"]], ids=["unanswered"])
def test_who_ends_a_demonstration_does_not_wait_for_it(
    live_scenario: Scenario, number: signal.Signals
) -> None:
    tool = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"{HEARS_SIGINT}; from analyzer.cli import main; main()",
            "demo",
            live_scenario.name,
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with tool:
        assert tool.stdout is not None
        while b"SYN 1/3" not in tool.stdout.readline():
            assert tool.poll() is None
        tool.send_signal(number)
        before = time.monotonic()
        _, said = tool.communicate(timeout=20)
    assert time.monotonic() - before < 3
    assert tool.returncode == 128 + number
    assert len(said.splitlines()) == 1


def test_who_may_not_capture_is_told_of_the_recordings(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(interface: str, capture_filter: str, **_more: object) -> NoReturn:
        raise UsageError(f"no capturing on {interface} of {capture_filter}")

    monkeypatch.setattr("analyzer.lab.record.open_live", refuse)
    assert run(["demo", "echo"]) == 2
    sentence = "no capturing on lo of tcp port 20000; or play the recording with --replay"
    assert capsys.readouterr().err == f"tcpanalyze: {sentence}\n"
