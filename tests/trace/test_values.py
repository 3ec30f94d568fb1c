from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import get_type_hints

import pytest

import analyzer
from analyzer.trace.values import (
    Capture,
    Close,
    Connection,
    EndpointAddress,
    Folded,
    Handshake,
    Segment,
    Trace,
)
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
    assert repr(connection) == (
        "<Connection 0 192.0.2.1:40000 → 198.51.100.2:80: opened, 2 octets out, still open>"
    )
    assert connection.duration_ns == 1_020_000_000
    assert connection._repr_svg_() == "<svg>0</svg>"
    assert len(connection.segments) == 4


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
