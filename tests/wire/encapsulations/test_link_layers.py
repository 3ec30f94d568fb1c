"""What a link layer says of its inside, and what it says that is not followed."""

from __future__ import annotations

import pytest

from analyzer.wire.encapsulations.encapsulation import ETHERNET_FRAME, PACKET_4, PACKET_6
from analyzer.wire.encapsulations.link_layers import ROWS
from analyzer.wire.skips import ETHERTYPE, LINK_TYPE, LLC, PPP, PPP_PROTOCOL
from tests.wire.frames import MACS
from tests.wire.unwrapping import inside, untried


def test_every_row_is_tried_by_a_frame() -> None:
    assert untried(ROWS) == []


@pytest.mark.parametrize(
    ("key", "header", "key_inside"),
    [
        (LLC, b"\xaa\xaa\3\0\x80\xc2\0\1", ETHERNET_FRAME),
        (LLC, b"\xfe\xfe\3\x80\0\0\0\x86\xdd", ETHERTYPE + 0x86DD),
        (LINK_TYPE + 3, MACS + b"\x60\x60" + bytes(6) + b"\x61\x03\xcc", PACKET_4),
        (LINK_TYPE + 10, bytes(13), LLC),
        (LINK_TYPE + 107, b"\x18\x41\3\0\xcc", PACKET_4),
        (PPP, b"\x57", PACKET_6),
        (PPP, b"\xff\3\xc0\x21", PPP_PROTOCOL + 0xC021),
        (PPP_PROTOCOL + 0x0031, b"\x40\1\0\0\0\0", ETHERNET_FRAME),
    ],
    ids=str,
)
def test_what_a_header_says_is_inside(key: int, header: bytes, key_inside: int) -> None:
    (found,) = inside(key, header + bytes(40))
    assert (found.key, found.at) == (key_inside, len(header))


def test_padding_and_checksum_of_a_bridged_frame_are_left_out() -> None:
    (found,) = inside(PPP_PROTOCOL + 0x0031, b"\x83\1" + bytes(60 + 3 + 4))
    assert found.length == 60


@pytest.mark.parametrize(
    ("key", "data"),
    [
        pytest.param(LLC, b"\x42\x42\3", id="a spanning tree"),
        pytest.param(LLC, b"\xaa\xaa\x07", id="numbered frames"),
        pytest.param(LLC, b"\xaa\xaa\3\0\0\x0c\x20\0", id="another organisation"),
        pytest.param(LLC, b"\xfe\xfe\3\x83", id="another network layer"),
        pytest.param(LLC, b"\xfe\xfe\3\x80\0\0\x0c\x20\0", id="a network layer of another organisation"),
        pytest.param(LINK_TYPE + 3, MACS + b"\x60\x61\3\xf0", id="AX.25 text"),
        pytest.param(LINK_TYPE + 7, b"\1\2\xd5\0\0\5", id="ARCNET ARP"),
        pytest.param(LINK_TYPE + 7, b"\1\2\xd4\1\0\5", id="an ARCNET fragment"),
        pytest.param(LINK_TYPE + 51, b"\x11\x09\0\0\0\0", id="PPPoE discovery"),
        pytest.param(LINK_TYPE + 123, b"\x81\5\0\x64", id="an emulated LAN"),
        pytest.param(LINK_TYPE + 143, b"\xc0\0", id="DOCSIS timing"),
        pytest.param(LINK_TYPE + 274, b"\x55" * 7 + b"\x07", id="part of a frame"),
        pytest.param(PPP_PROTOCOL + 0x0031, b"\0\2", id="bridged Token Ring"),
    ],
)
def test_nothing_is_guessed(key: int, data: bytes) -> None:
    assert inside(key, data + bytes(40)) == ()
