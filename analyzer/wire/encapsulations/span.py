"""Bytes that a layer consists of, and the layers that they lie in."""

from __future__ import annotations

from typing import Final, NamedTuple

from analyzer.wire.header import ETHERTYPE_IPV4, ETHERTYPE_IPV6
from analyzer.wire.link_types import (
    ETHERNET,
    IPV4,
    IPV6,
    LINUX_SLL,
    LINUX_SLL2,
    LOOP,
    NULL,
    RAW,
    RAW_BSD,
    RAW_OPENBSD,
)
from analyzer.wire.skips import ETHERTYPE, LINK_TYPE

__all__ = ["CutError", "Span"]

_PLAIN: Final = {
    LINK_TYPE + number: number
    for number in (NULL, ETHERNET, RAW, RAW_BSD, RAW_OPENBSD, LOOP, LINUX_SLL, LINUX_SLL2, IPV4, IPV6)
} | {ETHERTYPE + ETHERTYPE_IPV4: IPV4, ETHERTYPE + ETHERTYPE_IPV6: IPV6}
"""What `Header.decode` reads: code -> the link type to give it."""

ENDLESS: Final = 1 << 17
"""The end of a packet made here: its own header bounds it."""


class CutError(Exception):
    """The layer ends before its header does."""


class Span(NamedTuple):
    """Bytes that a layer consists of.

    key: what they are, a code of `skips.py`. block: where they lie, from `at` on. end: where what was captured of
    them ends. wire_end: where they end. ip_at: where in the block the last IP header began. outer: the span they lie
    in.
    """

    key: int
    block: bytes
    at: int
    end: int
    wire_end: int
    ip_at: int
    outer: Span | None = None
    depth: int = 0

    def number(self, start: int, size: int, order: str = "big") -> int:
        """The number `start` bytes into the layer. Raises `CutError`."""
        at = self.at + start
        if start < 0 or at + size > self.end:
            raise CutError
        return int.from_bytes(self.block[at : at + size], "little" if order == "little" else "big")

    @property
    def length(self) -> int:
        """Bytes on the wire."""
        return self.wire_end - self.at

    def inside(self, key: int, start: int, length: int | None = None) -> Span:
        """What begins `start` bytes into the layer and has `length` bytes, or all there are. Raises `CutError`."""
        at = self.at + start
        wire_end = self.wire_end if length is None else min(self.wire_end, at + length)
        if start < 0 or at > min(wire_end, self.end):
            raise CutError
        return Span(key, self.block, at, min(self.end, wire_end), wire_end, self.ip_at, self, self.depth + 1)

    def rest(self, key: int, at: int, wire_end: int, ip_at: int) -> Span:
        """What `Header.decode` left of this span."""
        return Span(key, self.block, at, min(self.end, wire_end), wire_end, ip_at, self, self.depth + 1)

    def made(self, key: int, block: bytes) -> Span:
        """A packet made out of this layer."""
        return Span(key, block, 0, len(block), ENDLESS, 0, self, self.depth + 1)

    @property
    def decoded(self) -> bool:
        """Whether `Header.decode` reads it."""
        return self.key in _PLAIN

    @property
    def link_type(self) -> int:
        """What to call it when it is given to `Header.decode`."""
        return _PLAIN[self.key]
