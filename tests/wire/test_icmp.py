"""ICMP errors are built byte by byte here, as their RFCs draw them."""

from __future__ import annotations

import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.wire.icmp import ERROR_KINDS, ErrorMessage, error_text, read_error
from tests.tcp.transcript import ip_packet
from tests.wire.frames import CLIENT, PACKET_4, PACKET_6, SEGMENT_4

ROUTER, ROUTER_6 = "10.0.0.254", "2001:db8::fe"


def error(type_: int, code: int, quote: bytes, rest: bytes = bytes(4), router: str = ROUTER) -> bytes:
    """The IP packet of an ICMP error. rest: the second word of its header."""
    message = struct.pack("!BBH", type_, code, 0) + rest + quote
    if ":" in router:
        return (
            struct.pack("!IHBB", 6 << 28, len(message), 58, 64)
            + socket.inet_pton(socket.AF_INET6, router)
            + socket.inet_pton(socket.AF_INET6, "2001:db8::1")
            + message
        )
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(message), 1, 0, 64, 1, 0)
    return header + socket.inet_aton(router) + socket.inet_aton(CLIENT[0]) + message


def read(packet: bytes) -> ErrorMessage | None:
    """Read a packet that lies in the middle of a block."""
    return read_error(b"\xff" * 5 + packet + b"\xff" * 80, 5, 5 + len(packet))


def said(packet: bytes) -> str:
    message = read(packet)
    return "" if message is None else error_text(message.kind, message.number)


@pytest.mark.parametrize("kept", [28, 48, len(PACKET_4)])
def test_eight_bytes_of_the_segment_are_enough(kept: int) -> None:
    message = read(error(3, 3, PACKET_4[:kept]))
    assert message is not None
    assert message.kind.name == "port-unreachable"
    assert (message.sender_high, message.sender_low) == (0, 0x0A0000FE)
    quoted = message.quoted
    assert (quoted.source_low, quoted.destination_low) == (0xC0000201, 0xC6336402)
    assert (quoted.source_port, quoted.destination_port, quoted.seq) == (40000, 80, 2**32 - 1)


def test_of_ipv6_likewise() -> None:
    message = read(error(1, 4, PACKET_6[:48], router=ROUTER_6))
    assert message is not None
    assert message.kind.name == "port-unreachable"
    assert (message.sender_high, message.sender_low) == (0x20010DB800000000, 0xFE)
    quoted = message.quoted
    assert (quoted.ip_version, quoted.source_port, quoted.seq) == (6, 40000, 2**32 - 1)
    # As `Header.decode` has it: signed.
    assert (quoted.destination_high, quoted.destination_low) == (0xFE80 - 0x10000 << 48, 2)


@pytest.mark.parametrize(
    ("packet", "text"),
    [
        (error(3, 0, PACKET_4), "network unreachable"),
        (error(3, 1, PACKET_4), "host unreachable"),
        (
            error(3, 4, PACKET_4, struct.pack("!HH", 0, 1400)),
            "fragmentation needed, next hop MTU 1400",
        ),
        (error(3, 4, PACKET_4), "fragmentation needed"),
        (error(3, 13, PACKET_4), "administratively prohibited"),
        (error(3, 77, PACKET_4), "destination unreachable"),
        (error(4, 0, PACKET_4), "source quench"),
        (error(5, 1, PACKET_4, socket.inet_aton("10.0.0.2")), "redirect to 10.0.0.2"),
        (error(11, 0, PACKET_4), "time exceeded in transit"),
        (error(11, 1, PACKET_4), "fragment reassembly time exceeded"),
        (error(12, 0, PACKET_4, b"\x05\0\0\0"), "parameter problem, byte 5"),
        (error(12, 1, PACKET_4, b"\x05\0\0\0"), "parameter problem"),
        (
            error(2, 0, PACKET_6, struct.pack("!I", 1280), ROUTER_6),
            "packet too big, MTU 1280",
        ),
        (error(3, 0, PACKET_6, router=ROUTER_6), "time exceeded in transit"),
        (error(4, 1, PACKET_6, struct.pack("!I", 40), ROUTER_6), "parameter problem, byte 40"),
    ],
)
def test_what_it_says(packet: bytes, text: str) -> None:
    assert said(packet) == text


UDP = PACKET_4[:9] + b"\x11" + PACKET_4[10:]
LATER_FRAGMENT = PACKET_4[:6] + b"\x20\x01" + PACKET_4[8:]
LATER_FRAGMENT_6 = PACKET_6[:6] + b"\x2c\x40" + PACKET_6[8:40] + b"\x06\0\0\x09\0\0\0\1" + PACKET_6[40:]


@pytest.mark.parametrize(
    "packet",
    [
        error(8, 0, PACKET_4),
        error(0, 0, PACKET_4),
        error(3, 3, PACKET_4[:27]),
        error(3, 3, b""),
        error(3, 3, UDP),
        error(3, 3, LATER_FRAGMENT),
        error(3, 3, b"\x41" + PACKET_4[1:]),
        error(3, 3, PACKET_6),
        error(1, 4, PACKET_6[:47], router=ROUTER_6),
        error(1, 4, LATER_FRAGMENT_6, router=ROUTER_6),
        error(128, 0, PACKET_6, router=ROUTER_6),
        error(3, 3, PACKET_4)[:27],
        ip_packet(CLIENT[0], ROUTER, SEGMENT_4),
        b"",
    ],
)
def test_anything_else_is_none(packet: bytes) -> None:
    assert read(packet) is None


def test_options_and_extension_headers_of_the_quoted_packet_are_passed() -> None:
    options = b"\x46" + PACKET_4[1:20] + bytes(4) + PACKET_4[20:28]
    message = read(error(11, 0, options))
    assert message is not None
    assert message.quoted.source_port == 40000
    first_fragment = b"\x06\0\0\1\0\0\0\1"
    destination_options = b"\x2c\1" + bytes(14)
    authentication = b"\x3c\4" + bytes(22)
    extended = PACKET_6[:6] + b"\x33\x40" + PACKET_6[8:40] + authentication + destination_options
    message = read(error(3, 0, extended + first_fragment + PACKET_6[40:48], router=ROUTER_6))
    assert message is not None
    assert message.quoted.seq == 2**32 - 1


def test_extensions_after_the_quote_are_no_part_of_it() -> None:
    # RFC 4884: 32 words of four bytes are quoted. Six words of IP options put the ports behind them.
    padded = PACKET_4[:28] + bytes(100)
    assert said(error(11, 0, padded + bytes(8), b"\0\x20\0\0")) == "time exceeded in transit"
    beyond = PACKET_6[:6] + b"\x3c\x40" + PACKET_6[8:40] + b"\x06\x09" + bytes(78) + PACKET_6[40:48]
    assert len(beyond) == 128
    assert said(error(3, 0, beyond, b"\x10\0\0\0", ROUTER_6)) == "time exceeded in transit"
    longer = PACKET_6[:6] + b"\x3c\x40" + PACKET_6[8:40] + b"\x06\x0a" + bytes(86) + PACKET_6[40:48]
    assert said(error(3, 0, longer, b"\x10\0\0\0", ROUTER_6)) == ""


def test_padding_behind_the_packet_is_no_part_of_it() -> None:
    packet = error(3, 3, PACKET_4[:27])
    assert read_error(packet + PACKET_4[27:], 0, len(packet) + 8) is None


def test_equal_names_say_the_same_of_the_sender() -> None:
    kinds = {kind.name: kind for kind in ERROR_KINDS.values()}
    assert all(kinds[kind.name].detail == kind.detail or not kind.detail for kind in ERROR_KINDS.values())


@given(st.binary(max_size=120), st.sampled_from([b"", error(3, 4, PACKET_4)[:28]]))
def test_no_bytes_are_an_error_of_ours(data: bytes, before: bytes) -> None:
    message = read(before + data)
    if message is not None:
        assert error_text(message.kind, message.number)
