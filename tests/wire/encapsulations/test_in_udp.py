"""Tunnels in UDP: which port counts, and the headers that differ in length."""

from __future__ import annotations

import struct

import pytest

from analyzer.wire.encapsulations.encapsulation import ETHERNET_FRAME, PACKET_4, PACKET_6, WIRELESS
from analyzer.wire.encapsulations.in_udp import ROWS
from analyzer.wire.link_types import ETHERNET
from analyzer.wire.skips import ETHERTYPE, PPP, PROTOCOL, SEGMENT, UDP_PORT
from tests.wire.frames import PACKET_4 as PACKET
from tests.wire.frames import PACKET_6 as LONG_PACKET
from tests.wire.unwrapping import inside, untried, unwrapped
from tests.wire.wrappings import FRAME_4, in_udp, sampled, sflow, udp, wireless

UDP = PROTOCOL + 17
L2TP, GTP, TEREDO, LISP = (UDP_PORT + port for port in (1701, 2152, 3544, 4341))
VXLAN_GPE, AYIYA, CAPWAP, GENEVE = (UDP_PORT + port for port in (4790, 5072, 5247, 6081))
SFLOW, TZSP = UDP_PORT + 6343, UDP_PORT + 37008


def test_every_row_is_tried_by_a_frame() -> None:
    assert untried(ROWS) == []


@pytest.mark.parametrize(
    ("source", "destination", "port"), [(53, 4789, 4789), (4789, 53, 4789), (4789, 6081, 6081)]
)
def test_the_port_of_either_side_counts_that_of_the_destination_first(
    source: int, destination: int, port: int
) -> None:
    (found,) = inside(UDP, udp(destination, bytes(20), source) + bytes(6))
    assert (found.key, found.at, found.length) == (UDP_PORT + port, 8, 20)


def test_a_datagram_without_a_length_goes_to_the_end() -> None:
    (found,) = inside(UDP, struct.pack("!HHHH", 53, 4789, 0, 0) + bytes(20))
    assert found.length == 20


@pytest.mark.parametrize(
    ("key", "header", "key_inside"),
    [
        (L2TP, b"\0\2\0\1\0\2", PPP),
        (L2TP, b"\x08\2\0\1\0\2" + bytes(4), PPP),
        (L2TP, b"\x02\2\0\1\0\2\0\3" + bytes(3), PPP),
        (LISP, bytes(8), PACKET_4),
        (VXLAN_GPE, b"\x08" + bytes(7), ETHERNET_FRAME),
        (VXLAN_GPE, b"\x0c\0\0\1" + bytes(4), PACKET_4),
        (AYIYA, b"\x40\0\1\4" + bytes(4 + 16), PACKET_4),
        (AYIYA, b"\x20\x51\1\x29" + bytes(4 + 4 + 20), PACKET_6),
        (CAPWAP, b"\0\x10\0\0" + bytes(4), ETHERNET_FRAME),
        (CAPWAP, b"\0\x20\0\0" + bytes(12), ETHERNET_FRAME),
        (GENEVE, b"\2\0\x88\xb5" + bytes(4 + 8), ETHERTYPE + 0x88B5),
        (TZSP, b"\1\0\0\1\1", ETHERNET_FRAME),
        (TZSP, b"\1\2\0\x12\0\x0a\1\5\0\1", WIRELESS),
    ],
    ids=str,
)
def test_where_a_header_ends(key: int, header: bytes, key_inside: int) -> None:
    (found,) = inside(key, header + PACKET)
    assert (found.key, found.at) == (key_inside, len(header))


@pytest.mark.parametrize(
    ("flags", "more"),
    [
        (0, b""),
        (2, bytes(4)),
        (4, b"\0\0\0\0"),
        (4, b"\0\0\0\x85\1\0\1\0"),
        (4, b"\0\0\0\x85\1\0\1\x40\2" + bytes(7)),
    ],
)
def test_the_packet_of_a_gtp_user_has_a_length(flags: int, more: bytes) -> None:
    header = struct.pack("!BBHI", 0x30 | flags, 0xFF, len(more) + len(PACKET), 7) + more
    (found,) = inside(GTP, header + PACKET + bytes(9))
    assert (found.key, found.at, found.length) == (PACKET_4, len(header), len(PACKET))


@pytest.mark.parametrize(
    "header", [b"", bytes(8), b"\0\1\0\0" + bytes(9), b"\0\1\2\3" + bytes(5 + 9), b"\0\1\0\0" + bytes(9 + 8)]
)
def test_what_comes_first_in_teredo(header: bytes) -> None:
    (found,) = inside(TEREDO, header + LONG_PACKET)
    assert (found.key, found.at) == (PACKET_6, len(header))


def test_a_frame_control_that_was_swapped() -> None:
    frame = wireless(PACKET)
    for data in (frame, frame[1::-1] + frame[2:]):
        (found,) = inside(CAPWAP, b"\0\x10\3\0" + bytes(4) + data)
        assert (found.key, found.block[found.at : found.end]) == (WIRELESS, frame)


@pytest.mark.parametrize(
    ("key", "data"),
    [
        pytest.param(UDP, udp(53, bytes(20)), id="other ports"),
        pytest.param(L2TP, b"\xc8\2" + bytes(30), id="L2TP control"),
        pytest.param(L2TP, b"\0\3" + bytes(30), id="L2TP of another version"),
        pytest.param(GTP, b"\x20\xff\0\x28" + bytes(4) + PACKET, id="GTP'"),
        pytest.param(GTP, b"\x30\1\0\x28" + bytes(4) + PACKET, id="GTP echo"),
        pytest.param(GTP, b"\x34\xff\0\x28" + bytes(4) + b"\0\0\0\x85" + bytes(40), id="an empty extension"),
        pytest.param(TEREDO, PACKET, id="IPv4 in Teredo"),
        pytest.param(TEREDO, LONG_PACKET[:-1], id="longer than its datagram"),
        pytest.param(VXLAN_GPE, b"\x1c\0\0\1" + bytes(4) + PACKET, id="VXLAN-GPE of another version"),
        pytest.param(VXLAN_GPE, b"\x04\0\0\x09" + bytes(4) + PACKET, id="another protocol in VXLAN-GPE"),
        pytest.param(VXLAN_GPE, bytes(8) + PACKET, id="VXLAN-GPE without a number"),
        pytest.param(AYIYA, b"\x40\0\0\4" + bytes(20) + PACKET, id="AYIYA without an operation"),
        pytest.param(AYIYA, b"\x40\0\1\6" + bytes(20) + PACKET, id="neither IPv4 nor IPv6 in AYIYA"),
        pytest.param(CAPWAP, b"\1" + bytes(60), id="DTLS"),
        pytest.param(CAPWAP, b"\0\x10\0\x80" + bytes(60), id="a CAPWAP fragment"),
        pytest.param(CAPWAP, b"\0\x10\5\0" + bytes(60), id="another radio"),
        pytest.param(GENEVE, b"\x40\0\x65\x58" + bytes(60), id="Geneve of another version"),
        pytest.param(SFLOW, struct.pack("!I", 4) + bytes(60), id="sFlow of another version"),
        pytest.param(SFLOW, sflow(sampled(PACKET, 2)), id="a counter sample"),
        pytest.param(SFLOW, sflow(sampled(PACKET, protocol=9)), id="a sample of another protocol"),
        pytest.param(TZSP, b"\2\0\0\1\1" + bytes(60), id="TZSP of another version"),
        pytest.param(TZSP, b"\1\4\0\1\1" + bytes(60), id="TZSP keep-alive"),
        pytest.param(TZSP, b"\1\0\0\6\1" + bytes(60), id="Token Ring in TZSP"),
    ],
)
def test_nothing_is_guessed(key: int, data: bytes) -> None:
    assert not inside(key, data)


def test_samples_of_an_agent_with_an_ipv6_address() -> None:
    datagram = sflow(sampled(FRAME_4), sampled(PACKET, 3, 11))
    longer = datagram[:4] + struct.pack("!I", 2) + bytes(16) + datagram[12:]
    for each in (datagram, longer):
        assert [(span.key, span.length) for span in inside(SFLOW, each)] == [
            (ETHERNET_FRAME, len(FRAME_4)),
            (PACKET_4, len(PACKET)),
        ]


def test_a_sample_is_as_long_as_its_frame_was() -> None:
    cut = struct.pack("!I", len(FRAME_4)).join(sampled(FRAME_4[:66]).split(struct.pack("!I", 66), 1))
    code, header, _ = unwrapped(in_udp(6343, sflow(cut)), ETHERNET)
    assert (code, header.payload_length, header.payload_captured, header.snapped) == (SEGMENT, 7, 0, True)
