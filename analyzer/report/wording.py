"""Numbers and names as a reader of the text reports sees them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from analyzer.text import say

__all__ = ["CLOSE_WORDS", "HANDSHAKE_WORDS", "Clock", "clock_for", "counted", "delays", "duration", "grouped", "sum_of"]

# The outcomes of a handshake and of a close -> how a table shows them.
HANDSHAKE_WORDS: Final[Mapping[str, str]] = {
    "complete": "complete",
    "simultaneous": "simultaneous",
    "refused": "refused",
    "unanswered": "unanswered",
    "half-open": "half-open",
    "aborted": "aborted",
    "partial": "partial",
    "not-captured": "not captured",
}
CLOSE_WORDS: Final[Mapping[str, str]] = {
    "four-segment": "four segments",
    "three-segment": "three segments",
    "simultaneous": "simultaneous",
    "half-closed": "half-closed",
    "unacknowledged": "unacknowledged",
    "reset": "reset",
    "reset-after-fin": "reset after FIN",
    "open": "still open",
    "none": "none",
}

_MICROSECOND: Final = 1_000
_MILLISECOND: Final = 1_000_000
_SECOND: Final = 1_000_000_000
_MINUTE: Final = 60 * _SECOND
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR

_DELAYS_SHOWN: Final = 6


def grouped(number: int) -> str:
    """A count with its thousands marked: 12,288."""
    return f"{number:,}"


def counted(count: int, one: str, many: str) -> str:
    """`one` or `many`, two sentences with the placeholder `{count}`, filled: "1 frame", "12 frames"."""
    return say(one if count == 1 else many, count=grouped(count))


def duration(nanoseconds: int) -> str:
    """A time span for prose: 15 µs, 1.23 ms, 20 s, 3 min 20 s, 2 h 5 min."""
    number, unit = _number_and_unit(nanoseconds)
    return f"{number} {unit}"


def sum_of(first: int, second: int) -> str:
    """Two time spans that follow each other: 15 + 16 µs, or 15 µs + 1.2 ms."""
    (one, unit), (other, other_unit) = _number_and_unit(first), _number_and_unit(second)
    return f"{one} + {other} {unit}" if unit == other_unit else f"{one} {unit} + {other} {other_unit}"


def delays(nanoseconds: Iterable[int]) -> str:
    """Time spans in a row: 1 s, 3 s, 7 s; the first six of them."""
    spans = [duration(delay) for delay in nanoseconds]
    return ", ".join([*spans[:_DELAYS_SHOWN], *(["…"] if len(spans) > _DELAYS_SHOWN else [])])


def _number_and_unit(nanoseconds: int) -> tuple[str, str]:
    if nanoseconds < 0:
        number, unit = _number_and_unit(-nanoseconds)
        return f"-{number}", unit
    if nanoseconds < _MICROSECOND:
        return str(nanoseconds), "ns" if nanoseconds else "µs"
    if nanoseconds < _MILLISECOND:
        return _three_digits(nanoseconds / _MICROSECOND), "µs"
    if nanoseconds < _SECOND:
        return _three_digits(nanoseconds / _MILLISECOND), "ms"
    if nanoseconds < _MINUTE:
        return _three_digits(nanoseconds / _SECOND), "s"
    for unit, big, smaller, small in (("min", _MINUTE, "s", _SECOND), ("h", _HOUR, "min", _MINUTE)):
        if nanoseconds < big * 60 and (unit == "min" or nanoseconds < _DAY):
            return _two_units(nanoseconds, big, unit, small, smaller)
    if nanoseconds < _DAY:
        return _two_units(nanoseconds, _HOUR, "h", _MINUTE, "min")
    return _two_units(nanoseconds, _DAY, "d", _HOUR, "h")
