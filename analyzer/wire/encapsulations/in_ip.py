"""Tunnels directly in IP, identified by its protocol number, and layers that occur only in GRE."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from analyzer.text import Message
from analyzer.wire.encapsulations.encapsulation import (
    ETHERNET_FRAME,
    NOTHING,
    PACKET_4,
    PACKET_6,
    WIRELESS,
    Encapsulation,
    Inside,
    after,
    by_version,
    of_type,
)
from analyzer.wire.encapsulations.span import Span
from analyzer.wire.skips import ERSPAN, ETHERTYPE, PROTOCOL

__all__ = ["ROWS", "gre", "gre_facts"]

LONGEST: Final = 65000
"""The limit of the decompressed size of a compressed packet, in bytes."""


def _ip_compression(span: Span) -> Inside:
    import zlib

    following, transform = span.number(0, 1), span.number(2, 2)
    span.number(4, 1)
    # RFC 2394: DEFLATE, by its own number or by a negotiated one. Other compressions are not read.
    if transform != 2 and transform < 256:
        return NOTHING
    try:
        data = zlib.decompressobj(-15).decompress(span.block[span.at + 4 : span.end], LONGEST)
    except zlib.error:
        return NOTHING
    if following in (4, 41):
        return (span.made(PACKET_4 if following == 4 else PACKET_6, data),)
    # Rebuild the packet without compression, but without IP options and extension headers.
    head = span.block[span.ip_at : span.ip_at + 40]
    if head[0] >> 4 == 4:
        total = (20 + len(data)).to_bytes(2, "big")
        head = (
            b"\x45" + head[1:2] + total + head[4:6] + bytes(2) + head[8:9] + bytes((following,)) + head[10:20]
        )
        return (span.made(PACKET_4, head + data),)
    total = len(data).to_bytes(2, "big")
    return (span.made(PACKET_6, head[:4] + total + bytes((following,)) + head[7:] + data),)


def _gre_start(span: Span) -> int:
    flags = span.number(0, 2)
    at = 4
    if flags & 0xC000:
        at += 4
    if flags & 0x2000:
        at += 4
    if flags & 0x1000:
        at += 4
    if flags & 0x0080 and flags & 7 == 1:
        at += 4
    if flags & 0x4000:
        # RFC 1701: source routes. The last one has family and length 0.
        while span.number(at, 4) & 0xFFFF00FF:
            at += 4 + span.number(at + 3, 1)
        at += 4
    return at


def gre(span: Span) -> Inside:
    """Read the content of GRE, of both versions."""
    flags, kind = span.number(0, 2), span.number(2, 2)
    if flags & 7 > 1:
        return NOTHING
    at = _gre_start(span)
    if flags & 7:
        # RFC 2637 4.1: there is a key, and it holds the length of the content.
        if not flags & 0x2000:
            return NOTHING
        span = span.inside(span.key, 0, at + span.number(4, 2))
    if kind == 0x88BE:
        # ERSPAN has its own header from the second version on, which always comes with a sequence number.
        return (span.inside(ERSPAN if flags & 0x1000 else ETHERNET_FRAME, at),)
    if kind == 0x6400:
        return (span.inside(ETHERNET_FRAME, at),)
    if kind == 0x883E:
        # WCCP version 2 puts four bytes before the packet.
        return by_version(span, at) or by_version(span, at + 4)
    if ARUBA[0] <= kind <= ARUBA[1]:
        return (span.inside(WIRELESS, at),)
    return (span.inside(of_type(kind), at),)


ARUBA: Final = (0x8200, 0x8370)
"""The first and the last type with which Aruba access points send IEEE 802.11 frames."""


def gre_facts(span: Span) -> tuple[str, ...]:
    """List the type of the content, and the key."""
    flags, kind = span.number(0, 2), span.number(2, 2)
    facts = [Message("type 0x{kind}", kind=f"{kind:04x}")]
    if flags & 0x2000:
        at = 8 if flags & 0xC000 else 4
        facts.append(Message("key {number}", number=span.number(at + 2 * (flags & 1), 4 - 2 * (flags & 1))))
    return tuple(facts)


def _erspan(span: Span) -> Inside:
    version = span.number(0, 1) >> 4
    if version == 1:
        return (span.inside(ETHERNET_FRAME, 8),)
    return _erspan_3(span) if version == 2 else NOTHING


def _erspan_3(span: Span) -> Inside:
    if span.number(0, 1) >> 4 != 2:
        return NOTHING
    last = span.number(10, 2)
    at = 20 if last & 1 else 12
    kind = last >> 10 & 0x1F
    if kind == 0:
        return (span.inside(ETHERNET_FRAME, at),)
    return by_version(span, at) if kind == 2 else NOTHING


def _erspan_facts(span: Span) -> tuple[str, ...]:
    return (Message("session {number}", number=span.number(2, 2) & 0x3FF),)


ROWS: Final[Sequence[Encapsulation]] = (
    Encapsulation((PROTOCOL + 4,), after(0, PACKET_4), "RFC 2003"),
    Encapsulation((PROTOCOL + 41,), after(0, PACKET_6), "RFC 4213"),
    Encapsulation((PROTOCOL + 47,), gre, "RFC 2784, RFC 2890", gre_facts),
    Encapsulation((PROTOCOL + 97,), after(2, ETHERNET_FRAME), "RFC 3378"),
    Encapsulation((PROTOCOL + 143,), after(0, ETHERNET_FRAME), "RFC 8986"),
    Encapsulation((PROTOCOL + 108,), _ip_compression, "RFC 3173, RFC 2394"),
    Encapsulation((ERSPAN,), _erspan, "draft-foschiano-erspan", _erspan_facts),
    Encapsulation((ETHERTYPE + 0x22EB,), _erspan_3, "draft-foschiano-erspan", _erspan_facts),
)
