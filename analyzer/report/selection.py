"""Which connections of a trace a report shows, and in which order.

Connections keep their numbers; those that are not chosen are skipped.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from analyzer.errors import UsageError
from analyzer.text import say
from analyzer.trace.build import glance, picked
from analyzer.trace.values import Capture, Connection, Trace

if TYPE_CHECKING:
    from analyzer.filters.filters import Filter
    from analyzer.filters.keys import Keys
    from analyzer.filters.order import Order

__all__ = ["Selection", "keys", "select"]


@lru_cache(maxsize=1)
def keys() -> Keys:
    """All keys of the document."""
    from analyzer.filters.keys import Keys
    from analyzer.report.document import schema

    return Keys(schema())


class Selection(NamedTuple):
    """Chosen connections of a trace, each made when it is read.

    of: how many connections they were chosen from. numbered: whether they were chosen by number. only, order: the
    filter and the order; None if not given.
    """

    connections: Sequence[Connection]
    of: int
    numbered: bool
    only: Filter | None
    order: Order | None


def select(
    trace: Trace, numbers: Collection[int] = (), only: Filter | None = None, order: Order | None = None
) -> Selection:
    """The connections with these numbers, in that order, or all if there are no numbers; of these, the ones that
    match the filter, in the given order.

    Raises UsageError for a number that the trace does not have.
    """
    connections = trace.connections
    if numbers:
        connections = picked(connections, _places(trace, numbers))
    of = len(connections)
    if only is not None or order is not None:
        connections = picked(connections, _chosen(connections, trace.capture, only, order))
    return Selection(connections, of, bool(numbers), only, order)


def _chosen(
    connections: Sequence[Connection], capture: Capture, only: Filter | None, order: Order | None
) -> Sequence[int]:
    from analyzer.report.document import Described

    # Only the place and the sort key of each connection are kept: there may be a million.
    kept: list[int] = []
    values: list[object] = []
    for place in range(len(connections)):
        described = Described(glance(connections, place), capture)
        if only is None or only.test(described):
            kept.append(place)
            if order is not None:
                values.append(order.value(described))
    return kept if order is None else [kept[place] for place in order.arranged(values)]


def _places(trace: Trace, numbers: Iterable[int]) -> list[int]:
    """The places of the connections with these numbers in the trace."""
    folded = trace.capture.folded
    count = len(trace) + (folded.connections if folded else 0)
    places = []
    for number in numbers:
        if not 0 <= number < count:
            raise UsageError(_no_such(number, count))
        place = number
        if folded:
            place = bisect_left(trace.connections, number, key=lambda connection: connection.id)
            if place == len(trace) or trace.connections[place].id != number:
                raise UsageError(
                    say(
                        "connection {number} is counted only, to keep memory bounded: "
                        "use --stream to write it, or --hold COUNT to keep more connections",
                        number=number,
                    )
                )
        places.append(place)
    return places


def _no_such(number: int, count: int) -> str:
    if count == 0:
        return say("connection {number} does not exist: the capture has no TCP connections", number=number)
    if count == 1:
        return say(
            "connection {number} does not exist: the only connection of this capture is number 0",
            number=number,
        )
    return say(
        "connection {number} does not exist: the connections of this capture are numbered from 0 to {last}",
        number=number,
        last=count - 1,
    )
