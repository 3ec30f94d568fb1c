"""One frame for every way of wrapping that is read, built byte by byte: the segment of `frames.py` is in each."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from typing import Final, NamedTuple

from tests.tcp.transcript import checksum
from tests.wire.frames import MACS, PACKET_4, PACKET_6, SEGMENT_4, SEGMENT_6, ethernet


class Wrapped(NamedTuple):
    """link_type, frame: as captured. version: of the innermost IP header. tshark: whether 4.0.17 reads it, too."""

    link_type: int
    frame: bytes
    version: int = 4
    tshark: bool = True


def ip4(protocol: int, payload: bytes, identification: int = 9, fragment: int = 0) -> bytes:
    """An outer IPv4 packet. fragment: the flags and the offset in units of eight bytes."""
    addresses = bytes((203, 0, 113, 1, 203, 0, 113, 2))
    head = (
        struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), identification, fragment, 64, protocol, 0)
        + addresses
    )
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def ip6(following: int, payload: bytes) -> bytes:
    """An outer IPv6 packet."""
    addresses = bytes.fromhex("20010db8" + "00" * 11 + "aa" + "20010db8" + "00" * 11 + "bb")
    return struct.pack("!IHBB", 6 << 28, len(payload), following, 64) + addresses + payload


def udp(port: int, payload: bytes, source: int = 54321) -> bytes:
    return struct.pack("!HHHH", source, port, 8 + len(payload), 0) + payload


def in_udp(port: int, payload: bytes) -> bytes:
    return ethernet(0x0800, ip4(17, udp(port, payload)))


def in_ip(protocol: int, payload: bytes) -> bytes:
    return ethernet(0x0800, ip4(protocol, payload))


def snap(kind: int, packet: bytes) -> bytes:
    return b"\xaa\xaa\x03\0\0\0" + struct.pack("!H", kind) + packet


FRAME_4: Final = ethernet(0x0800, PACKET_4)
FRAME_6: Final = ethernet(0x86DD, PACKET_6)

LABELS: Final = struct.pack("!II", 100 << 12 | 64, 200 << 12 | 1 << 8 | 64)
PPPOE: Final = struct.pack("!BBHHH", 0x11, 0, 7, 2 + len(PACKET_4), 0x0021)


def _deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


def wireless(body: bytes, control: int = 0x08, flags: int = 0x01, more: bytes = b"") -> bytes:
    """An IEEE 802.11 data frame. control, flags: its first two bytes. more: what follows the three addresses."""
    return bytes((control, flags)) + bytes(2) + MACS + MACS[:6] + bytes(2) + more + body


AGGREGATE: Final = b"".join(
    (MACS + struct.pack("!H", len(body)) + body).ljust((14 + len(body) + 3) & ~3, b"\0")
    for body in (snap(0x0806, bytes(28)), snap(0x0800, PACKET_4))
)


def radiotap(frame: bytes, flags: int = 0, first: int | None = None) -> bytes:
    present, fields = (2, bytes((flags,))) if first is None else (3, bytes(8) + bytes((flags,)))
    fields = fields.ljust((len(fields) + 3) & ~3, b"\0") if first is not None else fields
    return struct.pack("<BBHI", 0, 0, 8 + len(fields), present) + fields + frame


def nflog(family: int, packet: bytes, kind: int = 0x0800) -> bytes:
    header = struct.pack("<HH", 8, 1) + struct.pack("!HBB", kind, 3, 0)
    payload = struct.pack("<HH", 4 + len(packet), 9) + packet
    return struct.pack("!BBH", family, 0, 0) + header + payload.ljust((len(payload) + 3) & ~3, b"\0")


def netlink(*bodies: bytes) -> bytes:
    messages = b"".join(
        struct.pack("<IHHII", 16 + len(body), 0x0400, 0, 0, 0) + body.ljust((len(body) + 3) & ~3, b"\0")
        for body in bodies
    )
    return struct.pack("!HHH8sH", 4, 824, 0, bytes(8), 12) + messages


def juniper(payload: bytes, flags: int = 0, extension: bytes = b"") -> bytes:
    if extension:
        return b"MGC" + bytes((flags | 0x80,)) + struct.pack("!H", len(extension)) + extension + payload
    return b"MGC" + bytes((flags,)) + payload


def gtp(packet: bytes, flags: int = 0, more: bytes = b"") -> bytes:
    return struct.pack("!BBHI", 0x30 | flags, 0xFF, len(more) + len(packet), 0x1234) + more + packet


def sampled(frame: bytes, kind: int = 1, protocol: int = 1) -> bytes:
    padded = frame.ljust((len(frame) + 3) & ~3, b"\0")
    record = struct.pack("!IIIIII", 1, 16 + len(padded), protocol, len(frame), 0, len(frame)) + padded
    head = struct.pack("!8I", 1, 2, 3, 4, 5, 6, 7, 1) if kind == 1 else struct.pack("!11I", *range(10), 1)
    return struct.pack("!II", kind, len(head) + len(record)) + head + record


def sflow(*samples: bytes) -> bytes:
    return struct.pack("!II4sIIII", 5, 1, bytes(4), 0, 1, 1000, len(samples)) + b"".join(samples)


def _pw(frame: bytes) -> bytes:
    return ethernet(0x8847, LABELS + bytes(4) + frame)


E: Final = 1
NAPT: Final = bytes.fromhex("0000") + struct.pack("!HI", 0x1234, 0x01020304)

WRAPPED: Final[Mapping[str, Wrapped]] = {
    # Link types.
    "AX.25": Wrapped(3, MACS + b"\x60\x61" + b"\x03\xcc" + PACKET_4),
    "AX.25, KISS": Wrapped(202, b"\0" + MACS + b"\x60\x61" + b"\x03\xcc" + PACKET_4),
    "Token Ring": Wrapped(6, b"\x10\x40" + MACS + snap(0x0800, PACKET_4)),
    "Token Ring, routed": Wrapped(
        6, b"\x10\x40" + MACS[:6] + b"\x82" + MACS[7:] + b"\x06\x30\0\x11\0\x20" + snap(0x0800, PACKET_4)
    ),
    "ARCNET": Wrapped(7, b"\1\2\xd4\0\0\5" + PACKET_4),
    "ARCNET, RFC 1051": Wrapped(7, b"\1\2\xf0" + PACKET_4),
    "ARCNET, Linux": Wrapped(129, b"\1\2\0\0\xd4\0\0\5" + PACKET_4),
    "ARCNET, exception frame": Wrapped(7, b"\1\2\xd4\xff\xff\xff\xd4\0\0\5" + PACKET_4),
    "ARCNET, IPv6": Wrapped(7, b"\1\2\xc4\0\0\5" + PACKET_6, 6),
    "SLIP": Wrapped(8, bytes(16) + PACKET_4, tshark=False),
    "PPP": Wrapped(9, b"\xff\3\0\x21" + PACKET_4),
    "PPP, compressed": Wrapped(9, b"\x21" + PACKET_4),
    "PPP, IPv6": Wrapped(9, b"\xff\3\0\x57" + PACKET_6, 6),
    "PPP, MPLS": Wrapped(9, b"\xff\3\2\x81" + LABELS + PACKET_4),
    "PPP, bridging": Wrapped(9, b"\xff\3\0\x31\0\1" + FRAME_4),
    "PPP, HDLC": Wrapped(50, b"\xff\3\0\x21" + PACKET_4),
    "PPP or Cisco HDLC": Wrapped(50, b"\x0f\0\x08\0" + PACKET_4),
    "PPP, pppd": Wrapped(166, b"\1\3\0\x21" + PACKET_4, tshark=False),
    "PPP, direction": Wrapped(204, b"\1\xff\3\0\x21" + PACKET_4),
    "PPPoE as link type": Wrapped(51, PPPOE + PACKET_4),
    "FDDI": Wrapped(10, b"\x50" + MACS + snap(0x0800, PACKET_4)),
    "ATM": Wrapped(100, snap(0x0800, PACKET_4)),
    "ATM of BSD": Wrapped(11, snap(0x86DD, PACKET_6), 6),
    "ATM, bridged": Wrapped(100, b"\xaa\xaa\3\0\x80\xc2\0\7\0\0" + FRAME_4),
    "ATM, PPP": Wrapped(100, b"\xfe\xfe\3\xcf\0\x21" + PACKET_4),
    "ATM, SunATM": Wrapped(123, b"\x82\x05\0\x64" + snap(0x0800, PACKET_4)),
    "Cisco HDLC": Wrapped(104, b"\x0f\0\x08\0" + PACKET_4),
    "Cisco HDLC, direction": Wrapped(205, b"\1\x0f\0\x86\xdd" + PACKET_6, 6, tshark=False),
    "Frame Relay": Wrapped(107, b"\x18\x41\3\xcc" + PACKET_4),
    "Frame Relay, IPv6": Wrapped(107, b"\x18\x41\3\x8e" + PACKET_6, 6),
    "Frame Relay, SNAP": Wrapped(107, b"\x18\x41\3\0\x80\0\0\0\x08\0" + PACKET_4),
    "Frame Relay, bridged": Wrapped(107, b"\x18\x41\3\0\x80\0\x80\xc2\0\7" + FRAME_4),
    "Frame Relay, Cisco": Wrapped(107, b"\x18\x41\x08\0" + PACKET_4),
    "Frame Relay, long": Wrapped(107, b"\x18\x40\x40\x41\3\xcc" + PACKET_4),
    "Frame Relay, direction": Wrapped(206, b"\0\x18\x41\3\xcc" + PACKET_4, tshark=False),
    "OpenBSD enc": Wrapped(109, struct.pack("<III", 2, 0, 0) + PACKET_4),
    "OpenBSD enc, IPv6": Wrapped(109, struct.pack(">III", 24, 0, 0) + PACKET_6, 6),
    "PF log": Wrapped(117, b"\x3d\2\0\0" + bytes(60) + PACKET_4),
    "PF log, IPv6": Wrapped(117, b"\x3d\x18\0\0" + bytes(60) + PACKET_6, 6),
    "IP over Fibre Channel": Wrapped(122, bytes(16) + snap(0x0800, PACKET_4)),
    "DOCSIS": Wrapped(143, b"\0\0" + struct.pack("!H", len(FRAME_4)) + b"\x1b\x23" + FRAME_4),
    "DOCSIS, extended": Wrapped(
        143, b"\1\2" + struct.pack("!H", 2 + len(FRAME_4)) + b"\0\0" + bytes(2) + FRAME_4, tshark=False
    ),
    "PPI": Wrapped(192, struct.pack("<BBHI", 0, 0, 8, 105) + wireless(snap(0x0800, PACKET_4))),
    "ERF": Wrapped(
        197, bytes(8) + b"\2\4" + struct.pack("!HHH", 18 + len(FRAME_4), 0, len(FRAME_4)) + bytes(2) + FRAME_4
    ),
    "ERF, extended": Wrapped(
        197,
        bytes(8)
        + b"\x82\4"
        + struct.pack("!HHH", 26 + len(FRAME_4), 0, len(FRAME_4))
        + b"\3"
        + bytes(7)
        + bytes(2)
        + FRAME_4,
    ),
    "ERF, IPv6": Wrapped(
        197, bytes(8) + b"\x17\4" + struct.pack("!HHH", 16 + len(PACKET_6), 0, len(PACKET_6)) + PACKET_6, 6
    ),
    "MPLS as link type": Wrapped(219, LABELS + PACKET_4, tshark=False),
    "IPNET": Wrapped(226, b"\1\2" + struct.pack("!HI", 0, len(PACKET_4)) + bytes(16) + PACKET_4),
    "IPNET, IPv6": Wrapped(226, b"\1\x1a" + struct.pack("!HI", 0, len(PACKET_6)) + bytes(16) + PACKET_6, 6),
    "PKTAP": Wrapped(258, struct.pack("<III", 108, 1, 1).ljust(108, b"\0") + FRAME_4),
    "EPON": Wrapped(259, b"\x55\x55\xd5\x55\x55\0\1\x9a" + FRAME_4),
    "mPacket": Wrapped(274, b"\x55" * 7 + b"\xd5" + FRAME_4 + struct.pack("<I", zlib.crc32(FRAME_4))),
    "Broadcom tag": Wrapped(281, MACS + bytes(4) + FRAME_4[12:], tshark=False),
    "Broadcom tag in front": Wrapped(282, bytes(4) + FRAME_4, tshark=False),
    "Marvell tag": Wrapped(283, MACS + b"\x40\0\0\1" + FRAME_4[12:], tshark=False),
    "Marvell tag with type": Wrapped(284, MACS + b"\xda\xda\0\0\x40\0\0\1" + FRAME_4[12:], tshark=False),
    "Juniper Ethernet": Wrapped(178, juniper(FRAME_4, 0, b"\1\1\4")),
    "Juniper PPP": Wrapped(179, juniper(b"\xff\3\0\x21" + PACKET_4)),
    "Juniper Frame Relay": Wrapped(180, juniper(b"\x18\x41\3\xcc" + PACKET_4)),
    "Juniper Cisco HDLC": Wrapped(181, juniper(b"\x0f\0\x08\0" + PACKET_4)),
    "Juniper without link layer": Wrapped(178, juniper(b"\2\0\0\0" + PACKET_4, 2)),
    "Juniper MLPPP": Wrapped(130, juniper(b"\6\0\0\0" + PACKET_6, 2), 6),
    "802.11": Wrapped(105, wireless(snap(0x0800, PACKET_4))),
    "802.11, between access points": Wrapped(105, wireless(snap(0x0800, PACKET_4), flags=3, more=bytes(6))),
    "802.11, QoS": Wrapped(105, wireless(snap(0x86DD, PACKET_6), 0x88, 2, bytes(2)), 6),
    "802.11, high throughput": Wrapped(105, wireless(snap(0x0800, PACKET_4), 0x88, 0x82, bytes(6))),
    "802.11, whole for all its fragment number": Wrapped(
        105, wireless(snap(0x0800, PACKET_4))[:22] + b"\x06" + wireless(snap(0x0800, PACKET_4))[23:]
    ),
    "802.11, A-MSDU": Wrapped(105, wireless(AGGREGATE, 0x88, 2, b"\x80\0")),
    "radiotap": Wrapped(127, radiotap(wireless(snap(0x0800, PACKET_4)))),
    "radiotap, checksum": Wrapped(127, radiotap(wireless(snap(0x0800, PACKET_4)) + bytes(4), 0x10, 1)),
    "radiotap, padded": Wrapped(
        127, radiotap(wireless(bytes(2) + snap(0x0800, PACKET_4), 0x88, 2, bytes(2)), 0x20)
    ),
    "Prism": Wrapped(
        119, struct.pack("<II16s", 0x44, 144, b"wlan0").ljust(144, b"\0") + wireless(snap(0x0800, PACKET_4))
    ),
    "AVS": Wrapped(
        163, struct.pack("!II", 0x80211001, 64).ljust(64, b"\0") + wireless(snap(0x0800, PACKET_4))
    ),
    "AVS, called Prism": Wrapped(
        119, struct.pack("!II", 0x80211001, 64).ljust(64, b"\0") + wireless(snap(0x0800, PACKET_4))
    ),
    "NFLOG": Wrapped(239, nflog(2, PACKET_4)),
    "NFLOG, IPv6": Wrapped(239, nflog(10, PACKET_6), 6),
    "NFLOG, bridge": Wrapped(239, nflog(7, PACKET_4)),
    "IP over InfiniBand": Wrapped(242, bytes(40) + b"\x08\0\0\0" + PACKET_4),
    "netlink": Wrapped(253, netlink(nflog(2, PACKET_4))),
    # Between Ethernet and IP.
    "LLC": Wrapped(E, ethernet(len(PACKET_4) + 8, snap(0x0800, PACKET_4))),
    "LLC, bridged": Wrapped(E, ethernet(len(PACKET_4) + 8, b"\xaa\xaa\3\0\0\xf8\x08\0" + PACKET_4)),
    "LLC, IP": Wrapped(E, ethernet(len(PACKET_4) + 3, b"\6\6\3" + PACKET_4)),
    "LLC, long": Wrapped(E, ethernet(0x8870, snap(0x0800, PACKET_4))),
    "LLC, VLAN": Wrapped(E, ethernet(len(PACKET_4) + 12, snap(0x8100, b"\0\5\x08\0" + PACKET_4))),
    "MPLS": Wrapped(E, ethernet(0x8847, LABELS + PACKET_4)),
    "MPLS multicast": Wrapped(E, ethernet(0x8848, LABELS + PACKET_6), 6),
    "MPLS, Ethernet": Wrapped(E, _pw(FRAME_4), tshark=False),
    "MPLS, Ethernet with VLAN": Wrapped(E, _pw(ethernet(0x86DD, PACKET_6, 0x8100)), 6, tshark=False),
    "PPPoE": Wrapped(E, ethernet(0x8864, PPPOE + PACKET_4)),
    "MAC in MAC": Wrapped(E, ethernet(0x88E7, b"\0\0\0\5" + FRAME_4)),
    "MAC in MAC, tagged": Wrapped(E, MACS + b"\x88\xa8\0\5\x88\xe7\0\0\0\5" + FRAME_6, 6),
    "MACsec, not encrypted": Wrapped(
        E, ethernet(0x88E5, b"\x20\0" + bytes(4) + bytes(8) + FRAME_4[12:] + bytes(16))
    ),
    "TRILL": Wrapped(E, ethernet(0x22F3, b"\0\1\0\2\0\3" + FRAME_4)),
    # tshark takes the last four bytes for a checksum, whether there is one or not.
    "Cisco FabricPath": Wrapped(E, ethernet(0x8903, b"\x40\x20" + FRAME_4 + bytes(4))),
    "Cisco metadata": Wrapped(E, ethernet(0x8909, b"\1\1\0\1\0\5" + FRAME_4[12:])),
    "VN-Tag": Wrapped(E, ethernet(0x8926, bytes(4) + FRAME_4[12:])),
    "E-Tag": Wrapped(E, ethernet(0x893F, bytes(6) + FRAME_4[12:])),
    "HSR": Wrapped(E, ethernet(0x892F, b"\0\x4a\0\1" + FRAME_4[12:])),
    "redundancy tag": Wrapped(E, ethernet(0xF1C1, b"\0\0\0\1" + FRAME_4[12:])),
    "NSH": Wrapped(E, ethernet(0x894F, b"\x0f\xc2\2\1\0\0\1\xff" + PACKET_4)),
    # In IP.
    "IP in IP": Wrapped(E, in_ip(4, PACKET_4)),
    "6in4": Wrapped(E, in_ip(41, PACKET_6), 6),
    "4in6": Wrapped(E, ethernet(0x86DD, ip6(4, PACKET_4))),
    "6in6": Wrapped(E, ethernet(0x86DD, ip6(41, PACKET_6)), 6),
    "AH": Wrapped(
        E,
        ethernet(
            0x0800,
            PACKET_4[:2]
            + struct.pack("!H", len(PACKET_4) + 24)
            + PACKET_4[4:9]
            + b"\x33"
            + PACKET_4[10:20]
            + b"\6\4"
            + bytes(22)
            + SEGMENT_4,
        ),
    ),
    "AH, tunnel": Wrapped(E, in_ip(51, b"\4\4" + bytes(22) + PACKET_4)),
    "IPComp": Wrapped(E, in_ip(108, b"\4\0\0\2" + _deflated(PACKET_4))),
    "IPComp, IPv6": Wrapped(E, ethernet(0x86DD, ip6(108, b"\x29\0\0\2" + _deflated(PACKET_6))), 6),
    "IPComp without tunnel": Wrapped(
        E,
        ethernet(
            0x0800,
            PACKET_4[:2]
            + struct.pack("!H", 24 + len(_deflated(SEGMENT_4)))
            + PACKET_4[4:9]
            + b"\x6c"
            + PACKET_4[10:20]
            + b"\6\0\0\2"
            + _deflated(SEGMENT_4),
        ),
    ),
    "IPComp without tunnel, IPv6": Wrapped(
        E,
        ethernet(
            0x86DD,
            PACKET_6[:4]
            + struct.pack("!HB", 4 + len(_deflated(SEGMENT_6)), 108)
            + PACKET_6[7:40]
            + b"\6\0\0\2"
            + _deflated(SEGMENT_6),
        ),
        6,
    ),
    "GRE": Wrapped(E, in_ip(47, b"\0\0\x08\0" + PACKET_4)),
    "GRE, all fields": Wrapped(E, in_ip(47, b"\xb0\0\x86\xdd" + bytes(12) + PACKET_6), 6),
    "GRE, source route": Wrapped(
        E, in_ip(47, b"\x40\0\x08\0" + bytes(4) + b"\x08\0\0\4" + bytes(4) + bytes(4) + PACKET_4)
    ),
    "GRE, NVGRE": Wrapped(E, in_ip(47, b"\x20\0\x65\x58\0\0\5\1" + FRAME_4)),
    "GRE, MPLS": Wrapped(E, in_ip(47, b"\0\0\x88\x47" + LABELS + PACKET_4)),
    "GRE, PPTP": Wrapped(
        E,
        in_ip(
            47,
            b"\x30\x81\x88\x0b"
            + struct.pack("!HHII", 4 + len(PACKET_4), 7, 1, 1)
            + b"\xff\3\0\x21"
            + PACKET_4,
        ),
    ),
    "GRE, Cisco Ethernet": Wrapped(E, in_ip(47, b"\0\0\x64\0" + FRAME_4)),
    "GRE, WCCP": Wrapped(E, in_ip(47, b"\0\0\x88\x3e" + bytes(4) + PACKET_4)),
    "GRE, Aruba": Wrapped(E, in_ip(47, b"\0\0\x82\0" + wireless(snap(0x0800, PACKET_4)))),
    "GRE, Frame Relay": Wrapped(E, in_ip(47, b"\0\0\x65\x59" + b"\x18\x41\3\xcc" + PACKET_4)),
    "GRE, ERSPAN I": Wrapped(E, in_ip(47, b"\0\0\x88\xbe" + FRAME_4)),
    "GRE, ERSPAN II": Wrapped(E, in_ip(47, b"\x10\0\x88\xbe\0\0\0\1" + b"\x10\1\0\2\0\0\0\3" + FRAME_4)),
    "GRE, ERSPAN III": Wrapped(E, in_ip(47, b"\x10\0\x22\xeb\0\0\0\1" + b"\x20\1\0\2" + bytes(8) + FRAME_4)),
    "GRE, ERSPAN III, longer": Wrapped(
        E, in_ip(47, b"\x10\0\x22\xeb\0\0\0\1" + b"\x20\1\0\2" + bytes(7) + b"\1" + bytes(8) + FRAME_4)
    ),
    "EtherIP": Wrapped(E, in_ip(97, b"\x30\0" + FRAME_4)),
    "Ethernet in IP": Wrapped(E, ethernet(0x86DD, ip6(143, FRAME_4))),
    "MPLS in IP": Wrapped(E, in_ip(137, LABELS + PACKET_4)),
    # In UDP.
    "L2TP": Wrapped(E, in_udp(1701, b"\0\2\0\1\0\2\xff\3\0\x21" + PACKET_4)),
    "L2TP, all fields": Wrapped(
        E,
        in_udp(
            1701,
            b"\x4a\2"
            + struct.pack("!H", 20 + len(PACKET_4))
            + b"\0\1\0\2\0\0\0\0\0\2\0\0\xff\3\0\x21"
            + PACKET_4,
        ),
    ),
    "GTP-U": Wrapped(E, in_udp(2152, gtp(PACKET_4))),
    "GTP-U, sequence number": Wrapped(E, in_udp(2152, gtp(PACKET_6, 2, bytes(4))), 6),
    "GTP-U, extension headers": Wrapped(E, in_udp(2152, gtp(PACKET_4, 4, b"\0\0\0\x85\1\0\1\x40\1\0\0\0"))),
    "Teredo": Wrapped(E, in_udp(3544, PACKET_6), 6),
    "Teredo, origin": Wrapped(E, in_udp(3544, NAPT + PACKET_6), 6),
    "Teredo, authentication": Wrapped(E, in_udp(3544, b"\0\1\0\0" + bytes(9) + NAPT + PACKET_6), 6),
    "LISP": Wrapped(E, in_udp(4341, b"\x80" + bytes(7) + PACKET_4)),
    "GRE in UDP": Wrapped(E, in_udp(4754, b"\0\0\x08\0" + PACKET_4)),
    "VXLAN": Wrapped(E, in_udp(4789, b"\x08\0\0\0\0\0\5\0" + FRAME_4)),
    "VXLAN without a number": Wrapped(E, in_udp(4789, bytes(8) + FRAME_4)),
    "VXLAN-GPE": Wrapped(E, in_udp(4790, b"\x0c\0\0\1\0\0\5\0" + PACKET_4)),
    "VXLAN-GPE, NSH": Wrapped(E, in_udp(4790, b"\x0c\0\0\4\0\0\5\0" + b"\x0f\xc2\2\3\0\0\1\xff" + FRAME_4)),
    "AYIYA": Wrapped(
        E,
        in_ip(17, udp(5072, b"\x41\x52\x11\x29" + bytes(4) + bytes(16) + bytes(20) + PACKET_6, source=5072)),
        6,
    ),
    "CAPWAP": Wrapped(E, in_udp(5247, b"\0\x10\0\0\0\0\0\0" + FRAME_4)),
    "CAPWAP, 802.11": Wrapped(
        E, in_udp(5247, b"\0\x10\3\0\0\0\0\0" + wireless(snap(0x0800, PACKET_4))), tshark=False
    ),
    "CAPWAP, 802.11, swapped": Wrapped(
        E, in_udp(5247, b"\0\x10\3\0\0\0\0\0" + wireless(snap(0x0800, PACKET_4), 1, 8))
    ),
    "Geneve": Wrapped(E, in_udp(6081, b"\0\0\x65\x58\0\0\5\0" + FRAME_4)),
    "Geneve, options": Wrapped(
        E, in_udp(6081, b"\2\x40\x86\xdd\0\0\5\0" + b"\1\2\x80\1" + bytes(4) + PACKET_6), 6
    ),
    "Geneve, reserved bits": Wrapped(E, in_udp(6081, b"\0\5\x65\x58\0\0\5\x7a" + FRAME_4)),
    "sFlow": Wrapped(E, in_udp(6343, sflow(sampled(FRAME_4)))),
    "sFlow, expanded": Wrapped(E, in_udp(6343, sflow(sampled(PACKET_4, 3, 11)))),
    "MPLS in UDP": Wrapped(E, in_udp(6635, LABELS + PACKET_4)),
    "TZSP": Wrapped(E, in_udp(37008, b"\1\0\0\1\x0a\1\5\0\1" + FRAME_4)),
    "TZSP, 802.11": Wrapped(E, in_udp(37008, b"\1\0\0\x12\1" + wireless(snap(0x0800, PACKET_4)))),
    # One in another.
    "VXLAN in ERSPAN in VLAN": Wrapped(
        E,
        MACS
        + b"\x81\0\0\5"
        + in_ip(
            47, b"\x10\0\x88\xbe\0\0\0\1\x10\1\0\2\0\0\0\3" + in_udp(4789, b"\x08\0\0\0\0\0\5\0" + FRAME_6)
        )[12:],
        6,
    ),
    "GTP-U in GRE in MPLS": Wrapped(
        E, ethernet(0x8847, LABELS + ip4(47, b"\0\0\x08\0" + ip4(17, udp(2152, gtp(PACKET_4)))))
    ),
}
