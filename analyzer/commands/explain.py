"""`tcpanalyze explain CAPTURE FRAME`: everything about one segment, with its dissection by Wireshark."""

from __future__ import annotations

import os
import sys

import click

from analyzer.commands.base import Command, WholeNumber, decompress_limit, warn
from analyzer.errors import DissectionError
from analyzer.text import said

__all__ = ["command"]


@click.command(
    cls=Command, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.argument("capture", type=click.Path())
@click.argument("frame", type=WholeNumber(min=1))
@click.option("--ascii", "ascii_only", is_flag=True, help="Use only ASCII characters.")
@click.option(
    "--wireshark", is_flag=True, help="Give exactly the notes of Wireshark 4.0.17, including its mistakes."
)
@click.option("--no-dissection", is_flag=True, help="Do not show what Wireshark (tshark) makes of the frame.")
@decompress_limit
def command(
    capture: str,
    frame: int,
    ascii_only: bool,
    wireshark: bool,
    no_dissection: bool,
    decompress_limit: int | None,
) -> None:
    """Explain the TCP segment in one frame of CAPTURE. FRAME is its number, from 1 as in Wireshark.

    Shows what the segment does and why, what came before it and what answers it, its header field by field, its
    options and its payload. If tshark is installed, its dissection of the frame follows.
    """
    from analyzer.analysis.reading import Reading
    from analyzer.explain.one_frame import dissect, explain
    from analyzer.report.explanation_text import dissection_lines, explanation_lines
    from analyzer.report.terminal import READABLE_WIDTH, finish, flow, style_of

    explanation = explain(capture, frame, Reading(wireshark=wireshark, decompress_limit=decompress_limit))
    for warning in explanation.capture.warnings:
        warn(said(warning))
    style = style_of(sys.stdout, os.environ, ascii_only=ascii_only)
    for line in explanation_lines(explanation, style):
        sys.stdout.write(line + "\n")
    if no_dissection:
        return
    # Show the explanation while tshark starts.
    sys.stdout.flush()
    try:
        dissection = dissect(explanation, capture)
    except DissectionError as error:
        sys.stdout.write("\n")
        for line in flow([str(error)], min(style.width, READABLE_WIDTH), style):
            sys.stdout.write(finish([(line, "faint")], style) + "\n")
        return
    for line in dissection_lines(dissection.layers, dissection.application, style):
        sys.stdout.write(line + "\n")
