"""Ink on a sheet: words, lines and shapes in points, and how matplotlib draws them.

Everything is placed in points (1/72 inch) from the top left corner of a sheet that is as wide as A4, and
collected in an `Ink`: a few collections of lines and shapes for matplotlib instead of an artist for each
arrow. matplotlib is imported with the first picture.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import atan2, degrees, hypot
from typing import TYPE_CHECKING, Final, NamedTuple

from analyzer.report.tones import PAPER, Tone
from analyzer.report.typeface import Typeface
from analyzer.signals import undisturbed

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.path import Path as MatplotlibPath

__all__ = [
    "A4_WIDTH",
    "RESOLUTION",
    "Ink",
    "Piece",
    "Shape",
    "Slope",
    "Stroke",
    "Words",
    "figure",
    "flow",
    "line_width",
    "own_style",
    "path_of",
    "rectangle",
    "write",
    "write_along",
]

A4_WIDTH: Final = 595.276

# Three pixels to a point: 1785 pixels across, more than a full-HD projector shows of it.
RESOLUTION: Final = 216


class Piece(NamedTuple):
    """A few words in one typeface and colour."""

    text: str
    face: Typeface
    colour: str


class Words(NamedTuple):
    """A piece and where its baseline begins; `angle` in degrees, counter-clockwise."""

    x: float
    y: float
    piece: Piece
    angle: float = 0.0


class Stroke(NamedTuple):
    """A line through points."""

    points: tuple[tuple[float, float], ...]
    colour: str
    width: float
    dashes: tuple[float, ...] = ()


class Shape(NamedTuple):
    """A closed outline, or a rounded rectangle where `corners` is above 0."""

    points: tuple[tuple[float, float], ...]
    fill: str
    edge: str
    width: float = 0.8
    corners: float = 0.0


@dataclass
class Ink:
    """What is on one sheet, from the bottom layer to the top."""

    areas: list[Shape] = field(default_factory=list)
    rails: list[Stroke] = field(default_factory=list)
    strokes: list[Stroke] = field(default_factory=list)
    shapes: list[Shape] = field(default_factory=list)
    words: list[Words] = field(default_factory=list)

    def text(self, x: float, y: float, piece: Piece, *, anchor: float = 0.0) -> None:
        """Write a piece on the baseline `y`; `anchor` of its width lies left of `x`."""
        self.words.append(Words(x - anchor * piece.face.width(piece.text), y, piece))

    def box(self, x: float, y: float, width: float, height: float, tone: Tone, corners: float) -> None:
        """A rounded box with its top left corner at x, y."""
        corner_points = ((x, y), (x + width, y), (x + width, y + height), (x, y + height))
        self.shapes.append(Shape(corner_points, tone.pale, tone.line, 0.9, corners))


class Slope(NamedTuple):
    """A slanted line between the lifelines, measured from its left end, and heights above it."""

    left: tuple[float, float]
    right: tuple[float, float]

    @property
    def length(self) -> float:
        """From lifeline to lifeline."""
        return hypot(self.right[0] - self.left[0], self.right[1] - self.left[1])

    @property
    def angle(self) -> float:
        """In degrees, counter-clockwise, as matplotlib turns text."""
        return degrees(atan2(self.left[1] - self.right[1], self.right[0] - self.left[0]))

    def point(self, along: float, rise: float) -> tuple[float, float]:
        """The place so far along the line and so high above it."""
        across, down = (
            (self.right[0] - self.left[0]) / self.length,
            (self.right[1] - self.left[1]) / self.length,
        )
        return self.left[0] + along * across + rise * down, self.left[1] + along * down - rise * across

    def box(self, along: float, rise: float, width: float, height: float) -> tuple[tuple[float, float], ...]:
        """The corners of a box that lies along the line, clockwise from the top left one."""
        return (
            self.point(along, rise),
            self.point(along + width, rise),
            self.point(along + width, rise - height),
            self.point(along, rise - height),
        )


def flow(pieces: Iterable[Piece], width: float, *, beyond: tuple[int, float]) -> list[list[Piece]]:
    """Break pieces into lines no wider than `width`; neighbours that look alike become one.

    beyond: after so many lines, the width of all further ones.
    """
    lines: list[list[Piece]] = [[]]
    for piece in pieces:
        longer = joined(lines[-1], piece)
        if not lines[-1] or line_width(longer) <= (width if len(lines) <= beyond[0] else beyond[1]):
            lines[-1] = longer
        else:
            lines.append([piece])
    return lines


def joined(line: list[Piece], piece: Piece) -> list[Piece]:
    """A line with one piece more."""
    if line and line[-1].face is piece.face and line[-1].colour == piece.colour and "=" in piece.text:
        return [*line[:-1], line[-1]._replace(text=f"{line[-1].text} {piece.text}")]
    return [*line, piece]


GAP: Final = 6.0
"""Between two pieces on a line."""


def line_width(line: Sequence[Piece]) -> float:
    """How wide a line of pieces is."""
    return sum(piece.face.width(piece.text) for piece in line) + GAP * (len(line) - 1)


def write(ink: Ink, line: Sequence[Piece], x: float, y: float) -> None:
    """Write a line of pieces from `x` on."""
    for piece in line:
        ink.words.append(Words(x, y, piece))
        x += piece.face.width(piece.text) + GAP


def write_along(ink: Ink, line: Sequence[Piece], slope: Slope, along: float, rise: float) -> None:
    """Write a line of pieces along a slope."""
    for piece in line:
        x, y = slope.point(along, rise)
        ink.words.append(Words(x, y, piece, slope.angle))
        along += piece.face.width(piece.text) + GAP


def rectangle(left: float, top: float, right: float, bottom: float, colour: str) -> Shape:
    """A plain area."""
    return Shape(((left, top), (right, top), (right, bottom), (left, bottom)), colour, colour, 0.0)


@contextmanager
def own_style() -> Iterator[None]:
    """matplotlib with its own defaults and ours, whatever the user has configured; restored afterwards."""
    with undisturbed():
        import matplotlib.backends.backend_agg
        import matplotlib.backends.backend_svg
        import matplotlib.figure

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        # The letters are drawn as outlines: the same everywhere, and never wider than they were measured.
        matplotlib.rcParams["svg.fonttype"] = "path"
        # Without a salt of ours the names inside an SVG document differ each time.
        matplotlib.rcParams["svg.hashsalt"] = "tcpanalyze"
        yield


def figure(ink: Ink, height: float) -> Figure:
    """What is on a sheet as a matplotlib figure."""
    from matplotlib.collections import LineCollection, PathCollection
    from matplotlib.figure import Figure
    from matplotlib.text import Text
    from matplotlib.transforms import Affine2D

    sheet = Figure(figsize=(A4_WIDTH / 72, height / 72), dpi=RESOLUTION, facecolor=PAPER)
    points = Affine2D().scale(1 / 72, -1 / 72).translate(0, height / 72) + sheet.dpi_scale_trans
    for layer, shapes in ((0, ink.areas), (3, ink.shapes)):
        if shapes:
            sheet.add_artist(
                PathCollection(
                    [path_of(shape) for shape in shapes],
                    facecolors=[shape.fill for shape in shapes],
                    edgecolors=[shape.edge for shape in shapes],
                    linewidths=[shape.width for shape in shapes],
                    transform=points,
                    zorder=layer,
                )
            )
    for layer, strokes in ((1, ink.rails), (2, ink.strokes)):
        if strokes:
            sheet.add_artist(
                LineCollection(
                    [stroke.points for stroke in strokes],
                    colors=[stroke.colour for stroke in strokes],
                    linewidths=[stroke.width for stroke in strokes],
                    linestyles=[(0, stroke.dashes or None) for stroke in strokes],
                    transform=points,
                    zorder=layer,
                )
            )
    for words in ink.words:
        sheet.add_artist(
            Text(
                words.x,
                words.y,
                words.piece.text,
                color=words.piece.colour,
                fontproperties=words.piece.face.properties,
                rotation=words.angle,
                rotation_mode="anchor",
                parse_math=False,
                transform=points,
                zorder=4,
            )
        )
    return sheet


def path_of(shape: Shape) -> MatplotlibPath:
    """The outline of a shape, its corners rounded where it says so."""
    from matplotlib.path import Path as MatplotlibPath

    if not shape.corners:
        return MatplotlibPath([*shape.points, shape.points[0]], closed=True)
    vertices: list[tuple[float, float]] = []
    codes: list[int] = []
    count = len(shape.points)
    for place, (x, y) in enumerate(shape.points):
        before, after = shape.points[place - 1], shape.points[(place + 1) % count]
        vertices += [towards((x, y), before, shape.corners), (x, y), towards((x, y), after, shape.corners)]
        codes.append(int(MatplotlibPath.LINETO if place else MatplotlibPath.MOVETO))
        codes += [int(MatplotlibPath.CURVE3)] * 2
    vertices.append(vertices[0])
    codes.append(int(MatplotlibPath.CLOSEPOLY))
    return MatplotlibPath(vertices, codes)


def towards(start: tuple[float, float], goal: tuple[float, float], distance: float) -> tuple[float, float]:
    """The point `distance` away from `start` on the way to `goal`, at most half of the way."""
    whole = hypot(goal[0] - start[0], goal[1] - start[1])
    part = min(distance / whole, 0.5) if whole else 0.0
    return start[0] + part * (goal[0] - start[0]), start[1] + part * (goal[1] - start[1])
