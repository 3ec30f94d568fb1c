"""In which order connections come: by the value of one key, `duration`, or `-duration` from the greatest down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from analyzer.errors import UsageError
from analyzer.filters.keys import Key, Keys
from analyzer.text import say

__all__ = ["Order", "parse_order"]


class Order(NamedTuple):
    """By which key, and whether the greatest value comes first."""

    key: Key
    descending: bool

    def value(self, connection: Mapping[str, Any]) -> Any:
        """What a connection of the document is sorted by; None where it is unknown."""
        ((_, value),) = self.key.values(connection)
        if value is None or self.key.kind != "address":
            return value
        import ipaddress

        address = ipaddress.ip_address(value)
        return address.version, int(address)

    def arranged(self, values: Sequence[Any]) -> list[int]:
        """The places of the values in this order. Equal ones keep theirs, and unknown ones come last."""
        known = [place for place, value in enumerate(values) if value is not None]
        known.sort(key=values.__getitem__, reverse=self.descending)
        return known + [place for place, value in enumerate(values) if value is None]


def parse_order(keys: Keys, text: str) -> Order:
    """Read `KEY` or `-KEY`. Raises UsageError where it names no key that connections can be sorted by."""
    name = text.strip()
    key = keys.of_connection(name.removeprefix("-"))
    if key.many or key.each:
        raise UsageError(
            say(
                "{key} sorts no connections, because one may have several values of it: use another key",
                key=key.name,
            )
        )
    return Order(key, name.startswith("-"))
