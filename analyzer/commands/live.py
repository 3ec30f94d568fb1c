"""`tcpanalyze live`: a running capture as a growing ladder, then a summary and pictures, as for a file.

Ctrl-C, --duration, --count and --until end the capture in order: the result is reported, and the exit status is 0.
SIGTERM and SIGHUP do the same without pictures, with the exit status 143 or 129. If the reader closes standard
output, the capture ends at once, even if no segment comes.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Final

import click

from analyzer.capture.backends import NAMED
from analyzer.commands.base import Command, Number, ReaderGone, WholeNumber, complain, warn
from analyzer.commands.output import PICTURES, draw, name_of, say_what_is_left, write_text
from analyzer.errors import UsageError
from analyzer.text import Message, inert, said, say

if TYPE_CHECKING:
    from analyzer.analysis.growing import Following
    from analyzer.capture.live_capture import Live
    from analyzer.report.growing_ladder import GrowingLadder
    from analyzer.trace.values import IcmpError

__all__ = ["command"]

BEHIND_NS: Final = 20_000_000
"""A segment that has waited longer than this is omitted: the terminal has fallen behind."""
ABREAST_NS: Final = 5_000_000
"""From the first segment that has waited less than this, segments are shown again."""
ALWAYS_SHOWN: Final = 500
"""This many segments a second are shown, however late they are. Nobody can read more, and a burst in a lesson is
shown completely."""

LOOK_EVERY: Final = 200  # milliseconds


@click.command(
    cls=Command, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.option(
    "-i",
    "--interface",
    required=True,
    metavar="INTERFACE",
    help="Interface to capture on; list them with tcpanalyze interfaces.",
)
@click.option(
    "-f",
    "--filter",
    "capture_filter",
    default="",
    metavar="FILTER",
    help="Capture filter, e.g. 'tcp port 20000'.",
)
@click.option(
    "-w",
    "--write",
    metavar="FILE",
    help="Save the capture to FILE as pcapng, or as pcap if the name ends in .pcap.",
)
@click.option(
    "-o",
    "--output",
    metavar="DIR",
    help="Folder for the pictures; default: reports/NAME-OF-FILE, or reports/live without -w.",
)
@click.option("--no-report", is_flag=True, help="Draw no pictures.")
@click.option(
    "--duration",
    type=Number(min=0, min_open=True),
    metavar="SECONDS",
    help="Stop after this many seconds.",
)
@click.option("--count", type=WholeNumber(min=1), metavar="COUNT", help="Stop after this many TCP segments.")
@click.option(
    "--until",
    type=click.Choice(["closed"]),
    help="Stop when every connection seen is closed, reset or refused.",
)
@click.option(
    "--backend",
    type=click.Choice(["auto", *NAMED]),
    default="auto",
    show_default=True,
    help="Capture with this program.",
)
@click.option("--why/--no-why", default=True, help="Show the reason for each state change; default: --why.")
@click.option("--ascii", "ascii_only", is_flag=True, help="Use only ASCII characters.")
def command(
    interface: str,
    capture_filter: str,
    write: str | None,
    output: str | None,
    no_report: bool,
    duration: float | None,
    count: int | None,
    until: str | None,
    backend: str,
    why: bool,
    ascii_only: bool,
) -> None:
    """Capture on an interface and show each TCP segment as it passes.

    Prints the label of each segment, the states of both endpoints, and the reason for each change of state. Press
    Ctrl-C to stop. Each connection is then summarised and drawn, as for a file, and the exit status is 0.
    """
    from analyzer.analysis.growing import follow
    from analyzer.capture.live_capture import open_live
    from analyzer.report.growing_ladder import GrowingLadder
    from analyzer.report.terminal import style_of

    if output is not None and no_report:
        raise UsageError(say("--output and --no-report cannot be combined: remove one of them"))
    if write == "-":
        raise UsageError(say("-w - is not possible because the ladder goes to standard output: name a file"))
    ladder = GrowingLadder(style_of(sys.stdout, os.environ, ascii_only=ascii_only), why=why)
    with (
        _without_pauses(),
        open_live(interface, capture_filter, backend, write) as live,
        _ending(live, duration) as ends,
    ):
        complain(
            say(
                "capturing on {interface} with {program}; stop with Ctrl-C",
                interface=live.interface,
                program=live.backend,
            )
        )
        name = write or Message("live on {interface}", interface=interface)
        following = follow(live.records, name, stored=write)
        _show(live, following, ladder, count=count, until_closed=until == "closed")
        live.stop()
    if ends.reader_gone:
        raise ReaderGone
    trace = following.trace()
    for warning in trace.capture.warnings:
        warn(said(warning))
    try:
        click.echo()
        write_text(trace, fold=True, segments=False, ascii_only=ascii_only)
        sys.stdout.flush()
    except (OSError, ReaderGone):
        # After SIGHUP the terminal is gone.
        if ends.signal_number != signal.SIGHUP:
            raise
    if ends.signal_number not in {0, signal.SIGINT}:
        raise click.exceptions.Exit(128 + ends.signal_number)
    connections = [] if no_report else list(trace.connections[:PICTURES])
    if connections:
        folder = output or os.path.join("reports", "live" if write is None else name_of(write))
        draw(connections, folder, ("svg", "png"), fold=True, announce=True)
        say_what_is_left(len(connections), len(trace.connections))
    if write is not None:
        click.echo(inert(write))


def _show(
    live: Live, following: Following, ladder: GrowingLadder, *, count: int | None, until_closed: bool
) -> None:
    """Print each segment as it comes, until the capture ends or `count` or `until_closed` stops it."""
    second = shown = 0
    hidden = 0
    headed: set[int] = set()
    unfinished: set[int] = set()
    write = sys.stdout.write

    def show_error(number: int, error: IcmpError) -> None:
        if not hidden and number in headed:
            write("".join(f"{line}\n" for line in ladder.error_lines(number, error)))
            sys.stdout.flush()

    following.on_error = show_error
    for seen, sighting in enumerate(following, 1):
        now = int(time.monotonic())
        if now != second and not hidden:
            second, shown = now, 0
        waited = live.behind_ns
        if waited > ABREAST_NS if hidden else waited > BEHIND_NS and shown >= ALWAYS_SHOWN:
            hidden += 1
        else:
            shown += 1
            segment = sighting.segment
            if hidden:
                write("".join(f"{line}\n" for line in ladder.skipped_lines(hidden)))
                hidden = 0
            if sighting.number not in headed:
                headed.add(sighting.number)
                write("".join(f"{line}\n" for line in ladder.connection_lines(sighting.connection, segment)))
            write("".join(f"{line}\n" for line in ladder.segment_lines(sighting.number, segment)))
            sys.stdout.flush()
        if until_closed:
            if sighting.over:
                unfinished.discard(sighting.number)
            else:
                unfinished.add(sighting.number)
        if seen == count or (until_closed and not unfinished):
            break
    if hidden:
        write("".join(f"{line}\n" for line in ladder.skipped_lines(hidden)))
        sys.stdout.flush()


@contextmanager
def _without_pauses() -> Iterator[None]:
    """Disable the garbage collector. With a hundred thousand kept segments each collection stops the ladder for
    100 ms. There is nothing to collect, because no object of a segment refers to itself."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


class _Ends:
    """What ended the capture.

    Attributes:
        signal_number: The signal; 0 if there was none.
        reader_gone: Whether the reader closed standard output.
    """

    def __init__(self) -> None:
        self.signal_number: int = 0
        self.reader_gone: bool = False


@contextmanager
def _ending(live: Live, duration: float | None) -> Iterator[_Ends]:
    """Inside the block, signals, the duration and a closed standard output end the capture in order."""
    ends = _Ends()
    done = threading.Event()

    def on_signal(number: int, _frame: FrameType | None) -> None:
        ends.signal_number = ends.signal_number or number
        live.stop()

    def watch() -> None:
        poll = select.poll()
        poll.register(sys.stdout.fileno(), 0)
        while not done.is_set():
            if poll.poll(LOOK_EVERY):
                ends.reader_gone = True
                live.stop()
                return

    timer = threading.Timer(duration or 0.0, live.stop)
    timer.daemon = True
    watcher = threading.Thread(target=watch, name="standard output", daemon=True)
    before = {
        number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    try:
        if duration is not None:
            timer.start()
        if not sys.stdout.isatty():
            watcher.start()
        yield ends
    finally:
        done.set()
        timer.cancel()
        live.close()
        if watcher.ident is not None:
            watcher.join()
        for number, handler in before.items():
            signal.signal(number, handler)
