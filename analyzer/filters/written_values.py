"""Reads and writes values as people write them: numbers with units, times, addresses, words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from analyzer.errors import UsageError
from analyzer.filters.keys import KIND_MEANINGS, Key
from analyzer.filters.spelling import in_short, nearest
from analyzer.text import inert, say

__all__ = [
    "NOTHING",
    "TIMES",
    "UNITS",
    "inside",
    "items_of",
    "parse",
    "quoted",
    "shown",
    "unquoted",
]

TIMES: Final[Mapping[str, int]] = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "μs": 1_000,  # the Greek letter, which looks the same
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "min": 60 * 1_000_000_000,
    "h": 3600 * 1_000_000_000,
}
"""Unit -> nanoseconds."""

BYTES: Final[Mapping[str, int]] = {
    "": 1,
    "B": 1,
    "kB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
}
"""Unit -> bytes (IEC 80000-13 13-9)."""

UNITS: Final[Mapping[str, Mapping[str, int]]] = {"number": {"": 1}, "bytes": BYTES, "time": TIMES}

NOTHING: Final = "none"
"""Stands for a missing value and for an empty list."""

MOST_DIGITS: Final = 40
"""No number in a capture is longer. Python refuses to read thousands of digits."""

_NUMBER: Final = re.compile(r"([+-]?)(\d[\d_]*)(?:\.(\d+))?\s*([^\W\d_]*)")
_ITEM: Final = re.compile(r'\s*("(?:[^"\\]|\\.)*"|[^\s,"]+)\s*(?:,|(?=\s)|$)')


def items_of(text: str) -> list[str]:
    """Split a written list.

    Args:
        text: Items separated by commas or blanks. An item with a comma or a blank is in quotation marks.

    Returns:
        The items, with their quotation marks.

    Raises:
        UsageError: A quotation mark is not closed.
    """
    items: list[str] = []
    place = 0
    text = text.strip()
    while place < len(text):
        found = _ITEM.match(text, place)
        if found is None:
            raise UsageError(say("{text} is not a list: write it like a, b, c", text=in_short(text)))
        items.append(found[1])
        place = found.end()
    return items


def inside(text: str, brackets: str) -> str:
    """The text without the two brackets around it, if it has them."""
    text = text.strip()
    if len(text) > 1 and text[0] == brackets[0] and text[-1] == brackets[1]:
        return text[1:-1].strip()
    return text


def unquoted(text: str) -> str:
    """The text without the quotation marks around it, if it has them."""
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] == '"':
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    return text


def quoted(text: str) -> str:
    """The text in quotation marks. `unquoted` reverses it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def parse(key: Key, text: str) -> Any:
    """Read one value.

    Args:
        key: The key that the value belongs to.
        text: The value as it is written.

    Returns:
        The value as the JSON document has it; for an address with a prefix length, a network of `ipaddress`.

    Raises:
        UsageError: The key cannot have this value.
    """
    plain = not text.strip().startswith('"')
    text = unquoted(text)
    if text == NOTHING and plain and key.nullable and NOTHING not in key.words:
        return None
    if key.kind in UNITS:
        return _number(key, text)
    if key.kind == "boolean":
        if text not in {"true", "false"}:
            raise _refused(key, text, nearest(text.lower(), ("true", "false")))
        return text == "true"
    if key.kind == "word" and text not in key.words:
        known = (*key.words, NOTHING) if key.nullable else key.words
        hint = nearest(text, known) or say(": its values are {words}", words=", ".join(known))
        raise _refused(key, text, hint)
    if key.kind == "address":
        return _address(key, text)
    return text


def _refused(key: Key, text: str, hint: str) -> UsageError:
    return UsageError(
        say("{key} cannot be {value}{hint}", key=key.name, value=in_short(text) or '""', hint=hint)
    )


def _number(key: Key, text: str) -> int:
    units = UNITS[key.kind]
    found = _NUMBER.fullmatch(text) if len(text) <= MOST_DIGITS else None
    if found is None:
        hint = say(": write {kind}", kind=say(KIND_MEANINGS[key.kind]))
        raise _refused(key, text, hint)
    sign, whole, fraction, unit = found[1], found[2].replace("_", ""), found[3] or "", found[4]
    if key.kind == "time" and not unit and not int(whole + fraction):
        unit = "ns"
    if unit not in units:
        hint = nearest(unit, [known for known in units if known])
        if not hint:
            known = ", ".join(known for known in units if known and known != "μs")
            hint = say(": its units are {units}", units=known) if known else say(": it has no unit")
        raise _refused(key, text, hint)
    scale: int = 10 ** len(fraction)
    value, rest = divmod(int(whole + fraction) * units[unit], scale)
    if rest:
        raise _refused(key, text, say(": write a whole number"))
    return -value if sign == "-" else value


def _address(key: Key, text: str) -> Any:
    """The usual spelling of an address, or a network of `ipaddress`."""
    import ipaddress

    try:
        if "/" in text:
            return ipaddress.ip_network(text, strict=False)
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise _refused(key, text, say(": write an IP address")) from None


def shown(key: Key, value: Any) -> str:
    """The value as it is written in an expectation. `parse` reads it back."""
    if value is None:
        return NOTHING
    if isinstance(value, list | tuple):
        return " ".join(shown(key, one) for one in value) or NOTHING
    if isinstance(value, bool):
        return "true" if value else "false"
    if key.kind == "time":
        return _time(int(value))
    text = inert(str(value))
    if key.kind == "text" and (not text or text == NOTHING or re.search(r'[\s,"{}]', text)):
        return quoted(text)
    return text


def _time(value: int) -> str:
    """A time with the largest unit that gives at least 1, exact to the nanosecond."""
    for unit in ("s", "ms", "µs"):
        if abs(value) >= TIMES[unit]:
            whole, rest = divmod(abs(value), TIMES[unit])
            decimals = str(rest).zfill(len(str(TIMES[unit])) - 1).rstrip("0")
            sign = "-" if value < 0 else ""
            return f"{sign}{whole}{'.' if decimals else ''}{decimals} {unit}"
    return f"{value} ns"
