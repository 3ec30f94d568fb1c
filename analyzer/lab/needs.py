"""What a scenario needs besides the permission to capture, and the sentence when it is not there."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from types import MappingProxyType
from typing import Final, NamedTuple

from analyzer.errors import UsageError
from analyzer.lab.namespace import own_network
from analyzer.text import say

__all__ = ["NEEDS", "Need", "demand"]


class Need(NamedTuple):
    """shown: in the table of scenarios; absent: the sentence when it is not there; there: whether it is."""

    shown: str
    absent: str
    there: Callable[[], bool]


def _may_make_networks() -> bool:
    try:
        with own_network():
            return True
    except UsageError:
        return False


NEEDS: Final[Mapping[str, Need]] = MappingProxyType(
    {
        "own network": Need(
            "root",
            "This scenario plays in a network of its own, which only root on Linux can make: "
            "run it as root, or play its recording with --replay.",
            _may_make_networks,
        ),
        "scapy": Need(
            "scapy",
            "This scenario builds its segments with Scapy, which is not installed: "
            "run 'pip install tcpanalyze[lab]', or play its recording with --replay.",
            lambda: "scapy" in sys.modules or find_spec("scapy") is not None,
        ),
    }
)
"""Name -> the need."""


def demand(name: str) -> None:
    """Raise UsageError, with its sentence, when a need is not met."""
    need = NEEDS[name]
    if not need.there():
        raise UsageError(say(need.absent))
