"""UDP and the tunnels in it, identified by a port. `TUNNEL_PORTS` in `unwrap.py` lists the same ports."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from analyzer.text import Message
from analyzer.wire.encapsulations.encapsulation import (
    ETHERNET_FRAME,
    MPLS,
    NOTHING,
    PACKET_4,
    PACKET_6,
    WIRELESS,
    Encapsulation,
    Inside,
    by_version,
    of_type,
)
from analyzer.wire.encapsulations.in_ethernet import NSH_INSIDE, mpls, mpls_facts
from analyzer.wire.encapsulations.in_ip import gre, gre_facts
from analyzer.wire.encapsulations.span import Span
from analyzer.wire.skips import LINK_TYPE, PPP, PROTOCOL, UDP_PORT

__all__ = ["ROWS"]


def _udp(span: Span) -> Inside:
    length = span.number(4, 2)
    for at in (2, 0):
        key = UDP_PORT + span.number(at, 2)
        if key in _PORTS:
            return (span.inside(key, 8, length - 8 if length >= 8 else None),)
    return NOTHING


def _udp_facts(span: Span) -> tuple[str, ...]:
    return (
        Message(
            "port {source} → port {destination}", source=span.number(0, 2), destination=span.number(2, 2)
        ),
    )


def _ayiya(span: Span) -> Inside:
    # An identity and a signature, with their lengths in the header, then a forwarded packet (operation 1).
    if span.number(2, 1) & 0x0F != 1:
        return NOTHING
    key = {4: PACKET_4, 41: PACKET_6}.get(span.number(3, 1))
    at = 8 + (1 << (span.number(0, 1) >> 4)) + 4 * (span.number(1, 1) >> 4)
    return NOTHING if key is None else (span.inside(key, at),)


def _vxlan(span: Span) -> Inside:
    # RFC 7348 5: flag I tells whether the network's number is valid. There is a frame in both cases.
    return (span.inside(ETHERNET_FRAME, 8),)


def _vxlan_gpe(span: Span) -> Inside:
    flags = span.number(0, 1)
    if flags & 0x30 or not flags & 0x0C:
        return NOTHING
    key = NSH_INSIDE.get(span.number(3, 1)) if flags & 4 else ETHERNET_FRAME
    return NOTHING if key is None else (span.inside(key, 8),)


def _network_facts(span: Span) -> tuple[str, ...]:
    return (Message("network {number}", number=span.number(4, 3)),)


def _geneve(span: Span) -> Inside:
    first = span.number(0, 1)
    # RFC 8926 3.4: version 0. Reserved bits are ignored.
    if first >> 6:
        return NOTHING
    return (span.inside(of_type(span.number(2, 2)), 8 + 4 * (first & 0x3F)),)


def _gtp(span: Span) -> Inside:
    flags = span.number(0, 1)
    # 3GPP TS 29.281 5.1: version 1, GTP and not GTP', with a packet of the user.
    if flags & 0xF0 != 0x30 or span.number(1, 1) != 0xFF:
        return NOTHING
    inside = span.inside(span.key, 8, span.number(2, 2))
    at = 0
    if flags & 7:
        following = inside.number(3, 1) if flags & 4 else 0
        at = 4
        while following:
            count = 4 * inside.number(at, 1)
            if count == 0:
                return NOTHING
            following = inside.number(at + count - 1, 1)
            at += count
    return tuple(span.inside(packet.key, 8 + at, span.number(2, 2) - at) for packet in by_version(inside, at))


def _gtp_facts(span: Span) -> tuple[str, ...]:
    return (Message("tunnel 0x{number}", number=f"{span.number(4, 4):08x}"),)


def _teredo(span: Span) -> Inside:
    at = 0
    # RFC 4380 5.1.1: an authentication header and then an origin may come first.
    if span.number(at, 2) == 1:
        at += 13 + span.number(at + 2, 1) + span.number(at + 3, 1)
    if span.number(at, 2) == 0:
        at += 8
    if span.number(at, 1) >> 4 != 6 or span.number(at + 4, 2) + 40 > span.length - at:
        return NOTHING
    return (span.inside(PACKET_6, at),)


def _l2tp(span: Span) -> Inside:
    flags = span.number(0, 2)
    # RFC 2661 3.1: a data message, version 2.
    if flags & 0x8000 or flags & 0x000F != 2:
        return NOTHING
    at = 2
    length = None
    if flags & 0x4000:
        length = span.number(2, 2)
        at += 2
    at += 4
    if flags & 0x0800:
        at += 4
    if flags & 0x0200:
        at += 2 + span.number(at, 2)
    return (span.inside(PPP, at, None if length is None else length - at),)


def _l2tp_facts(span: Span) -> tuple[str, ...]:
    at = 4 if span.number(0, 2) & 0x4000 else 2
    return (
        Message("tunnel {number}", number=span.number(at, 2)),
        Message("session {number}", number=span.number(at + 2, 2)),
    )


def _lisp(span: Span) -> Inside:
    return by_version(span, 8)


def _capwap(span: Span) -> Inside:
    first = span.number(0, 4)
    # RFC 5415 4.3: version 0, not encrypted, not fragmented.
    if first >> 24 or first & 0x80:
        return NOTHING
    at = 4 * (first >> 19 & 0x1F)
    if not first & 0x100:
        return (span.inside(ETHERNET_FRAME, at),)
    if first >> 9 & 0x1F != 1:
        return NOTHING
    inside = span.inside(WIRELESS, at)
    if not inside.number(0, 1) & 3:
        return (inside,)
    # The version of IEEE 802.11 is 0. Some access points send the two bytes of the frame control swapped.
    data = inside.block[inside.at : inside.end]
    return (span.made(WIRELESS, data[1::-1] + data[2:]),)


def _tzsp(span: Span) -> Inside:
    if span.number(0, 1) != 1 or span.number(1, 1) not in (0, 2):
        return NOTHING
    key = {1: ETHERNET_FRAME, 0x12: WIRELESS}.get(span.number(2, 2))
    at = 4
    while span.number(at, 1) != 1:
        at += 2 + span.number(at + 1, 1) if span.number(at, 1) else 1
    return NOTHING if key is None else (span.inside(key, at + 1),)


_SAMPLED: Final = {1: ETHERNET_FRAME, 4: LINK_TYPE + 107, 7: PPP, 11: PACKET_4, 12: PACKET_6, 13: MPLS}
"""The protocols of a sampled header that are read (sFlow version 5, 5.3)."""


def _sflow(span: Span) -> Inside:
    if span.number(0, 4) != 5:
        return NOTHING
    at = 24 if span.number(4, 4) == 1 else 36
    found: list[Span] = []
    for _ in range(min(span.number(at, 4), 64)):
        kind, length = span.number(at + 4, 4), span.number(at + 8, 4)
        # A flow sample, and its expanded form.
        if kind in (1, 3):
            found += _sampled(span.inside(span.key, at + 12, length), 32 if kind == 1 else 44)
        at += 8 + length
    return found


def _sampled(sample: Span, at: int) -> Iterable[Span]:
    sample = sample.inside(sample.key, at - 4)
    at = 4
    for _ in range(min(sample.number(0, 4), 64)):
        kind, length = sample.number(at, 4), sample.number(at + 4, 4)
        key = _SAMPLED.get(sample.number(at + 8, 4)) if kind == 1 else None
        if key is not None:
            captured = sample.inside(key, at + 24, sample.number(at + 20, 4))
            yield captured._replace(wire_end=captured.at + max(sample.number(at + 12, 4), captured.length))
        at += 8 + length


ROWS: Final[Sequence[Encapsulation]] = (
    Encapsulation((PROTOCOL + 17,), _udp, "RFC 768", _udp_facts),
    Encapsulation((UDP_PORT + 1701,), _l2tp, "RFC 2661", _l2tp_facts),
    Encapsulation((UDP_PORT + 2152,), _gtp, "3GPP TS 29.281", _gtp_facts),
    Encapsulation((UDP_PORT + 3544,), _teredo, "RFC 4380"),
    Encapsulation((UDP_PORT + 4341,), _lisp, "RFC 9300"),
    Encapsulation((UDP_PORT + 4754,), gre, "RFC 8086", gre_facts),
    Encapsulation((UDP_PORT + 4789,), _vxlan, "RFC 7348", _network_facts),
    Encapsulation((UDP_PORT + 4790,), _vxlan_gpe, "draft-ietf-nvo3-vxlan-gpe", _network_facts),
    Encapsulation((UDP_PORT + 5072,), _ayiya, "draft-massar-v6ops-ayiya"),
    Encapsulation((UDP_PORT + 5247,), _capwap, "RFC 5415"),
    Encapsulation((UDP_PORT + 6081,), _geneve, "RFC 8926", _network_facts),
    Encapsulation((UDP_PORT + 6343,), _sflow, "sFlow version 5"),
    Encapsulation((UDP_PORT + 6635,), mpls, "RFC 7510", mpls_facts),
    Encapsulation((UDP_PORT + 37008,), _tzsp, "TZSP 1.0"),
)

_PORTS: Final = frozenset(key for row in ROWS for key in row.keys)
"""The codes of all ports with a row."""
