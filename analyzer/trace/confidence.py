"""How certain a verdict is when the capture itself has lost frames.

A capture that lost frames shows gaps that did not exist on the wire. It is unknown which frames it lost. So each value
that depends on a missing segment is in doubt. What was captured stays certain.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from analyzer.tcp.notes import NOTE, NOTES, NoteName
from analyzer.tcp.outcomes import CLOSE, HANDSHAKE
from analyzer.trace.values import Close, Direction, Handshake

__all__ = ["DOUBTS", "doubts"]

DOUBTS: Final[Mapping[str, str]] = {
    "handshake.outcome": "a segment of the handshake seems to be missing",
    "data.unacknowledged_bytes": "data seems not to be acknowledged",
    "close.outcome": "a segment of the close seems to be missing",
    "close.data_lost": "data seems to be lost",
    **{f"notes.{note.name}": note.doubt for note in NOTES if note.doubt},
}
"""Place in the JSON document -> why its value can be in doubt."""


def doubts(
    lost_frames: int | None,
    handshake: Handshake,
    data: tuple[Direction, Direction],
    close: Close,
    notes: Collection[NoteName],
) -> tuple[str, ...]:
    """The doubtful values of a connection, in the order of `DOUBTS`; none if no frame is known to be lost."""
    if not lost_frames:
        return ()
    doubted = {f"notes.{name}" for name in notes if NOTE[name].doubt}
    if HANDSHAKE[handshake.outcome].doubtful:
        doubted.add("handshake.outcome")
    if any(direction.unacknowledged_bytes for direction in data):
        doubted.add("data.unacknowledged_bytes")
    if CLOSE[close.outcome].doubtful:
        doubted.add("close.outcome")
    if close.data_lost:
        doubted.add("close.data_lost")
    return tuple(name for name in DOUBTS if name in doubted)
