"""The order of labels: a small pattern language for the segments of a connection.

    handshake-1 handshake-2 handshake-3 data* close-1 close-2+close-3 close-4

An item is one segment with exactly these labels; `close-2+close-3` is one segment with both labels. `client:` or
`server:` before an item names the sender. `*`, `+` and `?` after an item or a group in parentheses mean any number,
at least one, and at most one. `|` separates alternatives. `any` is one segment with any labels, `...` any number of
them. Segments with only the label `ack` are skipped unless the pattern contains `ack`: whether an acknowledgement
travels alone depends on timing.

The pattern becomes a nondeterministic automaton that reads one segment after the other (Thompson, "Regular
expression search algorithm", 1968). So its time grows linearly with the connection, and at each segment it knows
what could have come instead.
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
"""A longer pattern is not recorded, because it would be hard to read."""

SYNTAX: Final = {
    "handshake-1": "one segment with only this label",
    "close-2+close-3": "one segment with exactly these labels",
    "client:data": "only from the client; `server:` works the same way",
    "any": "one segment with any labels",
    "...": "any number of segments with any labels",
    "data*": "any number of these segments, or none; `data+` is at least one, `data?` at most one",
    "(data | ack)": "one of these; `*`, `+` and `?` also work after a group",
}
"""Example -> what it matches."""

_NAMES: Final = tuple(label.name for label in LABELS)
_TOKEN: Final = re.compile(
    r"\s*(\.\.\.|[()|]|[*?](?=[\s()|*?+]|$)|\+(?=[\s()|*?+]|$)|[^\s()|*?+]+(?:\+[^\s()|*?+]+)*)"
)


class Item(NamedTuple):
    """What one segment has to be.

    Attributes:
        labels: Exactly these labels; any labels if empty.
        side: The sender, "client" or "server"; "" for either.
        text: The item as it is written.
    """

    labels: frozenset[str]
    side: str
    text: str

    def takes(self, segment: Segment) -> bool:
        """Whether the segment matches this item."""
        return (not self.side or self.side == segment.sender) and (
            not self.labels or self.labels == set(segment.labels)
        )


class Mismatch(NamedTuple):
    """Where a connection stops matching the pattern.

    Attributes:
        segment: The first segment that does not match; None if the connection ends too early.
        instead: What could have come here.
    """

    segment: Segment | None
    instead: tuple[str, ...]


class Pattern:
    """A pattern that is ready to be compared.

    Attributes:
        text: The pattern as it is written, with single blanks.
    """

    def __init__(self, text: str) -> None:
        """Read a pattern.

        Args:
            text: The pattern.

        Raises:
            UsageError: The pattern is not valid. For an unknown label the message suggests the nearest one.
        """
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
        """Where the segments stop matching the pattern; None if they match it."""
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
        """These states and all states that can be reached from them without a segment."""
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

    # A fragment is its first state, and the states that do not lead anywhere yet.

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
            # An endless loop without a segment does no harm: `_closure` visits each state once.
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
            say("the pattern {text} is not valid {where}", text=inert(repr(self.text)), where=where)
        )


def _tokens(text: str) -> list[str]:
    tokens: list[str] = []
    place = 0
    while place < len(text):
        found = _TOKEN.match(text, place)
        if found is None:
            raise UsageError(
                say(
                    "the pattern {text} is not valid at {rest}",
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
        hint = nearest(side, ("client", "server")) or say(": write client or server")
        raise UsageError(say("there is no sender {side}{hint}", side=inert(side) or '""', hint=hint))
    if names == "any":
        return Item(frozenset(), side, token)
    labels = names.split("+")
    for label in labels:
        if label not in _NAMES:
            hint = nearest(label, _NAMES) or say(": the labels are {names}", names=", ".join(_NAMES))
            raise UsageError(say("there is no label {label}{hint}", label=inert(label) or '""', hint=hint))
    return Item(frozenset(labels), side, token)


def pattern_of(segments: Iterable[Segment]) -> str:
    """The pattern of these segments, as it is recorded; empty if it would be longer than `MOST_ITEMS`.

    Several equal items in a row become one item with a `+`. Items of data have no sender. How data is divided into
    segments, and which side sends first, depends on timing.
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
