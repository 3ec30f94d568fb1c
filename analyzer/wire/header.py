"""A captured frame -> the header of its TCP segment, in flat fields.

`Header.decode` takes the plain stack: Ethernet with any stack of VLAN tags, Linux cooked v1 and v2, BSD
loopback, raw IP; IPv4 and IPv6; TCP. It writes its findings into its own fields and answers with a code
of `skips.py`; no object is made for a frame. What it does not take is handed to dpkt (`fallback.py`).

Lengths lie. The payload's length comes from the IP header, bounded by the length of the frame on the wire;
what was captured of it comes from the captured octets, and may be less.
"""

from __future__ import annotations

from typing import Final

from librt.strings import read_i64_be
from mypy_extensions import i64

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
from analyzer.wire.skips import (
    BAD_IP_HEADER,
    BAD_TCP_HEADER,
    CUT_SHORT,
    ETHERTYPE,
    FRAGMENT,
    LINK_TYPE,
    NOT_IP,
    PROTOCOL,
    SEGMENT,
)

__all__ = ["Header"]

FIN: Final = 0x01
SYN: Final = 0x02
RST: Final = 0x04
PSH: Final = 0x08
ACK: Final = 0x10
URG: Final = 0x20
ECE: Final = 0x40
CWR: Final = 0x80
AE: Final = 0x100

ETHERTYPE_IPV4: Final = 0x0800
ETHERTYPE_IPV6: Final = 0x86DD
# IEEE 802.1Q, 802.1ad and the three numbers used for stacked tags before it.
VLAN_ETHERTYPES: Final = (0x8100, 0x88A8, 0x9100, 0x9200, 0x9300)

PROTOCOL_TCP: Final = 6

# What BSD and macOS write before the packet is their own number for the address family.
FAMILY_IPV4: Final = 2
FAMILIES_IPV6: Final = (10, 23, 24, 28, 30)


class Header:
    """The TCP segment of the frame decoded last.

    Addresses are two 64-bit halves (an IPv4 address is the low half, its high half is 0), `seq` and `ack`
    are the absolute numbers, lengths are octets, offsets count from the start of the block. `ip_offset` is where the
    last IP header begins, also where the frame turned out to be no segment; 0 where none was reached.
    """

    def __init__(self) -> None:
        self.ip_offset: i64 = 0
        self.ip_version: i64 = 0
        self.source_high: i64 = 0
        self.source_low: i64 = 0
        self.destination_high: i64 = 0
        self.destination_low: i64 = 0
        self.source_port: i64 = 0
        self.destination_port: i64 = 0
        self.ip_id: i64 = 0
        self.seq: i64 = 0
        self.ack: i64 = 0
        self.flags: i64 = 0
        self.window: i64 = 0
        self.checksum: i64 = 0
        self.urgent_pointer: i64 = 0
        self.block: bytes = b""
        self.tcp_offset: i64 = 0
        self.header_length: i64 = 0
        self.options_length: i64 = 0
        self.payload_offset: i64 = 0
        self.payload_length: i64 = 0
        self.payload_captured: i64 = 0
        self.snapped: bool = False

    def decode(self, block: bytes, offset: i64, captured: i64, original: i64, link_type: i64) -> i64:
        """Read one frame.

        block, offset, captured: the frame is `block[offset : offset + captured]`.
        original: octets the frame had on the wire.
        link_type: the number of `link_types.py`.

        Returns `skips.SEGMENT`, or the code of the reason why there is no TCP segment. Never raises for
        whatever the octets hold.
        """
        end = offset + captured
        self.ip_offset = 0
        kind: i64
        if link_type == ETHERNET:
            at = offset + 12
            if at + 2 > end:
                return CUT_SHORT
            kind = read_i64_be(block, offset + 6) & 0xFFFF
            at += 2
            while kind in VLAN_ETHERTYPES:
                if at + 4 > end:
                    return CUT_SHORT
                kind = self._two(block, at + 2)
                at += 4
        elif link_type == RAW or link_type == RAW_BSD or link_type == RAW_OPENBSD:
            return self._decode_raw(block, offset, end, offset + original)
        elif link_type == IPV4:
            return self._decode_ipv4(block, offset, end, offset + original)
        elif link_type == IPV6:
            return self._decode_ipv6(block, offset, end, offset + original)
        elif link_type == NULL or link_type == LOOP:
            return self._decode_loopback(block, offset, end, offset + original)
        elif link_type == LINUX_SLL:
            at = offset + 16
            if at > end:
                return CUT_SHORT
            kind = self._two(block, offset + 14)
            while kind in VLAN_ETHERTYPES:
                if at + 4 > end:
                    return CUT_SHORT
                kind = self._two(block, at + 2)
                at += 4
        elif link_type == LINUX_SLL2:
            at = offset + 20
            if at > end:
                return CUT_SHORT
            kind = self._two(block, offset)
            while kind in VLAN_ETHERTYPES:
                if at + 4 > end:
                    return CUT_SHORT
                kind = self._two(block, at + 2)
                at += 4
        else:
            return LINK_TYPE + link_type
        if kind == ETHERTYPE_IPV4:
            return self._decode_ipv4(block, at, end, offset + original)
        if kind == ETHERTYPE_IPV6:
            return self._decode_ipv6(block, at, end, offset + original)
        return ETHERTYPE + kind

    def _two(self, block: bytes, at: i64) -> i64:
        high: i64 = block[at]
        low: i64 = block[at + 1]
        return (high << 8) | low

    def _four(self, block: bytes, at: i64) -> i64:
        return (self._two(block, at) << 16) | self._two(block, at + 2)

    def _decode_raw(self, block: bytes, at: i64, end: i64, wire_end: i64) -> i64:
        if at >= end:
            return CUT_SHORT
        version: i64 = block[at] >> 4
        if version == 4:
            return self._decode_ipv4(block, at, end, wire_end)
        if version == 6:
            return self._decode_ipv6(block, at, end, wire_end)
        return NOT_IP

    def _decode_loopback(self, block: bytes, at: i64, end: i64, wire_end: i64) -> i64:
        """The family is a 32-bit number in the byte order of the host that captured, which is not known."""
        if at + 4 > end:
            return CUT_SHORT
        family: i64 = self._four(block, at)
        if family & 0xFFFF0000:
            swapped = ((family & 0xFF00FF) << 8) | ((family >> 8) & 0xFF00FF)
            family = ((swapped & 0xFFFF) << 16) | (swapped >> 16)
        if family == FAMILY_IPV4:
            return self._decode_ipv4(block, at + 4, end, wire_end)
        if family in FAMILIES_IPV6:
            return self._decode_ipv6(block, at + 4, end, wire_end)
        return NOT_IP

    def _decode_ipv4(self, block: bytes, at: i64, end: i64, wire_end: i64) -> i64:
        self.ip_offset = at
        if at + 20 > end:
            return CUT_SHORT
        # Version, header length, type of service, total length; identification, flags, fragment offset.
        first = read_i64_be(block, at)
        header_length = (first >> 54) & 0x3C
        if (first >> 60) & 0x0F != 4 or header_length < 20:
            return BAD_IP_HEADER
        total_length = (first >> 32) & 0xFFFF
        if first & 0x3FFF:
            return FRAGMENT
        protocol: i64 = block[at + 9]
        if protocol != PROTOCOL_TCP:
            return PROTOCOL + protocol
        # A length of 0 is what segmentation offload leaves on the sending host: the frame tells the length.
        packet_end = wire_end
        if total_length != 0:
            if total_length < header_length:
                return BAD_IP_HEADER
            if at + total_length < wire_end:
                packet_end = at + total_length
        self.ip_version = 4
        self.ip_id = (first >> 16) & 0xFFFF
        addresses = read_i64_be(block, at + 12)
        self.source_high = 0
        self.source_low = (addresses >> 32) & 0xFFFFFFFF
        self.destination_high = 0
        self.destination_low = addresses & 0xFFFFFFFF
        return self._decode_tcp(block, at + header_length, end, packet_end)

    def _decode_ipv6(self, block: bytes, at: i64, end: i64, wire_end: i64) -> i64:
        self.ip_offset = at
        if at + 40 > end:
            return CUT_SHORT
        # Version, traffic class, flow label; payload length, next header, hop limit.
        first = read_i64_be(block, at)
        if (first >> 60) & 0x0F != 6:
            return BAD_IP_HEADER
        payload_length = (first >> 16) & 0xFFFF
        packet_end = wire_end
        # 0 means segmentation offload or a jumbogram (RFC 2675): the frame tells the length.
        if payload_length != 0 and at + 40 + payload_length < wire_end:
            packet_end = at + 40 + payload_length
        following = (first >> 8) & 0xFF
        inner = at + 40
        # RFC 8200 4.1: hop-by-hop, routing, fragment, AH, destination options, and RFC 7045's later ones.
        while following != PROTOCOL_TCP:
            if following == 44:
                if inner + 8 > end:
                    return CUT_SHORT
                if self._two(block, inner + 2) & 0xFFF9:
                    return FRAGMENT
                following = block[inner]
                inner += 8
            elif following == 51:
                if inner + 2 > end:
                    return CUT_SHORT
                following = block[inner]
                units: i64 = block[inner + 1]
                inner += (units + 2) << 2
            elif following in (0, 43, 60, 135, 139, 140):
                if inner + 2 > end:
                    return CUT_SHORT
                following = block[inner]
                units = block[inner + 1]
                inner += (units + 1) << 3
            else:
                return PROTOCOL + following
        if inner > packet_end:
            return BAD_IP_HEADER
        self.ip_version = 6
        self.ip_id = 0
        self.source_high = read_i64_be(block, at + 8)
        self.source_low = read_i64_be(block, at + 16)
        self.destination_high = read_i64_be(block, at + 24)
        self.destination_low = read_i64_be(block, at + 32)
        return self._decode_tcp(block, inner, end, packet_end)

    def _decode_tcp(self, block: bytes, at: i64, end: i64, packet_end: i64) -> i64:
        """RFC 9293 3.1. `end` bounds what was captured, `packet_end` what the IP packet held."""
        if at + 20 > end:
            return CUT_SHORT
        # Acknowledgement number, header length, flags, window; then from the header length to the urgent pointer.
        middle = read_i64_be(block, at + 8)
        header_length = (middle >> 26) & 0x3C
        if header_length < 20 or at + header_length > packet_end:
            return BAD_TCP_HEADER
        self.block = block
        self.tcp_offset = at
        first = read_i64_be(block, at)
        last = read_i64_be(block, at + 12)
        self.source_port = (first >> 48) & 0xFFFF
        self.destination_port = (first >> 32) & 0xFFFF
        self.seq = first & 0xFFFFFFFF
        self.ack = (middle >> 32) & 0xFFFFFFFF
        self.flags = (middle >> 16) & 0x1FF
        self.window = middle & 0xFFFF
        self.checksum = (last >> 16) & 0xFFFF
        self.urgent_pointer = last & 0xFFFF
        self.header_length = header_length
        self.payload_offset = at + header_length
        self.payload_length = packet_end - self.payload_offset
        captured = end - self.payload_offset
        if captured < 0:
            self.options_length = end - at - 20
            self.payload_captured = 0
            self.snapped = True
        else:
            self.options_length = header_length - 20
            self.snapped = captured < self.payload_length
            self.payload_captured = captured if self.snapped else self.payload_length
        return SEGMENT
