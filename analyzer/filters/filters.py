"""Filters choose connections. A filter joins comparisons with `and`, `or`, `not` and parentheses.

    server.port == 20000 and not close in {reset, reset-after-fin}

The syntax resembles Wireshark's display filters.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from analyzer.errors import UsageError
from analyzer.filters.comparisons import OPERATORS, Comparison, comparison
from analyzer.filters.keys import Key, Keys
from analyzer.filters.spelling import in_short
from analyzer.filters.written_values import UNITS
from analyzer.text import say

__all__ = ["MOST_DEPTH", "Filter", "parse_filter"]

MOST_DEPTH: Final = 50
"""The deepest nesting of parentheses. Each level takes a few frames of Python's stack."""

_TOKEN: Final = re.compile(
    r'\s*(\(|\)|\{[^{}]*\}|"(?:[^"\\]|\\.)*"|==|!=|<=|>=|=|<|>|&&|\|\||!|[^\s(){}<>=!"&|]+)\s*'
)
_WORDS: Final = {"&&": "and", "||": "or", "!": "not", "==": "="}

_Test = Callable[[Mapping[str, Any]], bool]


class Filter(NamedTuple):
    """A filter that is ready to use.

    Attributes:
        text: The filter as it is written, with single blanks.
        test: Tells whether a connection of the JSON document matches.
        keys: The keys that the filter compares.
    """

    text: str
    test: _Test
    keys: tuple[Key, ...]


def parse_filter(keys: Keys, text: str) -> Filter:
    """Read a filter.

    Args:
        keys: The known keys.
        text: The filter.

    Returns:
        The filter, ready to use.

    Raises:
        UsageError: The filter is not valid. For an unknown key the message suggests the nearest one.
    """
    reader = _Reader(keys, text)
    test = reader.read()
    return Filter(" ".join(text.split()), test, tuple(reader.compared))


class _Reader:
    """Reads one filter from left to right. `not` binds closest, then `and`, then `or`."""

    def __init__(self, keys: Keys, text: str) -> None:
        self.compared: list[Key] = []
        self._keys = keys
        self._text = text
        self._tokens: list[str] = []
        place = 0
        while place < len(text):
            found = _TOKEN.match(text, place)
            if found is None:
                raise self._fault(text[place:].strip())
            self._tokens.append(_WORDS.get(found[1], found[1]))
            place = found.end()
        self._tokens.append("")
        self._place = 0
        self._depth = 0

    def read(self) -> _Test:
        test = self._either()
        if self._peek():
            raise self._fault(self._peek())
        return test

    def _either(self) -> _Test:
        tests = [self._both()]
        while self._accept("or"):
            tests.append(self._both())
        return tests[0] if len(tests) == 1 else _any(tests)

    def _both(self) -> _Test:
        tests = [self._negated()]
        while self._accept("and"):
            tests.append(self._negated())
        return tests[0] if len(tests) == 1 else _all(tests)

    def _negated(self) -> _Test:
        negated = False
        while self._accept("not"):
            negated = not negated
        test = self._inside() if self._accept("(") else _holds(self._comparison())
        return _none(test) if negated else test

    def _inside(self) -> _Test:
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise UsageError(
                say(
                    "the filter has more than {most} nested parentheses: write a simpler one",
                    most=MOST_DEPTH,
                )
            )
        test = self._either()
        if not self._accept(")"):
            raise self._fault(self._peek())
        self._depth -= 1
        return test

    def _comparison(self) -> Comparison:
        name, operator, value = self._take(), self._take(), self._take()
        if operator not in OPERATORS:
            raise self._fault(operator)
        if not value:
            raise self._fault("")
        key = self._keys.of_connection(name)
        if self._peek() in UNITS.get(key.kind, ()):
            value += self._take()
        self.compared.append(key)
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
        place = say("at {token}", token=in_short(repr(where))) if where else say("at its end")
        return UsageError(
            say(
                "the filter {text} is not valid {where}: write it like 'server.port == 20000 and not close == reset'",
                text=in_short(repr(self._text)),
                where=place,
            )
        )


# Loops instead of generators: a filter tests every connection of a capture.


def _holds(wanted: Comparison) -> _Test:
    """A test: the value meets the comparison. If a key has several values, one of them does."""

    def test(connection: Mapping[str, Any]) -> bool:
        for _, value in wanted.key.values(connection):
            if wanted.holds(value):
                return True
        return False

    return test


def _any(tests: Sequence[_Test]) -> _Test:
    def test(connection: Mapping[str, Any]) -> bool:
        for one in tests:
            if one(connection):
                return True
        return False

    return test


def _all(tests: Sequence[_Test]) -> _Test:
    def test(connection: Mapping[str, Any]) -> bool:
        for one in tests:
            if not one(connection):
                return False
        return True

    return test


def _none(test: _Test) -> _Test:
    return lambda connection: not test(connection)
