"""Everything that is known about one segment, in one value: for the report that explains it."""

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
    """One segment of one connection.

    captured, original: bytes of the frame, as captured and as on the wire.
    others: how many more TCP segments the frame holds.
    header: the fixed part of the TCP header and its options, as captured.
    checksum: None where it cannot be checked, because the capture does not hold the whole segment.
    computed_checksum: what it should be, None likewise.
    payload: the first bytes of the payload as captured. Hostile: escape before showing.
    error: the ICMP error that was asked for, which answers this segment; None where the segment itself was.
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
