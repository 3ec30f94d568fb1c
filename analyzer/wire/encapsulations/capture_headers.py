"""Headers that are never on a network: a system puts them before a packet to log it, or for a capture.

Those for IEEE 802.11 are in `wireless.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from analyzer.wire.encapsulations.encapsulation import (
    ETHERNET_FRAME,
    MPLS,
    NOTHING,
    PACKET_4,
    PACKET_6,
    Encapsulation,
    Inside,
    of_type,
)
from analyzer.wire.encapsulations.span import CutError, Span
from analyzer.wire.skips import LINK_TYPE, LLC, PPP

__all__ = ["ROWS"]

_FAMILIES: Final = {2: PACKET_4, 10: PACKET_6, 24: PACKET_6, 26: PACKET_6, 28: PACKET_6, 30: PACKET_6}
"""The numbers of the address families in the BSDs, Linux and macOS."""


def _of_family(span: Span, family: int, at: int) -> Inside:
    key = _FAMILIES.get(family)
    return NOTHING if key is None else (span.inside(key, at),)


def _pf_log(span: Span) -> Inside:
    # The length does not count the padding to four bytes.
    return _of_family(span, span.number(1, 1), (span.number(0, 1) + 3) & ~3)


def _openbsd_encapsulation(span: Span) -> Inside:
    family = span.number(0, 4)
    return _of_family(span, family if family < 256 else span.number(0, 4, "little"), 12)


_ERF_INSIDE: Final = {2: ETHERNET_FRAME, 11: ETHERNET_FRAME, 16: ETHERNET_FRAME, 22: PACKET_4, 23: PACKET_6}


def _erf(span: Span) -> Inside:
    kind = span.number(8, 1)
    key = _ERF_INSIDE.get(kind & 0x7F)
    at, more = 16, kind & 0x80
    while more:
        more = span.number(at, 1) & 0x80
        at += 8
    if key is None:
        return NOTHING
    return (span.inside(key, at + 2 if key == ETHERNET_FRAME else at),)


def _ipnet(span: Span) -> Inside:
    return _of_family(span, span.number(1, 1), 24)


def _pktap(span: Span) -> Inside:
    if span.number(4, 4, "little") != 1:
        return NOTHING
    return (span.inside(LINK_TYPE + _link_type_of(span.number(8, 4, "little")), span.number(0, 4, "little")),)


def _ppi(span: Span) -> Inside:
    return (span.inside(LINK_TYPE + _link_type_of(span.number(4, 4, "little")), span.number(2, 2, "little")),)


def _link_type_of(number: int) -> int:
    """A header inside a frame names only small link types. All larger numbers count as unknown."""
    return number if number < 0x10000 else 0xFFFF


_JUNIPER_PAYLOADS: Final = {
    2: PACKET_4,
    3: PACKET_4,
    4: MPLS,
    5: MPLS,
    6: PACKET_6,
    7: PACKET_6,
    8: MPLS,
    32: MPLS,
    200: PPP,
    203: LLC,
    204: ETHERNET_FRAME,
    207: LINK_TYPE + 107,
    208: LINK_TYPE + 104,
}


def _juniper(link: int) -> Callable[[Span], Inside]:
    """Make a reader. `link` is the code of the content if the link layer was captured too."""

    def read(span: Span) -> Inside:
        if span.number(0, 3) != 0x4D4743:
            return NOTHING
        flags = span.number(3, 1)
        at = 6 + span.number(4, 2) if flags & 0x80 else 4
        if flags & 2:
            key = _JUNIPER_PAYLOADS.get(span.number(at, 4, "little"))
            return NOTHING if key is None else (span.inside(key, at + 4),)
        return (span.inside(link, at),) if link else NOTHING

    return read


# Packets that Linux logs.

NFLOG: Final = LINK_TYPE + 239
NETFILTER: Final = 12
LOGGED_PACKET: Final = 0x0400
PACKET_HEADER: Final = 1
PAYLOAD: Final = 9
BRIDGE: Final = 7
"""The family of packets that a bridge logs. They have the type of the frame instead."""


def _nflog(span: Span) -> Inside:
    """Attributes after a header of four bytes, in the byte order of the capturing host, which is nearly always little
    endian."""
    family, at = span.number(0, 1), 4
    key = _FAMILIES.get(family)
    while at + 4 <= span.length:
        order = "little" if span.number(at, 2, "little") <= span.length - at else "big"
        length = span.number(at, 2, order)
        if length < 4:
            return NOTHING
        kind = span.number(at + 2, 2, order) & 0x7FFF
        if kind == PACKET_HEADER and family == BRIDGE:
            key = of_type(span.number(at + 4, 2))
        if kind == PAYLOAD:
            return NOTHING if key is None else (span.inside(key, at + 4, length - 4),)
        at += length + 3 & ~3
    return NOTHING


def _netlink(span: Span) -> Inside:
    if span.number(14, 2) != NETFILTER:
        return NOTHING
    found: list[Span] = []
    at = 16
    while at + 16 <= span.length:
        try:
            order = "little" if span.number(at, 4, "little") <= span.length - at else "big"
            length = span.number(at, 4, order)
            if length < 16:
                break
            if span.number(at + 4, 2, order) == LOGGED_PACKET:
                found.append(span.inside(NFLOG, at + 16, length - 16))
        except CutError:
            break
        at += length + 3 & ~3
    return found


ROWS: Final[Sequence[Encapsulation]] = (
    Encapsulation((LINK_TYPE + 109,), _openbsd_encapsulation, "OpenBSD enc(4)"),
    Encapsulation((LINK_TYPE + 117,), _pf_log, "OpenBSD pflog(4)"),
    Encapsulation((LINK_TYPE + 192,), _ppi, "CACE PPI 1.0"),
    Encapsulation((LINK_TYPE + 197,), _erf, "Endace ERF"),
    Encapsulation((LINK_TYPE + 226,), _ipnet, "Solaris ipnet(7D)"),
    Encapsulation((LINK_TYPE + 258,), _pktap, "Darwin bsd/net/pktap.h"),
    Encapsulation(
        tuple(LINK_TYPE + number for number in (*range(130, 138), 183, 194, 200)), _juniper(0), "Juniper"
    ),
    Encapsulation((LINK_TYPE + 178,), _juniper(ETHERNET_FRAME), "Juniper"),
    Encapsulation((LINK_TYPE + 179,), _juniper(PPP), "Juniper"),
    Encapsulation((LINK_TYPE + 180,), _juniper(LINK_TYPE + 107), "Juniper"),
    Encapsulation((LINK_TYPE + 181,), _juniper(LINK_TYPE + 104), "Juniper"),
    Encapsulation((NFLOG,), _nflog, "Linux nfnetlink_log.h"),
    Encapsulation((LINK_TYPE + 253,), _netlink, "Linux netlink(7)"),
)
