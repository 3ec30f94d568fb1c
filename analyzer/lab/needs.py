"""What a scenario may need in addition to permission to capture, with the sentence for a missing need."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from types import MappingProxyType
from typing import Final, NamedTuple

from analyzer.errors import UsageError
from analyzer.lab.namespace import own_network
from analyzer.text import inert, say

__all__ = ["NEEDS", "Need", "demand"]


class Need(NamedTuple):
    """A need of a scenario.

    Attributes:
        shown: Its name in the list of scenarios.
        absent: The sentence if it is missing.
        there: Checks whether it is there.
    """

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
            "this scenario runs in a separate network, which only root on Linux can make: "
            "run it as root, or play its recording with --replay",
            _may_make_networks,
        ),
        "scapy": Need(
            "scapy",
            "this scenario builds its segments with Scapy, which is not installed: "
            "run '{python} -m pip install scapy', or play its recording with --replay",
            lambda: "scapy" in sys.modules or find_spec("scapy") is not None,
        ),
    }
)
"""Name -> the need."""


def demand(name: str) -> None:
    """Raise UsageError with the sentence of a need if it is missing."""
    need = NEEDS[name]
    if not need.there():
        raise UsageError(say(need.absent, python=inert(sys.executable)))
