"""KEY OPERATOR VALUE: every operator, on every kind of value."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.analysis.stored import analyze
from analyzer.errors import UsageError
from analyzer.filters.comparisons import OPERATORS, Comparison, comparison
from analyzer.report.document import document
from analyzer.report.selection import keys
from tests.commands.running import ROOT

ECHO = document(analyze(ROOT / "captures" / "echo.pcap"))["connections"][0]


def compared(text: str) -> Comparison:
    """`KEY OPERATOR VALUE` as a comparison."""
    name, operator, value = re.fullmatch(r"([\w.]+) *([=!<>]+| in| contains) *(.*)", text).groups()  # type: ignore[union-attr]
    return comparison(keys().lookup(name), operator.strip(), value)


@pytest.mark.parametrize(
    ("text", "value", "holds"),
    [
        ("close = three-segment", "three-segment", True),
        ("close=three-segment", "reset", False),
        ("close == reset", "reset", True),
        ("close != reset", "open", True),
        ("close != reset", "reset", False),
        ("handshake.rtt < 50ms", 49_999_999, True),
        ("handshake.rtt < 50ms", 50_000_000, False),
        ("handshake.rtt<=50ms", 50_000_000, True),
        ("handshake.rtt < 50ms", None, False),
        ("handshake.rtt > 50ms", None, False),
        ("handshake.rtt = none", None, True),
        ("handshake.rtt != none", None, False),
        ("server.port > 1023", 1024, True),
        ("server.port > 1023", 1023, False),
        ("server.port >= 1024", 1024, True),
        ("server.port >= 1024", 1023, False),
        ("server.port in 20000..20010, 80", 20010, True),
        ("server.port in {20000..20010 80}", 80, True),
        ("server.port in 20000..20010", 20011, False),
        ("close in three-segment, four-segment", "four-segment", True),
        ("close in {three-segment}", "reset", False),
        ("active in client, none", None, True),
        ("handshake.rtt in 1ms..2ms", None, False),
        ("handshake.rtt in 1ms..2ms", 1_500_000, True),
        ("server.address in 10.0.0.0/8, ::1", "10.1.2.3", True),
        ("server.address in 10.0.0.0/8, ::1", "::1", True),
        ("server.address in 10.0.0.0/8", "11.0.0.1", False),
        ("server.address in 10.0.0.0/8", "::1", False),
        ("history contains Ff", "ShADadFf", True),
        ("history contains R", "ShADadFf", False),
        ("close.time_wait contains client", ["client"], True),
        ("close.time_wait contains client", [], False),
        ("close.time_wait = client", ["client"], True),
        ("close.time_wait = client, server", ["client"], False),
        ("close.time_wait = [client, server]", ["client", "server"], True),
        ("close.time_wait = none", [], True),
        ("close.time_wait != none", [], False),
        ("close.frames in 1..9", [8, 9], True),
        ("close.frames in 1..9", [8, 9, 10], False),
        ("handshake.retry_delays.syn < 2s", [1_000_000_000], True),
        ("handshake.retry_delays.syn < 2s", [1_000_000_000, 3_000_000_000], False),
        ("truncated = false", False, True),
        ("truncated = true", False, False),
        ("notes = none", [], True),
    ],
)
def test_what_holds(text: str, value: Any, holds: bool) -> None:
    assert compared(text).holds(value) is holds


def test_every_operator_is_shown_above() -> None:
    marker = test_what_holds.pytestmark[0]
    shown = {compared(text).operator for text, _, _ in marker.args[1]}
    assert shown == set(OPERATORS)


@pytest.mark.slow
@given(st.sampled_from(list(keys().all)), st.sampled_from(list(OPERATORS)), st.text(max_size=12))
def test_whatever_is_written_is_an_expectation_or_wrong_usage(name: str, operator: str, text: str) -> None:
    key = keys().all[name]
    with suppress(UsageError):
        made = comparison(key, operator, text)
        if key.scope == "connection" and key.kind != "labels":
            for _, value in key.values(ECHO):
                made.holds(value)
        # A value that was read is shown so that it can be read again.
        assert comparison(key, operator, made.text).text == made.text


@pytest.mark.parametrize(
    ("text", "again"),
    [
        ("close==reset", "close.outcome = reset"),
        ("rtt<1.5ms", "handshake.rtt < 1.5 ms"),
        ("server.port in {1..1,5..9}", "server.port in 1, 5..9"),
        ("handshake.rtt in 1ms..2ms", "handshake.rtt in 1ms..2ms"),
        ('verdict contains "data was"', 'verdict contains "data was"'),
        ("server.address in 10.0.0.0/8", "server.address in 10.0.0.0/8"),
    ],
)
def test_it_is_shown_as_it_can_be_written(text: str, again: str) -> None:
    made = compared(text)
    assert str(made) == again
    assert str(compared(again)) == again


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("close < reset", "its values have no order"),
        ("close contains r", "neither a list nor a text"),
        ("server.port in", "name at least one value"),
        ("server.port in 9..1", "the range 9..1 is empty"),
        ("server.port < none", "server.port cannot be none"),
        ("handshake.rtt < none", "none has no order"),
        ("server.address = 10.0.0.0/8", "a network has many addresses"),
        ("close = three-segmant", "did you mean three-segment"),
        ("clos = reset", "there is no key clos: did you mean close"),
    ],
)
def test_what_says_nothing(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        compared(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("close = reset", "reset"),
        ("close != reset", "not reset"),
        ("rtt < 1ms", "less than 1 ms"),
        ("retransmission <= 0", "at most 0"),
        ("retransmission > 0", "more than 0"),
        ("retransmission >= 1", "at least 1"),
        ("close in reset, open", "one of reset, open"),
        ("history contains F", "with F"),
    ],
)
def test_expected_in_words(text: str, expected: str) -> None:
    assert compared(text).expected == expected
