from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.tcp.sequence import advance, difference, is_after, is_before, segment_end
from analyzer.wire.header import ACK, FIN, SYN, Header

NUMBERS = st.integers(0, 2**32 - 1)


def test_across_the_wrap() -> None:
    assert advance(2**32 - 1, 1) == 0
    assert advance(0, -1) == 2**32 - 1
    assert difference(3, 2**32 - 2) == 5
    assert difference(2**32 - 2, 3) == -5
    assert difference(7, 7) == 0


def test_half_way_round() -> None:
    assert difference(2**31 - 1, 0) == 2**31 - 1
    assert difference(2**31, 0) == -(2**31)
    assert difference(2**31 + 1, 0) == -(2**31 - 1)


@given(NUMBERS, st.integers(-(2**31), 2**31 - 1))
def test_a_difference_is_the_way_back(number: int, distance: int) -> None:
    assert difference(advance(number, distance), number) == distance


@pytest.mark.slow
@given(NUMBERS, NUMBERS)
def test_order_is_antisymmetric(left: int, right: int) -> None:
    distance = difference(left, right)
    assert -(2**31) <= distance < 2**31
    if distance != -(2**31):
        assert difference(right, left) == -distance


@given(NUMBERS, NUMBERS | st.sampled_from([0, 1, 2**31 - 1, 2**31, 2**31 + 1, 2**32 - 1]))
def test_order_is_the_sign_of_the_difference(left: int, distance: int) -> None:
    right = advance(left, distance)
    assert is_after(right, left) == (difference(right, left) > 0)
    assert is_before(right, left) == (difference(right, left) < 0)


@pytest.mark.parametrize(
    ("flags", "length", "end"),
    [
        (ACK, 0, 2**32 - 2),
        (ACK, 5, 3),
        (SYN, 0, 2**32 - 1),
        (SYN, 1, 0),
        (FIN | ACK, 1, 0),
        (SYN | FIN, 0, 0),
    ],
)
def test_syn_and_fin_take_a_number_each(flags: int, length: int, end: int) -> None:
    header = Header()
    header.seq, header.flags, header.payload_length = 2**32 - 2, flags, length
    assert segment_end(header) == end
