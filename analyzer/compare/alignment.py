"""Aligns the segments of two connections that correspond to each other.

Segments are matched in steps. The first step matches segments that agree in everything, the last one those that agree
only in the bytes that they cover. Each step takes what the steps before it have left. What remains at the end is only
in one capture.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Final, NamedTuple

from analyzer.compare.differences import Mode, Observation
from analyzer.compare.observation import timestamps_of
from analyzer.wire.header import FIN, RST, SYN

__all__ = ["Match", "align", "kind_of", "out_of_order", "shifts_of"]

JOINED_MOST: Final = 512
"""The most pieces of one segment: half a megabyte, the most that an interface joins, in the smallest usual pieces."""

SAMPLE: Final = 101  # segments whose times show how far the clocks are apart

TURNS: Final = SYN | FIN | RST
"""Segments that differ in these flags are different segments. PSH, URG and the flags of ECN do not matter."""


class Match(NamedTuple):
    """Segments that are the same, by their places in both captures.

    Attributes:
        a: The places in A, in order; empty if only B has the segment.
        b: The places in B, in order; empty if only A has the segment.
        missing_bytes: How many bytes of a long segment the other capture does not have.
    """

    a: tuple[int, ...]
    b: tuple[int, ...]
    missing_bytes: int = 0


class _Numbers(NamedTuple):
    """One segment with its numbers converted to those of A."""

    one: Observation
    seq: int
    ack: int


_Key = Callable[[_Numbers], Hashable]


def kind_of(one: Observation) -> tuple[int, int]:
    """Segments with the same sequence number and the same value are copies of one segment."""
    return one.length, one.flags & TURNS


def _same_transmission(n: _Numbers) -> Hashable:
    one = n.one
    return n.seq, n.ack, one.flags, one.window, one.options, one.identification, one.length, one.content


def _same_header(n: _Numbers) -> Hashable:
    one = n.one
    return n.seq, n.ack, one.flags, one.window, timestamps_of(one), one.length, one.content


def _same_time(n: _Numbers) -> Hashable:
    return n.seq, n.ack, n.one.flags, timestamps_of(n.one), n.one.length, n.one.content


def _same_segment(n: _Numbers) -> Hashable:
    return n.seq, n.ack, n.one.flags, n.one.length, n.one.content


def _same_content(n: _Numbers) -> Hashable:
    return (n.seq, *kind_of(n.one), n.one.content) if _moves(n.one) else None


def _same_bytes(n: _Numbers) -> Hashable:
    return (n.seq, *kind_of(n.one)) if _moves(n.one) else None


def _same_acknowledgement(n: _Numbers) -> Hashable:
    return None if _moves(n.one) else (n.seq, n.ack)


def _moves(one: Observation) -> bool:
    """Whether the segment takes sequence numbers, or resets the connection."""
    return one.length > 0 or one.flags & TURNS != 0


# Between two runs, identification, window, timestamps and the rhythm of acknowledgements differ.
_STEPS: Final[dict[Mode, tuple[_Key, ...]]] = {
    "two-places": (
        _same_transmission,
        _same_header,
        _same_time,
        _same_segment,
        _same_content,
        _same_bytes,
        _same_acknowledgement,
    ),
    "two-runs": (_same_segment, _same_content, _same_bytes, _same_acknowledgement),
}


def shifts_of(
    a: Sequence[Observation], b: Sequence[Observation], mode: Mode
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Find how A's sequence numbers become B's.

    The initial sequence numbers show it if both captures have them. If a capture begins later, the first payload in
    both captures shows it. Without such a payload, there is an assumption: at two places, equal numbers mean the same
    bytes; in two runs, the first segments are the same.

    Returns:
        The numbers of A that relative numbers count from, and what to add to get the numbers of B. Of two values the
        first is the client's, the second the server's.
    """
    bases: list[int] = []
    shifts: list[int] = []
    for from_client in (True, False):
        isns = _isn(a, from_client), _isn(b, from_client)
        if isns[0] is not None and isns[1] is not None:
            shift = isns[1] - isns[0]
        else:
            shift = _shift_by_content(a, b, from_client, mode)
        base = isns[0]
        if base is None:
            base = _first_number(a, from_client) if isns[1] is None else isns[1] - shift
        if base is None:
            base = (_first_number(b, from_client) or 0) - shift
        bases.append(base % 2**32)
        shifts.append(shift % 2**32)
    return (bases[0], bases[1]), (shifts[0], shifts[1])


def _isn(segments: Iterable[Observation], from_client: bool) -> int | None:
    return next((one.seq for one in segments if one.flags & SYN and one.from_client is from_client), None)


def _first_number(segments: Iterable[Observation], from_client: bool) -> int | None:
    """One less than the first number seen, as Wireshark counts without a SYN."""
    for one in segments:
        if one.from_client is from_client:
            return one.seq - 1
        # Without the flag ACK, `ack` is 0.
        if one.ack:
            return one.ack - 1
    return None


def _shift_by_content(
    a: Sequence[Observation], b: Sequence[Observation], from_client: bool, mode: Mode
) -> int:
    numbered: dict[int, list[int]] = defaultdict(list)
    for one in a:
        if one.from_client is from_client and one.length > 1 and one.content is not None:
            numbered[one.content].append(one.seq)
    for two in b:
        if (
            two.from_client is from_client
            and two.length > 1
            and two.content is not None
            and numbered[two.content]
        ):
            numbers = numbered[two.content]
            return 0 if mode == "two-places" and two.seq in numbers else two.seq - numbers[0]
    first = _first_number(a, from_client), _first_number(b, from_client)
    if mode == "two-places" or first[0] is None or first[1] is None:
        return 0
    return first[1] - first[0]


def align(
    a: Sequence[Observation], b: Sequence[Observation], mode: Mode, shifts: tuple[int, int]
) -> list[Match]:
    """Match every segment of both captures, in the order of A. A segment only in B follows its predecessor in B."""
    found: list[Match] = []
    for from_client in (True, False):
        left = [
            (place, _numbers(one, (0, 0))) for place, one in enumerate(a) if one.from_client is from_client
        ]
        right = [
            (place, _numbers(two, shifts)) for place, two in enumerate(b) if two.from_client is from_client
        ]
        found += _align_direction(left, right, mode)
    return _in_order(found, len(b))


def _numbers(one: Observation, shifts: tuple[int, int]) -> _Numbers:
    own, other = shifts if one.from_client else shifts[::-1]
    ack = (one.ack - other) % 2**32 if one.ack else 0
    return _Numbers(one, (one.seq - own) % 2**32, ack)


_Placed = tuple[int, _Numbers]


def _align_direction(left: list[_Placed], right: list[_Placed], mode: Mode) -> list[Match]:
    found: list[Match] = []
    differences: list[int] = []
    for key in _STEPS[mode]:
        waiting: defaultdict[Hashable, tuple[list[_Placed], list[_Placed]]] = defaultdict(lambda: ([], []))
        for number, side in enumerate((left, right)):
            for placed in side:
                value = key(placed[1])
                if value is not None:
                    waiting[value][number].append(placed)
        taken: tuple[set[int], set[int]] = (set(), set())
        for ones, twos in waiting.values():
            for one, two in _partners(ones, twos, mode, differences):
                found.append(Match((one[0],), (two[0],)))
                taken[0].add(one[0])
                taken[1].add(two[0])
                if len(differences) < SAMPLE:
                    differences.append(two[1].one.time_ns - one[1].one.time_ns)
        left = [placed for placed in left if placed[0] not in taken[0]]
        right = [placed for placed in right if placed[0] not in taken[1]]
    regrouped, left, right = _regroup(left, right)
    found += regrouped
    parts = _parts(left, right)
    in_parts = (
        {place for match in parts for place in match.a},
        {place for match in parts for place in match.b},
    )
    found += parts
    found += [Match((place,), ()) for place, _ in left if place not in in_parts[0]]
    found += [Match((), (place,)) for place, _ in right if place not in in_parts[1]]
    return found


def _partners(
    ones: list[_Placed], twos: list[_Placed], mode: Mode, differences: Sequence[int]
) -> Iterable[tuple[_Placed, _Placed]]:
    """Match segments that look the same, each side in its order.

    Between two runs, the first matches the first. At two places, those match whose times fit best: if a segment is
    lost and retransmitted, the second copy is the one that arrives.
    """
    if len(ones) == len(twos) or not ones or not twos or mode == "two-runs":
        yield from zip(ones, twos, strict=False)
        return
    fewer, more = (ones, twos) if len(ones) < len(twos) else (twos, ones)
    sign = 1 if fewer is ones else -1
    # Nothing is matched yet: take the last ones, because the last retransmission arrived.
    apart = (
        sign * sorted(differences)[len(differences) // 2]
        if differences
        else more[-1][1].one.time_ns - fewer[-1][1].one.time_ns
    )
    place = 0
    for count, one in enumerate(fewer, 1):
        due = one[1].one.time_ns + apart
        last = len(more) - (len(fewer) - count)
        while place + 1 < last and abs(more[place + 1][1].one.time_ns - due) <= abs(
            more[place][1].one.time_ns - due
        ):
            place += 1
        yield (one, more[place]) if sign == 1 else (more[place], one)
        place += 1


def _regroup(left: list[_Placed], right: list[_Placed]) -> tuple[list[Match], list[_Placed], list[_Placed]]:
    """Match segments whose bytes are divided differently in the other capture."""
    by_start: tuple[dict[int, deque[_Placed]], dict[int, deque[_Placed]]] = ({}, {})
    for segments, starts in zip((left, right), by_start, strict=True):
        for placed in segments:
            if placed[1].one.length:
                starts.setdefault(placed[1].seq, deque()).append(placed)
    used: tuple[set[int], set[int]] = (set(), set())
    found: list[Match] = []
    for first in left:
        if first[0] in used[0] or not first[1].one.length:
            continue
        group: tuple[list[_Placed], list[_Placed]] = ([first], [])
        ends = [_end(first[1]), first[1].seq]
        # Add the next segment to the side that is behind, until both sides end at the same byte.
        while ends[0] != ends[1] and len(group[0]) + len(group[1]) < JOINED_MOST:
            side = 0 if (ends[1] - ends[0]) % 2**32 < 2**31 else 1
            waiting = by_start[side].get(ends[side], ())
            following = next(
                (placed for placed in waiting if placed[0] not in used[side] and placed not in group[side]),
                None,
            )
            if following is None:
                break
            group[side].append(following)
            ends[side] = _end(following[1])
        if ends[0] == ends[1]:
            match = Match(tuple(sorted(p for p, _ in group[0])), tuple(sorted(p for p, _ in group[1])))
            found.append(match)
            used[0].update(match.a)
            used[1].update(match.b)
            for side in (0, 1):
                for placed in group[side]:
                    by_start[side][placed[1].seq].remove(placed)
    return (
        found,
        [placed for placed in left if placed[0] not in used[0]],
        [placed for placed in right if placed[0] not in used[1]],
    )


def _end(numbers: _Numbers) -> int:
    return (numbers.seq + numbers.one.length) % 2**32


def _parts(left: list[_Placed], right: list[_Placed]) -> list[Match]:
    """Match long segments of one capture with the pieces that the other one has."""
    found: list[Match] = []
    used: tuple[set[int], set[int]] = (set(), set())
    for side, (whole, pieces) in enumerate(((left, right), (right, left))):
        starts = sorted((placed[1].seq, placed[0], placed) for placed in pieces if placed[1].one.length)
        keys = [start for start, _, _ in starts]
        for place, numbers in whole:
            end = numbers.seq + numbers.one.length
            inside: list[_Placed] = []
            reached = numbers.seq
            for start, other, placed in starts[bisect_left(keys, numbers.seq) : bisect_right(keys, end)]:
                finish = start + placed[1].one.length
                if other not in used[1 - side] and start >= reached and finish <= end and start < end:
                    inside.append(placed)
                    reached = finish
            if inside and place not in used[side]:
                missing = numbers.one.length - sum(placed[1].one.length for placed in inside)
                others = tuple(sorted(placed[0] for placed in inside))
                found.append(
                    Match((place,), others, missing) if side == 0 else Match(others, (place,), missing)
                )
                used[side].add(place)
                used[1 - side].update(others)
    return found


def _in_order(found: list[Match], count_b: int) -> list[Match]:
    """Sort by the order of A. A match only in B follows the match of its predecessor in B."""
    of_b: list[Match | None] = [None] * count_b
    for match in found:
        for place in match.b:
            of_b[place] = match
    ordered: list[tuple[int, int, int, Match]] = [(match.a[0], 0, 0, match) for match in found if match.a]
    anchor = -1
    for place, owner in enumerate(of_b):
        assert owner is not None
        if owner.a:
            anchor = owner.a[0]
        elif owner.b[0] == place:
            ordered.append((anchor, 1, place, owner))
    ordered.sort(key=lambda item: item[:3])
    return [match for _, _, _, match in ordered]


def out_of_order(places: Sequence[int]) -> set[int]:
    """The smallest set of positions to remove from `places` so that the rest is increasing."""
    tops: list[int] = []
    ends: list[int] = []
    before: list[int] = []
    for position, place in enumerate(places):
        length = bisect_left(tops, place)
        before.append(ends[length - 1] if length else -1)
        if length == len(tops):
            tops.append(place)
            ends.append(position)
        else:
            tops[length] = place
            ends[length] = position
    kept: set[int] = set()
    position = ends[-1] if ends else -1
    while position >= 0:
        kept.add(position)
        position = before[position]
    return set(range(len(places))) - kept
