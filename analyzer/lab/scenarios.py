"""Every scenario by its name.

A scenario uses only sockets. It does not know whether its traffic is captured. Server and client are two threads.
Events between them fix the order of the segments on the wire. Without events the scheduler would decide e.g. which side
closes first.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from analyzer.errors import UsageError
from analyzer.lab import basics, by_hand, endings, openings, others, trouble
from analyzer.lab.stage import Scenario
from analyzer.text import inert, say

__all__ = ["SCENARIOS", "find_scenario"]

_ORDER = (
    *("echo", "four-way", "hello", "thanks", "messages", "clients", "download", "by-hand", "framing"),
    *("refused", "unanswered", "unreachable", "half-open", "address-in-use", "reset", "half-close"),
    *("simultaneous-close", "simultaneous-open", "keep-alive", "zero-window", "loss"),
    *("fast-open", "ipv6", "udp"),
)
_THEMES: Final[tuple[tuple[Scenario, ...], ...]] = (
    basics.SCENARIOS,
    by_hand.SCENARIOS,
    endings.SCENARIOS,
    openings.SCENARIOS,
    trouble.SCENARIOS,
    others.SCENARIOS,
)
_ALL = {scenario.name: scenario for theme in _THEMES for scenario in theme}

SCENARIOS = MappingProxyType({name: _ALL[name] for name in _ORDER})
"""Every scenario by its name, in the order of the list."""


def find_scenario(name: str) -> Scenario:
    """Find the scenario called `name`. Raises UsageError if there is none."""
    try:
        return SCENARIOS[name]
    except KeyError:
        raise UsageError(
            say(
                "scenario {name} does not exist: choose one of {names}",
                name=inert(name),
                names=", ".join(SCENARIOS),
            )
        ) from None
