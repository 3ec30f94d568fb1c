"""Sequence numbers: arithmetic modulo 2**32 (RFC 9293 3.4).

A sequence number has no absolute order. `difference(a, b)` is how far `a` lies after `b`, between -2**31
and 2**31 - 1, so `difference(a, b) > 0` reads "a comes after b" and stays right where the numbers wrap.
"""

from __future__ import annotations

from mypy_extensions import i64

__all__ = ["advance", "difference"]


def difference(left: i64, right: i64) -> i64:
    """How many octets `left` lies after `right` (negative: before), the short way round."""
    distance: i64 = (left - right) & 0xFFFFFFFF
    if distance > 0x7FFFFFFF:
        return distance - 0x100000000
    return distance


def advance(number: i64, octets: i64) -> i64:
    """The sequence number `octets` after `number`."""
    return (number + octets) & 0xFFFFFFFF
