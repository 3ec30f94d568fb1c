"""Connections as two captures saw them, from transcripts in the notation of tests/tcp/transcript.py.

No labels are needed here: `> P. 1:3(2) ack 1` is a whole line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from analyzer.compare.differences import Mode, Observation, PairComparison, Row
from analyzer.compare.observation import Observations
from analyzer.compare.pair_comparison import compare
from analyzer.compare.pairing import Fingerprint, fingerprint, mode_of, pair_connections
from analyzer.tcp.table import ConnectionTable
from analyzer.tcp.verdict import roles
from analyzer.trace.build import build_connection
from analyzer.trace.values import Connection, Segment
from analyzer.wire.header import Header
from analyzer.wire.skips import SEGMENT
from tests.tcp.transcript import World, frames, read

MS = 1_000_000
# A transcript's payloads follow from the sequence numbers, so that these worlds, whose ISNs differ by multiples of 26,
# have the same ones; none wraps within a segment.
WORLD = World(26_000, 26 * 10**8 - 26)
ANOTHER_RUN = World(780_000, 884_000, first_port=41234)
NAT = World(26_000, 26 * 10**8 - 26, first="203.0.113.9", first_port=6001)
RENUMBERED = World(5_200, 26 * 10**8 - 26)
WRAPPING = World(2**32 - 50, 2**31 - 30)

SYNS = """
    > S 0:0(0) win 64240 <mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 7>
    < S. 0:0(0) ack 1 win 65160 <mss 1460,sackOK,TS val 900 ecr 100,nop,wscale 7>
    > . 1:1(0) ack 1
"""
TALK = (
    SYNS
    + """
    > P. 1:101(100) ack 1
    < . 1:1(0) ack 101
    < P. 1:51(50) ack 101
    > . 101:101(0) ack 51
    > F. 101:101(0) ack 51
    < F. 51:51(0) ack 102
    > . 102:102(0) ack 52
"""
)


class Seen(NamedTuple):
    """One connection as one capture saw it."""

    connection: Connection
    segments: list[Observation]

    @property
    def fingerprint(self) -> Fingerprint:
        return fingerprint(self.connection, self.segments)


class _Nothing:
    def at_hand(self, number: int) -> bool:
        return True

    def segments(self, number: int) -> list[Segment]:
        return []


def seen(transcript: str, world: World = WORLD) -> Seen:
    """The only connection of a transcript; without an opening the second line's side is not the client."""
    lines = read("\n".join(f"{line} ; ack" for line in transcript.splitlines() if line.strip()))
    table = ConnectionTable(0, 0)
    observations = Observations()
    for number, (frame, cut, time_ns) in enumerate(frames(lines, world), 1):
        header = Header()
        kept = len(frame) - cut
        assert header.decode(frame[:kept], 0, kept, len(frame), world.link_type) == SEGMENT
        table.observe(header, number, time_ns)
        observations.keep(0, header, table.step, number, time_ns)
    machine = table.connections[-1]
    if roles(machine)[0]:
        observations.turn(0)
    return Seen(build_connection(machine, _Nothing()), observations.of(0))


def moved(
    capture: Seen,
    *,
    delay_ms: float = 4,
    offset_ms: float = 0,
    drift: float = 0,
    hops: int = 0,
    change: Callable[[Observation], Observation] = lambda one: one,
) -> Seen:
    """What a capture behind the way sees: the client's segments later, the server's earlier, in order of that clock."""
    start = capture.segments[0].time_ns
    there = []
    for one in capture.segments:
        way = round(delay_ms * MS) if one.from_client else -round(delay_ms * MS)
        time = one.time_ns + way + round(offset_ms * MS + drift * (one.time_ns - start))
        there.append(change(one._replace(time_ns=time, hops=one.hops - (hops if one.from_client else -hops))))
    return Seen(capture.connection, renumbered(there))


def renumbered(segments: Iterable[Observation]) -> list[Observation]:
    """In the order of their times, with the frames of a capture of their own."""
    ordered = sorted(segments, key=lambda one: one.time_ns)
    return [one._replace(frame=number) for number, one in enumerate(ordered, 1)]


def without(capture: Seen, *frames: int) -> Seen:
    """The capture but for some frames."""
    return Seen(capture.connection, renumbered(one for one in capture.segments if one.frame not in frames))


def compared(a: Seen, b: Seen, mode: Mode | None = None, tolerance_ms: float = 1000) -> PairComparison:
    """Both, compared as the one connection they hold."""
    prints = [a.fingerprint], [b.fingerprint]
    mode = mode or mode_of(*prints)
    pairs = pair_connections(*prints, mode)
    assert len(pairs) == 1
    return compare(
        pairs[0], (a.connection, b.connection), (a.segments, b.segments), mode, round(tolerance_ms * MS)
    )


def said(row: Row) -> str:
    """A row in short: the frames of A and B, the differences, the changes."""
    sides = ["+".join(str(one.frame) for one in side) or "-" for side in (row.a, row.b)]
    changes = [f"{change.what} {change.in_a} -> {change.in_b}" for change in row.changes]
    missing = [f"{row.missing_bytes} bytes"] if row.missing_bytes else []
    return " ".join(["|".join(sides), *row.differences, *(f"[{text}]" for text in changes + missing)])


def differing(comparison: PairComparison) -> list[str]:
    """The rows with a difference, in short."""
    return [said(row) for row in comparison.rows if row.differences]
