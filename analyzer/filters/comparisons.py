"""What is said of one key: `KEY OPERATOR VALUE`. One table of operators, for expectations and for filters.

    close = three-segment        handshake.rtt < 50ms       server.port in 20000..20010, 20050
    close in {three-segment, four-segment}                  history contains F

How the value is read depends on the kind of the key.
"""

from __future__ import annotations

import operator as python
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from analyzer.errors import UsageError
from analyzer.filters.keys import Key
from analyzer.filters.spelling import in_short
from analyzer.filters.written_values import NOTHING, inside, items_of, parse, shown
from analyzer.text import say

__all__ = ["OPERATORS", "Comparison", "Operator", "comparison", "unfit"]


class Operator(NamedTuple):
    """words: between "expected" and the value, in a finding. meaning: for the documentation. ordered: only for
    what can be more or less."""

    words: str
    meaning: str
    ordered: bool = False


OPERATORS: Final[Mapping[str, Operator]] = {
    "=": Operator("", "equal; a list has the same elements in the same order"),
    "!=": Operator("not", "not equal"),
    "<": Operator("less than", "less; a value that is not there is not, and of a list each element", True),
    "<=": Operator("at most", "less or equal, likewise", True),
    ">": Operator("more than", "more, likewise", True),
    ">=": Operator("at least", "more or equal, likewise", True),
    "in": Operator("one of", "one of several values; A..B is a range with both ends; 10.0.0.0/8 a network"),
    "contains": Operator("with", "the list has this element, or the text has this part"),
}
"""Operator -> what it is. `==` is another way to write `=`."""

_ORDERS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "<": python.lt,
    "<=": python.le,
    ">": python.gt,
    ">=": python.ge,
}


class Comparison(NamedTuple):
    """One key, one operator, and the value beside it.

    operand: the value as the document would have it; for `in` a list of (from, to), or networks.
    text: as it is shown.
    """

    key: Key
    operator: str
    operand: Any
    text: str

    @property
    def expected(self) -> str:
        """The value with the words of the operator: "at most 50 ms"."""
        words = OPERATORS[self.operator].words
        return f"{say(words)} {self.text}" if words else self.text

    def __str__(self) -> str:
        return f"{self.key.name} {self.operator} {self.text}"

    def holds(self, value: Any) -> bool:
        """Whether it is true of a value of the document."""
        operator, operand = self.operator, self.operand
        if operator in _ORDERS:
            compare = _ORDERS[operator]
            if isinstance(value, list):
                return all(compare(one, operand) for one in value)
            return value is not None and compare(value, operand)
        if operator == "contains":
            return value is not None and operand in value
        if operator == "in":
            each = value if isinstance(value, list) else [value]
            return all(any(_is_in(one, item) for item in operand) for one in each)
        return bool((value == operand) == (operator == "="))


def _is_in(value: Any, item: Any) -> bool:
    if isinstance(item, tuple):
        first, last = item
        return value == first if first == last else value is not None and first <= value <= last
    import ipaddress

    return ipaddress.ip_address(value) in item


def comparison(key: Key, operator: str, text: str) -> Comparison:
    """The comparison of `key` with the value that `text` says. Raises UsageError where there is none such."""
    operator = "=" if operator == "==" else operator
    if OPERATORS[operator].ordered and key.kind not in {"number", "time", "bytes"}:
        raise unfit(key, operator, say("it has no order: use =, != or in"))
    if operator == "in":
        items = [_item(key, item) for item in items_of(inside(text, "{}"))]
        if not items:
            raise unfit(key, operator, say("name at least one value"))
        return Comparison(key, operator, items, ", ".join(_shown_item(key, item) for item in items))
    if operator == "contains":
        if not key.many and key.kind != "text":
            raise unfit(key, operator, say("it is neither a list nor text: use = or in"))
        operand = _single(key, text)
    elif key.many and operator in {"=", "!="}:
        listed = inside(text, "[]")
        operand = [] if listed in {NOTHING, ""} else [_single(key, one) for one in items_of(listed)]
    else:
        operand = _single(key, text)
    if operand is None and OPERATORS[operator].ordered:
        raise unfit(key, operator, say("nothing is more or less than what is not there"))
    return Comparison(key, operator, operand, shown(key, operand))


def _single(key: Key, text: str) -> Any:
    value = parse(key, text)
    if key.kind == "address" and not isinstance(value, str | None):
        raise unfit(key, "=", say("a network has many addresses: use in"))
    return value


def _item(key: Key, text: str) -> Any:
    first, dots, last = text.partition("..")
    if dots and key.kind in {"number", "time", "bytes"}:
        span = (parse(key, first), parse(key, last))
        if None in span or span[0] > span[1]:
            raise unfit(key, "in", say("the range {text} has no value in it", text=in_short(text)))
        return span
    value = parse(key, text)
    return (value, value) if isinstance(value, str | int | None) else value


def _shown_item(key: Key, item: Any) -> str:
    if isinstance(item, tuple):
        first, last = (shown(key, one) for one in item)
        return first if first == last else f"{first}..{last}".replace(" ", "")
    return str(item)


def unfit(key: Key, operator: str, reason: str) -> UsageError:
    """That this operator says nothing about this key, and why."""
    return UsageError(
        say("{operator} says nothing about {key}: {reason}", operator=operator, key=key.name, reason=reason)
    )
