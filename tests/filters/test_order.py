"""By which key connections are sorted."""

from __future__ import annotations

import pytest

from analyzer.errors import UsageError
from analyzer.filters.order import parse_order
from analyzer.report.selection import keys


@pytest.mark.parametrize(
    ("text", "name", "descending"),
    [
        ("duration", "duration", False),
        ("-duration", "duration", True),
        (" rtt ", "handshake.rtt", False),
        ("-start", "start", True),
        ("bytes", "bytes", False),
        ("-retransmissions", "retransmissions", True),
        ("zero_window", "notes.zero_window", False),
    ],
)
def test_what_is_read(text: str, name: str, descending: bool) -> None:
    order = parse_order(keys(), text)
    assert (order.key.name, order.descending) == (name, descending)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", 'there is no key ""'),
        ("--duration", "there is no key -duration: did you mean duration"),
        ("duratoin", "did you mean duration"),
        ("labels", "cannot choose or sort connections"),
        ("segments.length", "cannot choose or sort connections"),
        ("capture.frames", "cannot choose or sort connections"),
        ("ports", "several values"),
        ("notes", "several values"),
        ("close.frames", "several values"),
        ("icmp_errors.mtu", "several values"),
    ],
)
def test_what_sorts_nothing(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        parse_order(keys(), text)


def test_unknown_values_come_last_in_both_directions_and_equal_ones_keep_their_places() -> None:
    values = [3, None, 1, 3, None, 2]
    assert parse_order(keys(), "rtt").arranged(values) == [2, 5, 0, 3, 1, 4]
    assert parse_order(keys(), "-rtt").arranged(values) == [0, 3, 5, 2, 1, 4]


def test_addresses_are_sorted_as_numbers() -> None:
    order = parse_order(keys(), "server.address")
    addresses = ["10.0.0.10", "::1", "10.0.0.9", "9.0.0.0"]
    values = [order.value({"server": {"address": address}}) for address in addresses]
    assert [addresses[place] for place in order.arranged(values)] == [
        "9.0.0.0",
        "10.0.0.9",
        "10.0.0.10",
        "::1",
    ]
    assert order.value({"server": {"address": None}}) is None
