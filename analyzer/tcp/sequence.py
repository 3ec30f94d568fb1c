"""Sequence numbers: arithmetic modulo 2**32 (RFC 9293 3.4).

A sequence number has no absolute order. `difference(a, b)` is how far `a` lies after `b`, between -2**31
and 2**31 - 1, so `difference(a, b) > 0` means "a comes after b" and stays right where the numbers wrap;
`is_after(a, b)` says the same, and `is_before(a, b)` that it is less than 0. As truth values they cost the
compiled build less.
"""

from __future__ import annotations

from mypy_extensions import i64

from analyzer.wire import header as flag
from analyzer.wire.header import Header

__all__ = ["advance", "difference", "is_after", "is_before", "segment_end"]


def difference(left: i64, right: i64) -> i64:
    """How many bytes `left` lies after `right` (negative: before), the short way round."""
    # The sign is bit 31: what C makes a 32-bit number of.
    return (((left - right) & 0xFFFFFFFF) ^ 0x80000000) - 0x80000000


def is_after(left: i64, right: i64) -> bool:
    """Whether `left` comes after `right`; of two numbers 2**31 apart neither does."""
    return 0 < (left - right) & 0xFFFFFFFF < 0x80000000


def is_before(left: i64, right: i64) -> bool:
    """Whether `left` comes before `right`; of two numbers 2**31 apart each does."""
    return (left - right) & 0x80000000 != 0


def advance(number: i64, length: i64) -> i64:
    """The sequence number `bytes` after `number`."""
    return (number + length) & 0xFFFFFFFF


def segment_end(header: Header) -> i64:
    """The sequence number after this segment: SYN and FIN take one each (RFC 9293 3.4)."""
    length = header.payload_length
    if header.flags & flag.SYN:
        length += 1
    if header.flags & flag.FIN:
        length += 1
    return advance(header.seq, length)
