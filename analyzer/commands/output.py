"""What the commands that report on a capture share: the text on standard output, then the pictures."""

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
"""How many connections are drawn when nobody says how many."""


def write_text(
    trace: Trace,
    selection: Selection | None = None,
    *,
    fold: bool,
    segments: bool,
    ascii_only: bool,
    summaries: Mapping[int, str] | None = None,
) -> None:
    """The text report on standard output. selection: of `report_lines`. summaries: by frame, what a payload says."""
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
    """Draw each connection and print the paths; a bar on standard error where that is a terminal."""
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
    """That only the first of the connections were drawn, where it is so."""
    if drawn < connections:
        sentence = say(
            "drawn: the first {drawn} of {all} connections; "
            "--images COUNT draws more, --connection N one of them",
            drawn=drawn,
            all=connections,
        )
        click.echo(sentence)


def name_of(capture: str) -> str:
    """The name of the reports' folder: that of the capture without what says its format."""
    if capture == "-":
        return "stdin"
    name = os.path.basename(capture)
    for ending in (".gz", ".zst", ".lz4", ".xz", ".bz2", ".pcap", ".pcapng", ".cap", ".snoop"):
        if name.lower().endswith(ending) and len(name) > len(ending):
            name = name[: -len(ending)]
    return name
