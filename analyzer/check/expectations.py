"""Expectations: what has to hold, for which connections, and where that is written.

They come from the options of a command, from Python, or from a file of expectations (TOML): `NAME.expect.toml` next
to a capture, and `expect.toml` for all captures of a folder.

    [capture]
    connections = 1

    [[connections]]
    only = "server.port == 20000"
    close.outcome = ["three-segment", "four-segment"]
    handshake.rtt = "< 50ms"

A plain value has to be equal. A text that begins with an operator uses that operator. A list for a key with one
value means one of these values. `number`, `only` and `allow_none` choose the connections of a table; a table without
them applies to all connections.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from analyzer.check.patterns import Pattern
from analyzer.errors import InputError, UsageError
from analyzer.filters.comparisons import OPERATORS, Comparison, comparison, unfit
from analyzer.filters.filters import Filter, parse_filter
from analyzer.filters.keys import Key, Keys
from analyzer.filters.spelling import in_short, nearest
from analyzer.filters.written_values import quoted, unquoted
from analyzer.text import inert, say

__all__ = [
    "ALL",
    "CHOICE_WORDS",
    "OPENS_WITH_OPERATOR",
    "Choice",
    "Expectation",
    "Line",
    "choice_of",
    "expectation",
    "lines_of",
    "read_expectations",
]

CHOICE_WORDS: Final[Mapping[str, str]] = {
    "number": 'the number of one connection, a list of numbers, or a range, e.g. "3..40"',
    "only": "a filter that chooses connections",
    "allow_none": "true: do not fail when no connection matches",
}
"""The members of a table of connections that are not keys -> what they mean."""

# The expression does not look behind the value: if it did, its time would grow with the square of the blanks.
OPENS_WITH_OPERATOR: Final = re.compile(r"\s*(==|!=|<=|>=|=|<|>|in\b|contains\b)\s*(.*)", re.DOTALL)
_EXPECTATION: Final = re.compile(r"\s*([\w.\-]+)\s*(==|!=|<=|>=|=|<|>|\bin\b|\bcontains\b)\s*(.*)", re.DOTALL)
_RANGE: Final = re.compile(r"(\d+)\.\.(\d+)")


@dataclass(frozen=True, slots=True)
class Choice:
    """Which connections an expectation applies to.

    Attributes:
        numbers: Ranges of connection numbers, first and last included; None for all connections.
        only: A filter that the connections have to match; None for all connections.
        allow_none: Do not fail when no connection matches.
    """

    numbers: tuple[tuple[int, int], ...] | None = None
    only: Filter | None = None
    allow_none: bool = False

    def takes(self, connection: Mapping[str, Any]) -> bool:
        """Whether a connection of the JSON document is chosen."""
        number = connection["id"]
        if self.numbers is not None and not any(first <= number <= last for first, last in self.numbers):
            return False
        return self.only is None or self.only.test(connection)

    def candidates(self, count: int) -> Sequence[int]:
        """The numbers of the connections that may be chosen from `count` connections, in order."""
        if self.numbers is None:
            return range(count)
        return sorted({one for first, last in self.numbers for one in range(first, min(last + 1, count))})

    def __str__(self) -> str:
        parts = []
        if self.numbers is not None:
            spans = (f"{first}" if first == last else f"{first}..{last}" for first, last in self.numbers)
            parts.append(say("number {numbers}", numbers=", ".join(spans)))
        if self.only is not None:
            parts.append(inert(self.only.text))
        return say(" and ").join(parts)


ALL: Final = Choice()


@dataclass(frozen=True, slots=True)
class Expectation:
    """What has to hold, for which connections, and where that is written.

    Attributes:
        comparison: What has to hold.
        choice: The connections that it applies to.
        source: Where it is written, for people: "--expect close=reset" or "echo.expect.toml:7".
        file: The file that it comes from; empty if none.
        table: The number of its table of connections in the file, from 0; -1 for the table of the capture.
        written: The key as it is written in the file.
    """

    comparison: Comparison
    choice: Choice = ALL
    source: str = ""
    file: str = ""
    table: int = -1
    written: str = field(default="", compare=False)

    def __str__(self) -> str:
        chosen = str(self.choice)
        return (
            say("{what} for {chosen}", what=self.comparison, chosen=chosen)
            if chosen
            else str(self.comparison)
        )


def expectation(keys: Keys, text: str, choice: Choice = ALL, source: str = "") -> Expectation:
    """Read one expectation.

    Args:
        keys: The known keys.
        text: "KEY OPERATOR VALUE".
        choice: The connections that it applies to.
        source: Where it is written, for people; the text itself if empty.

    Returns:
        The expectation.

    Raises:
        UsageError: The text is not an expectation.
    """
    found = _EXPECTATION.fullmatch(text)
    if found is None:
        raise UsageError(
            say(
                "{text} is not an expectation: write KEY OPERATOR VALUE, e.g. 'close = three-segment'; "
                "the operators are {operators}",
                text=in_short(repr(text)),
                operators=", ".join(OPERATORS),
            )
        )
    return Expectation(_compared(keys.lookup(found[1]), found[2], found[3]), choice, source or inert(text))


def _compared(key: Key, operator: str, text: str) -> Comparison:
    """The comparison of a key with a written value. For the key `labels` the value is a pattern."""
    if key.kind != "labels":
        return comparison(key, operator, text)
    operator = "=" if operator == "==" else operator
    if operator not in {"=", "!="}:
        raise unfit(key, operator, say("a pattern either matches or does not: use = or !="))
    pattern = Pattern(unquoted(text))
    return Comparison(key, operator, pattern, pattern.text)


def read_expectations(keys: Keys, data: bytes, name: str) -> list[Expectation]:
    """Read the text of a file of expectations.

    Args:
        keys: The known keys.
        data: The content of the file.
        name: The name of the file, for error messages.

    Returns:
        The expectations in the order of the file.

    Raises:
        InputError: The file is not TOML. The message names the place.
        UsageError: A key is unknown or a value is not valid. The message names the line.
    """
    import tomllib

    try:
        text = data.decode("utf-8")
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(
            say("{name} is not a TOML file: {reason}", name=inert(name), reason=inert(str(error)))
        ) from error
    lines = {(line.table, line.key): line.number for line in lines_of(text)}
    return list(_Tables(keys, name, lines).read(document))


class _Tables:
    """The tables of one file."""

    def __init__(self, keys: Keys, name: str, lines: Mapping[tuple[int, str], int]) -> None:
        self._keys = keys
        self._name = inert(name)
        self._lines = lines

    def read(self, document: Mapping[str, Any]) -> Iterator[Expectation]:
        for member, value in document.items():
            if member == "capture" and isinstance(value, dict):
                yield from self._table(value, -1)
            elif member == "connections" and isinstance(value, dict):
                yield from self._table(value, 0)
            elif (
                member == "connections"
                and isinstance(value, list)
                and all(isinstance(one, dict) for one in value)
            ):
                for number, table in enumerate(value):
                    yield from self._table(table, number)
            else:
                hint = nearest(member, ("capture", "connections"))
                raise UsageError(
                    say(
                        "{name}: {member} is not a table of expectations{hint}; the tables are [capture] and "
                        "[[connections]]",
                        name=self._name,
                        member=inert(member),
                        hint=hint,
                    )
                )

    def _table(self, table: Mapping[str, Any], number: int) -> Iterator[Expectation]:
        choice = ALL
        if number >= 0:
            choice = self._choice(table, number)
            table = {member: value for member, value in table.items() if member not in CHOICE_WORDS}
        for written, value in _flat(table, ""):
            where = self._where(number, written)
            try:
                key = self._key(written, number)
                made = _comparison_with(key, value)
            except UsageError as error:
                raise UsageError(f"{where}: {error}") from error
            yield Expectation(made, choice, where, self._name, number, written)

    def _key(self, written: str, number: int) -> Key:
        if number < 0:
            return self._keys.lookup(f"capture.{written}")
        key = self._keys.lookup(written)
        if key.scope == "capture":
            raise UsageError(
                say("{key} is about the whole capture: move it to the table [capture]", key=key.name)
            )
        return key

    def _choice(self, table: Mapping[str, Any], number: int) -> Choice:
        numbers, only, allow_none = (table.get(word) for word in CHOICE_WORDS)
        where = self._where(number, next((word for word in CHOICE_WORDS if word in table), ""))
        try:
            if only is not None and not isinstance(only, str):
                raise UsageError(say("only is not a text: write a filter in quotation marks"))
            if allow_none not in {None, True, False}:
                raise UsageError(say("allow_none is neither true nor false: write one of these"))
            return Choice(
                None
                if numbers is None
                else tuple(map(_span, numbers if isinstance(numbers, list) else [numbers])),
                None if only is None else parse_filter(self._keys, only),
                bool(allow_none),
            )
        except UsageError as error:
            raise UsageError(f"{where}: {error}") from error

    def _where(self, table: int, key: str) -> str:
        line = self._lines.get((table, key))
        return self._name if line is None else f"{self._name}:{line}"


def _span(value: object) -> tuple[int, int]:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value, value
    found = _RANGE.fullmatch(value) if isinstance(value, str) else None
    if found is None or int(found[1]) > int(found[2]):
        raise UsageError(
            say(
                "number cannot be {value}: write {what}",
                what=CHOICE_WORDS["number"],
                value=inert(repr(value)),
            )
        )
    return int(found[1]), int(found[2])


def _flat(table: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for member, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{member}.")
        else:
            yield f"{prefix}{member}", value


def _comparison_with(key: Key, value: object) -> Comparison:
    """The comparison of a key with a value of a TOML file."""
    if isinstance(value, list):
        items = ", ".join(_as_text(one) for one in value)
        return _compared(key, "=" if key.many else "in", items or '""' * (not key.many))
    if isinstance(value, str):
        found = OPENS_WITH_OPERATOR.fullmatch(value)
        if found is not None:
            return _compared(key, found[1], found[2])
        if key.kind == "labels" or (key.many and key.kind != "text"):
            return _compared(key, "=", value)
    return _compared(key, "=", _as_text(value))


def _as_text(value: object) -> str:
    """A TOML value as it is written in an expectation of the command line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, str):
        plain = re.fullmatch(r"[^\s\",{}\[\]]+", value) is not None
        return value if plain else quoted(value)
    raise UsageError(
        say("{value} cannot be expected: write a number, true, false or a text", value=inert(repr(value)))
    )


@dataclass(frozen=True, slots=True)
class Line:
    """One line `key = value` of a file, or a header.

    Attributes:
        number: The number of the line, from 1.
        table: The number of its table of connections, from 0; -1 for the table of the capture.
        key: The key, with the key of the header before it; empty for a header.
        before: The line up to the value.
        value: The value as it is written.
        after: The rest of the line.
    """

    number: int
    table: int
    key: str
    before: str = ""
    value: str = ""
    after: str = ""


_NAME: Final = r"""(?:[\w-]+|"[^"]*"|'[^']*')"""
_HEADER: Final = re.compile(rf"\s*\[\[?\s*({_NAME}(?:\s*\.\s*{_NAME})*)\s*\]\]?\s*(?:#.*)?")
_MEMBER: Final = re.compile(
    rf"""(\s*({_NAME}(?:\s*\.\s*{_NAME})*)\s*=\s*)("(?:[^"\\]|\\.)*"|'[^']*'|\[[^\]]*\]|[^\s#"'\[]+)(\s*(?:\#.*)?)"""
)


def lines_of(text: str) -> Iterator[Line]:
    """Find the headers and the values of a file of expectations. Values over several lines are left out.

    tomllib does not give line numbers. These lines only serve to name a place in a message, and to update the file.
    """
    count, table, prefix = 0, -1, ""
    for number, line in enumerate(text.splitlines(), 1):
        if found := _HEADER.fullmatch(line):
            names = _names(found[1])
            count += names == ["connections"]
            table = count - 1 if names[0] == "connections" else -1
            prefix = "".join(f"{name}." for name in names[1:])
            yield Line(number, table, "")
        elif found := _MEMBER.fullmatch(line):
            yield Line(number, table, prefix + ".".join(_names(found[2])), found[1], found[3], found[4])


def _names(dotted: str) -> list[str]:
    return [name.strip("\"'") for name in re.findall(_NAME, dotted)]


def choice_of(keys: Keys, numbers: Iterable[int], only: str | None, allow_none: bool) -> Choice:
    """Make a choice of connections from the options of a command.

    Args:
        keys: The known keys.
        numbers: The numbers of the connections; all if empty.
        only: A filter; None for all connections.
        allow_none: Do not fail when no connection matches.

    Returns:
        The choice.

    Raises:
        UsageError: The filter is not valid.
    """
    spans = tuple((number, number) for number in numbers)
    return Choice(spans or None, None if only is None else parse_filter(keys, only), allow_none)
