"""The order of connections: by the value of one key. `duration` sorts upwards, `-duration` downwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from analyzer.errors import UsageError
from analyzer.filters.keys import Key, Keys
from analyzer.text import say

__all__ = ["Order", "parse_order"]


class Order(NamedTuple):
    """How to sort connections.

    Attributes:
        key: The key whose values are compared.
        descending: Whether the greatest value comes first.
    """

    key: Key
    descending: bool

    def value(self, connection: Mapping[str, Any]) -> Any:
        """The value that a connection of the JSON document is sorted by; None if it is missing."""
        ((_, value),) = self.key.values(connection)
        if value is None or self.key.kind != "address":
            return value
        import ipaddress

        address = ipaddress.ip_address(value)
        return address.version, int(address)

    def arranged(self, values: Sequence[Any]) -> list[int]:
        """Sort values.

        Args:
            values: The values; None for a missing one.

        Returns:
            Their indices in this order. Equal values keep their order, and missing ones come last.
        """
        known = [place for place, value in enumerate(values) if value is not None]
        known.sort(key=values.__getitem__, reverse=self.descending)
        return known + [place for place, value in enumerate(values) if value is None]


def parse_order(keys: Keys, text: str) -> Order:
    """Read an order.

    Args:
        keys: The known keys.
        text: "KEY" or "-KEY".

    Returns:
        The order.

    Raises:
        UsageError: There is no such key, or connections cannot be sorted by it.
    """
    name = text.strip()
    key = keys.of_connection(name.removeprefix("-"))
    if key.many or key.each:
        raise UsageError(
            say(
                "{key} cannot sort connections, because a connection may have several values of it: use another key",
                key=key.name,
            )
        )
    return Order(key, name.startswith("-"))
