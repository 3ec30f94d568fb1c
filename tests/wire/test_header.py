"""The decoder: every link type, both IPs, lengths that lie, frames cut anywhere; and dpkt as the second reader."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.capture import open_capture
from analyzer.errors import AnalyzerError
from analyzer.wire import skips
from analyzer.wire.header import FAMILIES_IPV6, Header
from analyzer.wire.link_types import (
    ETHERNET,
    IPV4,
    IPV6,
    LINUX_SLL,
    LINUX_SLL2,
    LOOP,
    NULL,
    RAW,
    RAW_BSD,
    RAW_OPENBSD,
)
from analyzer.wire.skips import CUT_SHORT, SEGMENT, skip_name
from analyzer.wire.unwrap import Unwrapper
from tests.tcp.transcript import ip_packet, tcp_segment
from tests.wire.frames import CARRIERS, decode

ROOT = Path(__file__).resolve().parent.parent.parent
CAPTURES = sorted(path for path in (ROOT / "captures").iterdir() if path.suffix in {".pcap", ".pcapng"})
FRAMES_COMPARED = 2000

LINK_TYPES = [ETHERNET, RAW, RAW_BSD, RAW_OPENBSD, IPV4, IPV6, NULL, LOOP, LINUX_SLL, LINUX_SLL2]

SOURCE4, DESTINATION4 = "192.0.2.1", "198.51.100.2"
SOURCE6, DESTINATION6 = "2001:db8::1", "fe80::ffff:2"
PAYLOAD = b"hello"
OPTIONS = b"\x01\x01\x08\x0a\x00\x00\x00\x01\x00\x00\x00\x02"

TCP = tcp_segment((SOURCE4, 40000), (DESTINATION4, 80), 0xFFFFFFFE, 7, 0x118, 512, OPTIONS, PAYLOAD)
PACKET4 = ip_packet(SOURCE4, DESTINATION4, TCP, 0x1234)
PACKET6 = ip_packet(SOURCE6, DESTINATION6, TCP)


def tag(kind: int, number: int = 7) -> bytes:
    """What follows the EtherType of a VLAN tag: the tag, and the next EtherType."""
    return struct.pack("!HH", number, kind)


def ethernet(kind: int, rest: bytes) -> bytes:
    return bytes.fromhex("020000000002 020000000001") + struct.pack("!H", kind) + rest


def sll(kind: int, rest: bytes) -> bytes:
    return struct.pack("!HHH8sH", 0, 1, 6, b"\x02\0\0\0\0\1", kind) + rest


def sll2(kind: int, rest: bytes) -> bytes:
    return struct.pack("!HHIHBB8s", kind, 0, 3, 1, 0, 6, b"\x02\0\0\0\0\1") + rest


def ipv4(
    rest: bytes,
    *,
    options: bytes = b"",
    header_length: int | None = None,
    total_length: int | None = None,
    fragment: int = 0,
    protocol: int = 6,
) -> bytes:
    """An IPv4 packet whose fields claim what the test wants."""
    words = (20 + len(options)) // 4 if header_length is None else header_length
    total = 20 + len(options) + len(rest) if total_length is None else total_length
    head = struct.pack("!BBHHHBBH", 0x40 | words, 0, total, 1, fragment, 64, protocol, 0)
    return head + ip_address(SOURCE4).packed + ip_address(DESTINATION4).packed + options + rest


def ipv6(following: int, rest: bytes, length: int | None = None) -> bytes:
    head = struct.pack("!IHBB", 6 << 28, len(rest) if length is None else length, following, 64)
    return head + ip_address(SOURCE6).packed + ip_address(DESTINATION6).packed + rest


STACKS = {
    "ethernet-4": (ETHERNET, ethernet(0x0800, PACKET4)),
    "ethernet-6": (ETHERNET, ethernet(0x86DD, PACKET6)),
    "vlan-4": (ETHERNET, ethernet(0x8100, tag(0x0800) + PACKET4)),
    "vlan-6": (ETHERNET, ethernet(0x8100, tag(0x86DD) + PACKET6)),
    "qinq-4": (ETHERNET, ethernet(0x88A8, tag(0x8100) + tag(0x0800) + PACKET4)),
    "old-qinq-6": (ETHERNET, ethernet(0x9100, tag(0x8100) + tag(0x86DD) + PACKET6)),
    "9200-4": (ETHERNET, ethernet(0x9200, tag(0x0800) + PACKET4)),
    "9300-4": (ETHERNET, ethernet(0x9300, tag(0x0800) + PACKET4)),
    "three-tags-4": (ETHERNET, ethernet(0x88A8, tag(0x88A8) + tag(0x8100) + tag(0x0800) + PACKET4)),
    "sll-4": (LINUX_SLL, sll(0x0800, PACKET4)),
    "sll-6": (LINUX_SLL, sll(0x86DD, PACKET6)),
    "sll-vlan-4": (LINUX_SLL, sll(0x8100, tag(0x0800) + PACKET4)),
    "sll-qinq-6": (LINUX_SLL, sll(0x88A8, tag(0x8100) + tag(0x86DD) + PACKET6)),
    "sll2-4": (LINUX_SLL2, sll2(0x0800, PACKET4)),
    "sll2-6": (LINUX_SLL2, sll2(0x86DD, PACKET6)),
    "sll2-vlan-4": (LINUX_SLL2, sll2(0x8100, tag(0x0800) + PACKET4)),
    "sll2-qinq-6": (LINUX_SLL2, sll2(0x88A8, tag(0x8100) + tag(0x86DD) + PACKET6)),
    "null-little-4": (NULL, b"\2\0\0\0" + PACKET4),
    "null-big-4": (NULL, b"\0\0\0\2" + PACKET4),
    **{f"null-little-6-{number}": (NULL, struct.pack("<I", number) + PACKET6) for number in FAMILIES_IPV6},
    **{f"null-big-6-{number}": (NULL, struct.pack(">I", number) + PACKET6) for number in FAMILIES_IPV6},
    "loop-4": (LOOP, b"\0\0\0\2" + PACKET4),
    "loop-6": (LOOP, b"\0\0\0\x18" + PACKET6),
    "raw-4": (RAW, PACKET4),
    "raw-6": (RAW, PACKET6),
    "raw-bsd-4": (RAW_BSD, PACKET4),
    "raw-bsd-6": (RAW_BSD, PACKET6),
    "raw-openbsd-4": (RAW_OPENBSD, PACKET4),
    "raw-openbsd-6": (RAW_OPENBSD, PACKET6),
    "ipv4": (IPV4, PACKET4),
    "ipv6": (IPV6, PACKET6),
    "ipv4-options": (RAW, ipv4(TCP, options=b"\x94\x04\0\0" + bytes(36))),
    "hop-by-hop": (RAW, ipv6(0, b"\x06\0" + bytes(6) + TCP)),
    "routing": (RAW, ipv6(43, b"\x06\2" + bytes(22) + TCP)),
    "destination": (RAW, ipv6(60, b"\x06\1" + bytes(14) + TCP)),
    "authentication": (RAW, ipv6(51, b"\x06\4" + bytes(22) + TCP)),
    "atomic-fragment": (RAW, ipv6(44, b"\x06\0\0\0\0\0\0\1" + TCP)),
    "mobility": (RAW, ipv6(135, b"\x06\0" + bytes(6) + TCP)),
    # Each header names the next: destination options, routing, fragment, AH, destination options, TCP.
    "all-of-them": (
        RAW,
        ipv6(
            0,
            bytes((60, 0, *bytes(6)))
            + bytes((43, 0, *bytes(6)))
            + bytes((44, 0, *bytes(6)))
            + bytes((51, 0, *bytes(6)))
            + bytes((60, 1, *bytes(10)))
            + bytes((6, 0, *bytes(6)))
            + TCP,
        ),
    ),
}


def decoded(
    link_type: int, frame: bytes, *, captured: int | None = None, original: int | None = None
) -> tuple[int, Header]:
    """The code and the header of a frame that lies between others; `captured` bytes of it are there."""
    header = Header()
    captured = len(frame) if captured is None else captured
    block = b"\x45\xee\xee" + frame[:captured] + b"\x45" * 80
    code = header.decode(block, 3, captured, len(frame) if original is None else original, link_type)
    return int(code), header


def payload(header: Header) -> bytes:
    start = int(header.payload_offset)
    return bytes(header.block[start : start + int(header.payload_captured)])


def halves(address: str) -> tuple[int, int]:
    """An address as the header keeps it: two signed 64-bit numbers, or 0 and an IPv4 address."""
    if ":" not in address:
        return 0, int(ip_address(address))
    high, low = struct.unpack("!qq", ip_address(address).packed)
    return high, low


def assert_is_the_segment(header: Header, version: int) -> None:
    """The header is that of the segment in `frames.PACKET_4` or `PACKET_6`, all of it captured."""
    addresses = ("192.0.2.1", "198.51.100.2") if version == 4 else ("2001:db8::1", "fe80::2")
    assert header.ip_version == version
    assert (header.source_high, header.source_low) == halves(addresses[0])
    assert (header.destination_high, header.destination_low) == halves(addresses[1])
    assert (header.source_port, header.destination_port) == (40000, 80)
    assert (header.seq, header.ack, header.flags, header.window) == (2**32 - 1, 2**31, 0x18, 500)
    assert (header.header_length, header.options_length) == (32, 12)
    assert (payload(header), header.payload_length, header.snapped) == (b"payload", 7, False)


@pytest.mark.parametrize(
    ("options", "timestamp"),
    [
        ("01 01 08 0a fe dc ba 98 00 00 00 02", 0xFEDCBA98),
        ("01 01 08 0a 00 00 00 00 ff ff ff ff", 0),
        ("08 0a 00 00 00 01 00 00 00 02 01 01", None),
        ("01 01 05 0a 00 00 00 01 00 00 00 02", None),
        ("01 01 08 0a 00 00 00 01 00 00 00 02 00 00 00 00", None),
        ("", None),
    ],
)
def test_timestamps_as_most_stacks_write_them(options: str, timestamp: int | None) -> None:
    segment = tcp_segment((SOURCE4, 1), (DESTINATION4, 2), 1, 1, 0x10, 1, bytes.fromhex(options), PAYLOAD)
    header = Header()
    packet = ip_packet(SOURCE4, DESTINATION4, segment)
    assert header.decode(packet, 0, len(packet), len(packet), RAW) == SEGMENT
    assert header.only_timestamps() == (timestamp is not None)
    if timestamp is not None:
        assert header.timestamp() == timestamp


@pytest.mark.parametrize("name", CARRIERS)
@pytest.mark.parametrize("version", [4, 6])
def test_every_carrier_gives_the_segment(name: str, version: int) -> None:
    link_type, *packets = CARRIERS[name]
    frame = packets[version == 6]
    if frame:
        code, header = decode(frame, link_type)
        assert code == SEGMENT
        assert_is_the_segment(header, version)


@pytest.mark.parametrize("name", STACKS)
def test_every_stack_gives_the_same_segment(name: str) -> None:
    link_type, frame = STACKS[name]
    code, header = decoded(link_type, frame)
    assert code == SEGMENT, skip_name(code)
    assert (header.source_port, header.destination_port) == (40000, 80)
    assert (header.seq, header.ack, header.flags, header.window) == (0xFFFFFFFE, 7, 0x118, 512)
    assert (header.header_length, header.options_length) == (32, 12)
    start = int(header.tcp_offset) + 20
    assert header.block[start : start + int(header.options_length)] == OPTIONS
    assert header.checksum == struct.unpack("!H", TCP[16:18])[0]
    assert (header.payload_length, header.payload_captured, header.snapped) == (5, 5, False)
    assert payload(header) == PAYLOAD
    version = int(header.ip_version)
    source, destination = (SOURCE4, DESTINATION4) if version == 4 else (SOURCE6, DESTINATION6)
    assert (header.source_high, header.source_low) == halves(source)
    assert (header.destination_high, header.destination_low) == halves(destination)
    if name.endswith("-4"):
        assert version == 4
        assert header.ip_id == 0x1234
    elif "-6" in name:
        assert version == 6
        assert header.ip_id == 0


@pytest.mark.parametrize("name", STACKS)
def test_a_frame_cut_at_any_byte(name: str) -> None:
    link_type, frame = STACKS[name]
    tcp_at = len(frame) - len(TCP)
    for captured in range(len(frame)):
        code, header = decoded(link_type, frame, captured=captured)
        if captured < tcp_at + 16:
            assert code == CUT_SHORT, f"{captured} bytes: {skip_name(code)}"
            continue
        assert code == SEGMENT
        assert header.snapped
        assert header.payload_length == len(PAYLOAD)
        assert header.options_length == min(12, max(0, captured - tcp_at - 20))
        assert (header.checksum != 0) == (captured >= tcp_at + 20)
        assert payload(header) == PAYLOAD[: max(0, captured - tcp_at - 32)]


@pytest.mark.parametrize("name", STACKS)
def test_a_file_that_claims_fewer_bytes_on_the_wire_than_it_has(name: str) -> None:
    link_type, frame = STACKS[name]
    for original in range(len(frame) + 1):
        code, header = decoded(link_type, frame, original=original)
        if code == SEGMENT:
            assert 0 <= header.payload_captured <= header.payload_length <= len(PAYLOAD)
            assert header.payload_offset + header.payload_captured <= 3 + len(frame)


@pytest.mark.parametrize("packet", [PACKET4, PACKET6], ids=["ipv4", "ipv6"])
def test_padding_is_not_data(packet: bytes) -> None:
    kind = 0x0800 if packet is PACKET4 else 0x86DD
    code, header = decoded(ETHERNET, ethernet(kind, packet + b"\xaa" * 30))
    assert code == SEGMENT
    assert (header.payload_length, payload(header), header.snapped) == (5, PAYLOAD, False)


def test_padding_that_was_not_captured_is_not_missed() -> None:
    frame = ethernet(0x0800, PACKET4 + bytes(30))
    code, header = decoded(ETHERNET, frame, captured=len(frame) - 30)
    assert code == SEGMENT
    assert not header.snapped


@pytest.mark.parametrize("packet", [ipv4(TCP, total_length=0), ipv6(6, TCP, length=0)], ids=["ipv4", "ipv6"])
def test_without_a_length_the_frame_tells_it(packet: bytes) -> None:
    """What segmentation offload leaves on the sending host, and a jumbogram."""
    code, header = decoded(RAW, packet)
    assert code == SEGMENT
    assert payload(header) == PAYLOAD
    code, header = decoded(RAW, packet, captured=len(packet) - 2, original=len(packet))
    assert code == SEGMENT
    assert (header.payload_length, header.payload_captured, header.snapped) == (5, 3, True)


@pytest.mark.parametrize(
    "packet", [ipv4(TCP, total_length=65535), ipv6(6, TCP, length=65535)], ids=["ipv4", "ipv6"]
)
def test_a_length_beyond_the_frame_is_bounded_by_it(packet: bytes) -> None:
    code, header = decoded(RAW, packet)
    assert code == SEGMENT
    assert (header.payload_length, header.payload_captured) == (5, 5)


def with_offset(words: int) -> bytes:
    return TCP[:12] + bytes((words << 4 | TCP[12] & 0xF,)) + TCP[13:]


@pytest.mark.parametrize(
    ("link_type", "frame", "code"),
    [
        pytest.param(RAW, ipv4(TCP, header_length=4), skips.BAD_IP_HEADER, id="IHL-4"),
        pytest.param(RAW, ipv4(TCP, header_length=0), skips.BAD_IP_HEADER, id="IHL-0"),
        pytest.param(RAW, ipv4(TCP, total_length=19), skips.BAD_IP_HEADER, id="total-below-header"),
        pytest.param(RAW, ipv4(TCP, header_length=15, total_length=59), skips.BAD_IP_HEADER, id="IHL-15"),
        pytest.param(RAW, ipv4(TCP, total_length=20), skips.BAD_TCP_HEADER, id="no-room-for-TCP"),
        pytest.param(RAW, ipv4(TCP, total_length=35), skips.BAD_TCP_HEADER, id="no-room-for-the-window"),
        pytest.param(RAW, ipv6(6, TCP, length=15), skips.BAD_TCP_HEADER, id="no-room-for-TCP-6"),
        pytest.param(RAW, ipv6(0, b"\6\0" + bytes(6) + TCP, 7), skips.BAD_IP_HEADER, id="no-room-for-hop"),
        pytest.param(RAW, ipv6(0, b"\6\xff" + bytes(6) + TCP), skips.BAD_IP_HEADER, id="hop-too-long"),
        pytest.param(IPV4, PACKET6, skips.BAD_IP_HEADER, id="6-as-4"),
        pytest.param(IPV6, PACKET4 + bytes(40), skips.BAD_IP_HEADER, id="4-as-6"),
        pytest.param(ETHERNET, ethernet(0x86DD, PACKET4), skips.BAD_IP_HEADER, id="ethertype-lies"),
        pytest.param(RAW, ipv4(TCP, fragment=0x2000), skips.FRAGMENT, id="first-fragment"),
        pytest.param(RAW, ipv4(TCP, fragment=0x0001), skips.FRAGMENT, id="last-fragment"),
        pytest.param(RAW, ipv6(44, b"\6\0\0\1" + bytes(4) + TCP), skips.FRAGMENT, id="first-fragment-6"),
        pytest.param(RAW, ipv6(44, b"\6\0\0\x08" + bytes(4) + TCP), skips.FRAGMENT, id="last-fragment-6"),
        pytest.param(RAW, b"\x50" + bytes(60), skips.NOT_IP, id="IP-version-5"),
        pytest.param(NULL, b"\0\0\0\7" + PACKET4, skips.NOT_IP, id="family-7"),
        pytest.param(NULL, b"\1\2\3\4" + PACKET4, skips.NOT_IP, id="family-large"),
        pytest.param(RAW, ipv4(TCP, protocol=17), skips.PROTOCOL + 17, id="UDP"),
        pytest.param(RAW, ipv6(58, TCP), skips.PROTOCOL + 58, id="ICMPv6"),
        pytest.param(RAW, ipv6(0, b"\x3b\0" + bytes(6)), skips.PROTOCOL + 59, id="no-payload"),
        pytest.param(ETHERNET, ethernet(0x0806, bytes(46)), skips.ETHERTYPE + 0x0806, id="ARP"),
        pytest.param(ETHERNET, ethernet(46, bytes(46)), skips.LLC, id="LLC"),
        pytest.param(LINUX_SLL, sll(4, bytes(46)), skips.LLC, id="SLL-LLC"),
        pytest.param(LINUX_SLL2, sll2(0x88CC, bytes(46)), skips.ETHERTYPE + 0x88CC, id="SLL2-LLDP"),
        pytest.param(147, PACKET4, skips.LINK_TYPE + 147, id="link-type"),
        pytest.param(ETHERNET, ethernet(0x8100, tag(0x8100) * 9), CUT_SHORT, id="nothing-but-tags"),
    ],
)
def test_what_is_no_segment_has_its_reason(link_type: int, frame: bytes, code: int) -> None:
    found, _ = decoded(link_type, frame)
    assert skip_name(found) == skip_name(code)
    assert found == code


@pytest.mark.parametrize(
    "packet",
    [
        ipv4(TCP, total_length=51),
        ipv4(TCP, total_length=36),
        ipv4(with_offset(4)),
        ipv4(with_offset(0)),
        ipv4(with_offset(15)),
        ipv6(6, with_offset(15)),
        ipv6(6, TCP, length=19),
    ],
)
def test_an_impossible_data_offset_leaves_ports_numbers_and_flags(packet: bytes) -> None:
    code, header = decoded(RAW, packet)
    assert (code, header.damaged, header.snapped) == (SEGMENT, True, False)
    assert (header.source_port, header.seq, header.flags, header.window) == (40000, 0xFFFFFFFE, 0x118, 512)
    assert (header.options_length, header.payload_length, header.payload_captured) == (0, 0, 0)
    assert not decoded(RAW, PACKET4)[1].damaged


@pytest.mark.parametrize(
    ("link_type", "frame", "captured", "inner", "end"),
    [
        (ETHERNET, ethernet(0x88CC, bytes(50)), 40, 14, 64),
        (ETHERNET, ethernet(0x8100, tag(0x88CC) + bytes(50)), 68, 18, 68),
        (ETHERNET, ethernet(40, bytes(46)), 60, 14, 54),
        (LINUX_SLL, sll(4, bytes(46)), 62, 16, 62),
        (147, bytes(30), 30, 0, 30),
        (RAW, ipv4(bytes(30), protocol=17) + bytes(6), 40, 20, 50),
        (RAW, ipv4(b"/\0" + bytes(30), protocol=51), 52, 28, 52),
        (RAW, ipv6(0, b"\0" + bytes(30)), 72, 48, 72),
        (RAW, ipv4(bytes(30), fragment=5), 50, 20, 50),
        (RAW, ipv6(60, b",\0" + bytes(6) + b"\0\0" + bytes(30)), 82, 48, 82),
    ],
)
def test_where_the_decoder_stopped(link_type: int, frame: bytes, captured: int, inner: int, end: int) -> None:
    header = Header()
    assert header.decode(frame, 0, captured, len(frame), link_type) != SEGMENT
    assert (header.block, header.inner_offset, header.inner_end) == (frame, inner, end)


NEXT, FINAL = "203.0.113.9", "198.51.100.2"
NEXT6, FINAL6 = "2001:db8::9", "2001:db8::f"


def route4(kind: int, following: int, *addresses: str) -> bytes:
    """A source route option and the end of the options."""
    data = b"".join(ip_address(address).packed for address in addresses)
    return bytes((kind, 3 + len(data), following)) + data + b"\0"


def route6(kind: int, left: int, *addresses: str) -> bytes:
    """A routing header before TCP."""
    data = b"".join(ip_address(address).packed for address in addresses)
    return bytes((6, len(data) // 8, kind, left)) + bytes(4) + data


@pytest.mark.parametrize(
    ("packet", "destination"),
    [
        (ipv4(TCP, options=route4(131, 4, NEXT, FINAL)), FINAL),
        (ipv4(TCP, options=b"\x01\x01\x01" + route4(137, 8, FINAL, NEXT) + bytes(1)), NEXT),
        # The route has been gone to its end; a route that was recorded; one that is cut off.
        (ipv4(TCP, options=route4(131, 12, FINAL, NEXT)), DESTINATION4),
        (ipv4(TCP, options=route4(7, 4, FINAL, NEXT)), DESTINATION4),
        (ipv4(TCP, options=b"\x83\x0c\x04\x01\x02\x03\x04\x00"), DESTINATION4),
        (ipv4(TCP, options=b"\0\0\0\0" + route4(131, 4, NEXT, FINAL)), DESTINATION4),
        (ipv6(43, route6(0, 2, NEXT6, FINAL6) + TCP), FINAL6),
        (ipv6(43, route6(2, 1, FINAL6) + TCP), FINAL6),
        (ipv6(43, route6(4, 1, FINAL6, NEXT6) + TCP), FINAL6),
        (ipv6(43, route6(0, 0, NEXT6, FINAL6) + TCP), DESTINATION6),
        (ipv6(43, route6(4, 0, FINAL6, NEXT6) + TCP), DESTINATION6),
        (ipv6(43, route6(253, 1, FINAL6) + TCP), DESTINATION6),
        (ipv6(43, route6(0, 1) + TCP), DESTINATION6),
    ],
)
def test_a_route_ends_at_the_destination(packet: bytes, destination: str) -> None:
    code, header = decoded(RAW, packet)
    assert code == SEGMENT
    number = (int(header.destination_high) & 0xFFFFFFFFFFFFFFFF) << 64 | int(
        header.destination_low
    ) & 0xFFFFFFFFFFFFFFFF
    assert number == int(ip_address(destination))


def test_the_reserved_bit_and_dont_fragment_are_no_fragment() -> None:
    assert decoded(RAW, ipv4(TCP, fragment=0xC000))[0] == SEGMENT


def test_ecn_with_accuracy_is_the_only_reserved_bit_that_is_a_flag() -> None:
    frame = PACKET4[:32] + bytes((PACKET4[32] | 0x0E,)) + PACKET4[33:]
    code, header = decoded(RAW, frame)
    assert (code, header.flags) == (SEGMENT, 0x118)


def test_a_header_is_filled_over_and_over() -> None:
    header = Header()
    assert header.decode(PACKET6, 0, len(PACKET6), len(PACKET6), RAW) == SEGMENT
    assert header.decode(PACKET4, 0, len(PACKET4) - 2, len(PACKET4), RAW) == SEGMENT
    assert header.snapped
    assert (header.source_high, header.destination_high) == (0, 0)
    assert header.decode(PACKET4, 0, len(PACKET4), len(PACKET4), RAW) == SEGMENT
    assert not header.snapped


def check_anything(link_type: int, frame: bytes, captured: int, original: int) -> None:
    code, header = decoded(link_type, frame, captured=captured, original=original)
    assert skip_name(code) if code != SEGMENT else True
    if code == SEGMENT:
        assert 0 <= header.payload_captured <= header.payload_length
        assert header.payload_captured == 0 or header.payload_offset + header.payload_captured <= 3 + captured
        assert header.snapped == (header.payload_offset + header.payload_length > 3 + captured)
        assert 0 <= header.options_length <= 40
        assert header.tcp_offset + 16 <= 3 + captured
        assert not header.options_length or header.tcp_offset + 20 + header.options_length <= 3 + captured


@given(st.sampled_from(LINK_TYPES), st.binary(max_size=120), st.integers(0, 200))
def test_random_bytes_never_raise(link_type: int, frame: bytes, original: int) -> None:
    check_anything(link_type, frame, len(frame), original)


@given(
    st.sampled_from(sorted(STACKS)),
    st.lists(st.tuples(st.integers(0, 110), st.integers(0, 255)), max_size=6),
    st.integers(0, 200),
    st.integers(0, 300),
)
def test_damaged_frames_never_raise(
    name: str, damage: list[tuple[int, int]], captured: int, original: int
) -> None:
    link_type, frame = STACKS[name]
    data = bytearray(frame)
    for position, value in damage:
        data[position % len(data)] = value
    check_anything(link_type, bytes(data), min(captured, len(frame)), original)


# -- dpkt, the parser of record -----------------------------------------------------------------------------


def dpkt_ip(link_type: int, frame: bytes) -> Any:
    """The IP packet that dpkt finds directly in the frame, without tunnels; None where there is none."""
    from dpkt import dpkt, ethernet, ip, ip6, loopback, sll, sll2

    readers: dict[int, Any] = {
        ETHERNET: ethernet.Ethernet,
        LINUX_SLL: sll.SLL,
        LINUX_SLL2: sll2.SLL2,
        NULL: loopback.Loopback,
        LOOP: loopback.Loopback,
        IPV4: ip.IP,
        IPV6: ip6.IP6,
    }
    reader = readers.get(link_type)
    if reader is None and link_type in (RAW, RAW_BSD, RAW_OPENBSD) and frame:
        reader = {4: ip.IP, 6: ip6.IP6}.get(frame[0] >> 4)
    if reader is None:
        return None
    # Only dpkt's own reading can fail here, and it fails in many ways.
    try:
        layer = reader(frame)
        while not isinstance(layer, (ip.IP, ip6.IP6, bytes)):
            layer = layer.data
    except (dpkt.Error, IndexError, KeyError, AttributeError, TypeError, ValueError, struct.error):
        return None
    return None if isinstance(layer, bytes) else layer


def dpkt_lengths(packet: Any) -> tuple[int, int] | None:
    """What the IP header leaves for the TCP segment, and how long the TCP header is; None where it has no length."""
    offset = packet.data.off * 4
    if packet.v == 4:
        return (packet.len - packet.hl * 4, offset) if packet.len else None
    return (
        (packet.plen - sum(each.length for each in packet.all_extension_headers), offset)
        if packet.plen
        else None
    )


def is_fragment(packet: Any) -> bool:
    if packet.v == 4:
        return bool(packet.mf or packet.offset)
    return any(
        bool(each.frag_off or each.m_flag)
        for each in packet.all_extension_headers
        if hasattr(each, "frag_off")
    )


def comparisons(path: Path) -> Iterator[str]:
    """Compare frame by frame: one word for each that both read, an assertion for each that they read differently."""
    from dpkt import tcp

    header, unwrapper = Header(), Unwrapper()
    with open_capture(path) as records:
        while records.frame < FRAMES_COMPARED and records.advance():
            at = f"{path.name} frame {records.frame}"
            start, captured, original = records.offset, records.captured, records.original
            frame = records.block[start : start + captured]
            code = header.decode(records.block, start, captured, original, records.link_type)
            way = "plain"
            packet = dpkt_ip(records.link_type, frame)
            theirs = packet is not None and isinstance(packet.data, tcp.TCP)
            if code != SEGMENT:
                way = "unwrapped"
                if unwrapper.unwrap(header, code, start + captured, records.time_ns) != SEGMENT:
                    # dpkt asks less of the lengths, and believes in Ethernet below MPLS though a control word
                    # may stand before it.
                    told = original < captured or code == skips.ETHERTYPE + 0x8847
                    assert not theirs or told or is_fragment(packet), f"{at}: {skip_name(code)}"
                continue
            if not theirs or is_fragment(packet):
                continue
            found = packet.data
            ours = (
                header.source_port, header.destination_port, header.seq, header.ack, header.flags & 0xFF,
                header.window, header.header_length,
            )  # fmt: skip
            assert ours == (
                found.sport, found.dport, found.seq, found.ack, found.flags & 0xFF, found.win, found.off * 4
            ), at  # fmt: skip
            if header.damaged:
                cut = original < captured
                assert cut or found.off < 5 or found.off * 4 > len(found), at
                continue
            lengths = dpkt_lengths(packet)
            if lengths is not None:
                on_the_wire = original - (header.payload_offset - start)
                assert header.payload_length == min(lengths[0] - lengths[1], on_the_wire), at
            assert payload(header) == bytes(found.data)[: header.payload_length], at
            yield way


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.name)
def test_dpkt_agrees_on_our_own_captures(capture: Path) -> None:
    assert set(comparisons(capture)) == {"plain"}


def test_dpkt_agrees_on_the_corpus(corpus_capture: Path) -> None:
    try:
        list(comparisons(corpus_capture))
    except AnalyzerError as error:
        assert corpus_capture.suffix in {".zst", ".snoop"}, str(error)  # noqa: PT017 (the rest must be readable)


@given(
    st.sampled_from(sorted(STACKS)),
    st.lists(st.tuples(st.integers(0, 110), st.integers(0, 255)), max_size=3),
)
def test_dpkt_agrees_on_damaged_frames(name: str, damage: list[tuple[int, int]]) -> None:
    from dpkt import tcp

    link_type, whole = STACKS[name]
    data = bytearray(whole)
    for position, value in damage:
        data[position % len(data)] = value
    frame = bytes(data)
    code, header = decoded(link_type, frame)
    packet = dpkt_ip(link_type, frame)
    if code != SEGMENT or packet is None or not isinstance(packet.data, tcp.TCP):
        return
    found = packet.data
    assert (found.sport, found.dport, found.win) == (
        header.source_port,
        header.destination_port,
        header.window,
    )
    assert (found.seq, found.ack, found.flags & 0x1FF) == (header.seq, header.ack, header.flags)
    if header.damaged:
        assert found.off < 5 or found.off * 4 > len(found)
        return
    lengths = dpkt_lengths(packet)
    if lengths is not None:
        assert header.payload_length == min(lengths[0] - lengths[1], 3 + len(frame) - header.payload_offset)
    assert payload(header) == bytes(found.data)[: header.payload_length]
