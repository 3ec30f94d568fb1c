"""IEEE 802.11, and the headers that a capture puts before such frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from analyzer.text import Message
from analyzer.wire.encapsulations.encapsulation import NOTHING, WIRELESS, Encapsulation, Inside
from analyzer.wire.encapsulations.span import CutError, Span
from analyzer.wire.skips import ENCRYPTED_WIRELESS, LINK_TYPE, LLC, PADDED_WIRELESS, WIRELESS_FRAGMENT

__all__ = ["ROWS"]


def _wireless(span: Span, alignment: int = 1) -> Inside:
    control, flags = span.number(0, 1), span.number(1, 1)
    if control & 0x0C != 0x08 or control & 0x40:
        return NOTHING
    at = 30 if flags & 3 == 3 else 24
    aggregated = False
    if control & 0x80:
        aggregated = bool(span.number(at, 1) & 0x80)
        at += 6 if flags & 0x80 else 2
    at += -at % alignment
    if flags & 0x40:
        return (span.inside(ENCRYPTED_WIRELESS, at),)
    if flags & 4 or (span.number(22, 1) & 0x0F and span.number(at, 3) != 0xAAAA03):
        return (span.inside(WIRELESS_FRAGMENT, at),)
    if not aggregated:
        return (span.inside(LLC, at),)
    found: list[Span] = []
    while at + 14 <= span.length:
        try:
            length = span.number(at + 12, 2)
            found.append(span.inside(LLC, at + 14, length))
        except CutError:
            break
        at += 14 + length
        at += -(at - found[0].at + span.at + 14) % 4
    return found


def _wireless_facts(span: Span) -> tuple[str, ...]:
    facts = [
        Message(
            "{transmitter} → {receiver}",
            transmitter=_address(span, 10),
            receiver=_address(span, 4),
        )
    ]
    if span.number(0, 1) & 0x80:
        at = 30 if span.number(1, 1) & 3 == 3 else 24
        if span.number(at, 1) & 0x80:
            facts.append(Message("several packets in one frame (A-MSDU)"))
    return tuple(facts)


def _padded_wireless(span: Span) -> Inside:
    return _wireless(span, 4)


def _radiotap(span: Span) -> Inside:
    from dpkt import dpkt, radiotap

    length = span.number(2, 2, "little")
    if length > span.end - span.at:
        raise CutError
    # dpkt gets only the header, because it cannot read most kinds of IEEE 802.11 frames.
    try:
        header = radiotap.Radiotap(span.block[span.at : span.at + length])
        flags = header.flags.val if header.flags_present else 0
    except (dpkt.Error, IndexError):
        return NOTHING
    checksum = 4 if flags & 0x10 else 0
    key = PADDED_WIRELESS if flags & 0x20 else WIRELESS
    return (span.inside(key, length, span.length - length - checksum),)


def _prism(span: Span) -> Inside:
    # The AVS header has the same link type. It can be recognised by its first bytes.
    if span.number(0, 4) & 0xFFFFF000 == 0x80211000:
        return _avs(span)
    return (span.inside(WIRELESS, 144),)


def _avs(span: Span) -> Inside:
    return (span.inside(WIRELESS, span.number(4, 4)),)


def _address(span: Span, start: int) -> str:
    at = span.at + start
    return span.block[at : at + 6].hex(":")


ROWS: Final[Sequence[Encapsulation]] = (
    Encapsulation((WIRELESS,), _wireless, "IEEE 802.11", _wireless_facts),
    Encapsulation((PADDED_WIRELESS,), _padded_wireless, "IEEE 802.11", _wireless_facts),
    Encapsulation((LINK_TYPE + 127,), _radiotap, "radiotap.org"),
    Encapsulation((LINK_TYPE + 119,), _prism, "linux-wlan-ng"),
    Encapsulation((LINK_TYPE + 163,), _avs, "AVS capture header 2.1"),
)
