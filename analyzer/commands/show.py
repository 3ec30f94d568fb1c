"""The main command, `tcpanalyze CAPTURE`: a stored capture as text or JSON, then as pictures.

The text is written first. The pictures follow, and their paths are printed.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from analyzer.commands import COMMANDS
from analyzer.commands.base import Command, WholeNumber, decompress_limit, keep_to_the_end, warn
from analyzer.commands.output import PICTURES, draw, name_of, say_what_is_left, write_text
from analyzer.commands.progress import reading
from analyzer.commands.version import show_version
from analyzer.errors import DissectionError, UsageError
from analyzer.text import said, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.analysis.reading import Reading
    from analyzer.filters.filters import Filter
    from analyzer.filters.order import Order
    from analyzer.report.selection import Selection
    from analyzer.trace.values import Capture, Connection, Trace

__all__ = ["command"]


class _Show(Command):
    """The main command. Its help also lists the other commands."""

    def format_epilog(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section(say("Other commands (each has its own --help)")):
            formatter.write_dl([(f"tcpanalyze {name}", say(purpose)) for name, purpose in COMMANDS.items()])


@click.command(
    cls=_Show,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.argument("capture", type=click.Path(allow_dash=True))
@click.option(
    "-o", "--output", metavar="DIR", help="Folder for the pictures; default: reports/NAME-OF-CAPTURE."
)
@click.option("--no-report", is_flag=True, help="Draw no pictures.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document; with -o also draw pictures.")
@click.option(
    "--connection",
    "numbers",
    type=WholeNumber(min=0),
    multiple=True,
    metavar="N",
    help="Show only connection N (tcp.stream in Wireshark); can be repeated.",
)
@click.option(
    "--only",
    metavar="FILTER",
    help="Show only matching connections, e.g. 'server.port == 20000 and rtt > 50ms'. A key is the path of a value in "
    "the JSON document, or a short name: duration, start, rtt, bytes, retransmissions, close.",
)
@click.option(
    "--sort",
    metavar="KEY",
    help="Sort connections by KEY, e.g. duration; -KEY puts the greatest value first. Unknown values always come last.",
)
@click.option("--summary", is_flag=True, help="Leave the segments out: no ladders, no pictures.")
@click.option(
    "--all",
    "unfold",
    is_flag=True,
    help="Omit nothing: show every segment, and every row of a table.",
)
@click.option("--ascii", "ascii_only", is_flag=True, help="Use only ASCII characters.")
@click.option(
    "--image-format",
    "formats",
    type=click.Choice(["svg", "png", "pdf"]),
    multiple=True,
    metavar="svg|png|pdf",
    help="Draw pictures in this format; can be repeated; default: svg and png.",
)
@click.option(
    "--images",
    type=WholeNumber(min=0),
    metavar="COUNT",
    help=f"Draw at most COUNT connections; default: {PICTURES}, or none if the connections are shown as a table.",
)
@click.option(
    "--stream",
    "as_lines",
    is_flag=True,
    help="Write each connection as a line of JSON when it ends; the last line describes the capture.",
)
@click.option(
    "--hold",
    type=WholeNumber(min=2),
    metavar="COUNT",
    help="Hold at most COUNT connections in memory; beyond that, half are only counted. Default: a "
    "million, or 10,000 for each MiB of a compressed file.",
)
@click.option(
    "--wireshark", is_flag=True, help="Give exactly the notes of Wireshark 4.0.17, including its mistakes."
)
@click.option(
    "-Y",
    "--display-filter",
    metavar="FILTER",
    help="Read only matching frames (Wireshark syntax; needs tshark).",
)
@click.option("--dissect", is_flag=True, help="Show what tshark makes of each payload instead of quoting it.")
@decompress_limit
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=show_version,
    help="Show the version and whether it is compiled.",
)
def command(
    capture: str,
    output: str | None,
    no_report: bool,
    as_json: bool,
    numbers: tuple[int, ...],
    only: str | None,
    sort: str | None,
    summary: bool,
    unfold: bool,
    ascii_only: bool,
    formats: tuple[str, ...],
    images: int | None,
    as_lines: bool,
    hold: int | None,
    wireshark: bool,
    display_filter: str | None,
    dissect: bool,
    decompress_limit: int | None,
) -> None:
    """Show the TCP connections in CAPTURE.

    CAPTURE is a pcap, pcapng or snoop file, plain or compressed, or "-" for standard input.

    Prints the handshake, the data and the close of each connection, and the states of both endpoints segment by
    segment. Then draws each connection as a sequence diagram.
    """
    from analyzer.analysis.reading import Reading, stored_file
    from analyzer.analysis.stored import analyze
    from analyzer.report.selection import select

    options = Reading(
        display_filter=display_filter, wireshark=wireshark, decompress_limit=decompress_limit, hold=hold
    )
    if output is not None and no_report:
        raise UsageError(say("--output and --no-report cannot be combined: remove one of them"))
    if dissect:
        stored_file(capture)
    if as_lines:
        if sort is not None:
            raise UsageError(
                say("--sort needs all connections, but --stream writes each as it ends: remove one of them")
            )
        if as_json or output is not None or numbers or dissect:
            raise UsageError(
                say(
                    "--stream cannot be combined with --json, --output, --connection or --dissect: choose one"
                )
            )
        _write_lines(capture, _filter_of_lines(only), options)
        return
    chosen_by, order = _filter(only), _order(sort)
    with reading() as watch:
        trace = analyze(capture, options._replace(watch=watch))
    keep_to_the_end(trace)
    for warning in trace.capture.warnings:
        warn(said(warning))
    if chosen_by is not None:
        _warn_of_folded(trace.capture)
    selection = select(trace, numbers, chosen_by, order)
    connections = selection.connections
    drawn: Sequence[Connection] = ()
    if not (no_report or summary) and _wants_pictures(output, as_json, images, formats, selection):
        drawn = connections[: PICTURES if images is None else images]
    summaries: dict[int, str] = {}
    if dissect:
        from analyzer.report.text_report import MANY

        ladders = not as_json and not summary and (selection.numbered or len(connections) <= MANY)
        summaries = _summarize(connections if ladders else drawn, capture)
    if as_json:
        _write_document(trace, connections, segments=not summary)
    else:
        write_text(
            trace,
            selection,
            fold=not unfold,
            segments=not summary,
            ascii_only=ascii_only,
            summaries=summaries,
        )
    sys.stdout.flush()
    if drawn:
        folder = os.path.join("reports", name_of(capture)) if output is None else output
        draw(
            drawn,
            folder,
            formats or ("svg", "png"),
            fold=not unfold,
            announce=not as_json,
            summaries=summaries,
        )
    if drawn and not as_json:
        say_what_is_left(len(drawn), len(connections))


def _filter(only: str | None) -> Filter | None:
    if only is None:
        return None
    from analyzer.filters.filters import parse_filter
    from analyzer.report.selection import keys

    return parse_filter(keys(), only)


def _filter_of_lines(only: str | None) -> Filter | None:
    """The filter for --stream, which knows each connection before it knows the whole capture."""
    chosen_by = _filter(only)
    for key in () if chosen_by is None else chosen_by.keys:
        if key.needs_capture:
            raise UsageError(
                say(
                    "{key} is known only when the whole capture has been read, but --stream writes each connection as "
                    "it ends: remove one of them",
                    key=key.name,
                )
            )
    return chosen_by


def _order(sort: str | None) -> Order | None:
    if sort is None:
        return None
    from analyzer.filters.order import parse_order
    from analyzer.report.selection import keys

    return parse_order(keys(), sort)


def _warn_of_folded(capture: Capture) -> None:
    """Warn that the filter could not look at connections that are only counted."""
    from analyzer.report.wording import counted

    if capture.folded is not None:
        warn(
            counted(
                capture.folded.connections,
                "--only cannot test {count} connection that is counted only: use --hold COUNT to keep more",
                "--only cannot test {count} connections that are counted only: use --hold COUNT to keep more",
            )
        )


def _write_lines(capture: str, chosen_by: Filter | None, options: Reading) -> None:
    """Write each connection as soon as it has ended. A later error does not undo that."""
    from analyzer.analysis.stored import stream
    from analyzer.report.document import Described, capture_line, connection_line

    with reading() as watch:
        streaming = stream(capture, options._replace(watch=watch))
        for connection in streaming:
            if chosen_by is not None and not chosen_by.test(Described(connection, None)):
                continue
            sys.stdout.write(connection_line(connection) + "\n")
            sys.stdout.flush()
    if streaming.capture is not None:
        sys.stdout.write(capture_line(streaming.capture) + "\n")
        for warning in streaming.capture.warnings:
            warn(said(warning))


def _wants_pictures(
    output: str | None,
    as_json: bool,
    images: int | None,
    formats: tuple[str, ...],
    selection: Selection,
) -> bool:
    """Whether to draw pictures: an option asks for them, or there are few connections and no option speaks against."""
    if output is not None or as_json:
        return output is not None
    if images is not None or formats or selection.numbered:
        return True
    from analyzer.report.text_report import MANY

    # With a table, pictures of the first connections would show little.
    return len(selection.connections) <= MANY


def _write_document(trace: Trace, connections: Sequence[Connection], *, segments: bool) -> None:
    from analyzer.report.document import write_document

    write_document(trace, sys.stdout, connections=connections, segments=segments)


def _summarize(connections: Sequence[Connection], capture: str) -> dict[int, str]:
    """What tshark makes of the payloads. If it fails, warn and return nothing."""
    from analyzer.explain.one_frame import summarize

    try:
        return summarize(connections, capture)
    except DissectionError as error:
        warn(str(error))
        return {}
