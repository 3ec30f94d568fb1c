"""`tcp.completeness` as Wireshark counts it: which kinds of segment a connection has shown, by flags alone."""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from analyzer.wire import header as flag

__all__ = ["completeness_bits"]

SYN: Final = 1
SYN_ACK: Final = 2
ACK: Final = 4
DATA: Final = 8
FIN: Final = 16
RST: Final = 32


def completeness_bits(flags: i64, length: i64) -> i64:
    """The bits that a segment with these header flags and this payload length contributes."""
    bits: i64 = 0
    if flags & flag.SYN:
        if flags & flag.ACK:
            bits = SYN_ACK
        else:
            bits = SYN | DATA if length > 0 else SYN
    elif flags & flag.ACK:
        bits = DATA if length > 0 else ACK
    if flags & flag.ACK and flags & flag.FIN:
        bits |= FIN
    if flags & flag.RST:
        bits |= RST
    return bits
