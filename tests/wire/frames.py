"""Frames for the tests of the decoder, built byte by byte."""

from __future__ import annotations

import struct

from analyzer.wire import link_types
from analyzer.wire.header import Header
from tests.tcp.transcript import ip_packet, tcp_segment

CLIENT = ("192.0.2.1", 40000)
SERVER = ("198.51.100.2", 80)
CLIENT_6 = ("2001:db8::1", 40000)
SERVER_6 = ("fe80::2", 80)

SEGMENT_4 = tcp_segment(
    CLIENT, SERVER, 2**32 - 1, 2**31, 0x18, 500, b"\x01\x01\x08\x0a" + bytes(8), b"payload"
)
SEGMENT_6 = tcp_segment(
    CLIENT_6, SERVER_6, 2**32 - 1, 2**31, 0x18, 500, b"\x01\x01\x08\x0a" + bytes(8), b"payload"
)
PACKET_4 = ip_packet(CLIENT[0], SERVER[0], SEGMENT_4, 77)
PACKET_6 = ip_packet(CLIENT_6[0], SERVER_6[0], SEGMENT_6)

MACS = b"\x02\0\0\0\0\x02\x02\0\0\0\0\x01"


def ethernet(kind: int, packet: bytes, *tags: int) -> bytes:
    """tags: the EtherTypes of VLAN tags, outermost first."""
    stack = b"".join(struct.pack("!HH", tag, 5) for tag in tags)
    return MACS + stack + struct.pack("!H", kind) + packet


def cooked(kind: int, packet: bytes) -> bytes:
    return struct.pack("!HHH8sH", 0, 772, 6, bytes(8), kind) + packet


def cooked_2(kind: int, packet: bytes) -> bytes:
    return struct.pack("!HHIHBB8s", kind, 0, 1, 772, 0, 6, bytes(8)) + packet


# Every way this decoder knows to carry an IP packet: name -> link type, frame with IPv4, frame with IPv6.
CARRIERS = {
    "Ethernet": (link_types.ETHERNET, ethernet(0x0800, PACKET_4), ethernet(0x86DD, PACKET_6)),
    "VLAN": (link_types.ETHERNET, ethernet(0x0800, PACKET_4, 0x8100), ethernet(0x86DD, PACKET_6, 0x88A8)),
    "VLAN stack": (
        link_types.ETHERNET,
        ethernet(0x0800, PACKET_4, 0x88A8, 0x8100, 0x9100),
        ethernet(0x86DD, PACKET_6, 0x9200, 0x9300),
    ),
    "cooked": (link_types.LINUX_SLL, cooked(0x0800, PACKET_4), cooked(0x86DD, PACKET_6)),
    "cooked, VLAN": (
        link_types.LINUX_SLL,
        cooked(0x8100, struct.pack("!HH", 5, 0x0800) + PACKET_4),
        cooked(0x8100, struct.pack("!HH", 5, 0x86DD) + PACKET_6),
    ),
    "cooked 2": (link_types.LINUX_SLL2, cooked_2(0x0800, PACKET_4), cooked_2(0x86DD, PACKET_6)),
    "cooked 2, VLAN": (
        link_types.LINUX_SLL2,
        cooked_2(0x8100, struct.pack("!HH", 5, 0x0800) + PACKET_4),
        cooked_2(0x8100, struct.pack("!HH", 5, 0x86DD) + PACKET_6),
    ),
    "NULL, little endian": (0, struct.pack("<I", 2) + PACKET_4, struct.pack("<I", 30) + PACKET_6),
    "NULL, big endian": (0, struct.pack(">I", 2) + PACKET_4, struct.pack(">I", 24) + PACKET_6),
    "NULL, FreeBSD and Linux": (0, struct.pack("<I", 2) + PACKET_4, struct.pack("<I", 28) + PACKET_6),
    "LOOP": (link_types.LOOP, struct.pack(">I", 2) + PACKET_4, struct.pack(">I", 24) + PACKET_6),
    "raw": (link_types.RAW, PACKET_4, PACKET_6),
    "raw of BSD": (link_types.RAW_BSD, PACKET_4, PACKET_6),
    "raw of OpenBSD": (link_types.RAW_OPENBSD, PACKET_4, PACKET_6),
    "raw by version": (link_types.IPV4, PACKET_4, b""),
    "raw by version 6": (link_types.IPV6, b"", PACKET_6),
}

LINK_TYPES = sorted({carrier[0] for carrier in CARRIERS.values()})


def decode(frame: bytes, link_type: int, original: int | None = None) -> tuple[int, Header]:
    """Decode a frame that lies in the middle of a block."""
    header = Header()
    original = len(frame) if original is None else original
    block = b"\xff" * 7 + frame + b"\xff" * 80
    return header.decode(block, 7, len(frame), original, link_type), header
