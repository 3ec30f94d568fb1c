"""Which segments of two captures are the same one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from analyzer.compare.alignment import align, out_of_order, shifts_of
from tests.compare.builders import (
    ANOTHER_RUN,
    RENUMBERED,
    SYNS,
    TALK,
    WORLD,
    WRAPPING,
    compared,
    differing,
    moved,
    renumbered,
    seen,
    without,
)

LOSSY = (
    SYNS
    + """
    > P. 1:1001(1000) ack 1
    > P. 1001:2001(1000) ack 1
    > P. 2001:3001(1000) ack 1
    < . 1:1(0) ack 1001
    < . 1:1(0) ack 1001
    +0.2 > P. 1001:2001(1000) ack 1
    < . 1:1(0) ack 3001
"""
)


def test_of_a_lost_segment_and_its_repetition_the_second_arrives() -> None:
    a = seen(LOSSY)
    found = compared(a, moved(without(a, 5), hops=3))
    assert differing(found) == ["5|- missing"]


def test_also_where_nothing_tells_them_apart_but_time() -> None:
    a = seen(LOSSY.replace("ack 1\n", "ack 1 id 0\n"))
    found = compared(a, moved(without(a, 5), offset_ms=90_000))
    assert differing(found) == ["5|- missing"]


def test_numbers_that_wrap() -> None:
    a = seen(LOSSY, WRAPPING)
    assert differing(compared(a, a)) == []
    assert differing(compared(a, moved(without(a, 5), hops=3))) == ["5|- missing"]
    assert differing(compared(seen(BURST, WRAPPING), without(seen(BURST, WRAPPING), 6))) == ["6|- missing"]


def test_what_the_way_delivers_twice_is_extra() -> None:
    a = seen(TALK)
    b = moved(a, hops=2)
    twice = b.segments[3]
    b = b._replace(segments=renumbered([*b.segments, twice._replace(time_ns=twice.time_ns + 1000)]))
    assert differing(compared(a, b)) == ["-|5 extra"]


def test_an_acknowledgement_sent_twice_is_extra_and_not_missing_if_neither_capture_is_nearer() -> None:
    a = seen(TALK)
    twice = a.segments[4]
    b = a._replace(segments=renumbered([*a.segments, twice._replace(time_ns=twice.time_ns + 1000)]))
    assert differing(compared(a, b)) == ["-|6 extra"]


def test_two_that_overtake_each_other() -> None:
    a = seen(LOSSY)
    b = moved(a, change=lambda one: one._replace(time_ns=one.time_ns + 11_000_000) if one.frame == 5 else one)
    assert differing(compared(a, b)) == ["5|6 reordered"]
    # The one that is overtaken is the same whichever capture is A.
    assert differing(compared(b, a)) == ["6|5 reordered"]


BURST = SYNS + "> P. 1:4345(4344) ack 1\n< . 1:1(0) ack 4345\n> P. 4345:4445(100) ack 1"
PIECES = SYNS + (
    "> . 1:1449(1448) ack 1\n> . 1449:2897(1448) ack 1\n> P. 2897:4345(1448) ack 1\n"
    "< . 1:1(0) ack 4345\n> P. 4345:4445(100) ack 1"
)


def test_a_segment_that_the_card_cuts_is_the_same_bytes() -> None:
    a, b = seen(BURST), seen(PIECES)
    assert differing(compared(a, b)) == ["4|4+5+6 resegmented"]
    assert differing(compared(b, a)) == ["4+5+6|4 resegmented"]


def test_boundaries_that_agree_nowhere_but_at_the_ends() -> None:
    other = (
        SYNS
        + "> . 1:2001(2000) ack 1\n> P. 2001:4345(2344) ack 1\n< . 1:1(0) ack 4345\n> P. 4345:4445(100) ack 1"
    )
    assert differing(compared(seen(PIECES), seen(other))) == ["4+5+6|4+5 resegmented"]


def test_a_piece_of_a_joined_segment_is_missing() -> None:
    b = without(seen(PIECES), 5)
    assert differing(compared(seen(BURST), b)) == ["4|4+5 missing resegmented [1448 bytes]"]
    assert differing(compared(b, seen(BURST))) == ["4+5|4 missing resegmented [1448 bytes]"]


def test_pieces_of_which_the_last_alone_ends_the_connection() -> None:
    b = seen(PIECES.replace("> P. 2897:4345(1448)", "> FP. 2897:4345(1448)"))
    assert (
        differing(compared(seen(BURST), b))[0] == "4|4+5+6 changed resegmented [flags PSH,ACK -> FIN,PSH,ACK]"
    )


def test_joined_bytes_that_differ_are_changed() -> None:
    b = seen(PIECES)
    b.segments[4] = b.segments[4]._replace(content=5)
    assert differing(compared(seen(BURST), b)) == ["4|4+5+6 changed resegmented [payload  -> ]"]


def test_another_run_has_other_numbers_and_the_same_segments() -> None:
    assert differing(compared(seen(TALK), seen(TALK, ANOTHER_RUN))) == []


def test_in_another_run_the_first_is_the_first_and_the_repetition_is_what_is_new() -> None:
    once = without(seen(LOSSY, ANOTHER_RUN), 9)
    found = compared(seen(LOSSY), once, "two-runs")
    assert differing(found) == ["9|- extra"]


def test_a_capture_that_begins_midway_lacks_the_beginning_alone() -> None:
    a = seen(TALK)
    b = without(a, 1, 2, 3, 4)
    assert differing(compared(a, b)) == ["1|- missing", "2|- missing", "3|- missing", "4|- missing"]
    renumbered_ = without(seen(TALK, RENUMBERED), 1, 2, 3)
    assert differing(compared(a, renumbered_, "two-places")) == ["1|- missing", "2|- missing", "3|- missing"]


def test_shifts_are_counted_modulo_2_to_the_32() -> None:
    bases, shifts = shifts_of(seen(TALK).segments, seen(TALK, ANOTHER_RUN).segments, "two-runs")
    assert bases == (WORLD.first_isn, WORLD.second_isn)
    assert shifts == (754_000, (884_000 - WORLD.second_isn) % 2**32)
    midway = seen("> P. 500:600(100) ack 20\n< . 20:20(0) ack 600")
    assert shifts_of(midway.segments, midway.segments, "two-places") == (
        ((WORLD.first_isn + 499) % 2**32, (WORLD.second_isn + 19) % 2**32),
        (0, 0),
    )


@given(st.sets(st.integers(1, 10), max_size=9), st.sets(st.integers(1, 10), max_size=9))
def test_every_segment_stands_in_one_row_and_each_side_keeps_its_order(
    left: set[int], right: set[int]
) -> None:
    a, b = without(seen(TALK), *left), without(seen(TALK), *right)
    matches = align(a.segments, b.segments, "two-places", (0, 0))
    assert [place for match in matches for place in match.a] == list(range(len(a.segments)))
    assert sorted(place for match in matches for place in match.b) == list(range(len(b.segments)))
    both = set(range(1, 11)) - left - right
    assert sum(bool(match.a and match.b) for match in matches) == len(both)


@given(st.lists(st.integers(0, 30), unique=True))
def test_what_is_out_of_order_leaves_a_rising_rest(places: list[int]) -> None:
    out = out_of_order(places)
    rest = [place for position, place in enumerate(places) if position not in out]
    assert rest == sorted(rest)
    assert bool(out) == (places != sorted(places))


def test_one_that_moves_is_the_one_that_moved() -> None:
    assert out_of_order([0, 4, 1, 2, 3]) == {1}
    assert out_of_order([]) == set()
