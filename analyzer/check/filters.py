"""Which connections are meant: comparisons joined by `and`, `or`, `not` and parentheses, as in display filters.

server.port == 20000 and not close in {reset, reset-after-fin}
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from analyzer.check.comparisons import OPERATORS, Comparison, comparison
from analyzer.check.keys import Keys
from analyzer.errors import UsageError
from analyzer.text import inert, say

__all__ = ["Filter", "parse_filter"]

_TOKEN: Final = re.compile(
    r'\s*(\(|\)|\{[^{}]*\}|"(?:[^"\\]|\\.)*"|==|!=|<=|>=|=|<|>|&&|\|\||!|[^\s(){}<>=!"&|]+)\s*'
)
_WORDS: Final = {"&&": "and", "||": "or", "!": "not", "==": "="}


class Filter(NamedTuple):
    """text: as it was written. test: whether a connection of the document is meant."""

    text: str
    test: Callable[[Mapping[str, Any]], bool]


def parse_filter(keys: Keys, text: str) -> Filter:
    """Read a filter. Raises UsageError where it is none, with the nearest key where one is unknown."""
    try:
        return Filter(" ".join(text.split()), _Reader(keys, text).read())
    except RecursionError:
        raise UsageError(say("the filter has too many parentheses: write a simpler one")) from None


_Test = Callable[[Mapping[str, Any]], bool]


class _Reader:
    """One filter, from left to right; `and` binds closer than `or`, and `not` closest."""

    def __init__(self, keys: Keys, text: str) -> None:
        self._keys = keys
        self._text = text
        self._tokens: list[str] = []
        place = 0
        while place < len(text):
            found = _TOKEN.match(text, place)
            if found is None:
                raise self._fault(text[place:])
            self._tokens.append(_WORDS.get(found[1], found[1]))
            place = found.end()
        self._tokens.append("")
        self._place = 0

    def read(self) -> _Test:
        test = self._either()
        if self._peek():
            raise self._fault(self._peek())
        return test

    def _either(self) -> _Test:
        test = self._both()
        while self._accept("or"):
            test = _any(test, self._both())
        return test

    def _both(self) -> _Test:
        test = self._negated()
        while self._accept("and"):
            test = _all(test, self._negated())
        return test

    def _negated(self) -> _Test:
        if self._accept("not"):
            return _none(self._negated())
        if self._accept("("):
            test = self._either()
            if not self._accept(")"):
                raise self._fault(self._peek())
            return test
        return _holds(self._comparison())

    def _comparison(self) -> Comparison:
        name, operator, value = self._take(), self._take(), self._take()
        if operator not in OPERATORS or not value:
            raise self._fault(operator)
        key = self._keys.lookup(name)
        if key.scope != "connection" or key.needs_segments:
            raise UsageError(
                say("{key} chooses no connection: use a key of the connection itself", key=key.name)
            )
        return comparison(key, operator, value)

    def _peek(self) -> str:
        return self._tokens[self._place]

    def _take(self) -> str:
        token = self._peek()
        if token:
            self._place += 1
        return token

    def _accept(self, token: str) -> bool:
        if self._peek() == token:
            self._place += 1
            return True
        return False

    def _fault(self, where: str) -> UsageError:
        place = say("at {token}", token=inert(repr(where))) if where else say("at its end")
        return UsageError(
            say(
                "the filter {text} is wrong {where}: write it as in 'server.port == 20000 and not close == reset'",
                text=inert(repr(self._text)),
                where=place,
            )
        )


def _holds(wanted: Comparison) -> _Test:
    return lambda connection: all(wanted.holds(value) for _, value in wanted.key.values(connection))


def _any(first: _Test, second: _Test) -> _Test:
    return lambda connection: first(connection) or second(connection)


def _all(first: _Test, second: _Test) -> _Test:
    return lambda connection: first(connection) and second(connection)


def _none(test: _Test) -> _Test:
    return lambda connection: not test(connection)
