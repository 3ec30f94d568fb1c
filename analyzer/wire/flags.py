"""The control bits of a segment as one value."""

from __future__ import annotations

from enum import IntFlag
from functools import cache
from typing import Final

from analyzer.wire import header

__all__ = ["Flags"]


class Flags(IntFlag):
    """The control bits of a segment. Its text is the names of the bits, e.g. "SYN,ACK"."""

    SYN = header.SYN
    FIN = header.FIN
    RST = header.RST
    PSH = header.PSH
    ACK = header.ACK
    URG = header.URG
    ECE = header.ECE
    CWR = header.CWR
    AE = header.AE

    def __str__(self) -> str:
        return _names(int(self))

    def __format__(self, form: str) -> str:
        return format(str(self), form)


_NAMES: Final = tuple((int(flag), name) for name, flag in Flags.__members__.items())
"""In the order of the text: the most important flags first."""


# Nine bits have 512 texts, and a capture needs only a few.
@cache
def _names(bits: int) -> str:
    return ",".join(name for bit, name in _NAMES if bits & bit)
