"""Frames the plain decoder does not take, read by dpkt.

dpkt unwraps what it knows (MPLS, PPPoE, PPP, IEEE 802.11, tunnels, ...) down to the IP packet; that
packet then goes through the same decoder as any other, so that lengths and options have one rule.
dpkt is imported on the first frame that needs it.
"""

from __future__ import annotations

from typing import Any, Final

from mypy_extensions import i64

from analyzer.wire import skips
from analyzer.wire.header import Header
from analyzer.wire.link_types import ETHERNET, RAW

__all__ = ["decode_with_dpkt", "innermost_ip"]

# Link type -> (module, class) of dpkt that reads it.
_READERS: Final = {
    ETHERNET: ("ethernet", "Ethernet"),
    9: ("ppp", "PPP"),
    51: ("pppoe", "PPPoE"),
    105: ("ieee80211", "IEEE80211"),
    127: ("radiotap", "Radiotap"),
}

# What dpkt could not make a TCP segment of either: most frames that are skipped in a real capture.
_HOPELESS: Final = (
    skips.CUT_SHORT,
    skips.FRAGMENT,
    skips.BAD_IP_HEADER,
    skips.BAD_TCP_HEADER,
    skips.ETHERTYPE + 0x0806,
    skips.PROTOCOL + 1,
    skips.PROTOCOL + 2,
    skips.PROTOCOL + 17,
    skips.PROTOCOL + 58,
)

# dpkt leaves what an IEEE 802.11 frame carries as octets; in clear text they begin with this (RFC 1042).
_WIRELESS: Final = (105, 127)
_SNAP: Final = b"\xaa\xaa\x03"

# How many layers may lie around the IP packet; a real frame has a handful.
_DEEPEST: Final = 16


def decode_with_dpkt(
    header: Header, refusal: i64, block: bytes, offset: i64, captured: i64, original: i64, link_type: i64
) -> i64:
    """Like `Header.decode`, for the frames it refuses; `refusal` is the code it gave.

    Returns `skips.SEGMENT`, or `skips.OTHER` where dpkt finds no IP packet either: the reason given by
    `Header.decode` then stands.
    """
    if refusal in _HOPELESS:
        return skips.OTHER
    inside = innermost_ip(block[offset : offset + captured], int(link_type))
    if inside < 0:
        return skips.OTHER
    return header.decode(block, offset + inside, captured - inside, original - inside, RAW)


def innermost_ip(frame: bytes, link_type: int) -> int:
    """Where in the frame the innermost IP packet begins, -1 where dpkt finds none or knows no such link."""
    known = _READERS.get(link_type)
    if known is None:
        return -1
    module, name = known
    wireless = link_type in _WIRELESS
    import importlib

    from dpkt import ip, ip6, llc

    reader: Any = getattr(importlib.import_module(f"dpkt.{module}"), name)
    found = -1
    # dpkt lets whatever its modules stumble over through (IndexError, struct.error, its own): none of it is ours.
    try:
        layer: Any = reader(frame)
        for _ in range(_DEEPEST):
            if isinstance(layer, (ip.IP, ip6.IP6)):
                found = frame.find(layer.pack_hdr(), max(found, 0))
            if layer is None:
                break
            if isinstance(layer, (bytes, bytearray)):
                if not wireless or found >= 0 or not layer.startswith(_SNAP):
                    break
                layer = llc.LLC(layer)
            else:
                layer = layer.data
    except Exception:
        return -1
    return found
