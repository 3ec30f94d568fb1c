"""Estimates the offset and the drift of two clocks from the times of one exchange at two places.

A segment from the client passes the place nearer to the client first. A segment from the server passes it last. If
B's clock is ahead by an offset, tB - tA is the offset plus the delay in one direction, and the offset minus the delay
in the other. So the fastest segment of each direction limits the offset from above and from below. The estimate is
the middle, as in NTP (RFC 5905 8). Half the distance of the two limits is its uncertainty. The estimate assumes that
both directions take equally long. No capture can show whether they do. A clock that runs faster gives both limits a
slope (Paxson, "On calibrating measurements of packet transit times", 1998; the convex hull follows Moon, Skelly and
Towsley, 1999).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from analyzer.compare.differences import Clocks

__all__ = ["TROUBLES", "Passage", "estimate_clocks"]

TROUBLES: Final = {
    "one-direction": "both captures share segments of only one direction, so the offset of the clocks cannot be "
    "separated from the delay: times show how much longer than the fastest segment each one took",
    "no-segments": "the captures have no segment in common",
    "same-place": "the captures do not show which of them is nearer to the client",
    "stepped": "the clocks do not allow one-way delays: some segments would arrive before they were sent, e.g. "
    "because a clock was set or slewed during the capture",
}
"""Name -> why there are no one-way delays."""

DRIFT_SAMPLES: Final = 8  # segments of each direction
DRIFT_SPAN_NS: Final = 1_000_000_000
DRIFT_MOST: Final = 1e-3  # a quartz is off by at most 1e-4, and NTP may slew it by another 5e-4


class Passage(NamedTuple):
    """One segment that both captures have.

    Attributes:
        from_client: Whether the client sent it.
        time_ns: Its time in A.
        difference_ns: Its time in B minus its time in A.
        hops: Its TTL or hop limit in A and in B.
    """

    from_client: bool
    time_ns: int
    difference_ns: int
    hops: tuple[int, int]


def estimate_clocks(passages: Sequence[Passage]) -> Clocks:
    """Estimate the offset between two clocks, and which capture is nearer to the client."""
    since = min((one.time_ns for one in passages), default=0)
    points = [
        [(one.time_ns - since, one.difference_ns) for one in passages if one.from_client is side]
        for side in (True, False)
    ]
    client_side = _client_side(passages, points)
    fastest = _fastest(points, client_side, 0.0)
    trouble = ""
    if not passages:
        trouble = "no-segments"
    elif not all(points):
        trouble = "one-direction"
    elif not client_side:
        trouble = "" if len({y for one in points for _, y in one}) == 1 else "same-place"
    if trouble or not client_side:
        offset = points[0][0][1] if passages and not trouble else None
        return Clocks(client_side, offset, 0, 0.0, since, fastest, trouble)
    drift = _drift(points, client_side)
    fastest = _fastest(points, client_side, drift)
    first, second = fastest
    assert first is not None
    assert second is not None
    between = first - second if client_side == "a" else second - first
    if between < 0:
        return Clocks(client_side, None, 0, drift, since, fastest, "stepped")
    return Clocks(client_side, (first + second) // 2, (between + 1) // 2, drift, since, fastest, "")


def _client_side(passages: Iterable[Passage], points: Sequence[Sequence[tuple[int, int]]]) -> str:
    """The capture that the client's segments pass first: by the hop limit, which routers lower, or by the times."""
    for one in passages:
        before, after = one.hops if one.from_client else one.hops[::-1]
        if before != after:
            return "a" if before > after else "b"
    if not all(points):
        return ""
    client, server = (sorted(y for _, y in side)[len(side) // 2] for side in points)
    return "" if client == server else "a" if client > server else "b"


def _fastest(
    points: Sequence[Sequence[tuple[int, int]]], client_side: str, drift: float
) -> tuple[int | None, int | None]:
    """The time difference of the fastest segment in each direction: the least towards B, the greatest from B."""
    found = [
        (min if towards_b else max)((y - round(drift * x) for x, y in side), default=None)
        for side, towards_b in zip(points, (client_side != "b", client_side == "b"), strict=True)
    ]
    return found[0], found[1]


def _drift(points: Sequence[list[tuple[int, int]]], client_side: str) -> float:
    """How much faster B's clock runs; 0 unless both directions show the same."""
    slopes: list[float] = []
    for side, towards_b in zip(points, (client_side == "a", client_side == "b"), strict=True):
        span = max(side)[0] - min(side)[0]
        if len(side) < DRIFT_SAMPLES or span < DRIFT_SPAN_NS:
            return 0.0
        sign = 1 if towards_b else -1
        (x, y), (next_x, next_y) = _middle_edge([(x, sign * y) for x, y in side])
        # A short edge comes from a queue that emptied, not from a clock.
        if next_x - x < span / 2:
            return 0.0
        slopes.append(sign * (next_y - y) / (next_x - x))
    drift = sum(slopes) / 2
    return drift if abs(slopes[0] - slopes[1]) <= abs(drift) / 4 and abs(drift) <= DRIFT_MOST else 0.0


def _middle_edge(points: list[tuple[int, int]]) -> tuple[tuple[int, int], tuple[int, int]]:
    """The edge of the lower convex hull at the mean of the points: the closest line below all of them."""
    points.sort()
    hull: list[tuple[int, int]] = []
    for x, y in points:
        while len(hull) > 1 and (hull[-1][0] - hull[-2][0]) * (y - hull[-2][1]) <= (
            hull[-1][1] - hull[-2][1]
        ) * (x - hull[-2][0]):
            hull.pop()
        if hull and hull[-1][0] == x:
            continue
        hull.append((x, y))
    mean = sum(x for x, _ in points) / len(points)
    place = next(place for place in range(1, len(hull)) if hull[place][0] >= mean or place == len(hull) - 1)
    return hull[place - 1], hull[place]
