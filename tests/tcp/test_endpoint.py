from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from analyzer.tcp.endpoint import HOLES_KEPT, Endpoint
from analyzer.tcp.sequence import advance, difference

PIECES = st.lists(st.tuples(st.integers(0, 120), st.integers(1, 30)), max_size=30)


@given(pieces=PIECES, start=st.sampled_from([0, 1000, 2**31 - 60, 2**32 - 60, 2**32 - 1]))
def test_octets_are_counted_once(pieces: list[tuple[int, int]], start: int) -> None:
    endpoint = Endpoint()
    seen: set[int] = set()
    for place, length in pieces:
        octets = set(range(place, place + length))
        assert endpoint.take_payload(advance(start, place), length) == len(octets - seen)
        seen |= octets
        assert endpoint.lowest == advance(start, min(seen))
        assert endpoint.highest == advance(start, max(seen) + 1)
        holes = endpoint.disorder_seen().holes or []
        covered = set(range(min(seen), max(seen) + 1)) - seen
        assert sum((end - begin) % 2**32 for begin, end in zip(holes[::2], holes[1::2], strict=True)) == len(
            covered
        )
        assert (endpoint.disorder_seen().holes is None) == (not covered)


NUMBERS = st.one_of(
    st.integers(0, 2**32 - 1),
    st.sampled_from([0, 1, 2, 2**30, 2**31 - 1, 2**31, 2**31 + 1, 2**32 - 1]),
)


@given(st.lists(st.tuples(NUMBERS, st.sampled_from([1, 2, 10, 70_000, 2**30, 2**32 - 1])), max_size=30))
def test_numbers_from_anywhere_never_count_more_than_was_sent(pieces: list[tuple[int, int]]) -> None:
    endpoint = Endpoint()
    for seq, length in pieces:
        assert 0 <= endpoint.take_payload(seq, length) <= length
        if endpoint.highest >= 0:
            assert 0 <= difference(endpoint.highest, endpoint.lowest) <= 2**30


def test_a_transfer_longer_than_the_sequence_numbers() -> None:
    endpoint = Endpoint()
    piece = 1 << 25
    seq = 2**32 - 5
    for number in range(300):
        assert endpoint.take_payload(seq, piece) == piece
        assert endpoint.take_payload(advance(seq, 7), piece - 7) == 0
        if number:
            assert endpoint.take_payload(advance(seq, -piece), 2 * piece) == 0
        seq = advance(seq, piece)


def test_holes_of_a_long_transfer() -> None:
    endpoint = Endpoint()
    piece = 1 << 25
    seq = 2**32 - 5
    for _ in range(300):
        assert endpoint.take_payload(seq, piece) == piece
        seq = advance(seq, 2 * piece)
        assert len(endpoint.disorder_seen().holes or []) <= 2 * (1 << 5)
    assert endpoint.take_payload(advance(seq, -3 * piece), piece) == piece
    assert endpoint.take_payload(advance(seq, -3 * piece), piece) == 0


def test_a_hostile_sender_leaves_no_endless_list_of_holes() -> None:
    endpoint = Endpoint()
    for place in range(0, 10 * HOLES_KEPT, 2):
        assert endpoint.take_payload(advance(2**32 - 5, place), 1) == 1
    assert len(endpoint.disorder_seen().holes or []) == 2 * HOLES_KEPT
