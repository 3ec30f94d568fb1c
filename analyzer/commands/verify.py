"""`tcpanalyze verify CAPTURE...`: compares our notes with the installed tshark, with reasons for each difference."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any, Final

import click

from analyzer.commands.base import Command, warn
from analyzer.text import inert, said, say

if TYPE_CHECKING:
    from analyzer.report.terminal import Style
    from analyzer.verify.beside_tshark import Disagreement, Verification

__all__ = ["command"]

LEAST_COLUMNS: Final = 20
"""Lines are not made narrower than this; a narrower terminal cuts them."""

UNEXPLAINED: Final = 1
"""The exit status if a difference is unexplained."""


@click.command(
    cls=Command, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.argument("captures", metavar="CAPTURE...", type=click.Path(), nargs=-1, required=True)
@click.option("--wireshark", is_flag=True, help="Verify the output of --wireshark: nothing may differ.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document per CAPTURE, each on its own line."
)
@click.option("--ascii", "ascii_only", is_flag=True, help="Use only ASCII characters.")
def command(captures: tuple[str, ...], wireshark: bool, as_json: bool, ascii_only: bool) -> int:
    """Compare the analysis of each CAPTURE with that of the installed tshark, frame by frame.

    Lists every difference with the reasons of both sides. Deliberate differences have a name; all others are
    unexplained. The exit status is 1 if a difference is unexplained.
    """
    from analyzer.report.terminal import style_of
    from analyzer.verify.beside_tshark import VERSION, verify

    style = style_of(sys.stdout, os.environ, ascii_only=ascii_only)
    status = 0
    for place, capture in enumerate(captures):
        verification = verify(capture, wireshark=wireshark)
        if place == 0 and verification.version != VERSION:
            warn(
                say(
                    "tshark has version {version}, but our definitions are those of {ours}: some results may differ",
                    version=verification.version,
                    ours=VERSION,
                )
            )
        if as_json:
            _write_document(verification, capture, wireshark)
        else:
            _write_text(verification, capture, style)
        for warning in verification.warnings:
            warn(said(warning))
        if verification.unexplained:
            status = UNEXPLAINED
    return status


def _write_text(verification: Verification, capture: str, style: Style) -> None:
    from textwrap import wrap

    from analyzer.report.terminal import finish

    def write(text: str, indent: int = 0, role: str = "") -> None:
        for line in wrap(text, max(style.width - indent, LEAST_COLUMNS)) or [""]:
            sys.stdout.write(finish([(" " * indent + line, role)], style) + "\n")

    sys.stdout.write(finish([(inert(capture), "title")], style) + "\n")
    for found in verification:
        write(_sentence(found), 2, "" if found.rules else "bad")
        for reason in _reasons(found):
            write(reason, 6, "faint")
    write(
        say(
            "{frames} frames with TCP, {agreeing} agree; deliberate differences: {differences}; "
            "unexplained: {unexplained}",
            frames=verification.frames,
            agreeing=verification.agreeing,
            differences=_listed(verification) or say("none"),
            unexplained=verification.unexplained,
        ),
        2,
        "bad" if verification.unexplained else "good",
    )
    sys.stdout.flush()


def _listed(verification: Verification) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(verification.differences.items()))


def _sentence(found: Disagreement) -> str:
    ours, wireshark = (", ".join(names) or say("nothing") for names in (found.ours, found.wireshark))
    if found.about == "notes":
        return say(
            "frame {frame}, connection {connection}: {ours}; Wireshark: {wireshark}",
            frame=found.frame,
            connection=found.connection,
            ours=ours,
            wireshark=wireshark,
        )
    return say(
        "frame {frame}: {about} {ours}; Wireshark: {wireshark}",
        frame=found.frame,
        about=say(found.about),
        ours=ours,
        wireshark=wireshark,
    )


def _reasons(found: Disagreement) -> list[str]:
    """Our reasons, then those of Wireshark."""
    from analyzer.tcp.corrections import CORRECTIONS
    from analyzer.tcp.notes import NOTES
    from analyzer.verify.beside_tshark import BEYOND_NOTES

    reasons = []
    for correction in CORRECTIONS:
        if correction.name in found.rules:
            reasons.append(f"{correction.name}: {say(correction.why)} [{correction.source}]")
    reasons += [f"{name}: {say(why)}" for name, why in BEYOND_NOTES.items() if name in found.rules]
    if found.about == "notes":
        if not found.rules:
            reasons += [
                f"{note.name}: {say(note.meaning)}"
                for note in NOTES
                if note.name in found.ours and note.name not in found.wireshark
            ]
        reasons += [
            say("Wireshark's {name}: {rule}", name=note.name, rule=say(note.wireshark))
            for note in NOTES
            if note.name in found.wireshark and note.name not in found.ours
        ]
    return reasons


def _write_document(verification: Verification, capture: str, wireshark: bool) -> None:
    """Write the document while tshark still reports, because the list of disagreements may be long."""
    write = sys.stdout.write
    head: dict[str, Any] = {
        "schema": "tcpanalyze-verify/1",
        "capture": inert(capture),
        "tshark": verification.version,
        "mode": "wireshark" if wireshark else "default",
    }
    write(json.dumps(head)[:-1] + ', "disagreements": [')
    between = ""
    for found in verification:
        described: dict[str, Any] = {**found._asdict(), "reasons": _reasons(found)}
        write(between + json.dumps(described))
        between = ", "
    tail = {
        "frames": verification.frames,
        "agreeing": verification.agreeing,
        "differences": dict(sorted(verification.differences.items())),
        "unexplained": verification.unexplained,
    }
    write("], " + json.dumps(tail)[1:] + "\n")
    sys.stdout.flush()
