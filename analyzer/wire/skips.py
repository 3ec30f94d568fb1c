"""Why a frame is no TCP segment: codes the decoder returns, and the names a user sees.

A code is `kind * 2**32 + detail`, so that the decoder answers with one integer and the pass over the
capture counts integers; names are made once, at the end.
"""

from __future__ import annotations

from typing import Final

from analyzer.wire.link_types import link_type_name

__all__ = ["skip_name"]

SEGMENT: Final = 0
"""The frame is a TCP segment: nothing is skipped."""

KIND: Final = 1 << 32
ETHERTYPE: Final = 1 * KIND
PROTOCOL: Final = 2 * KIND
LINK_TYPE: Final = 3 * KIND
OTHER: Final = 4 * KIND

CUT_SHORT: Final = OTHER + 1
FRAGMENT: Final = OTHER + 2
BAD_IP_HEADER: Final = OTHER + 3
BAD_TCP_HEADER: Final = OTHER + 4
NOT_IP: Final = OTHER + 5

_ETHERTYPES: Final = {
    0x0806: "ARP",
    0x8035: "RARP",
    0x8137: "IPX",
    0x8809: "slow protocols (LACP)",
    0x8847: "MPLS",
    0x8848: "MPLS multicast",
    0x8863: "PPPoE discovery",
    0x8864: "PPPoE",
    0x888E: "EAPOL",
    0x88A2: "ATA over Ethernet",
    0x88CC: "LLDP",
    0x88E5: "MACsec",
    0x88F7: "PTP",
    0x8892: "PROFINET",
    0x88E7: "provider backbone bridge",
    0x9000: "Ethernet loopback test",
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
    89: "OSPF",
    103: "PIM",
    112: "VRRP",
    115: "L2TP",
    132: "SCTP",
    136: "UDP-Lite",
}

_OTHERS: Final = {
    CUT_SHORT: "cut short by the capture",
    FRAGMENT: "IP fragment",
    BAD_IP_HEADER: "damaged IP header",
    BAD_TCP_HEADER: "damaged TCP header",
    NOT_IP: "not IP",
}


def skip_name(code: int) -> str:
    """What the frames counted under `code` were: "ARP", "UDP", "link type 147", ..."""
    kind, detail = code - code % KIND, code % KIND
    if kind == ETHERTYPE:
        if detail < 0x0600:
            return "IEEE 802.3 LLC"
        return _ETHERTYPES.get(detail, f"EtherType 0x{detail:04x}")
    if kind == PROTOCOL:
        return _PROTOCOLS.get(detail, f"IP protocol {detail}")
    if kind == LINK_TYPE:
        return link_type_name(detail)
    return _OTHERS[code]
