"""Real servers and clients whose traffic is captured, shown, and compared with what was promised.

Without the permission to capture, and without root, a recording is played instead.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Final

import click

from analyzer.commands.base import Command
from analyzer.errors import AnalyzerError, UsageError
from analyzer.text import inert, say

if TYPE_CHECKING:
    from analyzer.lab.stage import Scenario

__all__ = ["command"]

ENDED_BY_SIGNAL: Final = 128


@click.command(
    cls=Command, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.argument("name", required=False, metavar="[SCENARIO]")
@click.option(
    "--list", "list_all", is_flag=True, help="Show every scenario, what it shows and what it needs."
)
@click.option(
    "--record",
    "folder",
    metavar="DIR",
    help="Keep the capture and its JSON document in DIR; all of them without SCENARIO.",
)
@click.option("--replay", is_flag=True, help="Play the recording at the pace at which it was made.")
@click.option(
    "--speed",
    type=click.FloatRange(min=0, min_open=True),
    metavar="FACTOR",
    help="With --replay: so many times as fast.",
)
@click.option(
    "--port", type=click.IntRange(1, 65535), help="The server's port instead of the scenario's own."
)
@click.option("--ascii", "ascii_only", is_flag=True, help="Use no character beyond ASCII.")
def command(
    name: str | None,
    list_all: bool,
    folder: str | None,
    replay: bool,
    speed: float | None,
    port: int | None,
    ascii_only: bool,
) -> None:
    """Run SCENARIO: real servers and clients, captured and shown; without a name, list what there is.

    Afterwards what was captured is compared with what the scenario promises: exit status 1 when it differs.
    """
    from analyzer.lab.scenarios import SCENARIOS, find_scenario

    if replay and (folder is not None or port is not None):
        raise UsageError(say("--replay plays what was recorded: leave --record and --port out"))
    if speed is not None and not replay:
        raise UsageError(say("--speed goes with --replay"))
    if name is None and (replay or port is not None):
        raise UsageError(say("name the scenario that you mean: tcpanalyze demo --list shows them"))
    scenario = None if name is None else find_scenario(name)
    if list_all or (scenario is None and folder is None):
        _list()
        return
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end_in_order)
    if folder is not None:
        _record([scenario] if scenario else list(SCENARIOS.values()), folder, port)
    elif scenario is not None and replay:
        _replay(scenario, speed or 1.0, ascii_only)
    elif scenario is not None:
        _perform(scenario, port, ascii_only)


class _EndedError(AnalyzerError):
    """Somebody ended this process: an exception, so that everything that was started is ended first."""

    def __init__(self, number: int) -> None:
        super().__init__(say("ended by {signal}", signal=signal.Signals(number).name))
        self.exit_status = ENDED_BY_SIGNAL + number


def _end_in_order(number: int, frame: FrameType | None) -> None:
    raise _EndedError(number)


def _list() -> None:
    from analyzer.lab.needs import NEEDS
    from analyzer.lab.scenarios import SCENARIOS

    rows = [
        (scenario.name, say(scenario.shows), ", ".join(say(NEEDS[need].shown) for need in scenario.needs))
        for scenario in SCENARIOS.values()
    ]
    names = max(len(row[0]) for row in rows)
    for name, shows, needs in rows:
        click.echo(f"{name:<{names}}  {shows}" + (say(" (needs {needs})", needs=needs) if needs else ""))


def _introduce(scenario: Scenario) -> None:
    for paragraph in (say(scenario.shows), say(scenario.look)):
        click.echo(click.wrap_text(paragraph, 90))
        click.echo()


def _tell(sentence: str) -> None:
    click.echo(f"  {inert(sentence)}")
    sys.stdout.flush()


def _record(scenarios: list[Scenario], folder: str, port: int | None) -> None:
    from analyzer.lab.record import record

    for scenario in scenarios:
        click.echo(inert(str(record(scenario, folder, port=port))))
        sys.stdout.flush()


def _perform(scenario: Scenario, port: int | None, ascii_only: bool) -> None:
    from analyzer.lab.promise import keep_promise
    from analyzer.lab.record import captured
    from analyzer.pipeline import analyze

    _introduce(scenario)
    octets = captured(scenario, port=port, tell=_tell)
    with tempfile.NamedTemporaryFile(prefix=f"{scenario.name}-", suffix=f".{scenario.file_format}") as file:
        file.write(octets)
        file.flush()
        _show(Path(file.name), ascii_only)
        keep_promise(scenario.promise, analyze(file.name))
    click.echo()
    click.echo(say("The capture shows what the scenario promises."))


def _show(path: Path, ascii_only: bool) -> None:
    from analyzer.pipeline import analyze
    from analyzer.report.terminal import style_of
    from analyzer.report.text import report_lines

    style = style_of(sys.stdout, os.environ, ascii_only=ascii_only)
    for line in report_lines(analyze(path), style):
        sys.stdout.write(line + "\n")


def _replay(scenario: Scenario, speed: float, ascii_only: bool) -> None:
    from analyzer.lab.record import find_recording
    from analyzer.pipeline import analyze

    path = find_recording(scenario)
    _introduce(scenario)
    capture = analyze(path).capture
    assert capture.first_time_ns is not None
    assert capture.last_time_ns is not None
    time.sleep((capture.last_time_ns - capture.first_time_ns) / 1e9 / speed)
    _show(path, ascii_only)
