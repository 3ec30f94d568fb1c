"""Finds the neighbours of a segment: the segments before it, those that it acknowledges, and its answer.

It looks at the whole connection. A label never does: it looks only at the segments before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from analyzer.tcp.notes import NOTE
from analyzer.tcp.sequence import difference
from analyzer.trace.values import Segment
from analyzer.wire.flags import Flags

__all__ = ["Neighbours", "asks", "bytes_of_sequence", "neighbours"]


class Neighbours(NamedTuple):
    """The neighbours of a segment.

    Attributes:
        place: The place of the segment in its connection, from 0.
        previous_own: The segment of the same sender before it.
        previous_other: The segment of the other side before it.
        acknowledged: Segments of the other side that its acknowledgement number is the first to cover.
        answer: The first later segment of the other side that acknowledges all of it; for a keep-alive or a window
            probe, the answer to it. None if there is none, and for a segment that needs no acknowledgement.
    """

    place: int
    previous_own: Segment | None
    previous_other: Segment | None
    acknowledged: tuple[Segment, ...]
    answer: Segment | None


def neighbours(segments: Sequence[Segment], place: int) -> Neighbours:
    """Find the neighbours of `segments[place]`."""
    segment = segments[place]
    previous_own = previous_other = None
    for earlier in reversed(segments[:place]):
        if earlier.sender == segment.sender:
            previous_own = previous_own or earlier
        else:
            previous_other = previous_other or earlier
        if previous_own and previous_other:
            break
    return Neighbours(
        place, previous_own, previous_other, _acknowledged(segments, place), _answer(segments, place)
    )


def bytes_of_sequence(segment: Segment) -> int:
    """How many sequence numbers the segment takes: one for each byte, one for SYN, one for FIN."""
    return segment.length + (Flags.SYN in segment.flags) + (Flags.FIN in segment.flags)


def asks(segment: Segment) -> bool:
    """Whether the segment expects an answer even without a sequence number: a keep-alive or a window probe."""
    return any(NOTE[name].answer for name in segment.notes)


def _end(segment: Segment) -> int:
    return (segment.seq + bytes_of_sequence(segment)) & 0xFFFFFFFF


def _acknowledged(segments: Sequence[Segment], place: int) -> tuple[Segment, ...]:
    segment = segments[place]
    if segment.ack is None:
        return ()
    before: int | None = None
    for earlier in segments[:place]:
        if earlier.sender == segment.sender and earlier.ack is not None:
            if before is None or difference(earlier.ack, before) > 0:
                before = earlier.ack
    return tuple(
        earlier
        for earlier in segments[:place]
        if earlier.sender != segment.sender
        and bytes_of_sequence(earlier)
        and difference(segment.ack, _end(earlier)) >= 0
        and (before is None or difference(_end(earlier), before) > 0)
    )


def _answer(segments: Sequence[Segment], place: int) -> Segment | None:
    segment = segments[place]
    answers = {NOTE[name].answer for name in segment.notes if NOTE[name].answer}
    if answers:
        for later in segments[place + 1 :]:
            if later.sender == segment.sender:
                break
            if answers.intersection(later.notes):
                return later
    if not bytes_of_sequence(segment):
        return None
    end = _end(segment)
    for later in segments[place + 1 :]:
        if later.sender != segment.sender and later.ack is not None and difference(later.ack, end) >= 0:
            return later
    return None
