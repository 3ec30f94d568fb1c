"""A sequence diagram laid out on sheets: where each column begins, how high each row is, what is drawn in it.

Text never overlaps: every piece is measured before it is placed, and wrapped or cut if it does not fit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import hypot
from typing import TYPE_CHECKING, Final, NamedTuple

from analyzer.diagram.rows import Arrow, Diagram, Fold, Lifeline, Notice, Phase, Row
from analyzer.report.diagram_words import carried, label_words, note_words, notice_text
from analyzer.report.diagram_words import title as diagram_title
from analyzer.report.ink import (
    A4_WIDTH,
    Ink,
    Piece,
    Shape,
    Slope,
    Stroke,
    Words,
    figure,
    flow,
    line_width,
    rectangle,
    write,
    write_along,
)
from analyzer.report.sentences import verdict
from analyzer.report.tones import (
    AGAIN,
    AGAIN_TEXT,
    BLANK,
    FAINT,
    HAIRLINE,
    INK,
    PAPER,
    PAYLOAD_TEXT,
    PHASE_TONES,
    RESET,
    STATE_GROUPS,
    Tone,
    chip_tone,
    state_tone,
)
from analyzer.report.typeface import Typeface, typeface
from analyzer.report.wording import clock_for, counted, counted_note, duration, grouped
from analyzer.tcp.notes import NOTE
from analyzer.tcp.outcomes import CLOSES, HANDSHAKES
from analyzer.text import say
from analyzer.wire.flags import Flags

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Sheet", "fold_sentences"]

MARGIN: Final = 26.0

# --- The rows, from top to bottom, in points ---------------------------------------------------------------
TEXT_ABOVE: Final = 13.5
"""From the top of a row to the tail of its arrow: one line of text and the gap under it."""
SLANT: Final = 9.0
"""How much lower an arrow arrives than it starts: enough to see that time passes on the way."""
BELOW_ARROW: Final = 8.0
LINE: Final = 10.8
"""From one line of text to the next."""
TEXT_RISE: Final = 3.6
"""From an arrow to the baseline of the text above it."""
TEXT_FALL: Final = 9.6
"""From an arrow to the baseline of the first text below it."""
HEADING: Final = 19.0
PILL: Final = 13.0
CHIP: Final = 12.4
HEAD: Final = 8.0
RAIL: Final = 4.0
"""The width of a lifeline."""

START: Final = 21.0
"""The height of the row above the first segment, with the states at the beginning."""

PHASE_NAMES: Final[Mapping[Phase, str]] = {"handshake": "HANDSHAKE", "data": "DATA", "close": "CLOSE"}
OUTCOME_WORDS: Final[Mapping[Phase, Mapping[str, str]]] = {
    "handshake": {row.name: row.shown for row in HANDSHAKES},
    "data": {},
    "close": {row.name: row.shown for row in CLOSES},
}


class Block(NamedTuple):
    """One row of the sheet. `paint` draws it with its top at the given height."""

    height: float
    phase: Phase | None
    paint: Callable[[Rails, float], None]
    heading: bool = False


@dataclass
class Rails:
    """The two lifelines while a sheet is drawn: how far down they are and which state colours them."""

    ink: Ink
    places: tuple[float, float]
    states: list[str]
    since: list[float]

    def change(self, side: int, y: float, state: str) -> None:
        """From `y` on the lifeline has the colour of `state`."""
        self.draw_to(side, y)
        self.states[side] = state

    def draw_to(self, side: int, y: float) -> None:
        """Draw a lifeline down to `y`."""
        x = self.places[side]
        tone = state_tone(self.states[side])
        if y > self.since[side]:
            self.ink.rails.append(Stroke(((x, self.since[side]), (x, y)), tone.line, RAIL))
        self.since[side] = y

    def fold(self, top: float, bottom: float) -> None:
        """Break both lifelines: a zigzag shows that segments are omitted."""
        for side, x in enumerate(self.places):
            self.draw_to(side, top)
            teeth = 5
            step = (bottom - top) / teeth
            points = [(x, top)]
            points += [
                (x + (3.2 if tooth % 2 else -3.2), top + (tooth + 0.5) * step) for tooth in range(teeth)
            ]
            points.append((x, bottom))
            self.ink.rails.append(Stroke(tuple(points), state_tone(self.states[side]).line, 1.3))
            self.since[side] = bottom


class Sheet:
    """One diagram with everything measured: where each column begins, how high each row is."""

    def __init__(self, diagram: Diagram) -> None:
        self.diagram = diagram
        self.title_face = typeface(13, bold=True)
        self.text_face = typeface(10)
        self.strong = typeface(9, bold=True)
        self.plain = typeface(9)
        self.small = typeface(8)
        self.chip_face = typeface(8, bold=True)
        self.mono = typeface(8, mono=True)
        times = [row.last_time_ns if isinstance(row, Fold) else row.time_ns for row in diagram.rows]
        self.clock = clock_for(times)
        self._place_columns(times)
        self.heads = [self._head(diagram.left), self._head(diagram.right)]
        self.blocks = list(self._blocks())

    def piece(self, text: str, face: Typeface, colour: str = INK) -> Piece:
        """A piece in characters that can be shown."""
        return Piece(face.shown(text), face, colour)

    def fitted(self, text: str, face: Typeface, colour: str, width: float) -> Piece:
        """A piece no wider than `width`."""
        return Piece(face.cut(face.shown(text), width), face, colour)

    def pages(self, height: float | None) -> list[Figure]:
        """The sheets: one sheet with the height it needs, or as many sheets of the given height as needed."""
        legend = self._legend()
        if height is None:
            ink = Ink()
            top = self._paint_top(ink, first=True)
            bottom = self._paint_rows(ink, self.blocks, top, self._states_before())
            bottom = legend(ink, bottom + 8)
            return [figure(ink, bottom + MARGIN - 8)]
        figures: list[Figure] = []
        states = self._states_before()
        waiting = self.blocks
        top_heights = [self._paint_top(Ink(), first=first) for first in (False, True)]
        legend_height = legend(Ink(), 0.0) + 8
        inks: list[Ink] = []
        while True:
            first = not inks
            room = height - MARGIN - 14 - top_heights[first] - START
            taken = self._take(waiting, room, legend_height)
            ink = Ink()
            top = self._paint_top(ink, first=first)
            blocks = waiting[:taken]
            if not first and blocks and blocks[0].phase and not blocks[0].heading:
                blocks = [self._heading(blocks[0].phase, continued=True), *blocks]
            bottom = self._paint_rows(ink, blocks, top, states)
            waiting = waiting[taken:]
            inks.append(ink)
            if not waiting:
                legend(ink, bottom + 8)
                break
        for number, ink in enumerate(inks, 1):
            if len(inks) > 1:
                text = say("page {number} of {count}", number=number, count=len(inks))
                ink.text(A4_WIDTH - MARGIN, height - MARGIN, self.piece(text, self.small, FAINT), anchor=1)
            figures.append(figure(ink, height))
        return figures

    # --- Columns -------------------------------------------------------------------------------------------

    def _place_columns(self, times: Sequence[int]) -> None:
        rows = self.diagram.rows
        frames = [str(row.frame) for row in rows if not isinstance(row, Fold)]
        self.column_heads = [
            self.piece(say("frame"), self.small, FAINT),
            self.piece(self.clock.unit, self.small, FAINT),
        ]
        widest = [
            max([self.small.width(head.text), *map(self.small.width, texts)])
            for head, texts in zip(self.column_heads, (frames, map(self.clock.show, times)), strict=True)
        ]
        self.frame_end = MARGIN + 4 + widest[0]
        self.time_end = self.frame_end + 9 + widest[1]
        lanes: list[float] = []
        for side, line in enumerate((self.diagram.left, self.diagram.right)):
            states = {line.initial_state, line.final_state}
            for row in rows:
                reached = (row.left_state, row.right_state)[side] if isinstance(row, Arrow) else None
                states.add(reached or line.initial_state)
            lanes.append(max(self._pill_width(state) for state in states) + 9)
        self.left = self.time_end + 9 + lanes[0]
        self.right = A4_WIDTH - MARGIN - 2 - lanes[1]

    def _pill_width(self, state: str) -> float:
        return self.small.width(self.small.shown(say(state))) + 11

    # --- The top of a sheet --------------------------------------------------------------------------------

    def _head(self, line: Lifeline) -> tuple[Piece, Piece]:
        address = f"[{line.address}]:{line.port}" if ":" in line.address else f"{line.address}:{line.port}"
        most = (A4_WIDTH - 2 * MARGIN) / 2 - 22
        return (
            self.fitted(say(line.role), typeface(9.5, bold=True), INK, most),
            self.fitted(address, typeface(9), INK, most),
        )

    def _paint_top(self, ink: Ink, *, first: bool) -> float:
        """Title, verdict and the heads of the lifelines; returns where the lifelines begin."""
        width = A4_WIDTH - 2 * MARGIN
        y = MARGIN + 6
        title = self.title_face.wrapped(self.title_face.shown(diagram_title(self.diagram)), width)
        for line in title if first else [self.title_face.cut(title[0], width)] if title else []:
            ink.text(MARGIN, y + 4, Piece(line, self.title_face, INK))
            y += 17
        if first:
            for line in self.text_face.wrapped(self.text_face.shown(verdict(self.diagram.connection)), width):
                ink.text(MARGIN, y + 3, Piece(line, self.text_face, FAINT))
                y += 14
        y += 5
        boxes = [max(piece.face.width(piece.text) for piece in head) + 18 for head in self.heads]
        right = min(A4_WIDTH - MARGIN - boxes[1], self.right - boxes[1] / 2)
        # Two long IPv6 addresses fit side by side only if both move away from the middle.
        left = min(max(MARGIN, self.left - boxes[0] / 2), right - 8 - boxes[0])
        for (role, address), x, box in zip(self.heads, (left, right), boxes, strict=True):
            ink.box(x, y, box, 31, Tone(PAPER, INK, INK), 4)
            ink.text(x + box / 2, y + 12.5, role, anchor=0.5)
            ink.text(x + box / 2, y + 24.5, address, anchor=0.5)
        return y + 31

    def _states_before(self) -> list[str]:
        return [self.diagram.left.initial_state, self.diagram.right.initial_state]

    # --- The rows ------------------------------------------------------------------------------------------

    def _paint_rows(self, ink: Ink, blocks: Sequence[Block], top: float, states: list[str]) -> float:
        """The states at the beginning, then the blocks; returns where the lifelines end. Changes `states`."""
        rails = Rails(ink, (self.left, self.right), states, [top, top])
        middle = top + START / 2
        for head, x in zip(self.column_heads, (self.frame_end, self.time_end), strict=True):
            ink.text(x, middle + 3, head, anchor=1)
        for side in (0, 1):
            self._pill(ink, side, middle, states[side])
        y = top + START
        for place, block in enumerate(blocks):
            if block.phase and (place == 0 or blocks[place - 1].phase != block.phase):
                height = sum(other.height for other in blocks[place:] if other.phase == block.phase)
                tone = PHASE_TONES[block.phase]
                edge, end = MARGIN - 6, A4_WIDTH - MARGIN + 6
                ink.areas.append(rectangle(edge, y, end, y + height - 1.5, tone.pale))
                ink.areas.append(rectangle(edge, y, edge + 3, y + height - 1.5, tone.line))
            block.paint(rails, y)
            y += block.height
        for side in (0, 1):
            rails.draw_to(side, y + 6)
        return y + 6

    def _pill(self, ink: Ink, side: int, y: float, state: str) -> None:
        """The name of a state beside its lifeline."""
        tone = state_tone(state)
        width = self._pill_width(state)
        lifeline = (self.left, self.right)[side]
        x = lifeline - 9 - width if side == 0 else lifeline + 9
        near = x + width if side == 0 else x
        ink.strokes.append(Stroke(((near, y), (lifeline, y)), tone.line, 1.1))
        ink.box(x, y - PILL / 2, width, PILL, Tone(PAPER, tone.line, tone.dark), PILL / 2)
        ink.text(x + width / 2, y + 2.9, self.piece(say(state), self.small, tone.dark), anchor=0.5)

    def _blocks(self) -> Iterator[Block]:
        phase: Phase | None = None
        for row in self.diagram.rows:
            if row.phase != phase:
                phase = row.phase
                yield self._heading(phase)
            yield self._row(row)

    def _row(self, row: Row) -> Block:
        if isinstance(row, Notice):
            return self._notice(row)
        return self._arrow(row) if isinstance(row, Arrow) else self._fold(row)

    def _heading(self, phase: Phase, *, continued: bool = False) -> Block:
        outcome = next((band.outcome for band in self.diagram.bands if band.phase == phase), "")
        words = OUTCOME_WORDS[phase]
        outcome = carried(self.diagram.connection) if phase == "data" else say(words[outcome])
        if continued:
            outcome = say("continued")
        dark = PHASE_TONES[phase].dark
        name = self.piece(say(PHASE_NAMES[phase]), self.strong, dark)
        room = self.right - self.left - 30 - self.strong.width(name.text)
        pieces = [name, self.fitted(outcome, self.plain, dark, room)]

        def paint(rails: Rails, top: float) -> None:
            width = line_width(pieces)
            write(rails.ink, pieces, (self.left + self.right - width) / 2, top + 13)

        return Block(HEADING, phase, paint, heading=True)

    def _arrow(self, row: Arrow) -> Block:
        length = hypot(self.right - self.left, SLANT)
        chips = self._chips(row, length * 0.5)
        taken = HEAD + 7 + sum(width for _, _, width in chips) + 3 * (len(chips) - 1) + 7
        room = length - taken - 9
        # The first line stands on the arrow and the second hangs under it, both beside the labels.
        lines = flow(self._pieces(row, room), room, beyond=(2, length - 18))
        below = len(lines) - 1
        height = TEXT_ABOVE + SLANT + (TEXT_FALL + LINE * (below - 1) + 3 if below else BELOW_ARROW)
        frame = self.piece(str(row.frame), self.small, FAINT)
        time = self.piece(self.clock.show(row.time_ns), self.small, FAINT)

        def paint(rails: Rails, top: float) -> None:
            ink = rails.ink
            tail, head = top + TEXT_ABOVE, top + TEXT_ABOVE + SLANT
            heights = (tail, head) if row.to_right else (head, tail)
            for side, state in enumerate((row.left_state, row.right_state)):
                if state is not None:
                    rails.change(side, heights[side], state)
                    self._pill(ink, side, heights[side], state)
            ink.text(self.frame_end, top + TEXT_ABOVE + SLANT / 2 + 2.9, frame, anchor=1)
            ink.text(self.time_end, top + TEXT_ABOVE + SLANT / 2 + 2.9, time, anchor=1)
            slope = Slope((self.left + RAIL / 2, heights[0]), (self.right - RAIL / 2, heights[1]))
            self._paint_arrow(ink, row, slope)
            beginning = slope.length - HEAD - 7 if row.to_right else HEAD + 7
            for piece, tone, width in reversed(chips) if row.to_right else chips:
                at = beginning - width if row.to_right else beginning
                ink.shapes.append(Shape(slope.box(at, CHIP / 2, width, CHIP), tone.pale, tone.line, 0.9, 3.4))
                x, y = slope.point(at + (width - piece.face.width(piece.text)) / 2, -2.9)
                ink.words.append(Words(x, y, piece, slope.angle))
                beginning = at - 3 if row.to_right else at + width + 3
            start = 9.0 if row.to_right else taken
            for number, line in enumerate(lines):
                rise = TEXT_RISE if number == 0 else -TEXT_FALL - LINE * (number - 1)
                middle = start + room / 2 if number < 2 else slope.length / 2
                write_along(ink, line, slope, middle - line_width(line) / 2, rise)

        return Block(height, row.phase, paint)

    def _paint_arrow(self, ink: Ink, row: Arrow, slope: Slope) -> None:
        colour = RESET if row.reset else AGAIN if row.retransmission else INK
        width = 1.5 if row.reset else 1.3 if row.retransmission else 1.0
        dashes = (4.5, 2.5) if row.retransmission else ()
        tip = slope.length - 0.5 if row.to_right else 0.5
        inwards = -1 if row.to_right else 1
        tail = 0.0 if row.to_right else slope.length
        ends = slope.point(tail, 0), slope.point(tip + inwards * HEAD * 0.8, 0)
        ink.strokes.append(Stroke(ends, colour, width, dashes))
        if row.reset:
            # A cross, so that it is a reset in grey print too.
            near, far = tip + inwards * 1.0, tip + inwards * 8.0
            for rise in (3.5, -3.5):
                ink.strokes.append(Stroke((slope.point(near, rise), slope.point(far, -rise)), colour, 2.0))
            return
        base = tip + inwards * HEAD
        head = (slope.point(tip, 0), slope.point(base, 3.1), slope.point(base, -3.1))
        ink.shapes.append(Shape(head, colour, colour, 0.4))

    def _chips(self, row: Arrow, room: float) -> list[tuple[Piece, Tone, float]]:
        """The labels as boxes: words, colours, width."""
        words = label_words(row.labels)
        chips = [self._chip(text, name, room) for text, name in zip(words, row.labels, strict=True)]
        if len(chips) > 1 and sum(width + 3 for _, _, width in chips) > room:
            return [self._chip(" + ".join(words), row.labels[0], room)]
        return chips

    def _chip(self, text: str, name: str, room: float) -> tuple[Piece, Tone, float]:
        tone = chip_tone(name)
        piece = self.fitted(text, self.chip_face, tone.dark, room - 9)
        return piece, tone, self.chip_face.width(piece.text) + 9

    def _pieces(self, row: Arrow, room: float) -> Iterator[Piece]:
        """The text on an arrow, the most important part first."""
        strong = RESET if row.reset else INK
        yield self.fitted(str(row.flags) or say("no flags"), self.strong, strong, room)
        yield self.fitted(f"seq={row.seq}", self.plain, INK, room)
        if row.ack is not None:
            yield self.fitted(f"ack={row.ack}", self.plain, INK, room)
        if row.length:
            yield self.fitted(f"len={row.length}", self.plain, INK, room)
        if row.text:
            yield self.fitted(row.text, self.mono, PAYLOAD_TEXT, room)
        for text, name in zip(note_words(row.notes), row.notes, strict=True):
            calm = NOTE[name].kind == "calm"
            yield self.fitted(text, self.plain if calm else self.strong, FAINT if calm else AGAIN_TEXT, room)

    def _fold(self, row: Fold) -> Block:
        width = self.right - self.left - 56
        text = [
            Piece(line, face, colour)
            for items, face, colour in zip(
                fold_sentences(row),
                (self.chip_face, self.small, self.small),
                (INK, FAINT, FAINT),
                strict=True,
            )
            for line in face.gathered([face.shown(item) for item in items], width)
        ]
        inner = LINE * len(text) + 8
        dots = self.piece("⋮", self.small, FAINT)

        def paint(rails: Rails, top: float) -> None:
            ink = rails.ink
            begin = top + 4
            rails.fold(begin, begin + inner)
            left, right = self.left + 20, self.right - 20
            outline = ((left, begin), (right, begin), (right, begin + inner), (left, begin + inner))
            ink.areas.append(Shape(outline, PAPER, PAPER, 0.0, 5))
            ink.strokes.append(Stroke((*outline, outline[0]), HAIRLINE, 0.9, (1.2, 2.2)))
            for number, piece in enumerate(text):
                ink.text((left + right) / 2, begin + 11 + number * LINE, piece, anchor=0.5)
            for x in (self.frame_end, self.time_end):
                ink.text(x - 4, begin + inner / 2 + 3, dots, anchor=1)

        return Block(inner + 8, row.phase, paint)

    def _notice(self, row: Notice) -> Block:
        """An ICMP error: a box between the lifelines that touches neither, because neither endpoint sent it."""
        most = self.right - self.left - 56
        lines = self.chip_face.wrapped(self.chip_face.shown(notice_text(row.error)), most)
        width = max(map(self.chip_face.width, lines)) + 14
        inner = LINE * len(lines) + 5
        frame = self.piece(str(row.frame), self.small, FAINT)
        time = self.piece(self.clock.show(row.time_ns), self.small, FAINT)

        def paint(rails: Rails, top: float) -> None:
            ink, begin, centre = rails.ink, top + 5, (self.left + self.right) / 2
            middle = begin + inner / 2
            ink.text(self.frame_end, middle + 2.9, frame, anchor=1)
            ink.text(self.time_end, middle + 2.9, time, anchor=1)
            ink.box(centre - width / 2, begin, width, inner, Tone(PAPER, AGAIN, AGAIN_TEXT), 2)
            for number, line in enumerate(lines):
                piece = Piece(line, self.chip_face, AGAIN_TEXT)
                ink.text(centre, begin + 10 + number * LINE, piece, anchor=0.5)

        return Block(inner + 10, row.phase, paint)

    # --- Pages and the legend ------------------------------------------------------------------------------

    def _take(self, blocks: Sequence[Block], room: float, legend: float) -> int:
        """How many blocks fit on a page. A heading is never the last."""
        used = HEADING if blocks and not blocks[0].heading else 0.0
        taken = 0
        for place, block in enumerate(blocks):
            last = place == len(blocks) - 1
            if used + block.height + (legend if last else 0) > room and taken:
                break
            used += block.height
            taken += 1
        while taken > 1 and taken < len(blocks) and blocks[taken - 1].heading:
            taken -= 1
        return taken

    def _legend(self) -> Callable[[Ink, float], float]:
        """A painter for the legend of the lines and colours that occur; it returns where it ends."""
        arrows = [row for row in self.diagram.rows if isinstance(row, Arrow)]
        entries: list[tuple[str, str, Tone]] = []
        if any(row.retransmission and not row.reset for row in arrows):
            entries.append(("again", say("retransmission"), BLANK))
        if any(row.reset for row in arrows):
            entries.append(("reset", say("reset"), BLANK))
        if any(isinstance(row, Fold) for row in self.diagram.rows):
            entries.append(("fold", say("omitted segments"), BLANK))
        states = set(self._states_before())
        for row in arrows:
            states |= {state for state in (row.left_state, row.right_state) if state}
        for group, (tone, members) in STATE_GROUPS.items():
            if states & set(members):
                entries.append(("state", say(group), tone))
        remark = say(
            "A state is the one after its segment. A capture does not see a segment arrive: "
            "a captured segment counts as received."
        )
        remarks = self.small.wrapped(self.small.shown(remark), A4_WIDTH - 2 * MARGIN)
        symbol = 19.0

        def paint(ink: Ink, top: float) -> float:
            x, y = MARGIN, top + 10
            for kind, text, tone in entries:
                piece = self.fitted(text, self.small, FAINT, A4_WIDTH - 2 * MARGIN - symbol)
                width = symbol + 5 + self.small.width(piece.text)
                if x > MARGIN and x + width > A4_WIDTH - MARGIN:
                    x, y = MARGIN, y + 13
                self._paint_symbol(ink, kind, tone, x, y - 3, symbol)
                ink.text(x + symbol + 5, y, piece)
                x += width + 12
            for line in remarks:
                y += 12
                ink.text(MARGIN, y, Piece(line, self.small, FAINT))
            return y + 4

        return paint

    def _paint_symbol(self, ink: Ink, kind: str, tone: Tone, x: float, y: float, width: float) -> None:
        slope = Slope((x, y), (x + width, y))
        if kind == "state":
            ink.strokes.append(Stroke((slope.point(3, 0), slope.point(width, 0)), tone.line, RAIL))
        elif kind == "fold":
            ink.strokes.append(Stroke((slope.point(0, 0), slope.point(width, 0)), HAIRLINE, 1.1, (1.2, 2.2)))
        else:
            sample = Arrow(
                frame=0, time_ns=0, to_right=True, flags=Flags(0), seq=0, ack=None, length=0, window=0,
                text="", labels=(), notes=(), left_state=None, right_state=None, why=(), phase="data",
                retransmission=kind == "again", reset=kind == "reset",
            )  # fmt: skip
            self._paint_arrow(ink, sample, slope)


def fold_sentences(fold: Fold) -> tuple[list[str], list[str], list[str]]:
    """A run of omitted segments: how many and how long, what each side sent, and its notes."""
    segments = fold.segments_to_right + fold.segments_to_left
    run = [
        counted(segments, "{count} segment omitted", "{count} segments omitted"),
        say("frames {first} to {last}", first=fold.first_frame, last=fold.last_frame),
        duration(fold.last_time_ns - fold.first_time_ns),
    ]
    ways = []
    for arrow, count, amount in (
        ("→", fold.segments_to_right, fold.bytes_to_right),
        ("←", fold.segments_to_left, fold.bytes_to_left),
    ):
        if count:
            held = counted(amount, "{count} byte", "{count} bytes")
            ways.append(say("{arrow} {count} with {bytes}", arrow=arrow, count=grouped(count), bytes=held))
    noted = [counted_note(name, count) for name, count in fold.noted]
    return run, ways, noted
