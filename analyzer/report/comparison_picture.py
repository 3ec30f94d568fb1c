"""Draws a compared pair of connections as a time-sequence diagram: A's lifeline on the left, B's on the right.

If the times of both captures come from one clock, an arrow leaves one lifeline when the segment passed there, and
reaches the other when it passed here. So segments that crossed on the way cross in the picture, and a slow segment is
steep. Heights follow the order of the times, not the intervals: a picture to scale would not be readable. Between two
runs arrows are level.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple
from xml.sax.saxutils import escape

from analyzer.diagram.paired_ladder import ComparedArrow, ComparedDiagram, ComparedFold
from analyzer.report.comparison_text import DIFFERENCE_WORDS
from analyzer.report.ink import (
    A4_WIDTH,
    RESOLUTION,
    Ink,
    Piece,
    Shape,
    Slope,
    Stroke,
    Words,
    figure,
    own_style,
)
from analyzer.report.ladder import fold_forms, numbers_of
from analyzer.report.picture import CREATOR, save_files
from analyzer.report.terminal import Style
from analyzer.report.tones import AGAIN_TEXT, FAINT, HAIRLINE, INK, PAPER, PAYLOAD_TEXT, RESET
from analyzer.report.typeface import Typeface, typeface
from analyzer.report.wording import clock_for, counted
from analyzer.text import said, say

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["save_comparison"]

MARGIN: Final = 26.0
LABELS: Final = 13.5
"""The least height between two times at one lifeline."""
TURN: Final = 4.0
"""The least height between events at different lifelines."""
SLANT: Final = 10.0
"""The least slope of an arrow: how much lower it arrives."""
MARK_LINE: Final = 10.0
STEEP: Final = 5.0
"""Extra room below marks, because the text along a flatter arrow rises towards them."""
CROSSING: Final = 18.0
"""Extra room below an arrow that a later one overtakes, so that they do not cross in their text."""
FOLD_LINE: Final = 12.0
LOST_AT: Final = 0.62
"""The part of the way that a lost segment is drawn."""
HEAD: Final = 7.0
MOST_PIXELS: Final = 30_000
"""The tallest image that viewers open. A taller picture is drawn at a lower resolution."""
WORDS_OF_FOLD: Final = Style(width=90)


def save_comparison(
    diagram: ComparedDiagram, directory: str | os.PathLike[str], name: str, formats: Iterable[str]
) -> list[Path]:
    """Draw a comparison.

    Args:
        diagram: The diagram.
        directory: The folder of the pictures.
        name: The name of the files without their endings.
        formats: "svg", "png".

    Returns:
        The paths of the files.

    Raises:
        OutputError: A file cannot be written.
    """
    return save_files(directory, name, ((f".{form}", _render(diagram, form)) for form in formats))


def _render(diagram: ComparedDiagram, form: str) -> bytes:
    buffer = BytesIO()
    with own_style():
        sheet = _Sheet(diagram).figure()
        if form == "png":
            dpi = min(RESOLUTION, MOST_PIXELS / sheet.get_figheight())
            sheet.savefig(buffer, format="png", dpi=dpi, metadata={"Software": CREATOR})
            return buffer.getvalue()
        sheet.savefig(
            buffer, format="svg", metadata={"Title": said(diagram.title), "Creator": CREATOR, "Date": None}
        )
    title = f"<title>{escape(said(diagram.title))}</title>".encode()
    marks = sorted(
        {said(mark) for row in diagram.rows if isinstance(row, ComparedArrow) for mark in row.marks}
    )
    described = f"<desc>{escape('; '.join(marks) or say('no difference'))}</desc>".encode()
    return buffer.getvalue().replace(title, title + b"\n " + described, 1)


class _End(NamedTuple):
    """The point where an arrow leaves or reaches a lifeline."""

    time: int
    side: int
    arrow: int
    arrives: bool


class _Sheet:
    """One picture with all its measures."""

    def __init__(self, diagram: ComparedDiagram) -> None:
        self.diagram = diagram
        self.title_face = typeface(12, bold=True)
        self.strong = typeface(9, bold=True)
        self.plain = typeface(8.5)
        self.small = typeface(8)
        self.mono = typeface(7.5, mono=True)
        self.clock = clock_for(time for row in diagram.rows for time in row.times if time is not None)
        arrows = [row for row in diagram.rows if isinstance(row, ComparedArrow)]
        widths = [
            max(
                [
                    self.small.width(self.clock.unit),
                    *(self.small.width(self._time(row.times[side])) for row in diagram.rows),
                ]
            )
            for side in (0, 1)
        ]
        frames = [
            max([self.small.width("#"), *(self.small.width(row.frames[side]) for row in arrows)])
            for side in (0, 1)
        ]
        self.times = MARGIN + frames[0] + 8 + widths[0], A4_WIDTH - MARGIN - frames[1] - 8 - widths[1]
        self.rails = self.times[0] + 8, self.times[1] - 8

    def _time(self, time: int | None) -> str:
        return "" if time is None else self.clock.show(time)

    def _piece(self, text: str, face: Typeface, colour: str = INK, width: float | None = None) -> Piece:
        shown = face.shown(text)
        return Piece(shown if width is None else face.cut(shown, width), face, colour)

    def figure(self) -> Figure:
        ink = Ink()
        top = self._paint_top(ink)
        y = top + 16
        waiting: list[ComparedArrow] = []
        for row in self.diagram.rows:
            if isinstance(row, ComparedArrow):
                waiting.append(row)
                continue
            y = self._paint_arrows(ink, waiting, y)
            waiting = []
            y = self._paint_fold(ink, row, y)
        y = self._paint_arrows(ink, waiting, y)
        for x in self.rails:
            ink.rails.append(Stroke(((x, top), (x, y + 4)), INK, 1.2))
        y = self._paint_legend(ink, y + 20)
        return figure(ink, y + MARGIN)

    def _paint_top(self, ink: Ink) -> float:
        width = A4_WIDTH - 2 * MARGIN
        y = MARGIN + 8
        for line in self.title_face.wrapped(self.title_face.shown(said(self.diagram.title)), width):
            ink.text(MARGIN, y, Piece(line, self.title_face, INK))
            y += 17
        y += 4
        half = width / 2 - 10
        for x, anchor, letter, name in zip(
            (MARGIN, A4_WIDTH - MARGIN), (0.0, 1.0), "AB", self.diagram.captures, strict=True
        ):
            ink.text(x, y, self._piece(f"{letter}  {name}", self.strong, INK, half), anchor=anchor)
        y += 15
        for x, anchor, role in zip(self.rails, (0.0, 1.0), self.diagram.heads, strict=True):
            ink.text(x, y, self._piece(say(role), self.plain), anchor=anchor)
        unit = self._piece(self.clock.unit, self.small, FAINT)
        ink.text(self.times[0], y, unit, anchor=1)
        ink.text(self.times[1], y, unit)
        return y + 6

    def _paint_arrows(self, ink: Ink, rows: Sequence[ComparedArrow], y: float) -> float:
        """Draw the arrows between two runs of omitted segments; return where they end."""
        if not rows:
            return y
        heights = self._heights(rows, y) if self.diagram.sloping else self._levels(rows, y)
        for row, ends in zip(rows, heights, strict=True):
            self._paint_arrow(ink, row, ends)
        return max(max(ends) for ends in heights) + LABELS + MARK_LINE

    def _levels(self, rows: Sequence[ComparedArrow], y: float) -> list[tuple[float, float]]:
        found: list[tuple[float, float]] = []
        for row in rows:
            y += LABELS + 3
            found.append((y, y))
            y += MARK_LINE * len(row.marks)
        return found

    def _heights(self, rows: Sequence[ComparedArrow], y: float) -> list[tuple[float, float]]:
        """The heights at which each arrow meets the left and the right lifeline."""
        ends = sorted(self._ends(rows), key=lambda end: (end.time, end.arrow, end.arrives))
        found = [[-1.0, -1.0] for _ in rows]
        latest = [y, y]
        previous = -1
        for time, side, arrow, arrives in ends:
            row = rows[arrow]
            # The text is above the tail of an arrow, its marks are below.
            speaks = not arrives or not all(row.frames)
            need = LABELS + (3 if speaks else 0)
            height = max(latest[side] + need, y + (TURN if time != previous else 0))
            if arrives and found[arrow][1 - side] >= 0:
                height = max(height, found[arrow][1 - side] + SLANT)
            found[arrow][side] = height
            latest[side] = height + (MARK_LINE * len(row.marks) + STEEP if speaks and row.marks else 0)
            if speaks and self._overtaken(rows, row):
                latest[side] += CROSSING
            y = height
            previous = time
        drops = {True: SLANT, False: SLANT}
        for place, row in enumerate(rows):
            here = 0 if found[place][0] >= 0 else 1
            if found[place][1 - here] >= 0:
                drops[row.arrow.to_right] = abs(found[place][1] - found[place][0])
            else:
                # Only one capture has it. Its slope is that of the arrow before it, or level if its start is unknown.
                sets_out = row.arrow.to_right == (here == 0)
                found[place][1 - here] = found[place][here] + (drops[row.arrow.to_right] if sets_out else 0)
        return [(left, right) for left, right in found]

    def _overtaken(self, rows: Sequence[ComparedArrow], row: ComparedArrow) -> bool:
        """Whether an arrow that leaves later arrives earlier, so that the two cross."""
        there = 1 if row.arrow.to_right else 0
        left, came = row.times[1 - there], row.times[there]
        if left is None or came is None:
            return False
        for other in rows:
            set_out, reached = other.times[1 - there], other.times[there]
            if other.arrow.to_right == row.arrow.to_right and set_out is not None and reached is not None:
                if left < set_out and reached < came:
                    return True
        return False

    def _ends(self, rows: Sequence[ComparedArrow]) -> Iterator[_End]:
        for number, row in enumerate(rows):
            for side in (0, 1):
                time = row.times[side]
                if time is not None:
                    yield _End(time, side, number, row.arrow.to_right == (side == 1))

    def _paint_arrow(self, ink: Ink, row: ComparedArrow, heights: tuple[float, float]) -> None:
        for side, (time, frame) in enumerate(zip(row.times, row.frames, strict=True)):
            if time is not None:
                anchor = 1.0 - side
                ink.text(
                    self.times[side],
                    heights[side] + 2.9,
                    self._piece(self._time(time), self.small),
                    anchor=anchor,
                )
                edge = (MARGIN, A4_WIDTH - MARGIN)[side]
                ink.text(edge, heights[side] + 2.9, self._piece(frame, self.small, FAINT), anchor=float(side))
        slope = Slope((self.rails[0], heights[0]), (self.rails[1], heights[1]))
        alone = not all(row.frames)
        colour = RESET if alone else AGAIN_TEXT if row.differences else INK
        to_right = row.arrow.to_right
        begin, end = 0.0, slope.length
        # Between two runs nothing travels from A to B.
        if alone and (row.lost or self.diagram.sloping):
            seen_left = bool(row.frames[0])
            begin, end = (
                (0.0, slope.length * LOST_AT) if seen_left else (slope.length * (1 - LOST_AT), slope.length)
            )
        dashes = () if row.lost or not alone else (4.0, 3.0)
        ink.strokes.append(Stroke((slope.point(begin, 0), slope.point(end, 0)), colour, 1.1, dashes))
        tip = end if to_right else begin
        arrives = bool(row.frames[1 if to_right else 0])
        if arrives or not row.lost:
            back = tip - HEAD if to_right else tip + HEAD
            ink.shapes.append(
                Shape(
                    (slope.point(tip, 0), slope.point(back, 2.8), slope.point(back, -2.8)),
                    colour,
                    colour,
                    0.4,
                )
            )
        else:
            for sign in (1, -1):
                ink.strokes.append(
                    Stroke((slope.point(tip - 4, 4 * sign), slope.point(tip + 4, -4 * sign)), colour, 1.6)
                )
        self._write(ink, row, slope, colour, (begin, end))

    def _write(
        self, ink: Ink, row: ComparedArrow, slope: Slope, colour: str, reach: tuple[float, float]
    ) -> None:
        """Write the text of an arrow near its tail, and the marks below it."""
        # An arrow has room near its tail. Further on, steep arrows cross.
        share = 0.75 if abs(slope.right[1] - slope.left[1]) < 2 * LABELS else 0.48
        room = min(slope.length * share, reach[1] - reach[0]) - 14
        numbers = self._piece(" ".join(numbers_of(row.arrow)), self.plain, colour, room)
        pieces = [numbers]
        rest = room - numbers.face.width(numbers.text) - 6
        if row.arrow.text and rest > 40:
            pieces.append(self._piece(row.arrow.text, self.mono, PAYLOAD_TEXT, rest))
        lines = [(3.2, pieces)]
        lines += [
            (-9.2 - MARK_LINE * place, [self._piece(said(mark), self.small, colour, room)])
            for place, mark in enumerate(row.marks)
        ]
        for rise, line in lines:
            width = sum(piece.face.width(piece.text) for piece in line) + 6 * (len(line) - 1)
            along = reach[0] + 8 if row.arrow.to_right else reach[1] - 8 - width
            # An arrow that crosses here passes behind the text.
            ink.shapes.append(Shape(slope.box(along - 1, rise + 7.4, width + 2, 8.6), PAPER, PAPER, 0.0))
            for piece in line:
                x, y = slope.point(along, rise)
                ink.words.append(Words(x, y, piece, slope.angle))
                along += piece.face.width(piece.text) + 6

    def _paint_fold(self, ink: Ink, row: ComparedFold, y: float) -> float:
        width = self.rails[1] - self.rails[0] - 40
        texts = [next(fold_forms(row.fold, WORDS_OF_FOLD))]
        texts += [counted(count, *DIFFERENCE_WORDS[name]) for name, count in row.differences]
        lines = self.small.gathered([self.small.shown(text) for text in texts], width)
        top, bottom = y + 2, y + 10 + FOLD_LINE * len(lines)
        left, right = self.rails[0] + 16, self.rails[1] - 16
        outline = ((left, top), (right, top), (right, bottom), (left, bottom), (left, top))
        ink.strokes.append(Stroke(outline, HAIRLINE, 0.9, (1.2, 2.2)))
        for number, line in enumerate(lines):
            ink.text(
                (left + right) / 2, top + 12 + number * FOLD_LINE, Piece(line, self.small, INK), anchor=0.5
            )
        for side, time in enumerate(row.times):
            if time is not None:
                piece = self._piece(self._time(time), self.small, FAINT)
                ink.text(self.times[side], top + 10, piece, anchor=1.0 - side)
        return bottom + 4

    def _paint_legend(self, ink: Ink, y: float) -> float:
        remark = (
            say(
                "An arrow leaves and arrives at the times of the captures, by A's clock. Heights show their order."
            )
            if self.diagram.sloping
            else say(
                "Arrows are level: the relation of the clocks is unknown. Each side has the times of its capture."
            )
        )
        for line in self.small.wrapped(self.small.shown(remark), A4_WIDTH - 2 * MARGIN):
            ink.text(MARGIN, y, Piece(line, self.small, FAINT))
            y += 11
        return y - 11
