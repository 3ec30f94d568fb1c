"""The values of a comparison."""

from __future__ import annotations

from analyzer.compare.differences import DIFFERENCES, FAILING, Row
from tests.compare.builders import NAT, TALK, compared, moved, seen, without


def test_differences_have_names_of_their_own_and_a_sentence() -> None:
    names = [difference.name for difference in DIFFERENCES]
    assert len(set(names)) == len(names)
    assert all(difference.meaning for difference in DIFFERENCES)
    assert {"unpaired", "outcome", "missing", "extra", "changed", "reordered"} == FAILING


def test_counts_follow_the_table_and_leave_out_what_is_only_worth_telling() -> None:
    found = compared(seen(TALK), moved(without(seen(TALK, NAT), 4, 5), hops=1))
    assert found.counts == {"missing": 2, "rewritten": 2}
    assert list(found.counts) == ["missing", "rewritten"]


def test_a_row_shows_a_before_b() -> None:
    one, two = seen(TALK).segments[:2]
    assert Row((one,), (two,)).shown is one
    assert Row((), (two,)).shown is two
