"""The explanation of one segment as a value. A report turns it into text."""

from __future__ import annotations

from dataclasses import dataclass

from analyzer.explain.neighbours import Neighbours
from analyzer.trace.values import Capture, Connection, IcmpError, Segment
from analyzer.wire.checksum import Verdict
from analyzer.wire.layers import Layer
from analyzer.wire.option_list import Option

__all__ = ["Explanation"]


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything that is known about one segment of a connection.

    Attributes:
        capture: The capture.
        connection: The connection of the segment.
        segment: The segment.
        neighbours: The segments before it, those that it acknowledges, and its answer.
        captured: Bytes of the frame that were captured.
        original: Bytes of the frame on the wire.
        others: How many more TCP segments are in the frame.
        layers: The layers around the segment, from the outside in.
        header: The fixed part of the TCP header and its options, as captured.
        header_length: The length of the header in bytes, from its data offset.
        options: The options of the header.
        checksum: Whether the checksum is right; None if the capture does not have the whole segment.
        computed_checksum: The right checksum; None if the capture does not have the whole segment.
        payload: The first bytes of the payload as captured. They are hostile: escape them before you show them.
        error: The ICMP error that answers the segment, if the user chose the frame of the error; None if not.
    """

    capture: Capture
    connection: Connection
    segment: Segment
    neighbours: Neighbours
    captured: int
    original: int
    others: int
    layers: tuple[Layer, ...]
    header: bytes
    header_length: int
    options: tuple[Option, ...]
    checksum: Verdict | None
    computed_checksum: int | None
    payload: bytes
    error: IcmpError | None = None
