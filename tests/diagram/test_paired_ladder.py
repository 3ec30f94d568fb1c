"""What a comparison looks like before anybody draws it."""

from __future__ import annotations

import pytest

from analyzer.compare.differences import Change, PairComparison
from analyzer.diagram.paired_ladder import (
    ComparedArrow,
    ComparedDiagram,
    ComparedFold,
    change_message,
    lay_out_comparison,
    span,
)
from tests.compare.builders import ANOTHER_RUN, MS, NAT, TALK, compared, moved, renumbered, seen, without
from tests.compare.test_alignment import LOSSY


def laid_out(comparison: PairComparison, *, fold: bool = True) -> ComparedDiagram:
    return lay_out_comparison(comparison, ("a.pcap", "b.pcap"), 5 * MS, fold=fold)


def arrows(comparison: PairComparison) -> list[ComparedArrow]:
    return [row for row in laid_out(comparison, fold=False).rows if isinstance(row, ComparedArrow)]


def test_the_client_is_where_its_capture_is() -> None:
    a = seen(TALK)
    there = laid_out(compared(a, moved(a, hops=1)))
    assert there.heads == ("client", "server")
    back = laid_out(compared(moved(a, hops=1), a))
    assert back.heads == ("server", "client")
    first, other = (diagram.rows[0] for diagram in (there, back))
    assert isinstance(first, ComparedArrow)
    assert isinstance(other, ComparedArrow)
    assert (first.arrow.to_right, other.arrow.to_right) == (True, False)


def test_times_are_those_of_one_clock_where_it_is_known() -> None:
    a = seen(TALK)
    diagram = laid_out(compared(a, moved(a, offset_ms=10**6, hops=1)))
    assert diagram.sloping
    assert [row.times for row in diagram.rows[:2]] == [(0, 4 * MS), (10 * MS, 6 * MS)]
    runs = laid_out(compared(a, seen(TALK, ANOTHER_RUN), "two-runs"))
    assert not runs.sloping
    assert runs.rows[1].times == (10 * MS, 10 * MS)


def test_marks() -> None:
    a = seen(LOSSY)
    b = moved(without(a, 5), hops=3)
    lost = arrows(compared(a, b))[4]
    assert (lost.marks, lost.lost, lost.frames, lost.times[1]) == (
        ("only in A: lost on the way",), True, ("5", ""), None,
    )  # fmt: skip
    unseen = arrows(compared(without(a, 6), moved(a, hops=3)))[5]
    assert (unseen.marks, unseen.lost) == (("only in B: A did not capture it",), False)
    assert arrows(compared(a, without(a, 6)))[5].marks == ("only in A",)
    twice = moved(a, hops=3)
    again = twice.segments[3]._replace(time_ns=twice.segments[3].time_ns + 10)
    both = twice._replace(segments=renumbered([*twice.segments, again]))
    assert [row.marks for row in arrows(compared(a, both)) if row.differences] == [
        ("only in B: duplicated on the way",)
    ]
    runs = compared(without(a, 9), a, "two-runs")
    assert [row.marks for row in arrows(runs) if "extra" in row.differences] == [
        ("only in B: retransmission",)
    ]
    # An acknowledgement is not a retransmission.
    runs = compared(without(a, 8), a, "two-runs")
    assert [row.marks for row in arrows(runs) if "extra" in row.differences] == [("only in B: extra copy",)]


def test_a_pause_between_runs_is_late_or_early() -> None:
    slow = seen(TALK.replace("< P. 1:51(50)", "+0.3 < P. 1:51(50)"), ANOTHER_RUN)
    assert arrows(compared(seen(TALK), slow, "two-runs"))[5].marks == ("290 ms late",)
    assert arrows(compared(slow, seen(TALK), "two-runs"))[5].marks == ("290 ms early",)


def test_a_change_is_told_in_the_direction_of_travel() -> None:
    a = seen(TALK)
    b = moved(a, hops=1, change=lambda one: one._replace(window=one.window // 2))
    syn, answer = arrows(compared(a, b))[:2]
    assert syn.marks == ("window 64240 → 32120",)
    assert answer.marks == ("window 32580 → 65160",)


def test_numbers_of_a_segment_in_b_alone_count_as_those_of_a() -> None:
    a, b = seen(TALK), moved(seen(TALK, NAT), hops=1)
    row = arrows(compared(without(a, 6), b))[5]
    assert (row.arrow.seq, row.arrow.ack, row.arrow.length, row.frames) == (1, 101, 50, ("", "6"))


def test_long_runs_are_folded() -> None:
    talk = TALK + "".join(f"> P. {102 + 2 * n}:{104 + 2 * n}(2) ack 52\n" for n in range(200))
    a = seen(talk)
    diagram = laid_out(compared(a, a))
    (fold,) = (row for row in diagram.rows if isinstance(row, ComparedFold))
    assert (fold.fold.segments_to_right, fold.fold.segments_to_left, fold.fold.bytes_to_right) == (
        194,
        0,
        388,
    )
    assert fold.times[0] == fold.times[1]
    assert fold.differences == ()
    assert len(laid_out(compared(a, a), fold=False).rows) == len(a.segments)


def test_changes_in_words() -> None:
    assert change_message(Change("changed", "MSS", "1460", "1400")) == "MSS 1460 → 1400"
    assert change_message(Change("changed", "payload", "", "")) == "payload changed"


@pytest.mark.parametrize(
    ("nanoseconds", "expected"),
    [
        (812_000, "812 µs"),
        (999_600, "1 ms"),
        (3_200_000, "3.2 ms"),
        (999_600_000, "1.00 s"),
        (1_250 * MS, "1.25 s"),
    ],
)
def test_spans(nanoseconds: int, expected: str) -> None:
    assert span(nanoseconds) == expected
