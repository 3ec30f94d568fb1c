"""The walk from layer to layer: several packets in a frame, bounds, what is left unread, fragments in tunnels."""

from __future__ import annotations

import struct

import pytest

from analyzer.wire import skips
from analyzer.wire.encapsulations import ENCAPSULATIONS
from analyzer.wire.header import Header
from analyzer.wire.link_types import ETHERNET
from analyzer.wire.skips import PROTOCOL, SEGMENT, UDP_PORT, skip_name
from analyzer.wire.unwrap import DEEPEST, MOST_PACKETS, TUNNEL_PORTS, Unwrapper
from tests.wire.frames import PACKET_4, PACKET_6, ethernet
from tests.wire.test_header import assert_is_the_segment
from tests.wire.unwrapping import unwrapped
from tests.wire.wrappings import (
    FRAME_4,
    in_ip,
    in_udp,
    ip4,
    netlink,
    nflog,
    radiotap,
    sampled,
    sflow,
    udp,
    wireless,
)

VXLAN = b"\x08\0\0\0\0\0\5\0"


def test_the_ports_looked_at_are_those_of_the_table() -> None:
    assert sorted(TUNNEL_PORTS) == sorted(
        key - UDP_PORT for key in ENCAPSULATIONS if UDP_PORT <= key < UDP_PORT + 65536
    )


@pytest.mark.parametrize(
    ("frame", "link_type", "name"),
    [
        (ethernet(0x0806, bytes(28)), 1, "ARP"),
        (ethernet(0x88B5, PACKET_4), 1, "EtherType 0x88b5"),
        (ethernet(38, b"\x42\x42\3" + bytes(35)), 1, "IEEE 802.3 LLC"),
        (ethernet(0x8847, b""), 1, "MPLS"),
        (ethernet(0x8847, b"\0\0\1\x40" + b"\x90" * 60), 1, "MPLS"),
        (ethernet(0x8864, struct.pack("!BBHHH", 0x11, 0, 7, 6, 0xC021) + b"\1\1\0\4"), 1, "PPP LCP"),
        (ethernet(0x8863, b"\x11\x09" + bytes(20)), 1, "PPPoE discovery"),
        (in_ip(50, bytes(40)), 1, "ESP"),
        (in_ip(47, b"\0\0\x08\6" + bytes(28)), 1, "ARP"),
        (in_ip(47, b"\0\7\x08\0" + PACKET_4), 1, "GRE"),
        (in_ip(4, ip4(17, udp(53, bytes(20)))), 1, "UDP"),
        (in_udp(4789, VXLAN + ethernet(0x0800, ip4(1, bytes(8)))), 1, "ICMP"),
        (in_udp(6081, b"\xc0" + bytes(7) + FRAME_4), 1, "UDP"),
        (in_udp(2152, b"\x30\1" + bytes(10)), 1, "UDP"),
        (in_udp(3544, PACKET_4), 1, "UDP"),
        (in_udp(1701, b"\xc8\2" + bytes(30)), 1, "UDP"),
        (in_udp(9999, VXLAN + FRAME_4), 1, "UDP"),
        (wireless(bytes(40), flags=0x41), 105, "encrypted IEEE 802.11"),
        (wireless(bytes(40), flags=5), 105, "IEEE 802.11 fragment"),
        (wireless(bytes(40), control=0x80), 105, "IEEE 802.11"),
        (radiotap(wireless(bytes(40), flags=0x41)), 127, "encrypted IEEE 802.11"),
        (PACKET_4, 147, "user 0"),
        (b"\xff\3\0\x3d" + bytes(30), 9, "PPP Multilink"),
        (in_ip(108, b"\4\0\0\3" + bytes(30)), 1, "IPComp"),
    ],
)  # fmt: skip
def test_what_is_unread_is_named_by_its_layer(frame: bytes, link_type: int, name: str) -> None:
    assert skip_name(unwrapped(frame, link_type)[0]) == name


def test_what_the_capture_cut() -> None:
    frame = in_udp(4789, VXLAN + FRAME_4)
    assert unwrapped(frame[:60], ETHERNET, len(frame))[0] == skips.CUT_SHORT


def test_several_packets_in_a_frame() -> None:
    other = PACKET_4[:20] + struct.pack("!H", 40001) + PACKET_4[22:]
    frame = netlink(nflog(2, PACKET_4), nflog(2, ip4(1, bytes(8))), nflog(2, other), nflog(10, PACKET_6))
    code, header, unwrapper = unwrapped(frame, 253)
    assert (code, header.source_port) == (SEGMENT, 40000)
    assert (unwrapper.more(header), header.source_port) == (SEGMENT, 40001)
    assert unwrapper.more(header) == SEGMENT
    assert_is_the_segment(header, 6)
    assert unwrapper.more(header) != SEGMENT
    assert unwrapper.more(header) != SEGMENT


def test_samples_are_in_the_order_of_the_datagram() -> None:
    frame = in_udp(6343, sflow(sampled(FRAME_4), sampled(PACKET_6, 3, 12)))
    code, header, unwrapper = unwrapped(frame, ETHERNET)
    assert_is_the_segment(header, 4)
    assert header.sampled
    assert (code, unwrapper.more(header)) == (SEGMENT, SEGMENT)
    assert_is_the_segment(header, 6)
    assert header.sampled


def test_after_a_sample_comes_a_frame_that_is_none() -> None:
    header, unwrapper = Header(), Unwrapper()
    seen = []
    for frame in (in_udp(6343, sflow(sampled(FRAME_4))), FRAME_4, in_ip(4, PACKET_4)):
        code = header.decode(frame, 0, len(frame), len(frame), ETHERNET)
        if code != SEGMENT:
            unwrapper.unwrap(header, code, len(frame), 0)
        seen.append(bool(header.sampled))
    assert seen == [True, False, False]


def test_nested_too_deep() -> None:
    packet = PACKET_4
    for _ in range(DEEPEST):
        packet = ip4(4, packet)
    assert unwrapped(ethernet(0x0800, packet), ETHERNET)[0] == skips.TOO_DEEP
    packet = PACKET_4
    for _ in range(8):
        packet = ip4(4, packet)
    assert unwrapped(ethernet(0x0800, packet), ETHERNET)[0] == SEGMENT


def test_too_many_side_by_side() -> None:
    frame = netlink(*[nflog(2, ip4(1, bytes(8)))] * MOST_PACKETS, nflog(2, PACKET_4))
    assert unwrapped(frame, 253)[0] == skips.TOO_DEEP


def fragments(packet: bytes, *sizes: int) -> list[bytes]:
    """An IPv4 packet in fragments of these sizes, the rest being the last."""
    header, payload, found, at = packet[:20], packet[20:], [], 0
    for size in (*sizes, len(packet)):
        part = payload[at : at + size]
        more = 0x2000 if at + size < len(payload) else 0
        numbers = struct.pack("!HHH", 20 + len(part), 99, at >> 3 | more)
        found.append(header[:2] + numbers + header[8:] + part)
        at += size
    return found


def walk(frames: list[bytes]) -> tuple[list[int], Header, Unwrapper]:
    header, unwrapper, codes = Header(), Unwrapper(), []
    for frame in frames:
        code = header.decode(frame, 0, len(frame), len(frame), ETHERNET)
        if code != SEGMENT:
            code = unwrapper.unwrap(header, code, len(frame), 0)
        codes.append(int(code))
    return codes, header, unwrapper


def test_fragments_inside_a_tunnel_and_around_one() -> None:
    inner = [in_ip(47, b"\0\0\x08\0" + each) for each in fragments(PACKET_4, 16, 8)]
    codes, header, unwrapper = walk(inner)
    assert (codes, unwrapper.joined) == ([skips.FRAGMENT, skips.FRAGMENT, SEGMENT], 2)
    assert_is_the_segment(header, 4)
    outer = [ethernet(0x0800, each) for each in fragments(ip4(17, udp(4789, VXLAN + FRAME_4)), 8, 40)]
    codes, header, _ = walk(outer)
    assert codes == [skips.FRAGMENT, skips.FRAGMENT, SEGMENT]
    assert_is_the_segment(header, 4)
    assert (header.ip_offset, header.block[header.ip_offset :][:20]) == (50, PACKET_4[:20])


def test_a_reassembled_packet_that_is_no_segment_is_named() -> None:
    codes, header, unwrapper = walk(
        [ethernet(0x0800, each) for each in fragments(ip4(1, bytes(range(64))), 32)]
    )
    assert codes == [skips.FRAGMENT, PROTOCOL + 1]
    assert unwrapper.joined == 1
    # For whoever reads on: the packet put together, from its header on.
    assert header.ip_offset == 0
    assert header.block[header.ip_offset + 20 :] == bytes(range(64))
