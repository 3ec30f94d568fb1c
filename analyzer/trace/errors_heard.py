"""Which segment an ICMP error answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from analyzer.trace.values import IcmpError, Segment

__all__ = ["with_answers"]


def with_answers(errors: Sequence[IcmpError], segments: Sequence[Segment]) -> tuple[IcmpError, ...]:
    """The errors, each with the frame of the latest segment before it that has the quoted sequence number."""
    return tuple(
        error if error.answers is not None else replace(error, answers=_answered(error, segments))
        for error in errors
    )


def _answered(error: IcmpError, segments: Sequence[Segment]) -> int | None:
    return next(
        (
            segment.frame
            for segment in reversed(segments)
            if segment.frame < error.frame and segment.sender == error.about and segment.seq == error.seq
        ),
        None,
    )
