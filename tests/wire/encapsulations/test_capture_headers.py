"""Headers of logs and captures: byte orders, families, and what they may say of no packet."""

from __future__ import annotations

import struct

import pytest

from analyzer.wire.encapsulations.capture_headers import NFLOG, ROWS
from analyzer.wire.encapsulations.encapsulation import ETHERNET_FRAME, PACKET_4, PACKET_6
from analyzer.wire.skips import ETHERTYPE, LINK_TYPE
from tests.wire.frames import PACKET_4 as PACKET
from tests.wire.unwrapping import inside, untried
from tests.wire.wrappings import juniper, netlink, nflog

ERF, NETLINK, PF_LOG, PKTAP, PPI = (LINK_TYPE + number for number in (197, 253, 117, 258, 192))


def test_every_row_is_tried_by_a_frame() -> None:
    assert untried(ROWS) == []


@pytest.mark.parametrize("family", [10, 24, 26, 28, 30])
def test_the_number_of_ipv6_differs_from_system_to_system(family: int) -> None:
    (found,) = inside(PF_LOG, bytes((61, family)) + bytes(62) + PACKET)
    assert (found.key, found.at) == (PACKET_6, 64)


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_log_of_a_host_of_either_byte_order(order: str) -> None:
    attribute = struct.pack(order + "HH", 4 + len(PACKET), 9) + PACKET
    (found,) = inside(NFLOG, b"\2\0\0\0" + attribute)
    assert (found.key, found.at, found.length) == (PACKET_4, 8, len(PACKET))


def test_a_bridge_logs_the_type_of_the_frame() -> None:
    (found,) = inside(NFLOG, nflog(7, PACKET, 0x88B5))
    assert found.key == ETHERTYPE + 0x88B5


def test_a_message_without_a_length_is_the_last() -> None:
    frame = netlink(nflog(2, PACKET), nflog(2, PACKET))
    assert [span.key for span in inside(NETLINK, frame)] == [NFLOG, NFLOG]
    second = 16 + (len(frame) - 16) // 2
    assert len(inside(NETLINK, frame[:second] + bytes(4) + frame[second + 4 :])) == 1


def test_the_link_layer_of_a_packet_is_named_by_its_number() -> None:
    (found,) = inside(PPI, struct.pack("<BBHI", 0, 0, 8, 9) + PACKET)
    assert (found.key, found.at) == (LINK_TYPE + 9, 8)
    (beyond,) = inside(PPI, struct.pack("<BBHI", 0, 0, 8, 1 << 31) + PACKET)
    assert beyond.key == LINK_TYPE + 0xFFFF


def test_the_link_layer_is_there_where_its_link_type_says_which() -> None:
    (found,) = inside(LINK_TYPE + 178, juniper(PACKET))
    assert found.key == ETHERNET_FRAME
    assert inside(LINK_TYPE + 130, juniper(PACKET)) == ()


@pytest.mark.parametrize(
    ("key", "data"),
    [
        pytest.param(ERF, bytes(8) + b"\x05\4" + bytes(6), id="ERF of ATM"),
        pytest.param(LINK_TYPE + 178, b"MGD\0", id="no number of Juniper"),
        pytest.param(LINK_TYPE + 178, b"MGC\2\1\0\0\0", id="no payload of IP"),
        pytest.param(NETLINK, struct.pack("!HHH8sH", 4, 824, 0, bytes(8), 0), id="another netlink"),
        pytest.param(NFLOG, b"\2\0\0\0\3\0\x09\0", id="an attribute shorter than its head"),
        pytest.param(NFLOG, nflog(12, PACKET), id="no family of IP"),
        pytest.param(NFLOG, b"\2\0\0\0", id="a log without the packet"),
        pytest.param(PF_LOG, b"\x3d\x01", id="no family of IP in PF"),
        pytest.param(PKTAP, struct.pack("<III", 108, 2, 1), id="no packet"),
    ],
)
def test_nothing_is_guessed(key: int, data: bytes) -> None:
    assert not inside(key, data + (b"" if key == NFLOG else bytes(120)))
