"""Decodes a captured frame: the header of its TCP segment, in flat fields.

`Header.decode` reads plain frames: Ethernet with any number of VLAN tags, Linux cooked v1 and v2, BSD loopback or raw
IP; then IPv4 or IPv6; then TCP. It writes the result into its own fields and returns a code of `skips.py`. It makes no
object for a frame. All other frames go to `unwrap.py`, which calls it again with the packet inside.

Lengths in a frame may be wrong. The length of the payload comes from the IP header, limited by the length of the frame
on the wire. The captured part of the payload may be shorter.
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
    LLC,
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
# IEEE 802.1Q, 802.1ad, and the three numbers for stacked tags before 802.1ad.
VLAN_ETHERTYPES: Final = (0x8100, 0x88A8, 0x9100, 0x9200, 0x9300)

LONGEST_802_3: Final = 1500
"""Up to this value the two bytes are a length, not a type (IEEE 802.3 3.2.6)."""

PROTOCOL_TCP: Final = 6
PROTOCOL_AH: Final = 51

# RFC 791 3.1.
LOOSE_SOURCE_ROUTE: Final = 131
STRICT_SOURCE_ROUTE: Final = 137

# While a packet is on its way (RFC 8200 4.4 and 8.1, RFC 6275 6.4, RFC 8754 2), its destination is the next router. TCP
# uses the final destination.
ROUTING: Final = 43

# BSD and macOS write their own number of the address family before the packet.
FAMILY_IPV4: Final = 2
FAMILIES_IPV6: Final = (10, 23, 24, 28, 30)


class Header:
    """The TCP segment of the latest frame.

    Addresses are two 64-bit halves: an IPv4 address is the low half, and its high half is 0. Lengths are in bytes.
    Offsets count from the beginning of `block`. After a frame without a segment, `ip_offset`, `inner_offset` and
    `inner_end` still show how far the decoder came.

    Attributes:
        ip_offset: Where the last IP header begins; 0 if there is none.
        inner_offset: Where the part begins that was not read. The returned code names this part. Set for an EtherType,
            an IP protocol, a link type and a fragment.
        inner_end: Where that part ends on the wire.
        ip_version: 4 or 6.
        source_high: The high half of the sender's address.
        source_low: The low half of the sender's address.
        destination_high: The high half of the receiver's address.
        destination_low: The low half of the receiver's address.
        source_port: The port of the sender.
        destination_port: The port of the receiver.
        ip_id: The identification in the IPv4 header; 0 for IPv6.
        seq: The absolute sequence number.
        ack: The absolute acknowledgement number.
        flags: The control bits.
        window: The window, not scaled.
        checksum: The checksum; 0 if it was not captured.
        block: The bytes given to `decode`; for a reassembled or decompressed packet, the bytes that hold it.
        tcp_offset: Where the TCP header begins.
        header_length: The length of the TCP header by its data offset.
        options_length: The captured length of the options.
        payload_offset: Where the payload begins.
        payload_length: The length of the payload on the wire.
        payload_captured: The captured length of the payload.
        snapped: Whether the capture truncated the header or the payload.
        damaged: Whether the data offset is impossible, so that only ports, numbers and flags are known.
        sampled: Whether the segment lies in a sample of traffic (sFlow), which shows one frame of many.
    """

    def __init__(self) -> None:
        self.ip_offset: i64 = 0
        self.inner_offset: i64 = 0
        self.inner_end: i64 = 0
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
        self.block: bytes = b""
        self.tcp_offset: i64 = 0
        self.header_length: i64 = 0
        self.options_length: i64 = 0
        self.payload_offset: i64 = 0
        self.payload_length: i64 = 0
        self.payload_captured: i64 = 0
        self.snapped: bool = False
        self.damaged: bool = False
        self.sampled: bool = False

    def decode(self, block: bytes, offset: i64, captured: i64, original: i64, link_type: i64) -> i64:
        """Read one frame. No content of the bytes makes this raise an error.

        Args:
            block: The bytes that hold the frame.
            offset: Where the frame begins in `block`.
            captured: The number of captured bytes.
            original: The number of bytes on the wire.
            link_type: A number of `link_types.py`.

        Returns:
            `skips.SEGMENT`, or the code of the reason why there is no TCP segment.
        """
        end = offset + captured
        wire_end = offset + original
        self.block = block
        self.ip_offset = 0
        self.sampled = False
        kind: i64
        if link_type == ETHERNET:
            at = offset + 12
            if at + 2 > end:
                return CUT_SHORT
            kind = read_i64_be(block, offset + 6) & 0xFFFF
            at += 2
            if kind == ETHERTYPE_IPV4:
                return self._decode_ipv4(block, at, end, wire_end)
            while kind in VLAN_ETHERTYPES:
                if at + 4 > end:
                    return CUT_SHORT
                kind = self._two(block, at + 2)
                at += 4
        elif link_type == RAW or link_type == RAW_BSD or link_type == RAW_OPENBSD:
            return self._decode_raw(block, offset, end, wire_end)
        elif link_type == IPV4:
            return self._decode_ipv4(block, offset, end, wire_end)
        elif link_type == IPV6:
            return self._decode_ipv6(block, offset, end, wire_end)
        elif link_type == NULL or link_type == LOOP:
            return self._decode_loopback(block, offset, end, wire_end)
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
            self.inner_offset = offset
            self.inner_end = wire_end
            return LINK_TYPE + link_type
        if kind == ETHERTYPE_IPV4:
            return self._decode_ipv4(block, at, end, wire_end)
        if kind == ETHERTYPE_IPV6:
            return self._decode_ipv6(block, at, end, wire_end)
        self.inner_offset = at
        self.inner_end = wire_end
        if kind <= LONGEST_802_3:
            if link_type == ETHERNET and at + kind < wire_end:
                self.inner_end = at + kind
            return LLC
        return ETHERTYPE + kind

    def only_timestamps(self) -> bool:
        """Whether the options are only timestamps, in the layout of most stacks (RFC 7323 A)."""
        return self.options_length == 12 and read_i64_be(self.block, self.tcp_offset + 20) >> 32 == 0x0101080A

    def timestamp(self) -> i64:
        """Return TSval (RFC 7323 3.2) of a header with `only_timestamps`."""
        return read_i64_be(self.block, self.tcp_offset + 24) >> 32 & 0xFFFFFFFF

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
        """The family is a 32-bit number in the byte order of the capturing host, which is unknown."""
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
        # Segmentation offload leaves a length of 0 on the sending host. Then the frame gives the length.
        packet_end = wire_end
        if total_length != 0:
            if total_length < header_length:
                return BAD_IP_HEADER
            if at + total_length < wire_end:
                packet_end = at + total_length
        inner = at + header_length
        if first & 0x3FFF:
            self.inner_offset = inner
            self.inner_end = packet_end
            return FRAGMENT
        # Time to live, protocol, checksum, source; then both addresses.
        second = read_i64_be(block, at + 8)
        addresses = read_i64_be(block, at + 12)
        protocol = (second >> 48) & 0xFF
        while protocol == PROTOCOL_AH:
            if inner + 2 > end:
                return CUT_SHORT
            protocol = block[inner]
            inner += (block[inner + 1] + 2) << 2
        if protocol != PROTOCOL_TCP:
            self.inner_offset = inner
            self.inner_end = packet_end
            return PROTOCOL + protocol
        self.ip_version = 4
        self.ip_id = (first >> 16) & 0xFFFF
        self.source_high = 0
        self.source_low = (addresses >> 32) & 0xFFFFFFFF
        self.destination_high = 0
        self.destination_low = addresses & 0xFFFFFFFF
        if header_length > 20 and at + header_length <= end:
            self._take_source_route(block, at + 20, at + header_length)
        return self._decode_tcp(block, inner, end, packet_end)

    def _take_source_route(self, block: bytes, at: i64, end: i64) -> None:
        """Take the final destination of a packet on a source route (RFC 791 3.1) from the end of the route."""
        while at + 2 < end:
            kind: i64 = block[at]
            if kind == 0:
                return
            if kind == 1:
                at += 1
                continue
            size: i64 = block[at + 1]
            if size < 2 or at + size > end:
                return
            if (kind == LOOSE_SOURCE_ROUTE or kind == STRICT_SOURCE_ROUTE) and size >= 7:
                following: i64 = block[at + 2]
                if following + 3 <= size:
                    self.destination_low = self._four(block, at + size - 4)
            at += size

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
        # 0 means segmentation offload or a jumbogram (RFC 2675). Then the frame gives the length.
        if payload_length != 0 and at + 40 + payload_length < wire_end:
            packet_end = at + 40 + payload_length
        following = (first >> 8) & 0xFF
        inner = at + 40
        destination = at + 24
        # RFC 8200 4.1: hop-by-hop, routing, fragment, AH, destination options, and RFC 7045's later ones.
        while following != PROTOCOL_TCP:
            if following == 44:
                if inner + 8 > end:
                    return CUT_SHORT
                if self._two(block, inner + 2) & 0xFFF9:
                    self.inner_offset = inner
                    self.inner_end = packet_end
                    return FRAGMENT
                following = block[inner]
                inner += 8
            elif following == PROTOCOL_AH:
                if inner + 2 > end:
                    return CUT_SHORT
                following = block[inner]
                units: i64 = block[inner + 1]
                inner += (units + 2) << 2
            elif following in (0, 43, 60, 135, 139, 140):
                if inner + 2 > end:
                    return CUT_SHORT
                units = block[inner + 1]
                final: i64 = 0
                if following == ROUTING and inner + 4 <= end and block[inner + 3] != 0 and units >= 2:
                    # In types 0 and 2 the last address is the final one, in segment routing the first.
                    if block[inner + 2] == 0 or block[inner + 2] == 2:
                        final = inner + (units << 3) - 8
                    elif block[inner + 2] == 4:
                        final = inner + 8
                if final != 0 and final + 16 <= end:
                    destination = final
                following = block[inner]
                inner += (units + 1) << 3
            else:
                self.inner_offset = inner
                self.inner_end = packet_end
                return PROTOCOL + following
        if inner > packet_end:
            return BAD_IP_HEADER
        self.ip_version = 6
        self.ip_id = 0
        self.source_high = read_i64_be(block, at + 8)
        self.source_low = read_i64_be(block, at + 16)
        self.destination_high = read_i64_be(block, destination)
        self.destination_low = read_i64_be(block, destination + 8)
        return self._decode_tcp(block, inner, end, packet_end)

    def _decode_tcp(self, block: bytes, at: i64, end: i64, packet_end: i64) -> i64:
        """RFC 9293 3.1. The captured bytes end at `end`, the IP packet at `packet_end`.

        Sixteen bytes are enough to identify the segment, as in Wireshark.
        """
        if at + 16 > packet_end:
            return BAD_TCP_HEADER
        if at + 16 > end:
            return CUT_SHORT
        # Acknowledgement number, header length, flags, window.
        middle = read_i64_be(block, at + 8)
        header_length = (middle >> 26) & 0x3C
        self.tcp_offset = at
        first = read_i64_be(block, at)
        self.source_port = (first >> 48) & 0xFFFF
        self.destination_port = (first >> 32) & 0xFFFF
        self.seq = first & 0xFFFFFFFF
        self.ack = (middle >> 32) & 0xFFFFFFFF
        self.flags = (middle >> 16) & 0x1FF
        self.window = middle & 0xFFFF
        # The window and the checksum.
        last: i64 = 0
        if at + 20 <= end:
            last = read_i64_be(block, at + 12)
        self.checksum = (last >> 16) & 0xFFFF
        self.header_length = header_length
        if header_length < 20 or at + header_length > packet_end:
            self._leave_damaged(end, packet_end)
            return SEGMENT
        self.damaged = False
        self.payload_offset = at + header_length
        self.payload_length = packet_end - self.payload_offset
        captured = end - self.payload_offset
        if captured < 0:
            self.options_length = end - at - 20 if end - at > 20 else 0
            self.payload_captured = 0
            self.snapped = True
        else:
            self.options_length = header_length - 20
            self.snapped = captured < self.payload_length
            self.payload_captured = captured if self.snapped else self.payload_length
        return SEGMENT

    def _leave_damaged(self, end: i64, packet_end: i64) -> None:
        """If the end of the header is unknown, there are no options and no payload."""
        self.damaged = True
        self.snapped = end < packet_end
        self.payload_offset = packet_end
        self.payload_length = 0
        self.payload_captured = 0
        self.options_length = 0
