"""How far a verdict can be believed where the capture itself has lost frames.

A capture that lost frames shows gaps that were none on the wire. Which frames it lost nobody knows, so each
value of a connection that says "this was not there" is in doubt, and what was seen stays certain.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from analyzer.tcp.notes import NOTE, NOTES, NoteName
from analyzer.tcp.outcomes import CLOSE, HANDSHAKE
from analyzer.trace.values import Close, Direction, Handshake

__all__ = ["DOUBTS", "doubts"]

DOUBTS: Final[Mapping[str, str]] = {
    "handshake.outcome": "a segment of the handshake seems missing",
    "data.unacknowledged_bytes": "data seems never acknowledged",
    "close.outcome": "a segment of the close seems missing",
    "close.data_lost": "data seems lost",
    **{f"notes.{note.name}": note.doubt for note in NOTES if note.doubt},
}
"""What can be in doubt, by its place in the JSON document -> why."""


def doubts(
    lost_frames: int | None,
    handshake: Handshake,
    data: tuple[Direction, Direction],
    close: Close,
    notes: Collection[NoteName],
) -> tuple[str, ...]:
    """What is in doubt of a connection, in the order of `DOUBTS`; nothing where no frame is known as lost."""
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
