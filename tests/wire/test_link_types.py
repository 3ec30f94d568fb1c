from __future__ import annotations

import pytest

from analyzer.wire import link_types
from analyzer.wire.link_types import link_type_name


# The numbers of the tcpdump group's registry, which files carry.
@pytest.mark.parametrize(
    ("number", "value", "name"),
    [
        (link_types.NULL, 0, "BSD loopback"),
        (link_types.ETHERNET, 1, "Ethernet"),
        (link_types.RAW_BSD, 12, "raw IP"),
        (link_types.RAW_OPENBSD, 14, "raw IP"),
        (link_types.RAW, 101, "raw IP"),
        (link_types.LOOP, 108, "OpenBSD loopback"),
        (link_types.LINUX_SLL, 113, "Linux cooked"),
        (link_types.IPV4, 228, "raw IPv4"),
        (link_types.IPV6, 229, "raw IPv6"),
        (link_types.LINUX_SLL2, 276, "Linux cooked v2"),
    ],
)
def test_numbers_and_names(number: int, value: int, name: str) -> None:
    assert number == value
    assert link_type_name(number) == name


def test_a_number_without_a_name() -> None:
    assert link_type_name(147) == "user 0"
    assert link_type_name(9999) == "link type 9999"
