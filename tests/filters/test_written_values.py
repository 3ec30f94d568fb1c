"""Values as people write them, and back."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.errors import UsageError
from analyzer.filters.keys import Key
from analyzer.filters.written_values import items_of, parse, quoted, shown, unquoted

TIME = Key("t", "connection", "time", nullable=True)
BYTES = Key("o", "connection", "bytes")
NUMBER = Key("n", "connection", "number", nullable=True)
WORD = Key("w", "connection", "word", words=("open", "none"))
SIDE = Key("s", "connection", "word", words=("client", "server"), nullable=True)
TEXT = Key("x", "connection", "text")
FLAG = Key("f", "connection", "boolean")
ADDRESS = Key("a", "connection", "address")


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        (TIME, "50ms", 50_000_000),
        (TIME, "1.5 s", 1_500_000_000),
        (TIME, "3ns", 3),
        (TIME, "3us", 3_000),
        (TIME, "3µs", 3_000),
        (TIME, "3μs", 3_000),
        (TIME, "2 min", 120_000_000_000),
        (TIME, "1h", 3_600_000_000_000),
        (TIME, "0", 0),
        (TIME, "-2ms", -2_000_000),
        (TIME, "none", None),
        (BYTES, "1460", 1460),
        (BYTES, "1_460 B", 1460),
        (BYTES, "1.5kB", 1500),
        (BYTES, "2 MB", 2_000_000),
        (BYTES, "1GB", 10**9),
        (BYTES, "64KiB", 65536),
        (BYTES, "1MiB", 1 << 20),
        (BYTES, "1GiB", 1 << 30),
        (NUMBER, "20000", 20000),
        (NUMBER, "none", None),
        (WORD, "none", "none"),
        (SIDE, "none", None),
        (SIDE, "client", "client"),
        (FLAG, "true", True),
        (FLAG, "false", False),
        (TEXT, '"a b"', "a b"),
        (TEXT, r'"a \"b\" \\"', 'a "b" \\'),
        (TEXT, "ShADadFf", "ShADadFf"),
        (ADDRESS, "0:0:0:0:0:0:0:1", "::1"),
        (ADDRESS, "10.0.0.0/8", ipaddress.ip_network("10.0.0.0/8")),
    ],
)
def test_what_is_read(key: Key, text: str, value: object) -> None:
    assert parse(key, text) == value


@pytest.mark.parametrize(
    ("key", "text", "words"),
    [
        (TIME, "50", "its units are ns, us, µs, ms, s, min, h"),
        (TIME, "50m", "did you mean"),
        (TIME, "soon", "write a time with its unit"),
        (TIME, "0.5ns", "write a whole number"),
        (BYTES, "5 apples", "its units are B, kB"),
        (NUMBER, "5 s", "it has no unit"),
        (NUMBER, "9" * 5000, "write a number"),
        (NUMBER, "5.5", "write a whole number"),
        (NUMBER, "", 'cannot be "": write a number'),
        (WORD, "opne", "did you mean open"),
        (WORD, "zzz", "its values are open, none"),
        (SIDE, "zzz", "its values are client, server, none"),
        (FLAG, "True", "did you mean true"),
        (FLAG, "1", "f cannot be 1"),
        (ADDRESS, "127.0.0.l", "write an IP address"),
        (BYTES, "none", "write a number of bytes"),
    ],
)
def test_what_can_never_be(key: Key, text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        parse(key, text)


@given(st.integers(-(10**15), 10**15))
def test_a_time_is_read_as_it_was_shown(value: int) -> None:
    assert parse(TIME, shown(TIME, value)) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (999, "999 ns"),
        (1000, "1 µs"),
        (42_500, "42.5 µs"),
        (1_000_000_001, "1.000000001 s"),
        (-1500, "-1.5 µs"),
    ],
)
def test_times_are_shown_with_the_largest_unit(value: int, text: str) -> None:
    assert shown(TIME, value) == text


@given(st.text(st.characters(codec="utf-8")).filter(str.isprintable))
def test_text_is_read_as_it_was_shown(text: str) -> None:
    assert parse(TEXT, shown(TEXT, text)) == text
    assert unquoted(quoted(text)) == text


def test_hostile_text_is_shown_harmless() -> None:
    assert "\x1b" not in shown(TEXT, "\x1b[2J")


def test_lists() -> None:
    assert items_of('a, b c "d e"') == ["a", "b", "c", '"d e"']
    assert items_of("") == []
    with pytest.raises(UsageError, match="is not a list"):
        items_of('a "b')
    assert shown(SIDE, ["client", "server"]) == "client server"
    assert shown(SIDE, []) == "none"
    assert shown(SIDE, None) == "none"
    assert shown(FLAG, True) == "true"
