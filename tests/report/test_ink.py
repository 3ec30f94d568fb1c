"""Words, slopes and outlines, before anything is drawn with them."""

from __future__ import annotations

import pytest

from analyzer.report.ink import Ink, Piece, Shape, Slope, flow, line_width, path_of, write, write_along
from analyzer.report.tones import GREEN
from analyzer.report.typeface import typeface


def piece(text: str, colour: str = "#000000") -> Piece:
    return Piece(text, typeface(9), colour)


def test_lines_are_no_wider_than_asked() -> None:
    pieces = [piece(f"word {number}", f"#00000{number}") for number in range(9)]
    lines = flow(pieces, 120.0, beyond=(1, 60.0))
    assert [part for line in lines for part in line] == pieces
    assert line_width(lines[0]) <= 120.0
    assert all(line_width(line) <= 60.0 or len(line) == 1 for line in lines[1:])


def test_numbers_that_look_alike_become_one_piece() -> None:
    ((joined,),) = flow([piece("seq=1"), piece("ack=2")], 500.0, beyond=(1, 500.0))
    assert joined.text == "seq=1 ack=2"


def test_a_slope_measures_from_its_left_end() -> None:
    slope = Slope((0.0, 0.0), (30.0, 40.0))
    assert slope.length == pytest.approx(50.0)
    assert slope.point(25.0, 0.0) == pytest.approx((15.0, 20.0))
    assert slope.point(0.0, 5.0) == pytest.approx((4.0, -3.0))
    assert Slope((0.0, 10.0), (10.0, 0.0)).angle == pytest.approx(45.0)


def test_a_box_lies_along_its_slope() -> None:
    top_left, top_right, bottom_right, bottom_left = Slope((0.0, 0.0), (10.0, 0.0)).box(2.0, 3.0, 4.0, 5.0)
    assert (top_left, top_right, bottom_right, bottom_left) == (
        (2.0, -3.0),
        (6.0, -3.0),
        (6.0, 2.0),
        (2.0, 2.0),
    )


def test_words_follow_each_other() -> None:
    ink = Ink()
    write(ink, [piece("one"), piece("two")], 10.0, 20.0)
    first, second = ink.words
    assert (first.x, first.y, first.angle) == (10.0, 20.0, 0.0)
    assert second.x > first.x + first.piece.face.width("one")
    write_along(ink, [piece("three")], Slope((0.0, 10.0), (10.0, 0.0)), 0.0, 0.0)
    assert ink.words[-1].angle == pytest.approx(45.0)


def test_anchored_text_and_boxes() -> None:
    ink = Ink()
    ink.text(100.0, 50.0, piece("right"), anchor=1.0)
    assert ink.words[0].x == pytest.approx(100.0 - typeface(9).width("right"))
    ink.box(1.0, 2.0, 3.0, 4.0, GREEN, 0.5)
    assert ink.shapes[0].points == ((1.0, 2.0), (4.0, 2.0), (4.0, 6.0), (1.0, 6.0))


@pytest.mark.parametrize(("corners", "points"), [(0.0, 5), (1.0, 13)])
def test_corners_are_rounded_where_asked(corners: float, points: int) -> None:
    square = Shape(((0, 0), (4, 0), (4, 4), (0, 4)), "#fff", "#000", corners=corners)
    assert len(path_of(square)) == points
