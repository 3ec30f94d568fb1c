"""The enumerations of the schema of the JSON document that list the names of a table.

The rest of that file is written by hand and stays as it is, line by line.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Mapping, Sequence
from typing import Final

from analyzer.tcp.labels import LABELS
from analyzer.tcp.notes import NOTES
from analyzer.tcp.outcomes import CLOSES, FAST_OPENS, HANDSHAKES, ROLES
from analyzer.tcp.states import STATES
from analyzer.trace.confidence import DOUBTS

__all__ = ["ENUMERATIONS", "with_names"]

ENUMERATIONS: Final[Mapping[tuple[str, ...], Sequence[str | None]]] = {
    ("$defs", "state"): STATES,
    ("$defs", "label"): [row.name for row in LABELS],
    ("$defs", "note"): [row.name for row in NOTES],
    ("$defs", "connection", "properties", "roles"): [row.name for row in ROLES],
    ("$defs", "connection", "properties", "doubts", "items"): list(DOUBTS),
    ("$defs", "handshake", "properties", "outcome"): [row.name for row in HANDSHAKES],
    ("$defs", "handshake", "properties", "options", "properties", "fast_open"): [
        *(row.name for row in FAST_OPENS),
        None,
    ],
    ("$defs", "close", "properties", "outcome"): [row.name for row in CLOSES],
}
"""Where in the schema -> the names that stand there."""

WIDTH: Final = 90


def with_names(text: str) -> str:
    """The text of the schema with the names of the tables in its enumerations."""
    for path, names in ENUMERATIONS.items():
        start = 0
        for depth, key in enumerate(path, 1):
            found = re.compile(rf'^{"  " * depth}"{re.escape(key)}": ', re.MULTILINE).search(text, start)
            assert found is not None, f"the schema has no {'.'.join(path)}"
            start = found.end()
        opening = text.index('"enum": [', start)
        closing = text.index("]", opening)
        text = text[:opening] + _enumeration(names, text, opening) + text[closing + 1 :]
    return text


def _enumeration(names: Sequence[str | None], text: str, place: int) -> str:
    written = ", ".join(json.dumps(name) for name in names)
    margin = " " * (place - text.rindex("\n", 0, place) - 1)
    if len(margin) + len(written) + 10 <= WIDTH:
        return f'"enum": [{written}]'
    inner = margin + "  "
    lines = textwrap.fill(
        written, WIDTH, initial_indent=inner, subsequent_indent=inner, break_on_hyphens=False
    )
    return f'"enum": [\n{lines}\n{margin}]'
