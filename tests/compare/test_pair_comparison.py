"""Whole pairs: what is lost, late, one-sided; what holds for every pair."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.compare.builders import MS, TALK, compared, differing, moved, said, seen, without
from tests.compare.test_alignment import BURST, LOSSY


@given(st.sampled_from([TALK, LOSSY, BURST]))
def test_a_capture_does_not_differ_from_itself(transcript: str) -> None:
    found = compared(seen(transcript), seen(transcript))
    assert (found.counts, found.facts) == ({}, ())
    assert all(len(row.a) == len(row.b) == 1 for row in found.rows)


@given(st.sampled_from([TALK, LOSSY]), st.sets(st.integers(2, 9), max_size=7), st.integers(-(10**7), 10**7))
def test_frames_dropped_are_those_missing(transcript: str, dropped: set[int], offset_ms: int) -> None:
    a = seen(transcript)
    found = compared(a, moved(without(a, *dropped), delay_ms=0, offset_ms=offset_ms))
    assert {one.frame for row in found.rows if not row.b for one in row.a} == dropped
    assert all(row.a for row in found.rows)
    assert set(found.counts) <= {"missing", "extra"}


@pytest.mark.slow
@given(st.sets(st.integers(1, 10), max_size=6), st.sets(st.integers(1, 10), max_size=6))
def test_a_comparison_is_symmetric(left: set[int], right: set[int]) -> None:
    a, b = without(seen(TALK), *left), without(seen(TALK), *right)
    one, other = compared(a, b, "two-places"), compared(b, a, "two-places")
    assert sorted((row.a, row.b) for row in one.rows) == sorted((row.b, row.a) for row in other.rows)
    assert one.counts == other.counts


def test_a_segment_that_was_held_up_is_late() -> None:
    a = seen(TALK)
    b = moved(a, change=lambda one: one._replace(time_ns=one.time_ns + MS) if one.length == 100 else one)
    found = compared(a, b, tolerance_ms=0.5)
    assert differing(found) == ["4|4 late"]
    row = found.rows[3]
    assert (row.late_ns, row.delay_ns) == (MS, 5 * MS)
    assert found.rows[1].delay_ns == 4 * MS
    back = compared(b, a, tolerance_ms=0.5)
    assert [(row.late_ns, row.delay_ns) for row in back.rows] == [
        (row.late_ns, row.delay_ns) for row in found.rows
    ]


def test_an_offset_and_a_drift_of_the_clock_are_no_delay() -> None:
    talk = TALK + "".join(
        f"> P. {102 + 2 * turn}:{104 + 2 * turn}(2) ack 52\n+0.5 < . 52:52(0) ack {104 + 2 * turn}\n"
        for turn in range(12)
    )
    found = compared(seen(talk), moved(seen(talk), offset_ms=-7000, drift=80e-6, hops=1), tolerance_ms=0.01)
    assert differing(found) == []
    assert found.clocks is not None
    assert round(found.clocks.drift * 1e6) == 80


def test_between_runs_what_is_late_is_the_pause_and_not_all_that_follows() -> None:
    slow = TALK.replace("< P. 1:51(50)", "+0.3 < P. 1:51(50)")
    found = compared(seen(TALK), seen(slow), "two-runs", tolerance_ms=5)
    assert differing(found) == ["6|6 late"]
    assert found.rows[5].late_ns == 290 * MS
    assert [row.late_ns for row in found.rows[:2]] == [None, 0]
    assert compared(seen(slow), seen(TALK), "two-runs", tolerance_ms=5).rows[5].late_ns == -290 * MS


def test_one_direction_alone() -> None:
    a = seen(TALK)
    b = without(moved(a, hops=1), 2, 5, 6, 9)
    found = compared(a, b)
    assert found.clocks is not None
    assert found.clocks.trouble == "one-direction"
    # What the client side did not send was not lost on its way: B does not have it.
    assert differing(found) == [f"{frame}|- missing" for frame in (2, 5, 6, 9)]


def test_what_b_alone_has_follows_what_came_before_it_there() -> None:
    b = seen(TALK)
    found = compared(without(b, 5, 6), b)
    assert [said(row).split()[0] for row in found.rows][3:6] == ["4|4", "-|5", "-|6"]


def test_relative_numbers_count_from_the_opening_that_either_has() -> None:
    a = seen(TALK)
    found = compared(without(a, 1, 2, 3), a)
    assert found.bases == (26_000, 26 * 10**8 - 26)
    assert found.shifts == (0, 0)
