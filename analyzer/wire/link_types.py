"""Link types: the numbers that a capture gives to the outermost layer of its frames, and their names.

The numbers and names come from the registry of the tcpdump group (`LINKTYPE_...`).
"""

from __future__ import annotations

from typing import Final

__all__ = ["link_type_name"]

NULL: Final = 0
ETHERNET: Final = 1
RAW_BSD: Final = 12
RAW_OPENBSD: Final = 14
RAW: Final = 101
LOOP: Final = 108
LINUX_SLL: Final = 113
IPV4: Final = 228
IPV6: Final = 229
LINUX_SLL2: Final = 276

_NAMES: Final = {
    NULL: "BSD loopback",
    ETHERNET: "Ethernet",
    3: "AX.25",
    6: "Token Ring",
    7: "ARCNET",
    8: "SLIP",
    9: "PPP",
    10: "FDDI",
    11: "ATM RFC 1483",
    RAW_BSD: "raw IP",
    RAW_OPENBSD: "raw IP",
    50: "PPP with HDLC framing",
    51: "PPPoE",
    100: "ATM RFC 1483",
    RAW: "raw IP",
    104: "Cisco HDLC",
    105: "IEEE 802.11",
    107: "Frame Relay",
    LOOP: "OpenBSD loopback",
    109: "OpenBSD encapsulation",
    LINUX_SLL: "Linux cooked",
    117: "PF log",
    119: "IEEE 802.11 with Prism header",
    122: "IP over Fibre Channel",
    123: "ATM SunATM",
    127: "IEEE 802.11 with radiotap header",
    129: "ARCNET Linux",
    130: "Juniper MLPPP",
    131: "Juniper MLFR",
    132: "Juniper ES",
    133: "Juniper GGSN",
    134: "Juniper MFR",
    135: "Juniper ATM2",
    136: "Juniper services",
    137: "Juniper ATM1",
    143: "DOCSIS",
    147: "user 0",
    163: "IEEE 802.11 with AVS header",
    166: "PPP of pppd with direction",
    178: "Juniper Ethernet",
    179: "Juniper PPP",
    180: "Juniper Frame Relay",
    181: "Juniper Cisco HDLC",
    183: "Juniper VP",
    187: "Bluetooth HCI H4",
    189: "USB Linux",
    192: "PPI",
    194: "Juniper ISM",
    195: "IEEE 802.15.4",
    197: "ERF",
    200: "Juniper ST",
    202: "AX.25 with KISS header",
    204: "PPP with direction",
    205: "Cisco HDLC with direction",
    206: "Frame Relay with direction",
    219: "MPLS",
    220: "USB Linux padded",
    226: "Solaris IPNET",
    227: "CAN",
    IPV4: "raw IPv4",
    IPV6: "raw IPv6",
    239: "NFLOG",
    242: "IP over InfiniBand",
    240: "netANALYZER",
    241: "netANALYZER transparent",
    249: "USBPcap",
    251: "Bluetooth Low Energy",
    253: "Netlink",
    258: "PKTAP",
    259: "EPON",
    274: "Ethernet mPacket",
    LINUX_SLL2: "Linux cooked v2",
    281: "Broadcom switch tag",
    282: "Broadcom switch tag in front",
    283: "Marvell switch tag",
    284: "Marvell switch tag with EtherType",
}


def link_type_name(number: int) -> str:
    """The name of a link type; `link type N` if it has no name here."""
    return _NAMES.get(number, f"link type {number}")
