"""The colours of the pictures, and what they stand for.

Okabe and Ito's palette, which people of every kind of colour vision tell apart, with paler tones for areas and
darker ones for text. Nothing is told by colour alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from analyzer.diagram.rows import Phase

__all__ = [
    "AGAIN",
    "AGAIN_TEXT",
    "FAINT",
    "GREEN",
    "GREY",
    "HAIRLINE",
    "INK",
    "PAPER",
    "PAYLOAD_TEXT",
    "PHASE_TONES",
    "RESET",
    "STATE_GROUPS",
    "STATE_TONES",
    "Tone",
    "chip_tone",
    "state_tone",
]

INK: Final = "#1a1a1a"
FAINT: Final = "#5c5c5c"
HAIRLINE: Final = "#9a9a9a"
PAPER: Final = "#ffffff"
AGAIN: Final = "#d55e00"
AGAIN_TEXT: Final = "#a84300"
RESET: Final = "#b0002a"
PAYLOAD_TEXT: Final = "#00543d"


class Tone(NamedTuple):
    """One hue in the three strengths a picture needs: area, line, text."""

    pale: str
    line: str
    dark: str


BLUE: Final = Tone("#f0f7fc", "#56b4e9", "#004f7c")
GREEN: Final = Tone("#f0f8f5", "#009e73", "#00543d")
ORANGE: Final = Tone("#fdf6e7", "#e69f00", "#6e4a00")
PURPLE: Final = Tone("#faf0f5", "#cc79a7", "#6d2a50")
GREY: Final = Tone("#f5f5f5", "#8c8c8c", "#3d3d3d")
BLANK: Final = Tone("#ffffff", "#c4c4c4", "#5c5c5c")


PHASE_TONES: Final[Mapping[Phase, Tone]] = {"handshake": BLUE, "data": GREEN, "close": ORANGE}

# What a lifeline's colour means -> the colour, the states.
STATE_GROUPS: Final[Mapping[str, tuple[Tone, tuple[str, ...]]]] = {
    "unknown": (BLANK, ("UNKNOWN",)),
    "closed, listening": (GREY, ("CLOSED", "LISTEN")),
    "opening": (BLUE, ("SYN-SENT", "SYN-RECEIVED")),
    "open": (GREEN, ("ESTABLISHED",)),
    "closing": (ORANGE, ("FIN-WAIT-1", "FIN-WAIT-2", "CLOSE-WAIT", "CLOSING", "LAST-ACK")),
    "waiting": (PURPLE, ("TIME-WAIT",)),
}
STATE_TONES: Final = {state: tone for tone, states in STATE_GROUPS.values() for state in states}


def state_tone(state: str) -> Tone:
    """The colour of a state."""
    return STATE_TONES.get(state, BLANK)


def chip_tone(label: str) -> Tone:
    """The colours of a label: `pale` fills the box, `line` surrounds it, `dark` writes."""
    if label.startswith("handshake"):
        return Tone("#0072b2", "#0072b2", PAPER)
    if label.startswith("close"):
        return Tone("#8a5a00", "#8a5a00", PAPER)
    if label == "reset":
        return Tone(RESET, RESET, PAPER)
    if label == "data":
        return Tone("#d3efe6", GREEN.line, GREEN.dark)
    return Tone(PAPER, GREY.line, GREY.dark)
