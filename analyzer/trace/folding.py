"""Counts the connections that leave memory, because a capture has too many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from analyzer.tcp import verdict
from analyzer.tcp.machine import Machine
from analyzer.tcp.outcomes import CloseOutcome, HandshakeOutcome
from analyzer.trace.values import Folded

__all__ = ["PORTS_TOLD", "Folding"]

PORTS_TOLD = 10
"""The most server ports that are listed with their connections."""


class Folding:
    """The counts. Their size is limited: there are few outcomes, and 65,536 ports."""

    def __init__(self) -> None:
        self._connections = 0
        self._segments = 0
        self._bytes = 0
        self._handshakes: Counter[HandshakeOutcome] = Counter()
        self._closes: Counter[CloseOutcome] = Counter()
        self._ports: Counter[int] = Counter()

    def add(self, machines: Iterable[Machine]) -> None:
        """Count these connections."""
        for machine in machines:
            first, second = machine.first, machine.second
            self._connections += 1
            self._segments += int(first.segments + second.segments)
            self._bytes += int(first.bytes + second.bytes)
            handshake, close = verdict.outcomes(machine)
            self._handshakes[handshake] += 1
            self._closes[close] += 1
            self._ports[
                int(machine.second_port if verdict.roles(machine)[0] == 0 else machine.first_port)
            ] += 1

    def folded(self) -> Folded | None:
        """The counts; None if no connection left memory."""
        if not self._connections:
            return None
        return Folded(
            connections=self._connections,
            segments=self._segments,
            bytes=self._bytes,
            handshakes=dict(self._handshakes.most_common()),
            closes=dict(self._closes.most_common()),
            server_ports=dict(self._ports.most_common(PORTS_TOLD)),
        )
