"""GRE with all its fields, ERSPAN, and compressed packets."""

from __future__ import annotations

import struct
import zlib

import pytest

from analyzer.wire import skips
from analyzer.wire.encapsulations.encapsulation import ETHERNET_FRAME, PACKET_4, PACKET_6, WIRELESS
from analyzer.wire.encapsulations.in_ip import ROWS, gre_facts
from analyzer.wire.encapsulations.span import Span
from analyzer.wire.link_types import ETHERNET
from analyzer.wire.skips import ERSPAN, ETHERTYPE, PROTOCOL
from tests.wire.frames import PACKET_4 as PACKET
from tests.wire.unwrapping import inside, untried, unwrapped
from tests.wire.wrappings import in_ip

COMPRESSED, GRE, ERSPAN_3 = PROTOCOL + 108, PROTOCOL + 47, ETHERTYPE + 0x22EB


def test_every_row_is_tried_by_a_frame() -> None:
    assert untried(ROWS) == []


@pytest.mark.parametrize(
    ("header", "key_inside"),
    [
        (b"\0\0\x88\xb5", ETHERTYPE + 0x88B5),
        (b"\x20\0\x88\xb5" + bytes(4), ETHERTYPE + 0x88B5),
        (b"\x80\0\x88\xb5" + bytes(4), ETHERTYPE + 0x88B5),
        (b"\xb0\0\x88\xb5" + bytes(12), ETHERTYPE + 0x88B5),
        (b"\x40\0\x88\xb5" + bytes(4) + b"\x08\0\0\4" + bytes(4) + bytes(4), ETHERTYPE + 0x88B5),
        (b"\x30\x81\x88\x0b" + b"\0\x28" + bytes(10), ETHERTYPE + 0x880B),
        (b"\0\0\x88\xbe", ETHERNET_FRAME),
        (b"\x10\0\x88\xbe" + bytes(4), ERSPAN),
        (b"\0\0\x64\0", ETHERNET_FRAME),
        (b"\0\0\x88\x3e", PACKET_4),
        (b"\0\0\x88\x3e" + bytes(4), PACKET_4),
        (b"\0\0\x83\x70", WIRELESS),
    ],
    ids=str,
)
def test_where_gre_ends(header: bytes, key_inside: int) -> None:
    (found,) = inside(GRE, header + PACKET)
    assert (found.key, found.at) == (key_inside, len(header))


def test_the_second_version_of_gre_has_a_length() -> None:
    (found,) = inside(GRE, b"\x20\1\x88\x0b\0\x0a\0\7" + bytes(30))
    assert found.length == 10


@pytest.mark.parametrize(
    ("header", "key_inside"),
    [
        (b"\x10\0\0\1" + bytes(4), ETHERNET_FRAME),
        (b"\x20\0\0\1" + bytes(8), ETHERNET_FRAME),
        (b"\x20\0\0\1" + bytes(7) + b"\1" + bytes(8), ETHERNET_FRAME),
        (b"\x20\0\0\1" + bytes(6) + b"\x08\0", PACKET_4),
    ],
    ids=str,
)
def test_where_erspan_ends(header: bytes, key_inside: int) -> None:
    (found,) = inside(ERSPAN, header + PACKET)
    assert (found.key, found.at) == (key_inside, len(header))


@pytest.mark.parametrize(
    ("key", "data"),
    [
        pytest.param(GRE, b"\0\2\x08\0", id="a third version"),
        pytest.param(GRE, b"\0\1\x88\x0b", id="the second version without its length"),
        pytest.param(ERSPAN, b"\x30\0\0\1", id="an unknown version"),
        pytest.param(ERSPAN_3, b"\x10\0\0\1", id="another version than its type says"),
        pytest.param(ERSPAN_3, b"\x20\0\0\1" + bytes(6) + b"\x0c\0", id="neither Ethernet nor IP"),
        pytest.param(COMPRESSED, b"\4\0\0\3", id="LZS"),
        pytest.param(COMPRESSED, b"\4\0\0\2\xff\xff", id="damaged"),
    ],
)
def test_nothing_is_guessed(key: int, data: bytes) -> None:
    assert inside(key, data + PACKET) == ()


@pytest.mark.parametrize(("following", "key_inside"), [(4, PACKET_4), (41, PACKET_6)])
@pytest.mark.parametrize("transform", [2, 256])
def test_a_compressed_packet(following: int, key_inside: int, transform: int) -> None:
    packed = zlib.compress(PACKET)[2:-4]
    (found,) = inside(COMPRESSED, struct.pack("!BBH", following, 0, transform) + packed)
    assert (found.key, found.block) == (key_inside, PACKET)


@pytest.mark.slow
def test_a_compressed_bomb_is_cut() -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = packer.compress(bytes(50_000_000)) + packer.flush()
    code, header, _ = unwrapped(in_ip(108, b"\4\0\0\2" + bomb), ETHERNET)
    assert code == skips.BAD_IP_HEADER
    assert len(header.block) <= 65_535


@pytest.mark.parametrize(
    ("header", "facts"),
    [
        (b"\0\0\x08\0", ("type 0x0800",)),
        (b"\x20\0\x65\x58\0\0\5\1", ("type 0x6558", "key 1281")),
        (b"\xa0\0\x65\x58\0\0\0\0\0\0\5\1", ("type 0x6558", "key 1281")),
        (b"\x20\1\x88\x0b\0\x0a\0\7", ("type 0x880b", "key 7")),
    ],
    ids=str,
)
def test_the_key_is_told(header: bytes, facts: tuple[str, ...]) -> None:
    assert gre_facts(Span(GRE, header, 0, len(header), len(header), 0)) == facts
