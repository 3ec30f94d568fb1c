from __future__ import annotations

import pytest

from analyzer.wire.encapsulations.span import CutError, Span
from analyzer.wire.link_types import ETHERNET, IPV4
from analyzer.wire.skips import ETHERTYPE, LINK_TYPE, LLC, PROTOCOL

# Six bytes of a layer of eight, in the middle of a block.
SPAN = Span(PROTOCOL + 47, bytes(range(16)), 4, 10, 12, 2)


def test_numbers_of_either_byte_order() -> None:
    assert SPAN.number(0, 2) == 0x0405
    assert SPAN.number(4, 2, "little") == 0x0908
    assert SPAN.length == 8


@pytest.mark.parametrize(("start", "size"), [(5, 2), (6, 1), (-1, 1)])
def test_a_number_that_was_not_captured(start: int, size: int) -> None:
    with pytest.raises(CutError):
        SPAN.number(start, size)


def test_what_is_inside_ends_with_what_it_lies_in() -> None:
    inside = SPAN.inside(LLC, 3)
    assert (inside.at, inside.end, inside.wire_end) == (7, 10, 12)
    assert (inside.outer, inside.depth, inside.ip_at) == (SPAN, 1, 2)
    shorter = SPAN.inside(LLC, 3, 2)
    assert (shorter.end, shorter.wire_end) == (9, 9)
    longer = SPAN.inside(LLC, 3, 100)
    assert (longer.end, longer.wire_end) == (10, 12)


@pytest.mark.parametrize(("start", "length"), [(7, None), (-1, None), (2, -1)])
def test_nothing_lies_outside(start: int, length: int | None) -> None:
    with pytest.raises(CutError):
        SPAN.inside(LLC, start, length)


def test_what_the_decoder_left_has_its_own_ip_header() -> None:
    rest = SPAN.rest(LLC, 8, 11, 5)
    assert (rest.at, rest.end, rest.wire_end, rest.ip_at) == (8, 10, 11, 5)
    assert (rest.outer, rest.depth) == (SPAN, 1)


def test_what_is_made_is_bounded_by_its_own_header() -> None:
    made = SPAN.made(LINK_TYPE + IPV4, b"\x45" * 30)
    assert (made.at, made.end, made.ip_at) == (0, 30, 0)
    assert (made.outer, made.depth) == (SPAN, 1)
    assert made.wire_end > 65_535


def test_what_the_plain_decoder_reads() -> None:
    assert SPAN.inside(LINK_TYPE + ETHERNET, 0).link_type == ETHERNET
    assert SPAN.inside(ETHERTYPE + 0x0800, 0).link_type == IPV4
    assert SPAN.inside(LINK_TYPE + IPV4, 0).decoded
    assert not SPAN.decoded
