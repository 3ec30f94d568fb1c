"""Labels: what a segment does. One segment can do several things; they are listed in the order of this table.

A label looks only backwards, so that a live capture and a stored one get the same labels.
"""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["LABELS", "Label", "label_names"]

HANDSHAKE_1: Final = 1
HANDSHAKE_2: Final = 2
HANDSHAKE_3: Final = 4
DATA: Final = 8
CLOSE_1: Final = 16
CLOSE_2: Final = 32
CLOSE_3: Final = 64
CLOSE_4: Final = 128
RESET: Final = 256
KEEP_ALIVE: Final = 512
PROBE: Final = 1024
ACK: Final = 2048
STRAY: Final = 4096


class Label(NamedTuple):
    """One label: its bit in a segment's label mask, its name, how it is shown, and what it means."""

    bit: int
    name: str
    shown: str
    meaning: str


LABELS: Final = (
    Label(
        HANDSHAKE_1,
        "handshake-1",
        "SYN 1/3",
        "a SYN without ACK that opens a connection, or repeats the opening",
    ),
    Label(HANDSHAKE_2, "handshake-2", "SYN-ACK 2/3", "SYN and ACK that acknowledge the peer's SYN"),
    Label(HANDSHAKE_3, "handshake-3", "ACK 3/3", "the segment whose ACK completes the opening"),
    Label(DATA, "data", "DATA", "payload octets are present"),
    Label(CLOSE_1, "close-1", "FIN 1/4", "the first FIN of the connection"),
    Label(CLOSE_2, "close-2", "ACK 2/4", "the first segment that acknowledges the first FIN"),
    Label(CLOSE_3, "close-3", "FIN 3/4", "the other side's FIN"),
    Label(CLOSE_4, "close-4", "ACK 4/4", "the first segment that acknowledges the other side's FIN"),
    Label(RESET, "reset", "RST", "RST is set"),
    Label(KEEP_ALIVE, "keep-alive", "KEEP-ALIVE", "a keep-alive probe, or the answer to one"),
    Label(PROBE, "probe", "PROBE", "a zero-window probe, or the answer to one"),
    Label(ACK, "ack", "ACK", "an acknowledgement and nothing else"),
    Label(STRAY, "stray", "?", "belongs to the two endpoints but fits no phase"),
)


def label_names(mask: int) -> list[str]:
    """The names of the labels in a mask, in the order of the table."""
    return [label.name for label in LABELS if mask & label.bit]
