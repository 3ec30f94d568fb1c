"""Link layers: the headers of a medium or a line, identified by the link type of the capture.

If an EtherType can carry such a layer too, its row stands next to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
    of_type,
    typed,
)
from analyzer.wire.encapsulations.span import Span
from analyzer.wire.link_types import RAW
from analyzer.wire.skips import ETHERTYPE, LINK_TYPE, LLC, PPP, PPP_PROTOCOL

__all__ = ["ROWS"]


def _llc(span: Span) -> Inside:
    service, control = span.number(0, 2), span.number(2, 1)
    if control != 3:
        return NOTHING
    if service == 0xAAAA:
        organisation = span.number(3, 3)
        # RFC 1042. IEEE 802.1H has its own organisation code for frames that a bridge has translated.
        if organisation in (0, 0x0000F8):
            return (span.inside(of_type(span.number(6, 2)), 8),)
        # IEEE 802 frames that are bridged over other networks, with and without their checksum.
        if organisation == 0x0080C2 and span.number(6, 2) in (1, 7):
            return (span.inside(ETHERNET_FRAME, 8),)
        return NOTHING
    if service == 0x0606:
        return (span.inside(PACKET_4, 3),)
    if service == 0xFEFE:
        return _network_layer_identifier(span, 3)
    return NOTHING


def _network_layer_identifier(span: Span, at: int) -> Inside:
    """ISO/IEC TR 9577."""
    identifier = span.number(at, 1)
    if identifier == 0xCC:
        return (span.inside(PACKET_4, at + 1),)
    if identifier == 0x8E:
        return (span.inside(PACKET_6, at + 1),)
    if identifier == 0xCF:
        return (span.inside(PPP, at + 1),)
    if identifier == 0x80:
        organisation, kind = span.number(at + 1, 3), span.number(at + 4, 2)
        if organisation == 0:
            return (span.inside(of_type(kind), at + 6),)
        if organisation == 0x0080C2 and kind in (1, 7):
            return (span.inside(ETHERNET_FRAME, at + 6),)
    return NOTHING


def _atm(span: Span) -> Inside:
    # RFC 2684 5.2: bridged frames have two bytes of padding. LLC elsewhere does not.
    if span.number(0, 3) == 0xAAAA03 and span.number(3, 3) == 0x0080C2 and span.number(6, 2) in (1, 7):
        return (span.inside(ETHERNET_FRAME, 10),)
    return _llc(span)


def _sun_atm(span: Span) -> Inside:
    return _atm(span.inside(LLC, 4)) if span.number(0, 1) & 0x0F == 2 else NOTHING


def _token_ring(span: Span) -> Inside:
    routed = span.number(8, 1) & 0x80
    return (span.inside(LLC, 14 + (span.number(14, 1) & 0x1F if routed else 0)),)


def _arcnet(at: int) -> Callable[[Span], Inside]:
    """Make a reader. `at` is the offset of the protocol."""

    def read(span: Span) -> Inside:
        protocol = span.number(at, 1)
        # RFC 1051 has no header for fragments.
        if protocol == 240:
            return (span.inside(PACKET_4, at + 1),)
        key = {212: PACKET_4, 196: PACKET_6}.get(protocol)
        if key is None:
            return NOTHING
        # RFC 1201 2.2: an exception frame repeats the header after four bytes.
        start = at + (5 if span.number(at + 1, 1) == 0xFF else 1)
        return NOTHING if span.number(start, 1) else (span.inside(key, start + 3),)

    return read


def _frame_relay(span: Span) -> Inside:
    at = 0
    while not span.number(at, 1) & 1 and at < 3:
        at += 1
    at += 1
    if span.number(at, 1) == 3:
        # RFC 2427 3: one byte of padding may come before the identifier.
        return _network_layer_identifier(span, at + 1 if span.number(at + 1, 1) else at + 2)
    return (span.inside(of_type(span.number(at, 2)), at + 2),)


def _cisco_hdlc(span: Span) -> Inside:
    return (span.inside(of_type(span.number(2, 2)), 4),)


def _serial(span: Span) -> Inside:
    """PPP or Cisco HDLC. The address shows which."""
    if span.number(0, 2) in (0x0F00, 0x8F00):
        return _cisco_hdlc(span)
    return _ppp(span)


_PPP_INSIDE: Final = {0x0021: PACKET_4, 0x0057: PACKET_6, 0x0281: MPLS, 0x0283: MPLS}


def _ppp(span: Span) -> Inside:
    # Address, control and the first byte of the protocol may be left out (RFC 1661 6.5 and 6.6).
    at = 2 if span.number(0, 1) == 0xFF and span.number(1, 1) == 3 else 0
    size = 1 if span.number(at, 1) & 1 else 2
    protocol = span.number(at, size)
    return (span.inside(_PPP_INSIDE.get(protocol, PPP_PROTOCOL + protocol), at + size),)


def _directed(read: Callable[[Span], Inside]) -> Callable[[Span], Inside]:
    """Make a reader for a frame with one byte before it, which holds the direction."""
    return lambda span: read(span.inside(span.key, 1))


def _pppd(span: Span) -> Inside:
    # The direction replaces the address, 0xff.
    return _ppp(span.inside(span.key, 2 if span.number(1, 1) == 3 else 1))


def _ppp_bridging(span: Span) -> Inside:
    flags = span.number(0, 1)
    at = 6 if flags & 0x40 else 2
    # RFC 3518 4.2: type 1 is IEEE 802.3 or Ethernet. The flags describe checksum and padding.
    if span.number(1, 1) != 1:
        return NOTHING
    return (span.inside(ETHERNET_FRAME, at, span.length - at - (flags & 0x0F) - (4 if flags & 0x80 else 0)),)


def _pppoe(span: Span) -> Inside:
    if span.number(0, 2) != 0x1100:
        return NOTHING
    return (span.inside(PPP, 6, span.number(4, 2)),)


def _pppoe_facts(span: Span) -> tuple[str, ...]:
    return (Message("session {number}", number=span.number(2, 2)),)


def _ax25(span: Span) -> Inside:
    at = 14
    while not span.number(at - 1, 1) & 1:
        at += 7
    # An information frame, numbered or unnumbered, with protocol 0xcc.
    information = span.number(at, 1) & 1 == 0 or span.number(at, 1) & 0xEF == 3
    return (span.inside(PACKET_4, at + 2),) if information and span.number(at + 1, 1) == 0xCC else NOTHING


def _docsis(span: Span) -> Inside:
    control = span.number(0, 1)
    if control & 0xC0:
        return NOTHING
    return (span.inside(ETHERNET_FRAME, 6 + (span.number(1, 1) if control & 1 else 0)),)


def _mpacket(span: Span) -> Inside:
    # IEEE 802.3br 99.3: only an express frame is complete.
    return (span.inside(ETHERNET_FRAME, 8),) if span.number(7, 1) == 0xD5 else NOTHING


def _switch_tag(count: int) -> Callable[[Span], Inside]:
    """Make a reader for a tag of `count` bytes between the addresses and the type."""
    return lambda span: (span.inside(of_type(span.number(12 + count, 2)), 14 + count),)


ROWS: Final[Sequence[Encapsulation]] = (
    Encapsulation((LLC,), _llc, "IEEE 802.2, RFC 1042"),
    Encapsulation((ETHERTYPE + 0x8870,), _llc, "IEEE 802.2"),
    Encapsulation((LINK_TYPE + 3,), _ax25, "AX.25 2.2"),
    Encapsulation((LINK_TYPE + 202,), _directed(_ax25), "AX.25 2.2"),
    Encapsulation((LINK_TYPE + 6,), _token_ring, "IEEE 802.5"),
    Encapsulation((LINK_TYPE + 7,), _arcnet(2), "RFC 1051, RFC 1201"),
    Encapsulation((LINK_TYPE + 129,), _arcnet(4), "RFC 1051, RFC 1201"),
    Encapsulation((LINK_TYPE + 8,), after(16, LINK_TYPE + RAW), "RFC 1055"),
    Encapsulation((LINK_TYPE + 9, LINK_TYPE + 50), _serial, "RFC 1661, RFC 1662"),
    Encapsulation((PPP,), _ppp, "RFC 1661"),
    Encapsulation((ETHERTYPE + 0x880B,), _ppp, "RFC 7637, RFC 2637"),
    Encapsulation((LINK_TYPE + 166,), _pppd, "RFC 1661"),
    Encapsulation((LINK_TYPE + 204,), _directed(_serial), "RFC 1661"),
    Encapsulation((PPP_PROTOCOL + 0x0031,), _ppp_bridging, "RFC 3518"),
    Encapsulation((LINK_TYPE + 51, ETHERTYPE + 0x8864), _pppoe, "RFC 2516", _pppoe_facts),
    Encapsulation((LINK_TYPE + 10,), after(13, LLC), "ISO 9314-2"),
    Encapsulation((LINK_TYPE + 11, LINK_TYPE + 100), _atm, "RFC 2684"),
    Encapsulation((LINK_TYPE + 123,), _sun_atm, "RFC 2684"),
    Encapsulation((LINK_TYPE + 104,), _cisco_hdlc, "RFC 1547 4.3.1"),
    Encapsulation((LINK_TYPE + 205,), _directed(_cisco_hdlc), "RFC 1547 4.3.1"),
    Encapsulation((LINK_TYPE + 107, ETHERTYPE + 0x6559), _frame_relay, "RFC 2427"),
    Encapsulation((LINK_TYPE + 206,), _directed(_frame_relay), "RFC 2427"),
    Encapsulation((LINK_TYPE + 122,), after(16, LLC), "RFC 2625"),
    Encapsulation((LINK_TYPE + 143,), _docsis, "DOCSIS 1.1"),
    Encapsulation((LINK_TYPE + 242,), typed(40, 44), "RFC 4391"),
    Encapsulation((LINK_TYPE + 259,), after(8, ETHERNET_FRAME), "IEEE 802.3ah"),
    Encapsulation((LINK_TYPE + 274,), _mpacket, "IEEE 802.3br"),
    Encapsulation((LINK_TYPE + 281, LINK_TYPE + 283), _switch_tag(4), "Linux Documentation/networking/dsa"),
    Encapsulation((LINK_TYPE + 282,), after(4, ETHERNET_FRAME), "Linux Documentation/networking/dsa"),
    Encapsulation((LINK_TYPE + 284,), _switch_tag(8), "Linux Documentation/networking/dsa"),
)
