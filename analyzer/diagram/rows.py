"""What a sequence diagram is made of, before anybody draws it.

Rows follow the capture, one unit apart from top to bottom. The client's lifeline is on the left, the server's
on the right, also where both have the same address. What is said of them is for whoever draws them: here are
names and numbers. Every string is safe to show: text of the capture is escaped where the diagram is laid out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from analyzer.tcp.labels import LabelName
from analyzer.tcp.notes import NoteName
from analyzer.trace.values import Connection, IcmpError, Reason
from analyzer.wire.flags import Flags

__all__ = ["Arrow", "Band", "Diagram", "Fold", "Lifeline", "Notice", "Phase", "Row"]

Phase = Literal["handshake", "data", "close"]


class Lifeline(NamedTuple):
    """One endpoint: `role` is "client" or "server", `address` the IP address alone, `initial_state` the state
    above the first row, `final_state` the one below the last."""

    role: str
    address: str
    port: int
    initial_state: str
    final_state: str


class Arrow(NamedTuple):
    """One segment. `time_ns` counts from the connection's first segment.

    `left_state` and `right_state` are the states reached with this segment, None where nothing changed.
    `text` is an excerpt of the payload in quotes, empty where there is none.
    """

    frame: int
    time_ns: int
    to_right: bool
    flags: Flags
    seq: int
    ack: int | None
    length: int
    window: int
    text: str
    labels: tuple[LabelName, ...]
    notes: tuple[NoteName, ...]
    left_state: str | None
    right_state: str | None
    why: tuple[Reason, ...]
    phase: Phase
    retransmission: bool
    reset: bool


class Fold(NamedTuple):
    """A run of segments shown as one row. Bytes are payload bytes as sent, repetitions included.

    `retransmissions` of the segments were sent again; `noted` counts every note by its name, in the order of
    the table of notes.
    """

    first_frame: int
    last_frame: int
    first_time_ns: int
    last_time_ns: int
    segments_to_right: int
    segments_to_left: int
    bytes_to_right: int
    bytes_to_left: int
    phase: Phase
    retransmissions: int = 0
    noted: tuple[tuple[NoteName, int], ...] = ()


class Notice(NamedTuple):
    """What the network said about the connection, between two segments: no arrow, for neither end sent it.

    `time_ns` counts from the connection's first segment.
    """

    frame: int
    time_ns: int
    error: IcmpError
    phase: Phase


Row = Arrow | Fold | Notice


class Band(NamedTuple):
    """The rows `first` to `last` (from 0, both included) of one phase."""

    phase: Phase
    first: int
    last: int
    outcome: str
    """The outcome of the handshake or the close, as a name; empty for data."""


@dataclass(frozen=True, slots=True)
class Diagram:
    """One connection."""

    connection: Connection = field(compare=False)
    left: Lifeline
    right: Lifeline
    rows: tuple[Row, ...]
    bands: tuple[Band, ...]
