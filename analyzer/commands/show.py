"""The main job: a stored capture as text or JSON, then as pictures.

Text goes to standard output at once; pictures follow, and their paths are printed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import click

from analyzer.commands.base import Command, warn
from analyzer.errors import DissectionError, UsageError
from analyzer.text import inert, say

if TYPE_CHECKING:
    from analyzer.trace.model import Connection, Trace

__all__ = ["command"]

PICTURES: Final = 20
"""How many connections are drawn when nobody says how many."""


@click.command(
    cls=Command, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.argument("capture", type=click.Path(allow_dash=True))
@click.option(
    "-o", "--output", metavar="DIR", help="Where the pictures go; default: reports/NAME-OF-CAPTURE."
)
@click.option("--no-report", is_flag=True, help="Draw no pictures.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document; pictures only with -o.")
@click.option(
    "--connection",
    "numbers",
    type=click.IntRange(min=0),
    multiple=True,
    metavar="N",
    help="Only connection N, as Wireshark's tcp.stream numbers it; can be repeated.",
)
@click.option("--summary", is_flag=True, help="Leave the segments out: no ladders, no pictures.")
@click.option("--all", "unfold", is_flag=True, help="Show every segment, also of long runs of data.")
@click.option("--ascii", "ascii_only", is_flag=True, help="Use no character beyond ASCII.")
@click.option(
    "--image-format",
    "formats",
    type=click.Choice(["svg", "png", "pdf"]),
    multiple=True,
    metavar="svg|png|pdf",
    help="Format of the pictures; can be repeated; default: svg and png.",
)
@click.option(
    "--images",
    "limit",
    type=click.IntRange(min=0),
    default=PICTURES,
    show_default=True,
    metavar="COUNT",
    help="How many connections are drawn at most.",
)
@click.option("-Y", "--display-filter", metavar="FILTER", help="Only the frames that match it; needs tshark.")
@click.option("--dissect", is_flag=True, help="Say with tshark what payloads mean, instead of quoting them.")
@click.version_option(package_name="tcpanalyze", prog_name="tcpanalyze")
def command(
    capture: str,
    output: str | None,
    no_report: bool,
    as_json: bool,
    numbers: tuple[int, ...],
    summary: bool,
    unfold: bool,
    ascii_only: bool,
    formats: tuple[str, ...],
    limit: int,
    display_filter: str | None,
    dissect: bool,
) -> None:
    """Show what TCP does in CAPTURE: a pcap or pcapng file, also gzip-compressed; "-" is standard input.

    Prints every TCP connection with its handshake, data and close, and the states of both endpoints segment by
    segment; then draws each as a sequence diagram.
    """
    from analyzer.pipeline import analyze
    from analyzer.report.selection import chosen

    if output is not None and no_report:
        raise UsageError(say("--output and --no-report exclude each other: leave one of them out"))
    if dissect and capture == "-":
        raise UsageError(
            say("--dissect needs a file, because tshark reads it too: store the capture in one first")
        )
    trace = analyze(capture) if display_filter is None else analyze(capture, display_filter)
    for warning in trace.capture.warnings:
        warn(warning)
    connections = list(chosen(trace, numbers or None))
    drawn = [] if no_report or summary or (as_json and output is None) else connections[:limit]
    summaries: dict[int, str] = {}
    if dissect:
        from analyzer.report.text import MANY

        ladders = not as_json and not summary and (bool(numbers) or len(connections) <= MANY)
        summaries = _summarize(connections if ladders else drawn, capture)
    if as_json:
        _write_document(trace, numbers, segments=not summary)
    else:
        _write_text(trace, numbers, summaries, fold=not unfold, segments=not summary, ascii_only=ascii_only)
    sys.stdout.flush()
    if drawn:
        folder = os.path.join("reports", _name_of(capture)) if output is None else output
        _draw(drawn, folder, formats or ("svg", "png"), summaries, fold=not unfold, announce=not as_json)
    if drawn and len(drawn) < len(connections) and not as_json:
        sentence = say(
            "drawn: the first {drawn} of {all} connections; --images COUNT draws more, --connection N one of them",
            drawn=len(drawn),
            all=len(connections),
        )
        click.echo(sentence)


def _write_document(trace: Trace, numbers: tuple[int, ...], *, segments: bool) -> None:
    from analyzer.report.document import write_document

    write_document(trace, sys.stdout, selected=numbers or None, segments=segments)


def _summarize(connections: Sequence[Connection], capture: str) -> dict[int, str]:
    """What tshark makes of the payloads; nothing and a warning where it is of no help."""
    from analyzer.explaining import summarize

    try:
        return summarize(connections, capture)
    except DissectionError as error:
        warn(str(error))
        return {}


def _write_text(
    trace: Trace,
    numbers: tuple[int, ...],
    summaries: Mapping[int, str],
    *,
    fold: bool,
    segments: bool,
    ascii_only: bool,
) -> None:
    from analyzer.report.terminal import style_of
    from analyzer.report.text import report_lines

    style = style_of(sys.stdout, os.environ, ascii_only=ascii_only)
    for line in report_lines(
        trace, style, selected=numbers or None, fold=fold, segments=segments, summaries=summaries
    ):
        sys.stdout.write(line + "\n")


def _draw(
    connections: Sequence[Connection],
    folder: str,
    formats: Sequence[str],
    summaries: Mapping[int, str],
    *,
    fold: bool,
    announce: bool,
) -> None:
    """Draw each connection and print the paths; a bar on standard error where that is a terminal."""
    from analyzer.diagram.layout import lay_out
    from analyzer.report.picture import save_pictures

    if announce:
        click.echo()
    with _progress(len(connections)) as advance:
        for connection in connections:
            diagram = lay_out(connection, fold=fold, summaries=summaries)
            for path in save_pictures(diagram, folder, f"connection-{connection.id}", formats):
                if announce:
                    click.echo(inert(str(path)))
            advance()


@contextmanager
def _progress(total: int) -> Iterator[Callable[[], None]]:
    """A progress bar for `total` pictures, shown only to somebody who watches and has to wait."""
    if total < 2 or not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(say("drawing"), total=total)
        yield lambda: bar.advance(task)


def _name_of(capture: str) -> str:
    """The name of the reports' folder: that of the capture without what says its format."""
    if capture == "-":
        return "stdin"
    name = os.path.basename(capture)
    for ending in (".gz", ".pcap", ".pcapng", ".cap"):
        if name.lower().endswith(ending) and len(name) > len(ending):
            name = name[: -len(ending)]
    return name
