"""The little that is wanted of every connection, however many there are: how they fared, and which fared worst.

A capture may hold a million connections of which a report shows forty. An outline is made from the machine's
numbers, without the values of `model.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from mypy_extensions import i64, mypyc_attr

from analyzer.tcp import notes, verdict
from analyzer.tcp.connection import Connection as Machine

__all__ = ["RANKS", "Outline", "Rank", "Ranking", "Survey", "outline_of", "survey"]

Ranking = tuple[int, float, int, int]
"""What connections are sorted by, the worst first; the last is the place among those surveyed."""


@mypyc_attr(acyclic=True)
class Outline:
    """One connection in short.

    handshake, close: the outcomes. segments: all of both sides; repeated: those sent again, the SYNs of a handshake
    included. octets: of payload, both sides, each counted once. window_closed: whether a zero window was seen.
    """

    def __init__(
        self,
        handshake: str,
        close: str,
        data_lost: bool,
        window_closed: bool,
        segments: i64,
        repeated: i64,
        octets: i64,
    ) -> None:
        self.handshake: str = handshake
        self.close: str = close
        self.data_lost: bool = data_lost
        self.window_closed: bool = window_closed
        self.segments: i64 = segments
        self.repeated: i64 = repeated
        self.octets: i64 = octets

    def rank(self, last: int) -> int:
        """The position in `RANKS`, of which those up to `last` are looked at; one more where it is none of them."""
        for place in range(last + 1):
            test = _TESTS[place]
            if test(self):
                return place
        return last + 1

    def ranking(self, place: int) -> Ranking:
        """Within a rank the share of repeated segments decides, then the octets carried, then the order."""
        share = float(self.repeated) / float(self.segments) if self.segments else 0.0
        return self.rank(_LAST), -share, -self.octets, place


class Rank(NamedTuple):
    """One step of the ranking: what it is called, and which connections are on it."""

    name: str
    test: Callable[[Outline], bool]


# Worst first; a connection is on the first rank whose test it passes.
RANKS: Final = (
    Rank("data lost", lambda outline: outline.data_lost),
    Rank("reset", lambda outline: outline.close == "reset"),
    Rank("not opened", lambda outline: outline.handshake in verdict.NEVER_OPEN),
    Rank("repeated", lambda outline: outline.repeated > 0),
    Rank("window closed", lambda outline: outline.window_closed),
    Rank("the others", lambda outline: True),
)

_LAST: Final = len(RANKS) - 1
_TESTS: Final[list[Callable[[Outline], bool]]] = [rank.test for rank in RANKS]
"""Looked up once, not by its name for each of a million connections."""


def outline_of(machine: Machine, wireshark: bool = False) -> Outline:
    """The outline of a connection that has been seen whole; wireshark: by the notes that Wireshark gives."""
    first, second = machine.first, machine.second
    repeated = i64(first.disorder_seen().retransmitted_segments)
    repeated += i64(second.disorder_seen().retransmitted_segments)
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
        repeated if repeated > opening else opening,
        first.octets + second.octets,
    )


class Survey:
    """How many connections fared how, by outcome, and the rankings of the worst, the worst first."""

    def __init__(self, handshakes: dict[str, int], closes: dict[str, int], worst: list[Ranking]) -> None:
        self.handshakes = handshakes
        self.closes = closes
        self.worst = worst


def survey(outlines: Iterable[Outline], most: int) -> Survey:
    """Look at each outline once; keep the rankings of the worst `most`."""
    handshakes: dict[str, int] = {}
    closes: dict[str, int] = {}
    worst: list[Ranking] = []
    last = _LAST  # the rank beyond which nothing is among the worst
    for place, outline in enumerate(outlines):
        handshakes[outline.handshake] = handshakes.get(outline.handshake, 0) + 1
        closes[outline.close] = closes.get(outline.close, 0) + 1
        if last < _LAST and outline.rank(last) > last:
            continue
        worst.append(outline.ranking(place))
        if len(worst) >= 2 * most + 100:
            worst.sort()
            del worst[most:]
            last = worst[-1][0] if worst else -1
    worst.sort()
    del worst[most:]
    return Survey(handshakes, closes, worst)
