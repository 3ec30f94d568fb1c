"""Which connections of a trace a report is about, and in which order.

Everything keeps its number: those that are not chosen are only not looked at.
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
    """Every key of the document."""
    from analyzer.filters.keys import Keys
    from analyzer.report.document import schema

    return Keys(schema())


class Selection(NamedTuple):
    """Connections of a trace, each made when it is asked for.

    of: among how many they were looked for. numbered: by their numbers, too. only, order: by which filter, in which
    order; None where nobody asked for one.
    """

    connections: Sequence[Connection]
    of: int
    numbered: bool
    only: Filter | None
    order: Order | None


def select(
    trace: Trace, numbers: Collection[int] = (), only: Filter | None = None, order: Order | None = None
) -> Selection:
    """The connections with these numbers, in that order, all where there are none; of them those that the filter
    means, in the order asked for.

    Raises UsageError for a number the trace does not have.
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

    # What is kept of each connection is its place and what it is sorted by: there may be a million.
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
    """Where the connections with these numbers stand among those of the trace."""
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
                        "connection {number} was folded to keep memory bounded: "
                        "--stream writes it, --hold COUNT keeps more of them",
                        number=number,
                    )
                )
        places.append(place)
    return places


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
