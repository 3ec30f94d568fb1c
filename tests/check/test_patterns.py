"""The pattern of labels: what it takes, where it is left, and what is recorded."""

from __future__ import annotations

import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.analysis.stored import analyze
from analyzer.check.patterns import MOST_ITEMS, Mismatch, Pattern, pattern_of
from analyzer.errors import UsageError
from analyzer.tcp.labels import LABELS, LabelName
from analyzer.trace.values import Segment, Side
from analyzer.wire.flags import Flags
from tests.commands.running import ROOT

ECHO = analyze(ROOT / "captures" / "echo.pcap")[0].segments


def segment(labels: str, sender: Side = "client") -> Segment:
    named: tuple[LabelName, ...] = tuple(label.name for label in LABELS if label.name in labels.split("+"))
    return Segment(
        1, 0, sender, Flags.ACK, 1, 1, 0, 1, named, (), ("LISTEN", "LISTEN"), ("LISTEN", "LISTEN"), ()
    )  # fmt: skip


def mismatch(pattern: str) -> tuple[int | None, tuple[str, ...]] | None:
    found = Pattern(pattern).mismatch(ECHO)
    return None if found is None else (found.segment.frame if found.segment else None, found.instead)


@pytest.mark.parametrize(
    "pattern",
    [
        "handshake-1 handshake-2 handshake-3 data* close-1 close-2+close-3 close-4",
        "handshake-1 handshake-2 handshake-3 data* close-1 ...",
        "client:handshake-1 server:handshake-2 client:handshake-3 client:data server:data ... client:close-4",
        "...",
        "any+",
        "handshake-1 handshake-2 handshake-3 data ack data ack close-1 close-3+close-2 close-4",
        "handshake-1 handshake-2 handshake-3 (data | ack)+ close-1 ...",
        "... (client:data server:data)+ close-1 (close-2 close-3 | close-2+close-3) close-4",
        "handshake-1 handshake-2 handshake-3 data+ data? reset? close-1 any any",
        "(handshake-1 handshake-2)? handshake-3? ... close-4",
        "(data*)* ...",
    ],
)
def test_the_echo_is_like_this(pattern: str) -> None:
    assert mismatch(pattern) is None


@pytest.mark.parametrize(
    ("pattern", "frame", "instead"),
    [
        ("handshake-1 handshake-2 handshake-3 data* close-1 close-2 close-3 close-4", 9, ("close-2",)),
        ("handshake-1 handshake-2 handshake-3", 4, ("the end",)),
        ("handshake-1 handshake-2 handshake-3 data* close-1 close-2+close-3 close-4 reset", None, ("reset",)),
        ("server:handshake-1 ...", 1, ("server:handshake-1",)),
        ("handshake-1 handshake-2 handshake-3 data ack data close-1 ...", 7, ("close-1",)),
        ("handshake-1 (data | reset)", 2, ("data", "reset")),
        ("handshake-1 handshake-2 handshake-3 data+ reset", 8, ("data", "reset")),
        ("", 1, ("the end",)),
    ],
)
def test_where_the_echo_leaves_it(pattern: str, frame: int | None, instead: tuple[str, ...]) -> None:
    assert mismatch(pattern) == (frame, instead)


def test_acknowledgements_alone_count_only_where_they_are_named() -> None:
    segments = [segment("ack"), segment("data"), segment("ack")]
    assert Pattern("data").mismatch(segments) is None
    assert Pattern("ack data ack").mismatch(segments) is None
    assert Pattern("data ack*").mismatch(segments) is not None


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("handshak-1", "there is no label handshak-1: did you mean handshake-1"),
        ("data+xyz", "there is no label xyz: the labels are handshake-1"),
        ("sever:data", "there is no sender sever: did you mean server"),
        ("(data", "not valid at its end"),
        ("data)", r"not valid at '\)'"),
        ("* data", r"not valid at '\*'"),
        ("data | + ", r"not valid at '\+'"),
        (":data", 'there is no sender ""'),
    ],
)
def test_what_is_no_pattern(pattern: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Pattern(pattern)


SMALL = st.recursive(
    st.sampled_from(["data", "reset", "probe"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("*+?")).map(lambda two: f"({two[0]}){two[1]}"),
        st.lists(inner, min_size=1, max_size=3).map(" ".join),
        st.lists(inner, min_size=2, max_size=3).map(lambda some: f"({' | '.join(some)})"),
    ),
    max_leaves=6,
)


@given(SMALL, st.lists(st.sampled_from(["data", "reset", "probe"]), max_size=6))
def test_it_takes_what_a_regular_expression_takes(pattern: str, labels: list[str]) -> None:
    letters = {"data": "d", "reset": "r", "probe": "p"}
    expression = re.sub("data|reset|probe", lambda found: letters[found[0]], pattern).replace(" ", "")
    taken = re.fullmatch(expression, "".join(letters[label] for label in labels)) is not None
    assert (Pattern(pattern).mismatch(map(segment, labels)) is None) is taken


@given(st.text(st.sampled_from("data+*?|()ack-123: close.server"), max_size=30))
def test_whatever_is_written_is_a_pattern_or_wrong_usage(text: str) -> None:
    with suppress(UsageError):
        Pattern(text).mismatch(ECHO)


def test_too_many_parentheses() -> None:
    with pytest.raises(UsageError, match="too many parentheses"):
        Pattern("(" * 5000 + "data" + ")" * 5000)


def test_long_repetitions_take_no_time() -> None:
    assert isinstance(Pattern("(data*)*" * 20 + " reset").mismatch([segment("data")] * 2000), Mismatch)


@pytest.mark.parametrize(
    "name", ["echo.pcap", "half-close.pcapng", "loss.pcap", "simultaneous-close.pcap", "udp.pcap"]
)
def test_what_is_recorded_holds(name: str) -> None:
    for connection in analyze(ROOT / "captures" / name):
        recorded = pattern_of(connection.segments)
        assert Pattern(recorded).mismatch(connection.segments) is None


def test_runs_are_recorded_as_one() -> None:
    labels = ["handshake-1", "handshake-1", "ack", "data", "data", "reset"]
    assert pattern_of(map(segment, labels)) == "client:handshake-1+ data+ client:reset"
    assert pattern_of([segment("handshake-1")] * 2) == "client:handshake-1+"
    assert pattern_of([]) == ""


def test_what_nobody_would_read_is_not_recorded() -> None:
    labels = ["data", "probe"] * MOST_ITEMS
    assert pattern_of(map(segment, labels)) == ""
