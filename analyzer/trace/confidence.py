"""How far a verdict can be believed where the capture itself has lost frames.

A capture that lost frames shows gaps that were none on the wire. Which frames it lost nobody knows, so each
value of a connection that says "this was not there" is in doubt, and what was seen stays certain.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from analyzer.trace.values import Close, Direction, Handshake

__all__ = ["DOUBTFUL_CLOSES", "DOUBTFUL_HANDSHAKES", "DOUBTFUL_NOTES", "DOUBTS", "doubts"]

DOUBTS: Final[Mapping[str, str]] = {
    "handshake.outcome": "a segment of the handshake seems missing",
    "data.unacknowledged_octets": "data seems never acknowledged",
    "close.outcome": "a segment of the close seems missing",
    "close.data_lost": "data seems lost",
    "notes.lost_segment": "octets before a segment were not captured",
    "notes.ack_lost_segment": "octets that were not captured are acknowledged",
}
"""What can be in doubt, by its place in the JSON document -> why."""

DOUBTFUL_HANDSHAKES: Final = frozenset({"unanswered", "half-open", "partial", "not-captured"})
DOUBTFUL_CLOSES: Final = frozenset({"half-closed", "unacknowledged", "open"})
"""The outcomes that say that something was not there."""

DOUBTFUL_NOTES: Final = frozenset({"lost_segment", "ack_lost_segment"})


def doubts(
    lost_frames: int | None,
    handshake: Handshake,
    data: tuple[Direction, Direction],
    close: Close,
    notes: Collection[str],
) -> tuple[str, ...]:
    """What is in doubt of a connection, in the order of `DOUBTS`; nothing where no frame is known as lost."""
    if not lost_frames:
        return ()
    doubted = {f"notes.{note}" for note in DOUBTFUL_NOTES.intersection(notes)}
    if handshake.outcome in DOUBTFUL_HANDSHAKES:
        doubted.add("handshake.outcome")
    if any(direction.unacknowledged_octets for direction in data):
        doubted.add("data.unacknowledged_octets")
    if close.outcome in DOUBTFUL_CLOSES:
        doubted.add("close.outcome")
    if close.data_lost:
        doubted.add("close.data_lost")
    return tuple(name for name in DOUBTS if name in doubted)
