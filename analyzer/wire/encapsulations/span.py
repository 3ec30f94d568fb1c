"""The bytes of a layer, and the layers around it."""

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
"""The codes that `Header.decode` reads -> the link type to call it with."""

ENDLESS: Final = 1 << 17
"""The end on the wire of a packet that was made here. The length in its own header limits it."""


class CutError(Exception):
    """The layer ends inside its header."""


class Span(NamedTuple):
    """The bytes of a layer.

    Attributes:
        key: What the layer is: a code of `skips.py`.
        block: The bytes that hold it.
        at: Where it begins in `block`.
        end: Where its captured part ends.
        wire_end: Where it ended on the wire.
        ip_at: Where the last IP header before it begins in `block`.
        outer: The layer around it.
        depth: The number of layers around it.
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
        """Read a number at `start` of the layer. Raises `CutError`."""
        at = self.at + start
        if start < 0 or at + size > self.end:
            raise CutError
        return int.from_bytes(self.block[at : at + size], "little" if order == "little" else "big")

    @property
    def length(self) -> int:
        """The number of bytes on the wire."""
        return self.wire_end - self.at

    def inside(self, key: int, start: int, length: int | None = None) -> Span:
        """The content at `start` of the layer, with `length` bytes or up to the end. Raises `CutError`."""
        at = self.at + start
        wire_end = self.wire_end if length is None else min(self.wire_end, at + length)
        if start < 0 or at > min(wire_end, self.end):
            raise CutError
        return Span(key, self.block, at, min(self.end, wire_end), wire_end, self.ip_at, self, self.depth + 1)

    def rest(self, key: int, at: int, wire_end: int, ip_at: int) -> Span:
        """The part of this layer that `Header.decode` did not read."""
        return Span(key, self.block, at, min(self.end, wire_end), wire_end, ip_at, self, self.depth + 1)

    def made(self, key: int, block: bytes) -> Span:
        """A packet that was made from this layer."""
        return Span(key, block, 0, len(block), ENDLESS, 0, self, self.depth + 1)

    @property
    def decoded(self) -> bool:
        """Whether `Header.decode` reads it."""
        return self.key in _PLAIN

    @property
    def link_type(self) -> int:
        """The link type for `Header.decode`."""
        return _PLAIN[self.key]
