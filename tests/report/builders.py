"""Traces to report on, made by hand from the connections of the diagram's tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from analyzer.trace.values import Capture, Connection, EndpointAddress, EndpointOptions, Trace
from tests.diagram.builders import Stage, echo

CAPTURE = Capture(
    path="captures/echo.pcap",
    format="pcap",
    link_types=(1,),
    link_type_names=("Ethernet",),
    frames=10,
    tcp_segments=10,
    skipped={},
    first_time_ns=0,
    last_time_ns=507_000,
    truncated=False,
    warnings=(),
)

OFFER = EndpointOptions(
    maximum_segment_size=65495,
    window_scale=10,
    sack_permitted=True,
    timestamps=True,
    ecn=False,
    fast_open_cookie=None,
)


def echo_connection() -> Connection:
    """The echo conversation with everything that a real capture tells about it."""
    connection = echo().connection()
    connection.handshake = replace(
        connection.handshake,
        syn_frame=1,
        syn_ack_frame=2,
        ack_frame=3,
        syn_rtt_ns=15_000,
        ack_rtt_ns=15_000,
        client_options=OFFER,
        server_options=OFFER,
        effective_mss=65495,
        sack=True,
        timestamps=True,
        window_scaling=True,
        ecn=False,
    )
    connection.close = replace(connection.close, active="client", time_wait=("client",))
    return connection


def trace_of(*connections: Connection, capture: Capture = CAPTURE) -> Trace:
    for number, connection in enumerate(connections):
        connection.id = number
    return Trace(capture, connections)


def crowd(count: int) -> Trace:
    """Many connections: every tenth refused, every seventh with something repeated."""
    one = echo_connection()
    made: list[Connection] = []
    for number in range(count):
        repeated = int(number % 7 == 1)
        made.append(
            type(one)(
                id=number,
                client=EndpointAddress(f"10.0.{number >> 8 & 255}.{number & 255}", 40000 + number % 20000),
                server=EndpointAddress("192.0.2.1", 443),
                roles="syn",
                first_frame=1,
                last_frame=10,
                first_time_ns=0,
                last_time_ns=507_000,
                handshake=replace(one.handshake, outcome="refused") if number % 10 == 0 else one.handshake,
                client_data=replace(
                    one.client_data, bytes=number, retransmitted_segments=int(number % 7 == 1)
                ),
                server_data=one.server_data,
                close=replace(one.close, outcome="none") if number % 10 == 0 else one.close,
                client_state="TIME-WAIT",
                server_state="CLOSED",
                completeness=31,
                conn_state="SF",
                history="ShADadFf",
                notes={"retransmission": 1} if repeated else {},
                segment_count=10,
                source=Stage(),
            )
        )
    return Trace(CAPTURE, made)


def text_of(lines: Sequence[str]) -> str:
    """Lines as a reader sees them, to compare with a text block."""
    return "\n".join(lines)
