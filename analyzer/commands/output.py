"""Shared by all commands that report on a capture: text on standard output, then pictures."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import click

from analyzer.commands.progress import drawing
from analyzer.text import inert, say

if TYPE_CHECKING:
    from analyzer.report.selection import Selection
    from analyzer.trace.values import Connection, Trace

__all__ = ["PICTURES", "draw", "name_of", "say_what_is_left", "write_text"]

PICTURES: Final = 20
"""The default for the largest number of connections drawn."""


def write_text(
    trace: Trace,
    selection: Selection | None = None,
    *,
    fold: bool,
    segments: bool,
    ascii_only: bool,
    summaries: Mapping[int, str] | None = None,
) -> None:
    """Write the text report to standard output.

    Args:
        trace: The analysis.
        selection: The connections to show, as for `report_lines`.
        fold: Omit the middle of long runs of ordinary segments.
        segments: Show the segments.
        ascii_only: Use only ASCII characters.
        summaries: Number of a frame -> what its payload means.
    """
    from analyzer.report.terminal import style_of
    from analyzer.report.text_report import report_lines

    style = style_of(sys.stdout, os.environ, ascii_only=ascii_only)
    for line in report_lines(
        trace, style, selection=selection, fold=fold, segments=segments, summaries=summaries
    ):
        sys.stdout.write(line + "\n")


def draw(
    connections: Sequence[Connection],
    folder: str,
    formats: Sequence[str],
    *,
    fold: bool,
    announce: bool,
    summaries: Mapping[int, str] | None = None,
) -> None:
    """Draw each connection and print the paths, with a progress bar if standard error is a terminal."""
    from analyzer.diagram.layout import lay_out
    from analyzer.report.picture import save_pictures

    if announce:
        click.echo()
    with drawing(len(connections)) as advance:
        for connection in connections:
            diagram = lay_out(connection, fold=fold, summaries=summaries)
            for path in save_pictures(diagram, folder, f"connection-{connection.id}", formats):
                if announce:
                    click.echo(inert(str(path)))
            advance()


def say_what_is_left(drawn: int, connections: int) -> None:
    """If only the first connections were drawn, print that."""
    if drawn < connections:
        sentence = say(
            "drew the first {drawn} of {all} connections; "
            "use --images COUNT to draw more, or --connection N for a single one",
            drawn=drawn,
            all=connections,
        )
        click.echo(sentence)


def name_of(capture: str) -> str:
    """The name of the folder for the reports: that of the capture without the endings of its format."""
    if capture == "-":
        return "stdin"
    name = os.path.basename(capture)
    for ending in (".gz", ".zst", ".lz4", ".xz", ".bz2", ".pcap", ".pcapng", ".cap", ".snoop"):
        if name.lower().endswith(ending) and len(name) > len(ending):
            name = name[: -len(ending)]
    return name
