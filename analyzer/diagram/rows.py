"""The parts of a sequence diagram before it is drawn.

The rows follow the capture from top to bottom, one unit apart. The client's lifeline is on the left, the server's on
the right. The parts hold names and numbers; the reports turn them into words. Every string is safe to show: the layout
escapes text of the capture.
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
    """One endpoint.

    Attributes:
        role: "client" or "server".
        address: The IP address without the port.
        port: The port.
        initial_state: The state above the first row.
        final_state: The state below the last row.
    """

    role: str
    address: str
    port: int
    initial_state: str
    final_state: str


class Arrow(NamedTuple):
    """One segment.

    Attributes:
        frame: The number of its frame.
        time_ns: Nanoseconds since the first segment of the connection.
        to_right: Whether the arrow points to the right.
        flags: The flags of the header.
        seq: The relative sequence number.
        ack: The relative acknowledgement number; None without the flag ACK.
        length: Payload bytes.
        window: The window in bytes.
        text: An excerpt of the payload in quotes; empty without a payload.
        labels: What the segment does.
        notes: What is notable about it.
        left_state: The state that the left endpoint reaches with it; None if it does not change.
        right_state: The state that the right endpoint reaches with it; None if it does not change.
        why: The reasons for the changes of state.
        phase: The phase of the connection.
        retransmission: Whether it is a retransmission.
        reset: Whether RST is set.
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
    """A run of omitted segments that share one row. Bytes are payload bytes as sent, including retransmissions.

    Attributes:
        first_frame: The frame of the first segment.
        last_frame: The frame of the last segment.
        first_time_ns: Nanoseconds from the first segment of the connection to the first one of the run.
        last_time_ns: The same for the last one of the run.
        segments_to_right: Segments whose arrow points to the right.
        segments_to_left: Segments whose arrow points to the left.
        bytes_to_right: Their payload bytes.
        bytes_to_left: Their payload bytes.
        phase: The phase of the connection.
        retransmissions: How many of the segments are retransmissions.
        noted: Names of notes with their counts, in the order of the table of notes.
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
    """An ICMP error between two segments. It has no arrow, because neither endpoint sent it.

    Attributes:
        frame: The number of its frame.
        time_ns: Nanoseconds since the first segment of the connection.
        error: The error.
        phase: The phase of the connection.
    """

    frame: int
    time_ns: int
    error: IcmpError
    phase: Phase


Row = Arrow | Fold | Notice


class Band(NamedTuple):
    """The rows of one phase.

    Attributes:
        phase: The phase.
        first: The first row, from 0.
        last: The last row; it belongs to the phase.
        outcome: The outcome of the handshake or of the close, as a name; empty for data.
    """

    phase: Phase
    first: int
    last: int
    outcome: str


@dataclass(frozen=True, slots=True)
class Diagram:
    """The diagram of one connection.

    Attributes:
        connection: The connection.
        left: The client.
        right: The server.
        rows: The rows from top to bottom.
        bands: The phases from top to bottom.
    """

    connection: Connection = field(compare=False)
    left: Lifeline
    right: Lifeline
    rows: tuple[Row, ...]
    bands: tuple[Band, ...]
