"""What a row of the table is, and what rows have in common: codes of what lies inside, and the plainest headers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from analyzer.wire.encapsulations.span import Span
from analyzer.wire.header import LONGEST_802_3
from analyzer.wire.link_types import ETHERNET, IPV4, IPV6
from analyzer.wire.skips import ETHERTYPE, LINK_TYPE, LLC

__all__ = ["NOTHING", "Encapsulation", "Inside", "after", "by_version", "of_type", "typed"]

PACKET_4: Final = LINK_TYPE + IPV4
PACKET_6: Final = LINK_TYPE + IPV6
ETHERNET_FRAME: Final = LINK_TYPE + ETHERNET
WIRELESS: Final = LINK_TYPE + 105
MPLS: Final = ETHERTYPE + 0x8847

Inside = Sequence[Span]
NOTHING: Final[Inside] = ()


def _nothing_told(span: Span) -> tuple[str, ...]:
    return ()


class Encapsulation(NamedTuple):
    """A row of the table.

    keys: what it is for, codes of `skips.py`. read: span -> what is inside. source: where it is defined. facts: what
    its header tells a person.
    """

    keys: tuple[int, ...]
    read: Callable[[Span], Inside]
    source: str
    facts: Callable[[Span], tuple[str, ...]] = _nothing_told


def by_version(span: Span, start: int) -> Inside:
    """An IP packet, by the version in its first byte; nothing where it is neither."""
    version = span.number(start, 1) >> 4
    if version == 4:
        return (span.inside(PACKET_4, start),)
    if version == 6:
        return (span.inside(PACKET_6, start),)
    return NOTHING


def of_type(kind: int) -> int:
    """The code for an EtherType, or for the length in its place."""
    return LLC if kind <= LONGEST_802_3 else ETHERTYPE + kind


def after(count: int, key: int) -> Callable[[Span], Inside]:
    """A header of `count` bytes, always before the same."""
    return lambda span: (span.inside(key, count),)


def typed(at: int, count: int) -> Callable[[Span], Inside]:
    """A header of `count` bytes with an EtherType at `at`."""
    return lambda span: (span.inside(of_type(span.number(at, 2)), count),)
