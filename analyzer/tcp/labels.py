"""Labels: what a segment does. One segment can do several things; they are listed in the order of this table.

A label looks only backwards, so that a live capture and a stored one get the same labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

__all__ = ["LABEL", "LABELS", "Label", "LabelName", "label_names"]

LabelName = Literal[
    "handshake-1",
    "handshake-2",
    "handshake-3",
    "data",
    "close-1",
    "close-2",
    "close-3",
    "close-4",
    "reset",
    "keep-alive",
    "probe",
    "ack",
    "stray",
]

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
    """One label: its bit in a segment's label mask, its name, how it is shown, what it means, and why a segment has
    it: in that sentence `{me}` sent the segment, `{peer}` is the other side, and numbers are relative."""

    bit: int
    name: LabelName
    shown: str
    meaning: str
    reason: str


LABELS: Final = (
    Label(
        HANDSHAKE_1,
        "handshake-1",
        "SYN 1/3",
        "a SYN without ACK that opens a connection, or a retransmission of it",
        "SYN is set and ACK is not: the {me} asks for a connection and announces its initial sequence number",
    ),
    Label(
        HANDSHAKE_2,
        "handshake-2",
        "SYN-ACK 2/3",
        "SYN and ACK in one segment, which acknowledges the peer's SYN",
        "SYN and ACK are set: ack {ack} covers the {peer}'s SYN, and the {me} announces its own initial number",
    ),
    Label(
        HANDSHAKE_3,
        "handshake-3",
        "ACK 3/3",
        "the segment whose ACK completes the opening",
        "ack {ack} covers the {peer}'s SYN, which completes the opening",
    ),
    Label(
        DATA,
        "data",
        "DATA",
        "the segment carries payload",
        "the segment carries payload: {length}, sequence numbers {seq} to {last}",
    ),
    Label(
        CLOSE_1,
        "close-1",
        "FIN 1/4",
        "the first FIN of the connection",
        "FIN is set, the first FIN of the connection: the {me} will send nothing after sequence number {fin}",
    ),
    Label(
        CLOSE_2,
        "close-2",
        "ACK 2/4",
        "the first segment that acknowledges the first FIN",
        "ack {ack} covers the {peer}'s FIN, the first one of the connection",
    ),
    Label(
        CLOSE_3,
        "close-3",
        "FIN 3/4",
        "the other side's FIN",
        "FIN is set, the second FIN of the connection: the {me} will send nothing after sequence number {fin}",
    ),
    Label(
        CLOSE_4,
        "close-4",
        "ACK 4/4",
        "the first segment that acknowledges the other side's FIN",
        "ack {ack} covers the {peer}'s FIN, the second one of the connection",
    ),
    Label(
        RESET,
        "reset",
        "RST",
        "RST is set",
        "RST is set: the {me} refuses the connection or ends it at once",
    ),
    Label(
        KEEP_ALIVE,
        "keep-alive",
        "KEEP-ALIVE",
        "a keep-alive probe, or the answer to one",
        "there is no new byte: the {me} asks whether the {peer} is still there, or answers that question",
    ),
    Label(
        PROBE,
        "probe",
        "PROBE",
        "a zero-window probe, or the answer to one",
        "the receiver's window is zero: the {me} asks whether it has opened, or answers such a probe",
    ),
    Label(
        ACK,
        "ack",
        "ACK",
        "only an acknowledgement",
        "only ACK is set, and there is no payload: the segment only acknowledges",
    ),
    Label(
        STRAY,
        "stray",
        "?",
        "belongs to the two endpoints but fits no phase",
        "it belongs to the two endpoints but fits no phase: it comes after the end, before any opening, or has no ACK",
    ),
)

LABEL: Final[Mapping[LabelName, Label]] = {label.name: label for label in LABELS}


def label_names(mask: int) -> list[LabelName]:
    """The names of the labels in a mask, in the order of the table."""
    return [label.name for label in LABELS if mask & label.bit]
