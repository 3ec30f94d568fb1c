from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import get_type_hints

import pytest

import analyzer
from analyzer.tcp.states import State
from analyzer.trace.values import (
    Capture,
    Close,
    Connection,
    EndpointAddress,
    Folded,
    Handshake,
    IcmpError,
    Presenter,
    Reason,
    Segment,
    Side,
    Trace,
    _presenters,
    present_with,
)
from analyzer.wire.flags import Flags
from analyzer.wire.icmp import ERROR_KINDS
from tests.tcp.transcript import FIRST_WRAPS, Player

play = Player(FIRST_WRAPS)

TRANSCRIPT = """
    > S 0:0(0)          ; handshake-1
    < S. 0:0(0) ack 1   ; handshake-2
    > P. 1:3(2) ack 1   ; handshake-3+data
    +1 > P. 1:3(2) ack 1 ; data (retransmission)
"""

CAPTURE = Capture("a.pcap", "pcap", (1,), ("Ethernet",), 5, 4, {"ARP": 1}, 1, 2, False, ())


def test_what_a_segment_looks_like() -> None:
    assert [repr(segment) for segment in play(TRANSCRIPT).segments()] == [
        "<Segment 1 → SYN seq=0 handshake-1>",
        "<Segment 2 ← SYN,ACK seq=0 ack=1 handshake-2>",
        "<Segment 3 → PSH,ACK seq=1 ack=1 len=2 handshake-3+data>",
        "<Segment 4 → PSH,ACK seq=1 ack=1 len=2 data (retransmission)>",
    ]


def test_what_a_connection_looks_like() -> None:
    connection = play(TRANSCRIPT).built()
    assert connection.duration_ns == 1_020_000_000
    assert len(connection.segments) == 4


class Presented:
    def verdict(self, connection: Connection, /) -> str:
        return f"verdict {connection.id}"

    def picture(self, connection: Connection, /) -> str:
        return f"<svg>{connection.id}</svg>"

    def reason(self, reason: Reason, /) -> str:
        return f"because of {reason.seq}"


@pytest.fixture
def presenter() -> Iterator[Callable[[Presenter | None], None]]:
    """`present_with`; afterwards it is as before."""
    before = list(_presenters)
    yield present_with
    _presenters[:] = before


def test_without_a_presenter_values_show_their_keys(presenter: Callable[[Presenter | None], None]) -> None:
    played = play(TRANSCRIPT)
    presenter(None)
    assert repr(played.built()) == "<Connection 0 192.0.2.1:40000 → 198.51.100.2:80: complete, open>"
    assert played.built()._repr_svg_() is None
    (reason, _) = played.segments()[0].why
    assert str(reason) == "CLOSED → SYN-SENT"
    assert repr(reason) == "<Reason client CLOSED → SYN-SENT seq=0 ack=0 [RFC 9293 3.10.1]>"


def test_a_presenter_speaks_for_values(presenter: Callable[[Presenter | None], None]) -> None:
    played = play(TRANSCRIPT)
    presenter(Presented())
    assert played.built().verdict == "verdict 0"
    assert repr(played.built()) == "<Connection 0 192.0.2.1:40000 → 198.51.100.2:80: verdict 0>"
    assert played.built()._repr_svg_() == "<svg>0</svg>"
    assert [str(reason) for reason in played.segments()[0].why] == ["because of 0", "because of 0"]


class Answers:
    """The segments that errors may answer."""

    def segments(self, number: int) -> list[Segment]:
        return [
            segment(1, "client", 5),
            segment(2, "server", 5),
            segment(3, "client", 5),
            segment(4, "client", 15),
            segment(6, "client", 5),
        ]

    def at_hand(self, number: int) -> bool:
        return True


def segment(frame: int, sender: Side, seq: int) -> Segment:
    state: tuple[State, State] = ("ESTABLISHED", "ESTABLISHED")
    return Segment(frame, frame, sender, Flags.ACK, seq, 1, 10, 100, ("data",), (), state, state, ())


def error(frame: int, seq: int | None, answers: int | None = None) -> IcmpError:
    return IcmpError(frame, frame, "10.0.0.254", ERROR_KINDS[4, 3, 1], 0, "client", seq, answers)


def answers(*errors: IcmpError) -> list[int | None]:
    connection = play(TRANSCRIPT).built()
    connection.source, connection.errors_heard = Answers(), errors
    return [answered.answers for answered in connection.icmp_errors]


def test_an_error_answers_the_latest_segment_before_it_from_that_side() -> None:
    assert answers(error(5, 5), error(5, 15), error(2, 5), error(7, 5)) == [3, 4, 1, 6]


def test_an_error_about_what_was_not_captured_answers_nothing() -> None:
    assert answers(error(5, 25), error(5, None)) == [None, None]


def test_what_was_known_when_an_error_came_stands() -> None:
    assert answers(error(5, 5, 4)) == [4]


def test_what_an_error_says_of_the_next_link() -> None:
    too_long = IcmpError(1, 1, "10.0.0.254", ERROR_KINDS[4, 3, 4], 1400, "client", 1, None)
    assert (too_long.kind, too_long.mtu) == ("fragmentation-needed", 1400)
    assert dataclasses.replace(too_long, number=0).mtu is None
    pointing = dataclasses.replace(too_long, error=ERROR_KINDS[4, 12, 0], number=9)
    assert (pointing.kind, pointing.mtu) == ("parameter-problem", None)


def test_a_trace_is_a_list_of_connections() -> None:
    connection = play(TRANSCRIPT).built()
    trace = Trace(CAPTURE, [connection])
    assert list(trace) == [connection]
    assert trace[0] is trace[-1] is connection
    assert len(trace) == 1
    assert repr(trace) == "<Trace a.pcap: 5 frames, 4 TCP segments, 1 connections>"
    with pytest.raises(IndexError):
        trace[1]


def test_addresses() -> None:
    assert str(EndpointAddress("10.0.0.1", 80)) == "10.0.0.1:80"
    assert str(EndpointAddress("::1", 80)) == "[::1]:80"


def test_values_do_not_change() -> None:
    segment = play(TRANSCRIPT).segments()[0]
    with pytest.raises(dataclasses.FrozenInstanceError):
        segment.seq = 5  # type: ignore[misc]
    assert dataclasses.replace(segment, payload=b"\x1b[2J") != segment
    assert "1b" not in repr(dataclasses.replace(segment, payload=b"\x1b[2J"))
    assert isinstance(segment, Segment)


@pytest.mark.parametrize(
    ("value", "field", "type_"),
    [
        (Handshake, "outcome", analyzer.HandshakeOutcome),
        (Handshake, "fast_open", analyzer.FastOpen | None),
        (Close, "outcome", analyzer.CloseOutcome),
        (Connection, "roles", analyzer.RolesRule),
        (Connection, "client_state", analyzer.State),
        (Connection, "server_state", analyzer.State),
        (Connection, "notes", Mapping[analyzer.NoteName, int]),
        (Segment, "labels", tuple[analyzer.LabelName, ...]),
        (Segment, "notes", tuple[analyzer.NoteName, ...]),
        (Segment, "sender", analyzer.Side),
        (Segment, "client_state", tuple[analyzer.State, analyzer.State]),
        (Segment, "server_state", tuple[analyzer.State, analyzer.State]),
        (Folded, "handshakes", Mapping[analyzer.HandshakeOutcome, int]),
        (Folded, "closes", Mapping[analyzer.CloseOutcome, int]),
    ],
)
def test_a_type_checker_knows_every_name_that_there_can_be(value: type, field: str, type_: object) -> None:
    # mypy --strict then refuses `connection.handshake.outcome == "three-segement"`.
    assert get_type_hints(value)[field] == type_
