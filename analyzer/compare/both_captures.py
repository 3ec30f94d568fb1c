"""Compares two captures: reads both, pairs their connections and compares each pair.

Each capture is read once for its verdicts and once to pair its connections. The segments of a small capture stay in
memory after that. Those of a large capture are read again for a few pairs at a time.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from analyzer.analysis.loop import segments
from analyzer.analysis.reading import ORDINARY, stored_file
from analyzer.analysis.stored import analyze_whole
from analyzer.compare.differences import Mode, Pair, PairComparison
from analyzer.compare.observation import Observations
from analyzer.compare.pair_comparison import compare
from analyzer.compare.pairing import HEAD, fingerprint, mode_of, pair_connections
from analyzer.errors import UsageError
from analyzer.tcp.machine import Machine
from analyzer.tcp.step import Step
from analyzer.tcp.verdict import roles
from analyzer.text import say
from analyzer.trace.values import Trace
from analyzer.wire.header import Header

__all__ = ["Comparison", "compare_captures"]

OBSERVATIONS_KEPT = 500_000
"""The most segments of one capture that are in memory at a time (75 MB), unless one connection has more."""

TOLERANCE_NS = 5_000_000
"""How much longer a segment may take before it counts as late."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two captures side by side. Iterate over it to compare the pairs of connections.

    Attributes:
        a: The first capture.
        b: The second capture.
        mode: Whether the captures are from two places or from two runs.
        mode_given: Whether the caller set the mode. If not, it was derived from the captures.
        pairs: The pairs of connections, in the order of A.
        only_a: The numbers of A's connections without a counterpart.
        only_b: The numbers of B's connections without a counterpart.
        tolerance_ns: How much longer a segment may take before it counts as late, in nanoseconds.
    """

    a: Trace
    b: Trace
    mode: Mode
    mode_given: bool
    pairs: tuple[Pair, ...]
    only_a: tuple[int, ...]
    only_b: tuple[int, ...]
    tolerance_ns: int
    _a: _Capture
    _b: _Capture

    def __iter__(self) -> Iterator[PairComparison]:
        """Compare one pair after the other. The results are not kept."""
        waiting = list(self.pairs)
        while waiting:
            batch: list[Pair] = []
            room = OBSERVATIONS_KEPT
            while waiting and (not batch or room >= self._cost(waiting[0])):
                room -= self._cost(waiting[0])
                batch.append(waiting.pop(0))
            found = (
                self._a.observations({pair.a for pair in batch}),
                self._b.observations({pair.b for pair in batch}),
            )
            for pair in batch:
                yield compare(
                    pair,
                    (self.a[pair.a], self.b[pair.b]),
                    (found[0].of(pair.a), found[1].of(pair.b)),
                    self.mode,
                    self.tolerance_ns,
                )

    def _cost(self, pair: Pair) -> int:
        return max(self.a[pair.a].segment_count, self.b[pair.b].segment_count)


def compare_captures(
    a: str | os.PathLike[str],
    b: str | os.PathLike[str],
    *,
    mode: Mode | None = None,
    selected: Collection[int] | None = None,
    tolerance_ns: int = TOLERANCE_NS,
) -> Comparison:
    """Compare two stored captures. Each is read at least twice.

    Args:
        a: The path of the first capture.
        b: The path of the second capture.
        mode: Whether the captures are from two places or from two runs; None to derive it from the captures.
        selected: The numbers of A's connections to compare; None for all.
        tolerance_ns: How much longer a segment may take before it counts as late, in nanoseconds.

    Returns:
        The comparison.

    Raises:
        UsageError: A path is standard input, or A has no connection with a selected number.
        AnalyzerError: A capture cannot be read, as for `analyze`.
    """
    paths = stored_file(a), stored_file(b)
    traces = analyze_whole(paths[0]), analyze_whole(paths[1])
    for number in selected or ():
        if not 0 <= number < len(traces[0]):
            raise UsageError(
                say(
                    "{capture} has no connection {number}",
                    number=number,
                    capture=traces[0].capture.path,
                )
            )
    captures = _Capture(paths[0], traces[0]), _Capture(paths[1], traces[1])
    prints_a, prints_b = (
        [fingerprint(connection, heads.of(connection.id, HEAD)) for connection in trace]
        for trace, heads in (
            (trace, capture.heads()) for trace, capture in zip(traces, captures, strict=True)
        )
    )
    found = mode or mode_of(prints_a, prints_b)
    pairs = pair_connections(prints_a, prints_b, found)
    paired = {pair.a for pair in pairs}, {pair.b for pair in pairs}
    only_a = [connection.id for connection in traces[0] if connection.id not in paired[0]]
    only_b = [connection.id for connection in traces[1] if connection.id not in paired[1]]
    if selected is not None:
        pairs = [pair for pair in pairs if pair.a in selected]
        only_a, only_b = [number for number in only_a if number in selected], []
    return Comparison(
        *traces, found, mode is not None, tuple(pairs), tuple(only_a), tuple(only_b), tolerance_ns, *captures
    )


class _Capture:
    """The segments of one capture, read again when they are needed."""

    def __init__(self, path: str, trace: Trace) -> None:
        self._path = path
        self._small = trace.capture.tcp_segments <= OBSERVATIONS_KEPT
        self._all: Observations | None = None

    def heads(self) -> Observations:
        """The first segments of every connection; all segments of a small capture."""
        if self._small:
            self._all = self._read(None, None)
            return self._all
        return self._read(None, HEAD)

    def observations(self, wanted: set[int]) -> Observations:
        """All segments of these connections."""
        return self._read(wanted, None) if self._all is None else self._all

    def _read(self, wanted: set[int] | None, most: int | None) -> Observations:
        keeper = _Keeper(wanted, most)
        with ORDINARY.open(self._path) as records:
            segments(records, ORDINARY, keeper).run()
        return keeper.found


class _Keeper:
    """Keeps what a comparison needs of the segments, in `found`."""

    def __init__(self, wanted: set[int] | None, most: int | None) -> None:
        """Keep nothing yet.

        Args:
            wanted: The numbers of the connections to keep; None for all.
            most: How many segments of each connection to keep; None for all.
        """
        self.found = Observations()
        self._wanted = wanted
        self._most = most
        self._counts: Counter[int] = Counter()

    def segment(self, header: Header, step: Step, connection: Machine, frame: int, time_ns: int) -> None:
        """Keep a segment if it is wanted."""
        number = int(connection.number)
        if self._wanted is None or number in self._wanted:
            if self._most is not None:
                self._counts[number] += 1
                if self._counts[number] > self._most:
                    return
            self.found.keep(number, header, step, frame, time_ns)

    def ended(self, connection: Machine, left: bool) -> None:
        """Note whether the server is the first endpoint of a connection that has ended."""
        if roles(connection)[0]:
            self.found.turn(int(connection.number))
