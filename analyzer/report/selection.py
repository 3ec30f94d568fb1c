"""Which connections of a trace a report is about."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from analyzer.errors import UsageError
from analyzer.text import say
from analyzer.trace.values import Connection, Trace

__all__ = ["chosen"]


def chosen(trace: Trace, selected: Collection[int] | None) -> Iterator[Connection]:
    """The connections with the numbers `selected`, in that order; all of them for None.

    Raises UsageError for a number the trace does not have, before it gives the first connection.
    """
    if selected is None:
        return iter(trace)
    folded = trace.capture.folded
    count = len(trace) + (folded.connections if folded else 0)
    for number in selected:
        if not 0 <= number < count:
            raise UsageError(_no_such(number, count))
        if folded and not _has(trace, number):
            raise UsageError(
                say(
                    "connection {number} was folded to keep memory bounded: "
                    "--stream writes it, --hold COUNT keeps more of them",
                    number=number,
                )
            )
    return map(trace.__getitem__, selected)


def _has(trace: Trace, number: int) -> bool:
    try:
        trace[number]
    except IndexError:
        return False
    return True


def _no_such(number: int, count: int) -> str:
    if count == 0:
        return say("there is no connection {number}: the capture holds no TCP connection", number=number)
    if count == 1:
        return say("there is no connection {number}: the only one of this capture is number 0", number=number)
    return say(
        "there is no connection {number}: those of this capture are numbered from 0 to {last}",
        number=number,
        last=count - 1,
    )
