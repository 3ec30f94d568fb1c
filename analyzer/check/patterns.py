"""Which labels come in which sequence: a small pattern over the segments of a connection.

    handshake-1 handshake-2 handshake-3 data* close-1 close-2+close-3 close-4

An item is one segment with exactly these labels; `close-2+close-3` is one segment that does both. `client:` or
`server:` before it says who sends it. `*`, `+`, `?` after an item or a group in parentheses: any number, at least
one, at most one; `|` between alternatives; `any` is a segment whatever it does, `...` any number of them. A segment
that is nothing but an `ack` is passed over unless the pattern names `ack`, because when an acknowledgement goes
alone is a matter of timing.

The pattern becomes a nondeterministic automaton that takes one segment after the other (Thompson, "Regular
expression search algorithm", 1968), so that the time it takes grows with the connection and never faster, and so
that it knows at each segment what could have come instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from analyzer.errors import UsageError
from analyzer.filters.spelling import nearest
from analyzer.tcp.labels import LABELS
from analyzer.text import inert, say
from analyzer.trace.values import Segment

__all__ = ["MOST_ITEMS", "SYNTAX", "Item", "Mismatch", "Pattern", "pattern_of"]

MOST_ITEMS: Final = 24
"""A pattern longer than this is not recorded: nobody would read it."""

SYNTAX: Final = {
    "handshake-1": "one segment with this label and no other",
    "close-2+close-3": "one segment with exactly these labels",
    "client:data": "only from the client; likewise `server:`",
    "any": "one segment, whatever it does",
    "...": "any number of segments, whatever they do",
    "data*": "any number of them, also none; likewise `data+` for at least one, `data?` for at most one",
    "(data | ack)": "one or the other; a group can be repeated as an item can",
}
"""Example -> what it stands for."""

_NAMES: Final = tuple(label.name for label in LABELS)
_TOKEN: Final = re.compile(
    r"\s*(\.\.\.|[()|]|[*?](?=[\s()|*?+]|$)|\+(?=[\s()|*?+]|$)|[^\s()|*?+]+(?:\+[^\s()|*?+]+)*)"
)


class Item(NamedTuple):
    """What one segment is to be. labels: exactly these; none stands for any. side: its sender, "" for either."""

    labels: frozenset[str]
    side: str
    text: str

    def takes(self, segment: Segment) -> bool:
        """Whether the segment is such a one."""
        return (not self.side or self.side == segment.sender) and (
            not self.labels or self.labels == set(segment.labels)
        )


class Mismatch(NamedTuple):
    """Where a connection leaves the pattern. segment: the first that does not fit, None where it ends too early.
    instead: what could have come."""

    segment: Segment | None
    instead: tuple[str, ...]


class Pattern:
    """A pattern, ready to be compared. text: as it was written, with single blanks."""

    def __init__(self, text: str) -> None:
        """Raises UsageError where it is none, with the nearest label where one is unknown."""
        self.text: str = " ".join(text.split())
        self._items: list[Item | None] = []
        self._next: list[list[int]] = []
        self._tokens = _tokens(self.text)
        self._place = 0
        try:
            start, ends = self._alternatives()
        except RecursionError:
            raise UsageError(say("the pattern has too many parentheses: write a simpler one")) from None
        if self._place < len(self._tokens):
            raise self._fault()
        self._accepting = self._state(None)
        self._join(ends, self._accepting)
        self._start = self._closure([start])
        self._with_acks = any(item is not None and "ack" in item.labels for item in self._items)

    def mismatch(self, segments: Iterable[Segment]) -> Mismatch | None:
        """Where the segments leave the pattern; None where they are as it says."""
        states = self._start
        for segment in segments:
            if segment.labels == ("ack",) and not self._with_acks:
                continue
            reached = [
                following
                for state in states
                if (item := self._items[state]) is not None and item.takes(segment)
                for following in self._next[state]
            ]
            if not reached:
                return Mismatch(segment, self._expected(states))
            states = self._closure(reached)
        return None if self._accepting in states else Mismatch(None, self._expected(states))

    def _expected(self, states: Sequence[int]) -> tuple[str, ...]:
        named = [item.text for state in states if (item := self._items[state]) is not None]
        if self._accepting in states:
            named.append(say("the end"))
        return tuple(dict.fromkeys(named))

    def _closure(self, states: Iterable[int]) -> list[int]:
        """The states, and those that are reached from them without a segment."""
        found: dict[int, None] = {}
        waiting = list(states)[::-1]
        while waiting:
            state = waiting.pop()
            if state in found:
                continue
            found[state] = None
            if self._items[state] is None:
                waiting.extend(reversed(self._next[state]))
        return list(found)

    # A fragment is where it begins, and the states whose way on is still open.

    def _alternatives(self) -> tuple[int, list[int]]:
        start, ends = self._sequence()
        while self._accept("|"):
            other, other_ends = self._sequence()
            start = self._state(None, start, other)
            ends += other_ends
        return start, ends

    def _sequence(self) -> tuple[int, list[int]]:
        start = self._state(None)
        ends = [start]
        while self._place < len(self._tokens) and self._tokens[self._place] not in {")", "|"}:
            first, further = self._repeated()
            self._join(ends, first)
            ends = further
        return start, ends

    def _repeated(self) -> tuple[int, list[int]]:
        start, ends = self._one()
        while (mark := self._peek()) in {"*", "+", "?"}:
            self._place += 1
            # An endless loop without a segment is no harm: `_closure` visits a state once.
            choice = self._state(None, start)
            if mark != "?":
                self._join(ends, choice)
            ends = [choice, *(ends if mark == "?" else ())]
            start = start if mark == "+" else choice
        return start, ends

    def _one(self) -> tuple[int, list[int]]:
        if self._accept("("):
            inner = self._alternatives()
            if not self._accept(")"):
                raise self._fault()
            return inner
        token = self._peek()
        if token in {"", "*", "+", "?"}:
            raise self._fault()
        self._place += 1
        if token == "...":
            state = self._state(Item(frozenset(), "", "any"))
            choice = self._state(None, state)
            self._join([state], choice)
            return choice, [choice]
        state = self._state(_item(token))
        return state, [state]

    def _state(self, item: Item | None, *following: int) -> int:
        self._items.append(item)
        self._next.append(list(following))
        return len(self._items) - 1

    def _join(self, ends: Iterable[int], target: int) -> None:
        for end in ends:
            self._next[end].append(target)

    def _peek(self) -> str:
        return self._tokens[self._place] if self._place < len(self._tokens) else ""

    def _accept(self, token: str) -> bool:
        if self._peek() == token:
            self._place += 1
            return True
        return False

    def _fault(self) -> UsageError:
        token = self._peek()
        where = say("at {token}", token=inert(repr(token))) if token else say("at its end")
        return UsageError(
            say("the pattern {text} is wrong {where}", text=inert(repr(self.text)), where=where)
        )


def _tokens(text: str) -> list[str]:
    tokens: list[str] = []
    place = 0
    while place < len(text):
        found = _TOKEN.match(text, place)
        if found is None:
            raise UsageError(
                say(
                    "the pattern {text} is wrong at {rest}",
                    text=inert(repr(text)),
                    rest=inert(repr(text[place:])),
                )
            )
        tokens.append(found[1])
        place = found.end()
    return tokens


def _item(token: str) -> Item:
    side, colon, names = token.rpartition(":")
    if colon and side not in {"client", "server"}:
        hint = nearest(side, ("client", "server")) or say(": it is client or server")
        raise UsageError(say("nobody called {side} sends{hint}", side=inert(side) or '""', hint=hint))
    if names == "any":
        return Item(frozenset(), side, token)
    labels = names.split("+")
    for label in labels:
        if label not in _NAMES:
            hint = nearest(label, _NAMES) or say(": there are {names}", names=", ".join(_NAMES))
            raise UsageError(say("there is no label {label}{hint}", label=inert(label) or '""', hint=hint))
    return Item(frozenset(labels), side, token)


def pattern_of(segments: Iterable[Segment]) -> str:
    """The pattern of these segments, as it is recorded; empty where it would be longer than MOST_ITEMS.

    Runs become one repeated item: how data is cut into segments, and who is first to send its part of an
    exchange of data, is a matter of timing.
    """
    items: list[str] = []
    repeated = False
    for item in _items_of(segments):
        if items and items[-1] == item:
            repeated = True
            continue
        if repeated:
            items[-1] += "+"
        items.append(item)
        repeated = item == "data"
        if len(items) > MOST_ITEMS:
            return ""
    if repeated:
        items[-1] += "+"
    return " ".join(items)


def _items_of(segments: Iterable[Segment]) -> Iterator[str]:
    for segment in segments:
        labels = "+".join(segment.labels)
        if labels == "data":
            yield labels
        elif labels != "ack":
            yield f"{segment.sender}:{labels}"
