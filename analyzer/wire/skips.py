"""Why a frame is not a TCP segment: the codes that the decoder returns, and the names that a user sees.

A code is `kind * 2**32 + detail`. So the decoder returns one integer, and the loop over the capture counts integers.
The names are made once, at the end.
"""

from __future__ import annotations

from typing import Final

from analyzer.wire.link_types import link_type_name

__all__ = ["skip_name"]

SEGMENT: Final = 0
"""The frame is a TCP segment, so it is not skipped."""

KIND: Final = 1 << 32
ETHERTYPE: Final = 1 * KIND
PROTOCOL: Final = 2 * KIND
LINK_TYPE: Final = 3 * KIND
OTHER: Final = 4 * KIND
UDP_PORT: Final = 5 * KIND
PPP_PROTOCOL: Final = 6 * KIND

CUT_SHORT: Final = OTHER + 1
FRAGMENT: Final = OTHER + 2
BAD_IP_HEADER: Final = OTHER + 3
BAD_TCP_HEADER: Final = OTHER + 4
NOT_IP: Final = OTHER + 5
FRAGMENT_JOINED: Final = OTHER + 6
TOO_DEEP: Final = OTHER + 7
ENCRYPTED_WIRELESS: Final = OTHER + 8
WIRELESS_FRAGMENT: Final = OTHER + 9
PPP: Final = OTHER + 10
PADDED_WIRELESS: Final = OTHER + 11
ERSPAN: Final = OTHER + 12
LLC: Final = ETHERTYPE
"""The frame has a length in the place of an EtherType, so an LLC header follows (IEEE 802.3 3.2.6)."""

_ETHERTYPES: Final = {
    0x22EB: "ERSPAN III",
    0x22F3: "TRILL",
    0x6558: "Ethernet in GRE",
    0x6559: "Frame Relay in GRE",
    0x0806: "ARP",
    0x8035: "RARP",
    0x8100: "VLAN",
    0x8137: "IPX",
    0x880B: "PPP",
    0x883E: "WCCP",
    0x8870: "IEEE 802.3 LLC",
    0x8809: "slow protocols (LACP)",
    0x8847: "MPLS",
    0x8848: "MPLS multicast",
    0x8863: "PPPoE discovery",
    0x8864: "PPPoE",
    0x888E: "EAPOL",
    0x88A2: "ATA over Ethernet",
    0x88CC: "LLDP",
    0x88E5: "MACsec",
    0x88A8: "VLAN",
    0x9100: "VLAN",
    0x9200: "VLAN",
    0x9300: "VLAN",
    0x88BE: "ERSPAN",
    0x8903: "Cisco FabricPath",
    0x8909: "Cisco metadata",
    0x8926: "VN-Tag",
    0x892F: "HSR",
    0x893F: "E-Tag",
    0x894F: "NSH",
    0x88F7: "PTP",
    0x8892: "PROFINET",
    0x88E7: "provider backbone bridge",
    0x9000: "Ethernet loopback test",
    0xF1C1: "redundancy tag",
}

_PROTOCOLS: Final = {
    0: "IPv6 hop-by-hop",
    1: "ICMP",
    2: "IGMP",
    4: "IP in IP",
    17: "UDP",
    33: "DCCP",
    41: "IPv6 in IP",
    46: "RSVP",
    47: "GRE",
    50: "ESP",
    51: "AH",
    58: "ICMPv6",
    59: "IPv6 without payload",
    88: "EIGRP",
    97: "EtherIP",
    108: "IPComp",
    89: "OSPF",
    103: "PIM",
    112: "VRRP",
    115: "L2TP",
    132: "SCTP",
    136: "UDP-Lite",
    137: "MPLS in IP",
    143: "Ethernet in IP",
}

_OTHERS: Final = {
    CUT_SHORT: "cut short by the capture",
    FRAGMENT: "IP fragment, never completed",
    BAD_IP_HEADER: "damaged IP header",
    BAD_TCP_HEADER: "damaged TCP header",
    NOT_IP: "not IP",
    FRAGMENT_JOINED: "IP fragment, put together",
    TOO_DEEP: "too many layers",
    ENCRYPTED_WIRELESS: "encrypted IEEE 802.11",
    WIRELESS_FRAGMENT: "IEEE 802.11 fragment",
    PPP: "PPP",
    PADDED_WIRELESS: "IEEE 802.11",
    ERSPAN: "ERSPAN",
}

_UDP_PORTS: Final = {
    1701: "L2TP",
    2152: "GTP-U",
    3544: "Teredo",
    4341: "LISP",
    4754: "GRE in UDP",
    4789: "VXLAN",
    4790: "VXLAN-GPE",
    5072: "AYIYA",
    5247: "CAPWAP",
    6081: "Geneve",
    6343: "sFlow",
    6635: "MPLS in UDP",
    37008: "TZSP",
}

_PPP_PROTOCOLS: Final = {
    0x002D: "PPP, compressed TCP/IP",
    0x002F: "PPP, uncompressed TCP/IP",
    0x0031: "PPP bridging",
    0x003D: "PPP Multilink",
    0x00FD: "PPP, compressed",
    0x8021: "PPP IPCP",
    0x8057: "PPP IPV6CP",
    0x80FD: "PPP CCP",
    0xC021: "PPP LCP",
    0xC023: "PPP PAP",
    0xC223: "PPP CHAP",
}


def skip_name(code: int) -> str:
    """The name of the frames with this code: "ARP", "UDP", "link type 147", ..."""
    kind, detail = code - code % KIND, code % KIND
    if kind == ETHERTYPE:
        if detail < 0x0600:
            return "IEEE 802.3 LLC"
        return _ETHERTYPES.get(detail, f"EtherType 0x{detail:04x}")
    if kind == PROTOCOL:
        return _PROTOCOLS.get(detail, f"IP protocol {detail}")
    if kind == LINK_TYPE:
        return link_type_name(detail)
    if kind == UDP_PORT:
        return _UDP_PORTS.get(detail, f"UDP port {detail}")
    if kind == PPP_PROTOCOL:
        return _PPP_PROTOCOLS.get(detail, f"PPP protocol 0x{detail:04x}")
    return _OTHERS[code]
