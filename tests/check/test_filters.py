"""Filters choose connections, as in display filters."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.analysis.stored import analyze
from analyzer.check.captures import keys
from analyzer.check.filters import parse_filter
from analyzer.errors import UsageError
from analyzer.report.document import document
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
    ],
)
def test_what_it_takes(text: str, takes: bool | None) -> None:
    if takes is None:
        with pytest.raises(UsageError, match=r"client.port is never server.port"):
            parse_filter(keys(), text)
        return
    chosen = parse_filter(keys(), f"  {text} ")
    assert chosen.test(ECHO) is takes
    assert chosen.text == text


@given(st.text(st.sampled_from('id=<>!&|(){}"\\ .,0notandrinkserver:'), max_size=30))
def test_whatever_is_written_is_a_filter_or_wrong_usage(text: str) -> None:
    with suppress(UsageError):
        parse_filter(keys(), text).test(ECHO)


def test_too_many_parentheses() -> None:
    with pytest.raises(UsageError, match="too many parentheses"):
        parse_filter(keys(), "(" * 5000 + "id == 0" + ")" * 5000)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "at its end"),
        ("server.port", "at its end"),
        ("server.port ==", "at '='"),
        ("server.port 20000", "at '20000'"),
        ("id == 0 and", "at its end"),
        ("(id == 0", "at its end"),
        ("id == 0)", r"at '\)'"),
        ("id == 0 id == 1", "at 'id'"),
        ("id == 0 & id == 1", "at '& id == 1'"),
        ("sever.port == 1", "did you mean server.port"),
        ("close == rest", "did you mean reset"),
        ("segments.length > 3", "chooses no connection"),
        ("labels = data", "chooses no connection"),
        ("capture.frames = 3", "chooses no connection"),
    ],
)
def test_what_is_no_filter(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        parse_filter(keys(), text)
