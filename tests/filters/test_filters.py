"""Filters choose connections, as in display filters."""

from __future__ import annotations

import inspect
import sys
from contextlib import suppress
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.analysis.stored import analyze
from analyzer.errors import UsageError
from analyzer.filters.filters import MOST_DEPTH, parse_filter
from analyzer.report.document import document
from analyzer.report.selection import keys
from tests.commands.running import ROOT

ECHO = document(analyze(ROOT / "captures" / "echo.pcap"), segments=False)["connections"][0]


@pytest.mark.parametrize(
    ("text", "takes"),
    [
        ("server.port == 20000", True),
        ("server.port = 20000", True),
        ("server.port != 20000", False),
        ("server.port>1023 and client.port>server.port", None),
        ("not server.port == 20000", False),
        ("!server.port == 20000", False),
        ("id == 1 or close == three-segment", True),
        ("id == 1 || close == reset", False),
        ("id == 0 && close in {reset, three-segment}", True),
        ("id == 0 and id == 1 or id == 0", True),
        ("id == 0 or id == 0 and id == 1", True),
        ("(id == 0 or id == 0) and id == 1", False),
        ("not (id == 1 or id == 2)", True),
        ("not not id == 0", True),
        ('history contains "Ff"', True),
        ("ports contains 20000", True),
        ("addresses contains 127.0.0.1", True),
        ("server.address in {127.0.0.0/8}", True),
        ("handshake.rtt < 1ms", True),
        ("duration <= 1s and duration >= 1us", True),
        ("retransmission > 0", False),
        ("active == client", True),
        ("not not not id == 0", False),
        ("id == 1 or id == 2 or id == 0", True),
        ("id == 0 and id in {0} and id == 1", False),
        ("bytes == 4 and retransmissions == 0", True),
        ("duration < 1 s", True),
        ("duration > 1 h or bytes == 4 B", True),
        ("icmp_errors.kind == port-unreachable", False),
        ("not icmp_errors.kind == port-unreachable", True),
    ],
)
def test_what_it_takes(text: str, takes: bool | None) -> None:
    if takes is None:
        with pytest.raises(UsageError, match=r"client.port cannot be server.port"):
            parse_filter(keys(), text)
        return
    chosen = parse_filter(keys(), f"  {text} ")
    assert chosen.test(ECHO) is takes
    assert chosen.text == text


@given(st.text(st.sampled_from('id=<>!&|(){}"\\ .,0notandrinkserver:'), max_size=30))
def test_whatever_is_written_is_a_filter_or_wrong_usage(text: str) -> None:
    with suppress(UsageError):
        parse_filter(keys(), text).test(ECHO)


def test_of_several_elements_one_is_enough() -> None:
    kinds = [{"kind": "port-unreachable"}, {"kind": "host-unreachable"}]
    heard = {**ECHO, "icmp_errors": kinds}
    assert parse_filter(keys(), "icmp_errors.kind == port-unreachable").test(heard)
    assert parse_filter(keys(), "icmp_errors.kind == host-unreachable").test(heard)
    assert not parse_filter(keys(), "icmp_errors.kind == packet-too-big").test(heard)


def test_the_keys_of_a_filter() -> None:
    chosen = parse_filter(keys(), "not (rtt > 1s or id == 0) and close == reset")
    assert [key.name for key in chosen.keys] == ["handshake.rtt", "id", "close.outcome"]


def nested(depth: int) -> str:
    return "(" * depth + "id == 0" + ")" * depth


def test_parentheses_have_a_limit() -> None:
    assert parse_filter(keys(), nested(MOST_DEPTH)).test(ECHO)
    # Beside each other there may be any number.
    assert parse_filter(keys(), " and ".join([nested(2)] * 1000)).test(ECHO)
    for depth in (MOST_DEPTH + 1, 50_000):
        with pytest.raises(UsageError, match="more than 50 nested parentheses: write a simpler one"):
            parse_filter(keys(), nested(depth))


def test_the_limit_leaves_most_of_the_stack_alone() -> None:
    deepest = nested(MOST_DEPTH).replace("(", "(id == 1 or not id == 0 or id == 0 and ")
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack()) + 400)
    try:
        assert parse_filter(keys(), deepest).test(ECHO)
    finally:
        sys.setrecursionlimit(limit)


def test_any_number_of_not_and_of_comparisons() -> None:
    assert parse_filter(keys(), "not " * 50_000 + "id == 0").test(ECHO)
    assert not parse_filter(keys(), "!" * 50_001 + "id == 0").test(ECHO)
    assert parse_filter(keys(), "id == 1 or " * 20_000 + "id == 0").test(ECHO)
    assert not parse_filter(keys(), "id == 0 and " * 20_000 + "id == 1").test(ECHO)


@pytest.mark.parametrize(
    ("text", "repeated"),
    [
        ("id =={}0", " "),
        ("id == 0{}x", " "),
        ("verdict == x{}", "x"),
        ('verdict == "{}', "x"),
        ('verdict == "{}', "\\"),
        ("id in {{{}", "1,"),
        ("id in {{{}}}", "1 "),
        ("id in {{{}x}}", "1 , "),
        ("{}id == 0", "not "),
        ("{}", "("),
        ("{} == 0", "x"),
        ("id == {}", "1"),
        ("server.address in {{{}}}", "[ "),
    ],
)
def test_twice_the_text_takes_twice_the_time(text: str, repeated: str) -> None:
    def seconds(times: int) -> float:
        start = process_time()
        with suppress(UsageError):
            parse_filter(keys(), text.format(repeated * times)).test(ECHO)
        return process_time() - start

    # Not the square: that would be four times, and minutes.
    assert min(seconds(60_000) for _ in range(3)) < 3 * min(seconds(30_000) for _ in range(3)) + 0.1


@pytest.mark.parametrize(
    "text", ["id == \x1b[2J", "\x1b[2J == 0", "id \x1b[2J 0", "id == 0 \x1b[2J", '"' + "\x9b" * 9000]
)
def test_hostile_text_is_shown_harmless_and_in_short(text: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse_filter(keys(), text)
    assert str(raised.value).isprintable()
    assert len(str(raised.value)) < 1200


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "at its end"),
        ("server.port", "at its end"),
        ("server.port ==", "at its end"),
        ("server.port 20000", "at '20000'"),
        ("id == 0 and", "at its end"),
        ("(id == 0", "at its end"),
        ("id == 0)", r"at '\)'"),
        ("id == 0 id == 1", "at 'id'"),
        ("id == 0 & id == 1", "at '& id == 1'"),
        ("sever.port == 1", "did you mean server.port"),
        ("close == rest", "did you mean reset"),
        ("segments.length > 3", "cannot choose or sort connections"),
        ("labels = data", "cannot choose or sort connections"),
        ("capture.frames = 3", "cannot choose or sort connections"),
    ],
)
def test_what_is_no_filter(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        parse_filter(keys(), text)
