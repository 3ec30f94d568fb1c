"""Two clocks and the way between them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.compare.clocks import TROUBLES, Passage, estimate_clocks
from analyzer.compare.differences import Clocks

MS = 1_000_000
SECOND = 1_000_000_000


def passages(
    *,
    there: tuple[int, ...] = (10, 13, 10),
    back: tuple[int, ...] = (12, 10, 15),
    offset: int = 0,
    drift: float = 0,
    every: int = 100,
    hops: tuple[int, int] = (64, 64),
    mirrored: bool = False,
) -> list[Passage]:
    """A client's and a server's segments in turn; all times in ms. mirrored: B is the client's capture."""
    found = []
    for number, delays in enumerate(zip(there, back, strict=True)):
        for from_client, delay in zip((True, False), delays, strict=True):
            time = (2 * number + (not from_client)) * every * MS
            way = delay * MS if from_client else -delay * MS
            clock = round(offset * MS + drift * time)
            found.append(Passage(from_client, time, clock + (-way if mirrored else way), hops))
    return found


def test_the_offset_lies_in_the_middle_and_the_doubt_is_half_of_the_way() -> None:
    clocks = estimate_clocks(passages(offset=3500))
    assert (clocks.client_side, clocks.offset_ns, clocks.uncertainty_ns) == ("a", 3500 * MS, 10 * MS)
    assert clocks.fastest_ns == (3510 * MS, 3490 * MS)
    assert (clocks.drift, clocks.trouble) == (0, "")


def test_the_other_way_round() -> None:
    clocks = estimate_clocks(passages(offset=-20, mirrored=True))
    assert (clocks.client_side, clocks.offset_ns, clocks.uncertainty_ns) == ("b", -20 * MS, 10 * MS)


@given(
    st.lists(st.tuples(st.integers(1, 500), st.integers(1, 500)), min_size=1, max_size=20),
    st.integers(-(10**6), 10**6),
    st.booleans(),
)
def test_the_true_offset_is_never_outside_of_the_doubt(
    delays: list[tuple[int, int]], offset: int, mirrored: bool
) -> None:
    there, back = zip(*delays, strict=True)
    found = estimate_clocks(passages(there=there, back=back, offset=offset, mirrored=mirrored))
    assert found.client_side == ("b" if mirrored else "a")
    assert found.offset_ns is not None
    assert abs(found.offset_ns - offset * MS) <= found.uncertainty_ns


def test_routers_tell_where_times_do_not() -> None:
    assert estimate_clocks(passages(hops=(61, 64))[:1]).client_side == "b"
    assert estimate_clocks(passages(hops=(64, 61))[:1]).client_side == "a"


def test_one_direction_leaves_what_is_longer_than_the_fastest() -> None:
    clocks = estimate_clocks([one for one in passages() if one.from_client])
    assert (clocks.trouble, clocks.offset_ns, clocks.fastest_ns) == ("one-direction", None, (10 * MS, None))


def test_nothing_is_known_of_nothing() -> None:
    assert estimate_clocks([]).trouble == "no-segments"


def test_one_place() -> None:
    clocks = estimate_clocks(passages(there=(0, 0, 0), back=(0, 0, 0), offset=7))
    assert (clocks.client_side, clocks.trouble, clocks.offset_ns) == ("", "", 7 * MS)
    noisy = passages(there=(0, 1, -1), back=(0, 1, -1))
    assert estimate_clocks(noisy).trouble == "same-place"


def test_a_clock_that_was_set_allows_nothing() -> None:
    there = passages(there=(10,) * 12, back=(10,) * 12)
    stepped = [
        one._replace(difference_ns=one.difference_ns + (SECOND if place > 11 else 0))
        for place, one in enumerate(there)
    ]
    clocks = estimate_clocks(
        [one._replace(hops=(64, 60) if one.from_client else (60, 64)) for one in stepped]
    )
    assert (clocks.trouble, clocks.offset_ns) == ("stepped", None)


def test_a_clock_that_runs_faster_is_told_from_a_way_that_grows_longer() -> None:
    jitter = tuple(10 + (7 * number) % 5 for number in range(40))
    clocks = estimate_clocks(passages(there=jitter, back=jitter[::-1], offset=100, drift=50e-6))
    assert clocks.drift == pytest.approx(50e-6, rel=0.05)
    assert clocks.trouble == ""
    assert abs((clocks.offset_ns or 0) - 100 * MS) <= clocks.uncertainty_ns
    assert clocks.uncertainty_ns == pytest.approx(10 * MS, rel=0.02)
    assert clocks.difference_at(SECOND) == round(clocks.drift * SECOND)
    # Growing queues make both directions slower; no clock does.
    growing = tuple(10 + number for number in range(40))
    assert estimate_clocks(passages(there=growing, back=growing)).drift == 0
    assert estimate_clocks(passages(there=jitter, back=jitter[::-1], drift=50e-3)).drift == 0
    assert estimate_clocks(passages(there=growing, back=(10,) * 40, every=5000)).drift == 0
    # Two fast segments close to each other are an accident, even where the way back has the like.
    there, back = ([30] * 40 for _ in range(2))
    there[19:22], back[19:22] = [10, 30, 11], [11, 30, 10]
    assert estimate_clocks(passages(there=tuple(there), back=tuple(back), every=1000)).drift == 0
    few = (10,) * 5
    assert estimate_clocks(passages(there=few, back=few, drift=50e-6, every=1000)).drift == 0


def test_every_trouble_has_a_sentence() -> None:
    assert set(TROUBLES) == {"one-direction", "no-segments", "same-place", "stepped"}
    assert Clocks("", None, 0, 0.0, 0, (None, None), "").difference_at(5) == 0
