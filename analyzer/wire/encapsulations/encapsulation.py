"""A row of the table, and what rows share: codes of contents, and readers for the simplest headers."""

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


def _no_facts(span: Span) -> tuple[str, ...]:
    return ()


class Encapsulation(NamedTuple):
    """A row of the table.

    Attributes:
        keys: The codes of `skips.py` that it is for.
        read: Span of the layer -> its contents.
        source: Where the layer is defined.
        facts: Span of the layer -> values of its header, for a person to read.
    """

    keys: tuple[int, ...]
    read: Callable[[Span], Inside]
    source: str
    facts: Callable[[Span], tuple[str, ...]] = _no_facts


def by_version(span: Span, start: int) -> Inside:
    """An IP packet, by the version in its first byte; nothing for any other version than 4 and 6."""
    version = span.number(start, 1) >> 4
    if version == 4:
        return (span.inside(PACKET_4, start),)
    if version == 6:
        return (span.inside(PACKET_6, start),)
    return NOTHING


def of_type(kind: int) -> int:
    """The code for an EtherType, or for a length in its place."""
    return LLC if kind <= LONGEST_802_3 else ETHERTYPE + kind


def after(count: int, key: int) -> Callable[[Span], Inside]:
    """Make a reader for a header of `count` bytes that always has the same content."""
    return lambda span: (span.inside(key, count),)


def typed(at: int, count: int) -> Callable[[Span], Inside]:
    """Make a reader for a header of `count` bytes with an EtherType at `at`."""
    return lambda span: (span.inside(of_type(span.number(at, 2)), count),)
