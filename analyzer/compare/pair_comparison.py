"""Compares two connections that correspond to each other: their segments, the connections as a whole, the times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from analyzer.compare.alignment import Match, align, kind_of, out_of_order, shifts_of
from analyzer.compare.changes import Numbering, connection_changes, segment_changes
from analyzer.compare.clocks import Passage, estimate_clocks
from analyzer.compare.differences import DIFFERENCES, Clocks, Mode, Observation, Pair, PairComparison, Row
from analyzer.compare.observation import timestamps_of
from analyzer.trace.values import Connection

__all__ = ["compare"]


def compare(
    pair: Pair,
    connections: tuple[Connection, Connection],
    observations: tuple[Sequence[Observation], Sequence[Observation]],
    mode: Mode,
    tolerance_ns: int,
) -> PairComparison:
    """Compare one pair.

    Args:
        pair: Which connections they are.
        connections: The connections of A and of B.
        observations: All segments of A and of B, in the order of their captures. Each capture names the sides itself.
        mode: Whether the captures are from two places or from two runs.
        tolerance_ns: How much longer a segment may take before it counts as late, in nanoseconds.

    Returns:
        The comparison.
    """
    a, b = (
        [one._replace(from_client=not one.from_client) for one in found] if pair.turned == side else found
        for side, found in zip("ab", observations, strict=True)
    )
    first, second = (
        _turned(one) if pair.turned == side else one for side, one in zip("ab", connections, strict=True)
    )
    bases, shifts = shifts_of(a, b, mode)
    matches = align(a, b, mode, shifts)
    singles = [(a[match.a[0]], b[match.b[0]]) for match in matches if len(match.a) == len(match.b) == 1]
    numbering = Numbering(shifts, bases, _timestamp_shifts(singles))
    clocks = None
    if mode == "two-places":
        clocks = estimate_clocks(
            [
                Passage(one.from_client, one.time_ns, two.time_ns - one.time_ns, (one.hops, two.hops))
                for one, two in singles
            ]
        )
    rows = _rows(matches, a, b, numbering, mode, clocks, tolerance_ns)
    facts = tuple(connection_changes(first, second, singles, numbering, mode))
    return PairComparison(mode, pair, first, second, facts, tuple(rows), clocks, bases, shifts)


def _turned(connection: Connection) -> Connection:
    """The connection with client and server exchanged."""
    close, other = connection.close, {"client": "server", "server": "client"}
    active: Any = close.active and other.get(close.active, close.active)
    time_wait: Any = tuple(other[side] for side in close.time_wait)
    return replace(
        connection,
        client=connection.server,
        server=connection.client,
        client_data=connection.server_data,
        server_data=connection.client_data,
        client_state=connection.server_state,
        server_state=connection.client_state,
        close=replace(close, active=active, time_wait=time_wait),
    )


def _timestamp_shifts(singles: Sequence[tuple[Observation, Observation]]) -> tuple[int | None, int | None]:
    """What to add to the timestamps of client and server, from the first segment with timestamps in both captures."""
    found: list[int | None] = []
    for from_client in (True, False):
        shift = None
        for one, two in singles:
            if one.from_client is from_client:
                values = timestamps_of(one), timestamps_of(two)
                if values[0] and values[1]:
                    shift = (values[1][0] - values[0][0]) % 2**32
                    break
        found.append(shift)
    return found[0], found[1]


def _rows(
    matches: Sequence[Match],
    a: Sequence[Observation],
    b: Sequence[Observation],
    numbering: Numbering,
    mode: Mode,
    clocks: Clocks | None,
    tolerance_ns: int,
) -> list[Row]:
    moved = _moved(matches, a, clocks)
    in_both = {
        (one.from_client, one.seq, *_again(one))
        for match in matches
        if match.b
        for one in (a[place] for place in match.a)
    }
    rows: list[Row] = []
    latest: tuple[int, int] | None = None
    for number, match in enumerate(matches):
        ones, twos = tuple(a[place] for place in match.a), tuple(b[place] for place in match.b)
        differences: set[str] = set()
        if not ones or not twos:
            one = (ones or twos)[0]
            differences.add(_alone(one, bool(ones), in_both, numbering, clocks))
            rows.append(Row(ones, twos, _named(differences)))
            continue
        changes = () if match.missing_bytes else tuple(segment_changes(ones, twos, numbering, mode))
        if changes:
            differences.add("changed")
        if match.missing_bytes:
            differences.add("missing")
        if len(ones) != len(twos) or len(ones) > 1:
            differences.add("resegmented")
        if number in moved:
            differences.add("reordered")
        times = (ones[0], twos[0]) if len(ones) == 1 else (ones[-1], twos[-1])
        delay = late = None
        if clocks is None:
            now = (times[0].time_ns, times[1].time_ns)
            if latest is not None:
                late = (now[1] - latest[1]) - (now[0] - latest[0])
            latest = now
        else:
            delay, late = _way(times[0], times[1].time_ns, clocks)
        if late is not None and late > tolerance_ns:
            differences.add("late")
        rows.append(Row(ones, twos, _named(differences), changes, match.missing_bytes, delay, late))
    return rows


def _named(differences: set[str]) -> tuple[str, ...]:
    return tuple(kind.name for kind in DIFFERENCES if kind.name in differences)


def _again(one: Observation) -> tuple[int, int, int]:
    """What copies of a segment have in common. Those of a pure acknowledgement also have the same number."""
    length, turns = kind_of(one)
    return length, turns, 0 if length or turns else one.ack


def _alone(
    one: Observation,
    in_a: bool,
    in_both: set[tuple[bool, int, int, int, int]],
    numbering: Numbering,
    clocks: Clocks | None,
) -> str:
    """What a segment in only one capture is: missing in the other, or an extra copy."""
    if clocks is not None and clocks.client_side:
        at_sender = (clocks.client_side == "a") == (one.from_client == in_a)
        if at_sender:
            return "missing"
    own, other = numbering.shifts if one.from_client else numbering.shifts[::-1]
    length, turns, ack = _again(one)
    if not in_a:
        one = one._replace(seq=(one.seq - own) % 2**32)
        ack = (ack - other) % 2**32 if ack else 0
    return "extra" if (one.from_client, one.seq, length, turns, ack) in in_both else "missing"


def _moved(matches: Sequence[Match], a: Sequence[Observation], clocks: Clocks | None) -> set[int]:
    """The matches that arrive in a different order than they were sent, for each sender."""
    moved: set[int] = set()
    for from_client in (True, False):
        numbers = [
            number
            for number, match in enumerate(matches)
            if match.a and match.b and a[match.a[0]].from_client is from_client
        ]
        places = [matches[number].b[0] for number in numbers]
        if clocks is not None and clocks.client_side and (clocks.client_side == "b") == from_client:
            # They travel towards A, so B has the order in which they were sent.
            numbers.sort(key=lambda number: matches[number].b[0])
            places = [matches[number].a[0] for number in numbers]
        moved |= {numbers[position] for position in out_of_order(places)}
    return moved


def _way(one: Observation, time_b: int, clocks: Clocks) -> tuple[int | None, int | None]:
    """How long a segment took between the places, and how much longer than the fastest one."""
    between = time_b - one.time_ns - clocks.difference_at(one.time_ns)
    # For a segment towards A the difference has the opposite sign.
    sign = -1 if (clocks.client_side == "b") == one.from_client else 1
    fastest = clocks.fastest_ns[0 if one.from_client else 1]
    late = None if fastest is None else max(sign * (between - fastest), 0)
    delay = None if clocks.offset_ns is None or clocks.trouble else sign * (between - clocks.offset_ns)
    return delay, late
