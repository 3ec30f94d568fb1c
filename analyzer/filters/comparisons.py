"""One comparison: `KEY OPERATOR VALUE`. Expectations and filters share the table of operators.

    close = three-segment        handshake.rtt < 50ms       server.port in 20000..20010, 20050
    close in {three-segment, four-segment}                  history contains F

The kind of the key decides how the value is read.
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
    """One operator.

    Attributes:
        words: What a finding writes between "expected" and the value.
        meaning: When the comparison holds, for the documentation.
        ordered: Whether the operator needs values with an order.
    """

    words: str
    meaning: str
    ordered: bool = False


OPERATORS: Final[Mapping[str, Operator]] = {
    "=": Operator("", "the value is equal; a list has the same elements in the same order"),
    "!=": Operator("not", "the value is not equal"),
    "<": Operator(
        "less than", "the value is less; every element of a list is less; a missing value never is", True
    ),
    "<=": Operator("at most", "the value is less or equal, with the same rules", True),
    ">": Operator("more than", "the value is greater, with the same rules", True),
    ">=": Operator("at least", "the value is greater or equal, with the same rules", True),
    "in": Operator(
        "one of", "the value is one of several; `A..B` is a range with both ends, `10.0.0.0/8` a network"
    ),
    "contains": Operator("with", "the list contains this element, or the text contains this part"),
}
"""Operator -> its description. `==` is another way to write `=`."""

_ORDERS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "<": python.lt,
    "<=": python.le,
    ">": python.gt,
    ">=": python.ge,
}


class Comparison(NamedTuple):
    """One key, one operator and one value.

    Attributes:
        key: The key.
        operator: A key of `OPERATORS`.
        operand: The value as the JSON document has it. For `in`, a list of pairs (first, last) and of networks.
        text: The value as it is shown.
    """

    key: Key
    operator: str
    operand: Any
    text: str

    @property
    def expected(self) -> str:
        """The value after the words of the operator, e.g. "at most 50 ms"."""
        words = OPERATORS[self.operator].words
        return f"{say(words)} {self.text}" if words else self.text

    def __str__(self) -> str:
        return f"{self.key.name} {self.operator} {self.text}"

    def holds(self, value: Any) -> bool:
        """Whether a value of the JSON document meets the comparison."""
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
    """Read the value of a comparison.

    Args:
        key: The key.
        operator: A key of `OPERATORS`, or "==".
        text: The value as it is written.

    Returns:
        The comparison.

    Raises:
        UsageError: The key cannot have this value, or does not work with this operator.
    """
    operator = "=" if operator == "==" else operator
    if OPERATORS[operator].ordered and key.kind not in {"number", "time", "bytes"}:
        raise unfit(key, operator, say("its values have no order: use =, != or in"))
    if operator == "in":
        items = [_item(key, item) for item in items_of(inside(text, "{}"))]
        if not items:
            raise unfit(key, operator, say("name at least one value"))
        return Comparison(key, operator, items, ", ".join(_shown_item(key, item) for item in items))
    if operator == "contains":
        if not key.many and key.kind != "text":
            raise unfit(key, operator, say("it is neither a list nor a text: use = or in"))
        operand = _single(key, text)
    elif key.many and operator in {"=", "!="}:
        listed = inside(text, "[]")
        operand = [] if listed in {NOTHING, ""} else [_single(key, one) for one in items_of(listed)]
    else:
        operand = _single(key, text)
    if operand is None and OPERATORS[operator].ordered:
        raise unfit(key, operator, say("none has no order: use = or !="))
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
            raise unfit(
                key,
                "in",
                say("the range {text} is empty: write the smaller value first", text=in_short(text)),
            )
        return span
    value = parse(key, text)
    return (value, value) if isinstance(value, str | int | None) else value


def _shown_item(key: Key, item: Any) -> str:
    if isinstance(item, tuple):
        first, last = (shown(key, one) for one in item)
        return first if first == last else f"{first}..{last}".replace(" ", "")
    return str(item)


def unfit(key: Key, operator: str, reason: str) -> UsageError:
    """An error: this operator does not work with this key, and why."""
    return UsageError(
        say("{operator} does not work with {key}: {reason}", operator=operator, key=key.name, reason=reason)
    )
