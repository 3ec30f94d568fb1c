"""A summary of each connection, cheap enough for a million: its outcomes, and a ranking of the worst.

A capture may hold a million connections, and a report shows forty of them. An outline is made from the machine's
numbers, without the values of `values.py`.
"""

from __future__ import annotations

from typing import Final, TypeVar, get_args

from mypy_extensions import i64, mypyc_attr

from analyzer.tcp import notes, verdict
from analyzer.tcp.machine import Machine
from analyzer.tcp.outcomes import CLOSES, CloseOutcome, HandshakeOutcome, Rank

__all__ = ["RANKS", "Outline", "Ranking", "Survey", "outline_of"]

Name = TypeVar("Name")

Ranking = tuple[int, float, int, int]
"""The sort key of a connection, the worst first; its last number is the place among those surveyed."""


RANKS: Final[tuple[Rank, ...]] = get_args(Rank)
"""Worst first; `Outline.rank` decides the rank of a connection."""
_RANK_OF_CLOSE: Final[dict[str, int]] = {row.name: RANKS.index(row.rank) for row in CLOSES if row.rank}


@mypyc_attr(acyclic=True)
class Outline:
    """A summary of one connection.

    handshake, close: the outcomes. segments: of both sides; retransmitted: those sent again, including SYNs.
    bytes: payload of both sides, each byte counted once. window_closed: whether there was a zero window.
    """

    def __init__(
        self,
        handshake: HandshakeOutcome,
        close: CloseOutcome,
        data_lost: bool,
        window_closed: bool,
        segments: i64,
        retransmitted: i64,
        carried: i64,
    ) -> None:
        self.handshake: HandshakeOutcome = handshake
        self.close: CloseOutcome = close
        self.data_lost: bool = data_lost
        self.window_closed: bool = window_closed
        self.segments: i64 = segments
        self.retransmitted: i64 = retransmitted
        self.bytes: i64 = carried

    def rank(self) -> i64:
        """The position in `RANKS`: the first one whose condition holds."""
        if self.data_lost:
            return 0
        decided = _RANK_OF_CLOSE.get(self.close)
        if decided is not None:
            return decided
        if self.retransmitted > 0:
            return 3
        return 4 if self.window_closed else 5

    def ranking(self, place: int) -> Ranking:
        """Within a rank, the share of retransmitted segments decides, then the bytes, then the order."""
        share = float(self.retransmitted) / float(self.segments) if self.segments else 0.0
        return int(self.rank()), -share, -self.bytes, place


def outline_of(machine: Machine, wireshark: bool = False) -> Outline:
    """The outline of a complete connection; wireshark: whether to use Wireshark's notes."""
    first, second = machine.first, machine.second
    retransmitted = i64(first.disorder_seen().retransmitted_segments)
    retransmitted += i64(second.disorder_seen().retransmitted_segments)
    opener, answerer = (first, second) if verdict.roles(machine)[0] == 0 else (second, first)
    opening = i64(opener.syn_repeats) + i64(answerer.syn_ack_repeats)
    window_closed = False
    masks = machine.note_counts
    if masks is not None:
        for place in range(1 if wireshark else 0, len(masks), 3):
            if masks[place] & notes.ZERO_WINDOW:
                window_closed = True
    handshake, close = verdict.outcomes(machine)
    return Outline(
        handshake,
        close,
        verdict.data_lost(machine),
        window_closed,
        i64(first.segments) + i64(second.segments),
        retransmitted if retransmitted > opening else opening,
        first.bytes + second.bytes,
    )


@mypyc_attr(acyclic=True)
class _Fate:
    """How many connections had these two outcomes."""

    def __init__(self, handshake: HandshakeOutcome, close: CloseOutcome) -> None:
        self.handshake: HandshakeOutcome = handshake
        self.close: CloseOutcome = close
        self.count: i64 = 0


class Survey:
    """How many connections had which outcomes, and the rankings of the worst `most`, the worst first.

    worst: of all connections before the last `end`.
    """

    def __init__(self, most: int) -> None:
        self.worst: list[Ranking] = []
        self._most: int = most
        self._looked_at: i64 = 0
        self._last: i64 = len(RANKS)  # no connection beyond this rank is among the worst
        self._fates: list[_Fate] = []

    def look_at(self, outline: Outline) -> None:
        """Count one more connection."""
        self._fate(outline.handshake, outline.close).count += 1
        if outline.rank() <= self._last:
            self.worst.append(outline.ranking(int(self._looked_at)))
            if len(self.worst) >= 2 * self._most + 100:
                self.end()
                self._last = self.worst[-1][0] if self.worst else -1
        self._looked_at += 1

    def look_at_all(self, machines: list[Machine], wireshark: bool = False) -> None:
        """The same for each complete connection. wireshark: of `outline_of`."""
        for machine in machines:
            self.look_at(outline_of(machine, wireshark))

    def end(self) -> None:
        """Keep only the worst."""
        self.worst.sort()
        del self.worst[self._most :]

    def handshakes(self) -> dict[HandshakeOutcome, int]:
        """Outcome of the handshake -> number of connections."""
        return _totals([(fate.handshake, int(fate.count)) for fate in self._fates])

    def closes(self) -> dict[CloseOutcome, int]:
        """Outcome of the close -> number of connections."""
        return _totals([(fate.close, int(fate.count)) for fate in self._fates])

    def _fate(self, handshake: HandshakeOutcome, close: CloseOutcome) -> _Fate:
        # There are few, and strings are compared by identity first: a dict would take longer.
        for fate in self._fates:
            if fate.handshake == handshake and fate.close == close:
                return fate
        fate = _Fate(handshake, close)
        self._fates.append(fate)
        return fate


def _totals(counts: list[tuple[Name, int]]) -> dict[Name, int]:
    totals: dict[Name, int] = {}
    for outcome, count in counts:
        totals[outcome] = totals.get(outcome, 0) + count
    return totals
