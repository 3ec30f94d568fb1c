"""Tags, labels and bridges between a link layer and IP, identified by an EtherType."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from analyzer.text import Message
from analyzer.wire.encapsulations.encapsulation import (
    ETHERNET_FRAME,
    MPLS,
    NOTHING,
    PACKET_4,
    PACKET_6,
    Encapsulation,
    Inside,
    after,
    by_version,
    of_type,
    typed,
)
from analyzer.wire.encapsulations.span import Span
from analyzer.wire.header import ETHERTYPE_IPV4, ETHERTYPE_IPV6, VLAN_ETHERTYPES
from analyzer.wire.skips import ETHERTYPE, LINK_TYPE, PROTOCOL

__all__ = ["NSH_INSIDE", "ROWS", "mpls", "mpls_facts"]


def mpls(span: Span) -> Inside:
    """Read the content after a stack of labels."""
    at = 0
    while not span.number(at + 2, 1) & 1:
        at += 4
    # The labels do not name their content. The first half byte of an IP packet does (RFC 4928 3).
    return by_version(span, at + 4) or _pseudowire(span, at + 4)


def _pseudowire(span: Span, start: int) -> Inside:
    """An Ethernet frame, with or without a control word before it, which begins with four 0 bits (RFC 4385 3).

    Nothing identifies it as a frame. So it is accepted only if it holds an IP packet, after VLAN tags at most.
    """
    at = start if span.number(start, 1) >> 4 else start + 4
    type_at = at + 12
    while span.number(type_at, 2) in VLAN_ETHERTYPES:
        type_at += 4
    version = {ETHERTYPE_IPV4: 4, ETHERTYPE_IPV6: 6}.get(span.number(type_at, 2))
    if version is None or span.number(type_at + 2, 1) >> 4 != version:
        return NOTHING
    return (span.inside(ETHERNET_FRAME, at),)


def mpls_facts(span: Span) -> tuple[str, ...]:
    """List the labels, from the outside in."""
    labels, at = [], 0
    while True:
        labels.append(str(span.number(at, 4) >> 12))
        if span.number(at + 2, 1) & 1:
            return (Message("label {labels}", labels=", ".join(labels)),)
        at += 4


def _vlan_facts(span: Span) -> tuple[str, ...]:
    tag = span.number(0, 2)
    return (Message("ID {number}", number=tag & 0x0FFF), Message("priority {number}", number=tag >> 13))


def _backbone_facts(span: Span) -> tuple[str, ...]:
    return (Message("service {number}", number=span.number(1, 3)),)


def _macsec(span: Span) -> Inside:
    control = span.number(0, 1)
    if control & 0x0C:
        return NOTHING
    at = 14 if control & 0x20 else 6
    # The short length is that of the secured data; 0 if that has 48 bytes or more. A check value of 16 bytes follows.
    length = span.number(1, 1) & 0x3F or span.length - at - 16
    return (span.inside(of_type(span.number(at, 2)), at + 2, length - 2),)


def _trill(span: Span) -> Inside:
    return (span.inside(ETHERNET_FRAME, 6 + 4 * (span.number(0, 2) >> 6 & 0x1F)),)


def _metadata(span: Span) -> Inside:
    at = 2 + 4 * span.number(1, 1)
    return (span.inside(of_type(span.number(at, 2)), at + 2),)


NSH_INSIDE: Final = {
    1: PACKET_4,
    2: PACKET_6,
    3: ETHERNET_FRAME,
    4: ETHERTYPE + 0x894F,
    5: MPLS,
}
"""RFC 8300 2.2, and the same numbers in VXLAN-GPE."""


def _nsh(span: Span) -> Inside:
    if span.number(0, 1) >> 6:
        return NOTHING
    key = NSH_INSIDE.get(span.number(3, 1))
    return NOTHING if key is None else (span.inside(key, 4 * (span.number(1, 1) & 0x3F)),)


def _nsh_facts(span: Span) -> tuple[str, ...]:
    return (Message("service path {number}", number=span.number(4, 3)),)


ROWS: Final[Sequence[Encapsulation]] = (
    Encapsulation((LINK_TYPE + 219,), mpls, "RFC 3032", mpls_facts),
    Encapsulation((MPLS, ETHERTYPE + 0x8848, PROTOCOL + 137), mpls, "RFC 3032, RFC 4023", mpls_facts),
    Encapsulation(
        tuple(ETHERTYPE + kind for kind in VLAN_ETHERTYPES), typed(2, 4), "IEEE 802.1Q", _vlan_facts
    ),
    Encapsulation((ETHERTYPE + 0x88E7,), after(4, ETHERNET_FRAME), "IEEE 802.1ah", _backbone_facts),
    Encapsulation((ETHERTYPE + 0x6558,), after(0, ETHERNET_FRAME), "RFC 1701"),
    Encapsulation((ETHERTYPE + 0x88E5,), _macsec, "IEEE 802.1AE"),
    Encapsulation((ETHERTYPE + 0x22F3,), _trill, "RFC 6325"),
    Encapsulation((ETHERTYPE + 0x8903,), after(2, ETHERNET_FRAME), "Cisco FabricPath"),
    Encapsulation((ETHERTYPE + 0x8909,), _metadata, "Cisco TrustSec"),
    Encapsulation((ETHERTYPE + 0x8926,), typed(4, 6), "Cisco VN-Tag"),
    Encapsulation((ETHERTYPE + 0x892F,), typed(4, 6), "IEC 62439-3"),
    Encapsulation((ETHERTYPE + 0x893F,), typed(6, 8), "IEEE 802.1BR"),
    Encapsulation((ETHERTYPE + 0xF1C1,), typed(4, 6), "IEEE 802.1CB"),
    Encapsulation((ETHERTYPE + 0x894F,), _nsh, "RFC 8300", _nsh_facts),
)
