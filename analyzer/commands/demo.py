"""`tcpanalyze demo`: real servers and clients. Their traffic is captured, shown, and compared with a promise.

Without permission to capture, and without root, `--replay` plays a recording instead.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Final

import click

from analyzer.commands.base import Command, Number, WholeNumber, warn
from analyzer.commands.output import write_text
from analyzer.errors import AnalyzerError, UsageError
from analyzer.report.terminal import Style, finish, flow, style_of
from analyzer.text import Message, inert, said, say

if TYPE_CHECKING:
    from analyzer.analysis.growing import Following
    from analyzer.lab.stage import Scenario
    from analyzer.trace.values import Trace

__all__ = ["command"]

ENDED_BY_SIGNAL: Final = 128
LEAST_COLUMN: Final = 30
PROSE_WIDTH: Final = 90
"""The widest paragraph, in columns. In a longer line the eye loses the beginning of the next one."""
TOLD_INDENT: Final = 5
SECOND_NS: Final = 1_000_000_000


@click.command(
    cls=Command, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.argument("name", required=False, metavar="[SCENARIO]")
@click.option(
    "--list", "list_all", is_flag=True, help="List the scenarios, what each shows and what it needs."
)
@click.option(
    "--record",
    "folder",
    metavar="DIR",
    help="Save the capture and its JSON document in DIR; without SCENARIO, record all scenarios.",
)
@click.option("--replay", is_flag=True, help="Play the recording at its original speed.")
@click.option(
    "--speed",
    type=Number(min=0, min_open=True),
    metavar="FACTOR",
    help="With --replay: play FACTOR times as fast.",
)
@click.option(
    "--port",
    type=WholeNumber(1, 65535),
    metavar="PORT",
    help="Use this server port instead of the scenario's own.",
)
@click.option("--ascii", "ascii_only", is_flag=True, help="Use only ASCII characters.")
def command(
    name: str | None,
    list_all: bool,
    folder: str | None,
    replay: bool,
    speed: float | None,
    port: int | None,
    ascii_only: bool,
) -> None:
    """Run SCENARIO: real servers and clients, captured and shown. Without SCENARIO, list all scenarios.

    At the end the capture is compared with what the scenario promises. The exit status is 1 if it differs.
    """
    from analyzer.lab.scenarios import SCENARIOS, find_scenario

    if replay and (folder is not None or port is not None):
        raise UsageError(say("--replay plays a recording: remove --record and --port"))
    if speed is not None and not replay:
        raise UsageError(say("--speed works only with --replay: add --replay or remove --speed"))
    if name is None and (replay or port is not None):
        raise UsageError(say("name a scenario: tcpanalyze demo --list shows them"))
    scenario = None if name is None else find_scenario(name)
    if list_all or (scenario is None and folder is None):
        _list(ascii_only)
        return
    with _ending_in_order():
        if folder is not None:
            _record([scenario] if scenario else list(SCENARIOS.values()), folder, port)
        elif scenario is not None and replay:
            _replay(scenario, speed or 1.0, ascii_only)
        elif scenario is not None:
            _perform(scenario, port, ascii_only)


class _EndedError(AnalyzerError):
    """A signal ended this process."""

    def __init__(self, number: int) -> None:
        super().__init__(say("ended by {signal}", signal=signal.Signals(number).name))
        self.exit_status = ENDED_BY_SIGNAL + number


@contextmanager
def _ending_in_order() -> Iterator[None]:
    """Inside the block SIGTERM and SIGHUP act like Ctrl-C, so that everything that was started is ended."""
    received: list[int] = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        received.append(number)
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    except KeyboardInterrupt:
        if received:
            raise _EndedError(received[0]) from None
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _list(ascii_only: bool) -> None:
    from analyzer.lab.needs import NEEDS
    from analyzer.lab.scenarios import SCENARIOS

    head = (say("scenario"), say("needs"), say("what it shows"))
    rows = [
        (
            scenario.name,
            ", ".join(say(NEEDS[need].shown) for need in scenario.needs) or "-",
            say(scenario.shows),
        )
        for scenario in SCENARIOS.values()
    ]
    name_width, need_width = (max(len(row[column]) for row in (head, *rows)) for column in (0, 1))
    style = _prose_style(ascii_only)
    beside = style.width - name_width - need_width - 4
    for name, need, shows in (head, *rows):
        if beside >= LEAST_COLUMN:
            before = f"{name:<{name_width}}  {need:<{need_width}}  "
        elif (name, need, shows) == head:
            continue
        else:
            _write([name if need == "-" else say("{name}, needs {need}", name=name, need=need)], style)
            before = "    "
        for line in flow([shows], style.width - len(before), style):
            _write([before, line], style)
            before = " " * len(before)
    click.echo()
    _write_prose(say("All scenarios need the permission to capture. With --replay they need nothing."), style)


def _prose_style(ascii_only: bool) -> Style:
    return style_of(sys.stdout, os.environ, ascii_only=ascii_only).at_most(PROSE_WIDTH)


def _write(pieces: Iterable[str], style: Style) -> None:
    click.echo(finish([(piece, "") for piece in pieces], style))


def _write_prose(paragraph: str, style: Style) -> None:
    for line in flow([paragraph], style.width, style):
        _write([line], style)


def _introduce(scenario: Scenario, ascii_only: bool) -> None:
    style = _prose_style(ascii_only)
    for paragraph in (say(scenario.shows), say(scenario.look)):
        _write_prose(paragraph, style)
        click.echo()


def _teller(ascii_only: bool) -> Callable[[str], None]:
    """Make the function that prints the sentences of a scenario between the segments."""
    style = _prose_style(ascii_only)

    def tell(sentence: str) -> None:
        lines = flow([inert(sentence)], max(style.width - TOLD_INDENT, 1), style)
        # In one call, because another thread writes the ladder.
        sys.stdout.write("".join(f"{' ' * TOLD_INDENT}{line}\n" for line in lines))
        sys.stdout.flush()

    return tell


def _record(scenarios: list[Scenario], folder: str, port: int | None) -> None:
    from analyzer.lab.record import record

    for scenario in scenarios:
        click.echo(inert(str(record(scenario, folder, port=port))))
        sys.stdout.flush()


def _perform(scenario: Scenario, port: int | None, ascii_only: bool) -> None:
    """Run a scenario, print its ladder while it grows, and compare it with its promise."""
    from analyzer.analysis.growing import follow
    from analyzer.lab.promise import keep_promise
    from analyzer.lab.record import performing

    _introduce(scenario, ascii_only)
    way_out = say("play the recording with --replay")
    with performing(scenario, port, _teller(ascii_only), way_out=way_out) as live:
        following = follow(
            live.records, Message("{name}, live on {interface}", name=scenario.name, interface=live.interface)
        )
        _show(following, ascii_only)
    trace = following.trace()
    for warning in trace.capture.warnings:
        warn(said(warning))
    _conclude(trace, ascii_only)
    keep_promise(scenario.promise, trace)
    click.echo(say("The capture shows what the scenario promises."))


def _replay(scenario: Scenario, speed: float, ascii_only: bool) -> None:
    """Print the ladder of a recording at its original pace."""
    from analyzer.analysis.growing import follow
    from analyzer.capture import open_capture
    from analyzer.lab.record import find_recording

    path = find_recording(scenario)
    _introduce(scenario, ascii_only)
    with open_capture(str(path)) as records:
        following = follow(records, str(path))
        _show(following, ascii_only, speed)
    _conclude(following.trace(), ascii_only)


def _show(following: Following, ascii_only: bool, speed: float = 0.0) -> None:
    """Print each segment as soon as it is seen. With a speed, print it at its time in the recording."""
    from analyzer.report.growing_ladder import GrowingLadder

    ladder = GrowingLadder(style_of(sys.stdout, os.environ, ascii_only=ascii_only))
    began, first_time_ns = time.monotonic(), 0

    def show(time_ns: int, lines: Iterable[str]) -> None:
        if speed:
            due = began + (time_ns - first_time_ns) / SECOND_NS / speed
            time.sleep(max(0.0, due - time.monotonic()))
        sys.stdout.write("".join(f"{line}\n" for line in lines))
        sys.stdout.flush()

    following.on_error = lambda number, error: show(error.time_ns, ladder.error_lines(number, error))
    for sighting in following:
        first_time_ns = first_time_ns or sighting.time_ns
        segment = sighting.segment
        lines = list(ladder.connection_lines(sighting.connection, segment)) if sighting.new else []
        show(sighting.time_ns, [*lines, *ladder.segment_lines(sighting.number, segment)])


def _conclude(trace: Trace, ascii_only: bool) -> None:
    """Print the summary of each connection, as for a file."""
    click.echo()
    write_text(trace, fold=True, segments=False, ascii_only=ascii_only)
    click.echo()
