"""The table of transitions as a picture, in the shape of RFC 9293 figure 5.

What is drawn comes from `states.TRANSITIONS`; only the places are chosen by hand. Rows that lead from one
state to the same other share an arrow, with an input on each line beside it. Resets lead from nearly every
state to CLOSED and are told in a list below the picture, made from their rows.

The SVG is written as text: it is the same, byte for byte, wherever it is made, and its words can be
searched. Lengths are points (1/72 inch), from the top left corner, and the sheet is A4.
"""

from __future__ import annotations

from math import hypot
from textwrap import wrap
from typing import Final, NamedTuple
from xml.sax.saxutils import escape

from analyzer.report.tones import FAINT, INK, PAPER, state_tone
from analyzer.tcp import states
from analyzer.tcp.states import INPUTS, STATES, TRANSITIONS

__all__ = ["BOXES", "ROUTES", "drawn_pairs", "reset_lines", "state_diagram"]

Point = tuple[float, float]

WIDTH: Final = 595.0
HEIGHT: Final = 842.0
MARGIN: Final = 30.0

FAMILY: Final = "'DejaVu Sans', Verdana, Arial, sans-serif"
TEXT_SIZE: Final = 8.5
STATE_SIZE: Final = 10.0
LINE: Final = 10.8
"""From one line of text to the next."""

HEAD_LENGTH: Final = 8.0
HEAD_WIDTH: Final = 6.4
CORNER: Final = 7.0
"""The radius of a bend."""

RESET_INPUTS: Final = (states.SEND_RST, states.SEND_RST_REFUSING, states.RECEIVE_RST)
"""Told below the picture. A RST that leads back to LISTEN is drawn."""

REMARKS: Final = (
    "Not on the wire and so not in the table: the passive OPEN (CLOSED to LISTEN), the end of TIME-WAIT.",
    "Dashed: the capture begins late, nothing was known of the endpoint. UNKNOWN and CLOSED are drawn twice.",
)


class Box(NamedTuple):
    """A state on the sheet: its centre and size."""

    state: int
    x: float
    y: float
    width: float = 108.0
    height: float = 34.0


class Route(NamedTuple):
    """The way of one arrow, and where its text begins: left of `x`, right of it, or around it, from `y` down.

    columns: the width in characters at which an input is wrapped
    """

    points: tuple[Point, ...]
    x: float
    y: float
    anchor: str = "start"
    columns: int = 40


LEFT: Final = 106.0
MIDDLE: Final = WIDTH / 2
RIGHT: Final = WIDTH - LEFT

# Heights of the rows of boxes.
CLOSED_Y: Final = 92.0
LISTEN_Y: Final = 166.0
OPENING_Y: Final = 270.0
OPEN_Y: Final = 392.0
FIN_Y: Final = 516.0
SECOND_Y: Final = 622.0
LAST_Y: Final = 706.0

BOXES: Final = (
    Box(states.CLOSED, MIDDLE, CLOSED_Y),
    Box(states.LISTEN, MIDDLE, LISTEN_Y, height=40),
    Box(states.SYN_RECEIVED, LEFT, OPENING_Y, height=52),
    Box(states.UNKNOWN, MIDDLE, OPENING_Y + 13, 84, 26),
    Box(states.SYN_SENT, RIGHT, OPENING_Y, height=52),
    Box(states.ESTABLISHED, MIDDLE, OPEN_Y, 116, 44),
    Box(states.FIN_WAIT_1, LEFT, FIN_Y),
    Box(states.UNKNOWN, MIDDLE, FIN_Y, 84, 26),
    Box(states.CLOSE_WAIT, RIGHT, FIN_Y),
    Box(states.FIN_WAIT_2, LEFT, SECOND_Y),
    Box(states.CLOSING, MIDDLE, SECOND_Y),
    Box(states.LAST_ACK, RIGHT, SECOND_Y),
    Box(states.TIME_WAIT, MIDDLE, LAST_Y),
    Box(states.CLOSED, RIGHT, LAST_Y),
)

# Edges of boxes that several routes share.
_OPENING_TOP = OPENING_Y - 26
_OPENING_BOTTOM = OPENING_Y + 26
_FIN_TOP = FIN_Y - 17
_FIN_BOTTOM = FIN_Y + 17
_SECOND_TOP = SECOND_Y - 17
_SECOND_BOTTOM = SECOND_Y + 17
_LEFT_EDGE = LEFT + 54
_RIGHT_EDGE = RIGHT - 54
_CENTRE_LEFT = MIDDLE - 54
_CENTRE_RIGHT = MIDDLE + 54
_OPEN_LEFT = MIDDLE - 58
_OPEN_RIGHT = MIDDLE + 58
_UNKNOWN_LEFT = MIDDLE - 42
_UNKNOWN_RIGHT = MIDDLE + 42

# Two ways under ESTABLISHED, and the way between the rows of the close.
_UPPER_LANE = 438.0
_LOWER_LANE = 466.0
_CLOSING_LANE = 560.0

ROUTES: Final[dict[tuple[int, int], Route]] = {
    # Opening.
    (states.CLOSED, states.SYN_SENT): Route(
        ((_CENTRE_RIGHT, CLOSED_Y), (RIGHT + 22, CLOSED_Y), (RIGHT + 22, _OPENING_TOP)),
        _CENTRE_RIGHT + 12,
        CLOSED_Y - 5,
    ),
    (states.LISTEN, states.SYN_SENT): Route(
        ((_CENTRE_RIGHT, LISTEN_Y), (RIGHT - 22, LISTEN_Y), (RIGHT - 22, _OPENING_TOP)),
        _CENTRE_RIGHT + 12,
        LISTEN_Y - 5,
    ),
    (states.CLOSED, states.SYN_RECEIVED): Route(
        ((_CENTRE_LEFT, CLOSED_Y), (LEFT - 34, CLOSED_Y), (LEFT - 34, _OPENING_TOP)),
        _CENTRE_LEFT - 12,
        CLOSED_Y - 5,
        "end",
    ),
    (states.LISTEN, states.SYN_RECEIVED): Route(
        ((_CENTRE_LEFT, LISTEN_Y - 9), (LEFT, LISTEN_Y - 9), (LEFT, _OPENING_TOP)),
        _CENTRE_LEFT - 12,
        LISTEN_Y - 14 - LINE,
        "end",
    ),
    (states.SYN_RECEIVED, states.LISTEN): Route(
        ((LEFT + 34, _OPENING_TOP), (LEFT + 34, LISTEN_Y + 9), (_CENTRE_LEFT, LISTEN_Y + 9)),
        LEFT + 42,
        LISTEN_Y + 22,
        columns=20,
    ),
    (states.SYN_SENT, states.SYN_RECEIVED): Route(
        ((_RIGHT_EDGE, OPENING_Y - 13), (_LEFT_EDGE, OPENING_Y - 13)), MIDDLE, OPENING_Y - 18, "middle"
    ),
    (states.UNKNOWN, states.SYN_RECEIVED): Route(
        ((_UNKNOWN_LEFT, OPENING_Y + 13), (_LEFT_EDGE, OPENING_Y + 13)),
        (_UNKNOWN_LEFT + _LEFT_EDGE) / 2,
        OPENING_Y + 8,
        "middle",
    ),
    (states.UNKNOWN, states.SYN_SENT): Route(
        ((_UNKNOWN_RIGHT, OPENING_Y + 13), (_RIGHT_EDGE, OPENING_Y + 13)),
        (_UNKNOWN_RIGHT + _RIGHT_EDGE) / 2,
        OPENING_Y + 8,
        "middle",
    ),
    (states.UNKNOWN, states.ESTABLISHED): Route(
        ((MIDDLE, OPENING_Y + 26), (MIDDLE, OPEN_Y - 22)), MIDDLE + 7, OPENING_Y + 45
    ),
    (states.SYN_RECEIVED, states.ESTABLISHED): Route(
        ((LEFT + 36, _OPENING_BOTTOM), (LEFT + 36, OPEN_Y - 10), (_OPEN_LEFT, OPEN_Y - 10)),
        LEFT + 43,
        OPEN_Y - 15 - 2 * LINE,
        columns=24,
    ),
    (states.SYN_SENT, states.ESTABLISHED): Route(
        ((RIGHT - 36, _OPENING_BOTTOM), (RIGHT - 36, OPEN_Y - 10), (_OPEN_RIGHT, OPEN_Y - 10)),
        RIGHT - 43,
        OPEN_Y - 15 - LINE,
        "end",
    ),
    # Closing, while the connection is being opened or is open.
    (states.SYN_RECEIVED, states.FIN_WAIT_1): Route(
        ((LEFT - 32, _OPENING_BOTTOM), (LEFT - 32, _FIN_TOP)), LEFT - 38, OPEN_Y + 3, "end"
    ),
    (states.SYN_RECEIVED, states.CLOSE_WAIT): Route(
        (
            (LEFT, _OPENING_BOTTOM),
            (LEFT, _UPPER_LANE),
            (RIGHT - 32, _UPPER_LANE),
            (RIGHT - 32, _FIN_TOP),
        ),
        LEFT + 54,
        _UPPER_LANE - 5,
    ),
    (states.SYN_SENT, states.FIN_WAIT_1): Route(
        (
            (RIGHT, _OPENING_BOTTOM),
            (RIGHT, _LOWER_LANE),
            (LEFT + 36, _LOWER_LANE),
            (LEFT + 36, _FIN_TOP),
        ),
        RIGHT - 54,
        _LOWER_LANE - 5,
        "end",
    ),
    (states.ESTABLISHED, states.FIN_WAIT_1): Route(
        ((_OPEN_LEFT, OPEN_Y + 10), (LEFT + 16, OPEN_Y + 10), (LEFT + 16, _FIN_TOP)),
        _OPEN_LEFT - 12,
        OPEN_Y + 21,
        "end",
    ),
    (states.ESTABLISHED, states.CLOSE_WAIT): Route(
        ((_OPEN_RIGHT, OPEN_Y + 10), (RIGHT + 32, OPEN_Y + 10), (RIGHT + 32, _FIN_TOP)),
        _OPEN_RIGHT + 12,
        OPEN_Y + 21,
    ),
    (states.UNKNOWN, states.FIN_WAIT_1): Route(
        ((_UNKNOWN_LEFT, FIN_Y), (_LEFT_EDGE, FIN_Y)), (_UNKNOWN_LEFT + _LEFT_EDGE) / 2, FIN_Y - 5, "middle"
    ),
    (states.UNKNOWN, states.CLOSE_WAIT): Route(
        ((_UNKNOWN_RIGHT, FIN_Y), (_RIGHT_EDGE, FIN_Y)),
        (_UNKNOWN_RIGHT + _RIGHT_EDGE) / 2,
        FIN_Y - 5,
        "middle",
    ),
    # Closing, the second half.
    (states.FIN_WAIT_1, states.FIN_WAIT_2): Route(
        ((LEFT - 22, _FIN_BOTTOM), (LEFT - 22, _SECOND_TOP)), LEFT - 15, FIN_Y + 67, columns=12
    ),
    (states.FIN_WAIT_1, states.CLOSING): Route(
        (
            (LEFT + 22, _FIN_BOTTOM),
            (LEFT + 22, _CLOSING_LANE),
            (MIDDLE - 22, _CLOSING_LANE),
            (MIDDLE - 22, _SECOND_TOP),
        ),
        LEFT + 62,
        _CLOSING_LANE - 5,
    ),
    (states.CLOSE_WAIT, states.CLOSING): Route(
        (
            (RIGHT - 22, _FIN_BOTTOM),
            (RIGHT - 22, _CLOSING_LANE),
            (MIDDLE + 22, _CLOSING_LANE),
            (MIDDLE + 22, _SECOND_TOP),
        ),
        MIDDLE + 30,
        _CLOSING_LANE + 12,
        columns=26,
    ),
    (states.CLOSE_WAIT, states.LAST_ACK): Route(
        ((RIGHT + 22, _FIN_BOTTOM), (RIGHT + 22, _SECOND_TOP)), RIGHT + 29, FIN_Y + 72
    ),
    (states.FIN_WAIT_2, states.TIME_WAIT): Route(
        ((LEFT, _SECOND_BOTTOM), (LEFT, LAST_Y), (_CENTRE_LEFT, LAST_Y)), LEFT + 54, LAST_Y - 5
    ),
    (states.CLOSING, states.TIME_WAIT): Route(
        ((MIDDLE, _SECOND_BOTTOM), (MIDDLE, LAST_Y - 17)), MIDDLE + 7, SECOND_Y + 40, columns=12
    ),
    (states.LAST_ACK, states.CLOSED): Route(
        ((RIGHT, _SECOND_BOTTOM), (RIGHT, LAST_Y - 17)), RIGHT + 7, SECOND_Y + 40, columns=12
    ),
}


def drawn_pairs() -> dict[tuple[int, int], list[str]]:
    """What has an arrow of its own: (state, next state) -> the inputs, in the order of the table."""
    pairs: dict[tuple[int, int], list[str]] = {}
    for row in TRANSITIONS:
        if row.input not in RESET_INPUTS:
            pairs.setdefault((row.state, row.target), []).append(INPUTS[row.input])
    return pairs


def reset_lines() -> list[tuple[str, str]]:
    """What is told below the picture: an input, and from where to where it leads."""
    lines = []
    for given in RESET_INPUTS:
        rows = [row for row in TRANSITIONS if row.input == given]
        for target in sorted({row.target for row in rows}):
            sources = [row.state for row in rows if row.target == target]
            lines.append((INPUTS[given], f"{_named(sources)} → {STATES[target]}"))
    return lines


def _named(sources: list[int]) -> str:
    """The states, by those that are not among them where that is shorter."""
    others = [name for state, name in enumerate(STATES) if state not in sources]
    if len(others) > 3:
        return ", ".join(STATES[state] for state in sorted(sources))
    return f"every state but {' and '.join(others)}" if others else "every state"


def state_diagram() -> str:
    """The picture as an SVG document."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_number(WIDTH)}pt" height="{_number(HEIGHT)}pt" '
        f'viewBox="0 0 {_number(WIDTH)} {_number(HEIGHT)}" '
        f'font-family="{FAMILY}" font-size="{_number(TEXT_SIZE)}">',
        "<title>The states of a TCP endpoint as tcpanalyze follows them</title>",
        f'<rect width="100%" height="100%" fill="{PAPER}"/>',
        _text(MARGIN, 40, "The states of a TCP endpoint", size=15, bold=True),
        _text(
            MARGIN,
            56,
            "“sends” and “receives” are those of the endpoint whose state it is (RFC 9293, figure 5)",
            FAINT,
        ),
    ]
    pairs = drawn_pairs()
    for pair in pairs:
        parts += _arrow(ROUTES[pair].points, dashed=pair[0] == states.UNKNOWN)
    parts += [line for box in BOXES for line in _box(box)]
    for pair, inputs in pairs.items():
        route = ROUTES[pair]
        lines = [line for given in inputs for line in wrap(given, route.columns, break_on_hyphens=False)]
        for number, line in enumerate(lines):
            parts.append(_text(route.x, route.y + number * LINE, line, anchor=route.anchor))
    parts += _footer()
    return "\n".join([*parts, "</svg>", ""])


def _footer() -> list[str]:
    y = 750.0
    parts = [_path([(MARGIN, y - 12), (WIDTH - MARGIN, y - 12)], FAINT, 0.6)]
    lines = reset_lines()
    for given, change in lines:
        parts.append(_text(MARGIN, y, given, bold=True))
        parts.append(_text(MARGIN + 172, y, change))
        y += 12.5
    for remark in REMARKS:
        for line in wrap(remark, 110, break_on_hyphens=False):
            parts.append(_text(MARGIN, y + 3, line, FAINT))
            y += LINE
    return parts


def _box(box: Box) -> list[str]:
    tone = state_tone(STATES[box.state])
    dashes = ' stroke-dasharray="4 3"' if box.state == states.UNKNOWN else ""
    return [
        f'<rect x="{_number(box.x - box.width / 2)}" y="{_number(box.y - box.height / 2)}" '
        f'width="{_number(box.width)}" height="{_number(box.height)}" rx="6" '
        f'fill="{tone.pale}" stroke="{tone.line}" stroke-width="1.6"{dashes}/>',
        _text(box.x, box.y + 3.6, STATES[box.state], tone.dark, anchor="middle", size=STATE_SIZE, bold=True),
    ]


def _arrow(points: tuple[Point, ...], *, dashed: bool) -> list[str]:
    """A line with round bends and a head; a white seam lets the lines that it crosses pass below."""
    (back_x, back_y), (tip_x, tip_y) = points[-2:]
    length = hypot(tip_x - back_x, tip_y - back_y)
    along_x, along_y = (tip_x - back_x) / length, (tip_y - back_y) / length
    base_x, base_y = tip_x - HEAD_LENGTH * along_x, tip_y - HEAD_LENGTH * along_y
    side_x, side_y = -along_y * HEAD_WIDTH / 2, along_x * HEAD_WIDTH / 2
    shaft = [*points[:-1], (base_x, base_y)]
    head = [(tip_x, tip_y), (base_x + side_x, base_y + side_y), (base_x - side_x, base_y - side_y)]
    corners = " ".join(f"{_number(x)},{_number(y)}" for x, y in head)
    return [
        _path(shaft, PAPER, 5),
        _path(shaft, INK, 1.1, ' stroke-dasharray="4 3"' if dashed else ""),
        f'<polygon points="{corners}" fill="{INK}"/>',
    ]


def _path(points: list[Point], colour: str, width: float, more: str = "") -> str:
    steps = [f"M{_pair(points[0])}"]
    for before, bend, after in zip(points, points[1:], points[2:], strict=False):
        steps.append(f"L{_pair(_towards(bend, before))} Q{_pair(bend)} {_pair(_towards(bend, after))}")
    steps.append(f"L{_pair(points[-1])}")
    return (
        f'<path d="{" ".join(steps)}" fill="none" stroke="{colour}" stroke-width="{_number(width)}"{more}/>'
    )


def _towards(start: Point, goal: Point) -> Point:
    """`CORNER` points on the way from `start` to `goal`, or half of it."""
    distance = hypot(goal[0] - start[0], goal[1] - start[1])
    share = min(CORNER / distance, 0.5)
    return start[0] + share * (goal[0] - start[0]), start[1] + share * (goal[1] - start[1])


def _text(
    x: float,
    y: float,
    text: str,
    colour: str = INK,
    *,
    anchor: str = "start",
    size: float = TEXT_SIZE,
    bold: bool = False,
) -> str:
    weight = ' font-weight="bold"' if bold else ""
    larger = f' font-size="{_number(size)}"' if size != TEXT_SIZE else ""
    placed = "" if anchor == "start" else f' text-anchor="{anchor}"'
    place = f'x="{_number(x)}" y="{_number(y)}"'
    return f'<text {place} fill="{colour}"{placed}{larger}{weight}>{escape(text)}</text>'


def _pair(point: Point) -> str:
    return f"{_number(point[0])} {_number(point[1])}"


def _number(value: float) -> str:
    """At most two decimals, and none that say nothing."""
    return f"{value:.2f}".rstrip("0").rstrip(".")
