"""The control bits of a segment as one value."""

from __future__ import annotations

from enum import IntFlag
from functools import cache
from typing import Final

from analyzer.wire import header

__all__ = ["Flags"]


class Flags(IntFlag):
    """The control bits of a segment; as text their names: "SYN,ACK"."""

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
"""In the order in which they are shown: what a segment is about comes first."""


# Of nine bits there are 512 texts, and of a capture few.
@cache
def _names(bits: int) -> str:
    return ",".join(name for bit, name in _NAMES if bits & bit)
