"""The ladder: a connection's diagram in lines of text, one arrow between two lifelines for each segment.

The layout is chosen once for a whole ladder, from the width of the terminal and the needs of the rows (`_LAYOUTS`).
With less room, first the excerpts of the payload are shortened, then the states move from their lanes to a line of
their own between the lifelines, then the labels follow. Notes and sequence numbers that do not fit go there row by
row. Below 60 columns there are no lifelines.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Final, NamedTuple

from analyzer.diagram.rows import Arrow, Diagram, Fold, Lifeline, Notice, Row
from analyzer.report.diagram_words import label_words, note_words, notice_text
from analyzer.report.terminal import (
    READABLE_WIDTH,
    Span,
    Style,
    columns,
    cut,
    finish,
    flow,
    foreign,
    fragments,
    own,
)
from analyzer.report.wording import Clock, clock_for, counted, counted_note, grouped
from analyzer.tcp.notes import names_about
from analyzer.text import say
from analyzer.wire.flags import Flags

__all__ = [
    "COMPACT_BELOW",
    "Plan",
    "compact_head",
    "compact_lines",
    "fold_forms",
    "head_lines",
    "ladder_lines",
    "numbers_of",
    "plan_for",
    "role_of",
    "row_lines",
    "shaft_of",
]

COMPACT_BELOW: Final = 60
"""The least columns for two lifelines with arrows between them."""

LEAST_MIDDLE: Final = 28  # columns between the lifelines: two states side by side
LEAST_EXCERPT: Final = 8  # columns: a shorter piece of a payload is useless
SPARE: Final = 6  # columns of shaft beyond the text of the longest arrow, so that it looks like an arrow

WINDOW_NOTES: Final = names_about("window")


class _Layout(NamedTuple):
    """One way to use a line."""

    indent: int
    gap: int
    lanes: bool
    """States stand beside the lifelines."""
    aligned: bool
    """Labels begin in one column; if false, they end at the edge, below a state that leaves no room for them."""
    aside: bool
    """Labels stand at the right; if false, on the arrow or below it."""
    excerpt: bool
    """The beginning of each payload must fit."""
    lead: int
    """Dashes before the text of an arrow."""


# Tried in this order.
_LAYOUTS: Final = (
    _Layout(indent=2, gap=2, lanes=True, aligned=True, aside=True, excerpt=True, lead=2),
    _Layout(indent=0, gap=1, lanes=True, aligned=True, aside=True, excerpt=True, lead=1),
    _Layout(indent=0, gap=1, lanes=True, aligned=False, aside=True, excerpt=True, lead=1),
    _Layout(indent=0, gap=1, lanes=True, aligned=False, aside=True, excerpt=False, lead=1),
    _Layout(indent=0, gap=2, lanes=False, aligned=True, aside=True, excerpt=False, lead=2),
    _Layout(indent=0, gap=1, lanes=False, aligned=True, aside=False, excerpt=False, lead=1),
)


class Plan(NamedTuple):
    """The columns of one ladder."""

    layout: _Layout
    frame: int
    time: int
    left: int
    middle: int
    right: int
    clock: Clock
    time_head: str
    frame_head: str

    @property
    def left_lifeline(self) -> int:
        """The column of the left lifeline, from 0."""
        lane = self.left + 1 if self.left else 0
        return self.layout.indent + self.frame + self.layout.gap + self.time + self.layout.gap + lane

    @property
    def right_lifeline(self) -> int:
        """The column of the right lifeline, from 0."""
        return self.left_lifeline + self.middle + 3


def ladder_lines(diagram: Diagram, style: Style) -> Iterator[str]:
    """The lines of the ladder, without their ends, at most `style.width` columns each."""
    style = style.at_most(READABLE_WIDTH)
    clock = clock_for(row.last_time_ns if isinstance(row, Fold) else row.time_ns for row in diagram.rows)
    if style.width < COMPACT_BELOW:
        frames = (row.last_frame if isinstance(row, Fold) else row.frame for row in diagram.rows)
        digits = len(str(max(frames, default=0)))
        rows = (compact_lines(row, digits, clock, style) for row in diagram.rows)
        lines = chain(compact_head(diagram.left, diagram.right, style), chain.from_iterable(rows))
    else:
        before = diagram.left.initial_state, diagram.right.initial_state
        plan = plan_for(diagram.rows, before, clock, style)
        rows = (row_lines(row, plan, style) for row in diagram.rows)
        lines = chain(head_lines(diagram.left, diagram.right, plan, style), chain.from_iterable(rows))
    for line in lines:
        yield finish(line, style)


def row_lines(row: Row, plan: Plan, style: Style) -> Iterator[list[Span]]:
    """The lines of one row, to be finished; no wider than the style that the plan was made for."""
    if isinstance(row, Notice):
        return _notice(row, plan, style)
    return _arrow(row, plan, style) if isinstance(row, Arrow) else _fold(row, plan, style)


def plan_for(rows: Sequence[Row], before: tuple[str, str], clock: Clock, style: Style) -> Plan:
    """The first layout in which every row and the states before it fit; the last layout takes any row."""
    arrows = [row for row in rows if isinstance(row, Arrow)]
    core = max((len(" ".join(numbers_of(row))) for row in arrows), default=0)
    said = max(
        (columns(own(notice_text(row.error), style)) for row in rows if isinstance(row, Notice)), default=0
    )
    excerpts = max((columns(foreign(row.text, style)) for row in arrows), default=0)
    left = max(len(state) for state in (before[0], *(row.left_state or "" for row in arrows)))
    right = max(len(state) for state in (before[1], *(row.right_state or "" for row in arrows)))
    labels = max((columns(_labels(row, style)) for row in arrows), default=0)
    ragged = max(
        (_beside(len(row.right_state or ""), columns(_labels(row, style))) for row in arrows), default=0
    )
    last_frame = max((row.last_frame if isinstance(row, Fold) else row.frame for row in rows), default=0)
    frame = len(str(last_frame))
    time = max((len(clock.show(_time(row))) for row in rows), default=0)
    plan: Plan | None = None
    for layout in _LAYOUTS:
        roomy = layout.gap > 1
        time_head = own(say("time, {unit}", unit=clock.unit) if roomy else clock.unit, style)
        frame_head = say("frame") if roomy else "#"
        plan = Plan(
            layout=layout,
            frame=max(frame, columns(frame_head)),
            time=max(time, columns(time_head)),
            left=left if layout.lanes else 0,
            middle=0,
            right=right if layout.lanes else 0,
            clock=clock,
            time_head=time_head,
            frame_head=frame_head,
        )
        least = (
            core + layout.lead + 4 + (min(excerpts, LEAST_EXCERPT) + 1 if layout.excerpt and excerpts else 0)
        )
        wanted = max(core + layout.lead + 4 + (excerpts and excerpts + 1), said + 2) + SPARE
        # `beside`: the columns wanted at the right of the lifelines; `needed`: the columns required there.
        beside = needed = 0
        if layout.aside and not layout.lanes:
            beside = needed = labels
        elif layout.aside and layout.aligned:
            beside = needed = _beside(right, labels)
        elif layout.aside:
            beside, needed = ragged, max(right, labels)
        room = style.width - plan.right_lifeline - 1
        middle = max(min(room - (beside and beside + 1), wanted), least, LEAST_MIDDLE)
        if middle + (needed and needed + 1) <= room:
            return plan._replace(middle=middle)
    assert plan is not None
    return plan._replace(middle=style.width - plan.right_lifeline - 1)


def _beside(state: int, label: int) -> int:
    """The columns of a state and a label side by side."""
    return state + label + (2 if state and label else 0)


def _time(row: Row) -> int:
    return row.first_time_ns if isinstance(row, Fold) else row.time_ns


def _labels(row: Arrow, style: Style) -> str:
    return own(" + ".join(label_words(row.labels)), style)


def _notes(row: Arrow, style: Style) -> str:
    # The label KEEP-ALIVE and the note keep-alive mean the same.
    said = {label.casefold() for label in label_words(row.labels)}
    return own(" · ".join(note for note in note_words(row.notes) if note.casefold() not in said), style)


def numbers_of(row: Arrow) -> list[str]:
    """The text on the arrow before the payload."""
    numbers = [str(row.flags) or say("no flags"), f"seq={row.seq}"]
    if row.ack is not None:
        numbers.append(f"ack={row.ack}")
    if row.length:
        numbers.append(f"len={row.length}")
    if not WINDOW_NOTES.isdisjoint(row.notes):
        numbers.append(f"win={row.window}")
    return numbers


def role_of(row: Arrow) -> str:
    """The role that colours an arrow."""
    if row.reset:
        return "reset"
    if row.retransmission:
        return "retransmission"
    if Flags.SYN in row.flags:
        return "syn"
    if Flags.FIN in row.flags:
        return "fin"
    return "data" if row.length else "ack"


def head_lines(client: Lifeline, server: Lifeline, plan: Plan, style: Style) -> Iterator[list[Span]]:
    """The names and addresses of both endpoints, and their first states."""
    layout = plan.layout
    corner = (
        f"{'':{layout.indent}}{plan.frame_head:>{plan.frame}}{'':{layout.gap}}{plan.time_head:>{plan.time}}"
    )
    names = [_endpoint(end) for end in (client, server)]
    addresses = [foreign(end.address, style) for end in (client, server)]
    left_width, right_width = (max(map(len, pair)) for pair in zip(names, addresses, strict=True))
    left_start = max(plan.left_lifeline - left_width // 2, len(corner) + 2)
    right_start = min(plan.right_lifeline - right_width // 2, style.width - right_width)
    if left_start + left_width + 2 <= right_start:
        for prefix, (left, right) in ((corner, names), ("", addresses)):
            gap = right_start - left_start - left_width
            text = f"{left:^{left_width}}{'':{gap}}{right:^{right_width}}"
            yield [(prefix.ljust(left_start), "faint"), (text, "title")]
    else:
        # Two long IPv6 addresses do not fit side by side.
        left, right = (f"{name}  {address}" for name, address in zip(names, addresses, strict=True))
        if len(corner) + 2 + len(left) <= style.width:
            yield [(f"{corner}  ", "faint"), (left, "title")]
            corner = ""
        else:
            yield [(left, "title")]
        yield [(f"{right:>{style.width}}", "title")]
        if corner:
            yield [(corner, "faint")]
    left, right = client.initial_state, server.initial_state
    if layout.lanes:
        yield _line(plan, left=left, middle=[(" " * plan.middle, "")], right=[(right, "state")])
    else:
        for middle in _between(plan, left, [], right, to_right=True, style=style):
            yield _line(plan, middle=middle)


def _endpoint(end: Lifeline) -> str:
    return f"{say(end.role)} :{end.port}"


def _line(
    plan: Plan,
    *,
    frame: str = "",
    time: str = "",
    left: str = "",
    middle: Sequence[Span],
    right: Sequence[Span] = (),
    lifeline: str = "│",
) -> list[Span]:
    """One line of the ladder. `middle` must have the width of the plan."""
    layout = plan.layout
    gap = " " * layout.gap
    spans = [(f"{'':{layout.indent}}{frame:>{plan.frame}}{gap}{time:>{plan.time}}{gap}", "faint")]
    if plan.left:
        spans.append((f"{left:>{plan.left}} ", "state"))
    return [*spans, (f"{lifeline} ", "faint"), *middle, (f" {lifeline}", "faint"), (" ", ""), *right]


def _arrow(row: Arrow, plan: Plan, style: Style) -> Iterator[list[Span]]:
    layout, role = plan.layout, role_of(row)
    labels, notes = _labels(row, style), _notes(row, style)
    left_state, right_state = row.left_state or "", row.right_state or ""
    shaft, labels_left, moved = shaft_of(row, "" if layout.aside else labels, plan.middle, layout.lead, style)
    inside = [(moved, role)] if moved else []
    right: list[Span] = []
    below: list[Span] = []
    if layout.aside:
        state = right_state if layout.lanes else ""
        if layout.aligned:
            state = state.ljust(plan.right)
        room = style.width - plan.right_lifeline - 2
        width = columns(labels)
        shown: list[Span] = [(labels, role)]
        noted = columns(own(" · ", style)) + columns(notes)
        if notes and _beside(len(state), width + noted) <= room:
            shown += [(own(" · ", style), "faint"), (notes, "odd")]
            width += noted
        elif notes:
            inside.append((notes, "odd"))
        if layout.aligned:
            right = [(state, "state"), ("  " if state else "", ""), *shown]
        elif _beside(len(state), width) <= room:
            right = [(state, "state"), (" " * (room - len(state) - width), ""), *shown]
        else:
            right = [(state, "state")]
            below = [(" " * (room - width), ""), *shown]
    else:
        inside += [(labels_left, role)] if labels_left else []
        inside += [(notes, "odd")] if notes else []
    yield _line(
        plan,
        frame=str(row.frame),
        time=plan.clock.show(row.time_ns),
        left=left_state if layout.lanes else "",
        middle=[(shaft, role)],
        right=right,
    )
    if layout.lanes:
        left_state = right_state = ""
    if inside or left_state or right_state:
        for middle in _between(plan, left_state, inside, right_state, to_right=row.to_right, style=style):
            yield _line(plan, middle=middle, right=below)
            below = []
    if below:
        yield _line(plan, middle=[(" " * plan.middle, "")], right=below)


def shaft_of(row: Arrow, labels: str, middle: int, lead: int, style: Style) -> tuple[str, str, str]:
    """The arrow with its text, `middle` columns long; the labels that do not fit on it; the numbers that do not fit.

    lead: dashes before the text.
    """
    room = middle - lead - 4
    numbers = numbers_of(row)
    moved: list[str] = []
    for name in ("ack=", "seq="):
        if len(" ".join(numbers)) > room:
            moved[:0] = [number for number in numbers if number.startswith(name)]
            numbers = [number for number in numbers if not number.startswith(name)]
    text = cut(" ".join(numbers), room, style)
    ahead = ""
    if labels and columns(text) + columns(labels) + 3 <= room:
        ahead = f" {labels} ─" if row.to_right else f"─ {labels} "
        room -= columns(ahead)
        labels = ""
    if row.text:
        text += _excerpt(foreign(row.text, style), room - columns(text) - 1, style)
    dashes = "─" * (room + 1 - columns(text))
    if row.to_right:
        shaft = f"{'─' * lead} {text} {dashes}{ahead}▶"
    else:
        shaft = f"◀{ahead}{dashes} {text} {'─' * lead}"
    return shaft, labels, " ".join(moved)


def _excerpt(text: str, room: int, style: Style) -> str:
    """The excerpt of a payload in this room; empty if it would be too short."""
    if columns(text) <= room:
        return f" {text}"
    if room < LEAST_EXCERPT:
        return ""
    mark = own("…", style)
    if not text.startswith('"'):
        # Bytes in hexadecimal, three columns each with the space after them.
        return f" {text[: (room - columns(mark)) // 3 * 3]}{mark}"
    kept = ""
    for piece in fragments(text[1:]):
        if columns(kept + piece + mark) + 2 > room:
            break
        kept += piece
    return f' "{kept}"{mark}'


def _between(
    plan: Plan, left: str, inside: Sequence[Span], right: str, *, to_right: bool, style: Style
) -> Iterator[list[Span]]:
    """The parts that did not fit outside the lifelines, placed between them: on one line, or the states below.

    The states stand at their own lifelines, the other parts at the side of the sender.
    """
    texts: list[Span] = []
    for text, role in inside:
        texts += [*([(own(" · ", style), "faint")] if texts else []), (text, role)]
    width = sum(columns(text) for text, _ in texts)
    taken = columns(left) + columns(right) + 2 * bool(left) + 2 * bool(right)
    margin = plan.layout.lead + 1
    if taken + width <= plan.middle:
        before, after = columns(left) + 2 * bool(left), columns(right) + 2 * bool(right)
        if to_right:
            start = max(before, min(margin, plan.middle - after - width))
        else:
            start = min(plan.middle - after - width, max(plan.middle - margin - width, before))
        if not width:
            start = before
        rest = plan.middle - start - width - columns(right)
        middle = [
            (left, "state"),
            (" " * (start - columns(left)), ""),
            *texts,
            (" " * rest, ""),
            (right, "state"),
        ]
        yield middle
        return
    if texts:
        role = inside[-1][1]
        for text in flow([text for text, _ in inside], plan.middle - 2 * margin, style):
            start = margin if to_right else plan.middle - margin - columns(text)
            rest = plan.middle - start - columns(text)
            yield [(" " * start, ""), (text, role), (" " * rest, "")]
    if left or right:
        rest = plan.middle - columns(left) - columns(right)
        if rest >= 1:
            yield [(left, "state"), (" " * rest, ""), (right, "state")]
        else:
            yield [(left.ljust(plan.middle), "state")]
            yield [(right.rjust(plan.middle), "state")]


def _fold(row: Fold, plan: Plan, style: Style) -> Iterator[list[Span]]:
    text = next((text for text in fold_forms(row, style) if columns(text) <= plan.middle), "")
    spare = plan.middle - columns(text)
    noted = _noted(row, style)
    beside = style.width - plan.right_lifeline - 2
    aside = noted if plan.layout.aside and columns(noted) <= beside else ""
    yield _line(
        plan,
        time=plan.clock.show(row.first_time_ns),
        middle=[(" " * (spare // 2), ""), (text, "faint"), (" " * (spare - spare // 2), "")],
        right=[(aside, "odd")],
        lifeline="┆",
    )
    if noted and not aside:
        for line in flow([noted], plan.middle, style):
            spare = plan.middle - columns(line)
            middle = [(" " * (spare // 2), ""), (line, "odd"), (" " * (spare - spare // 2), "")]
            yield _line(plan, middle=middle, lifeline="┆")


def _notice(row: Notice, plan: Plan, style: Style) -> Iterator[list[Span]]:
    """An ICMP error in the middle, on a line that reaches neither lifeline."""
    frame, time = str(row.frame), plan.clock.show(row.time_ns)
    lines = flow(own(notice_text(row.error), style).split(" "), plan.middle - 8, style, separator=" ")
    for line in lines:
        spare = plan.middle - columns(line) - 2
        rule = "╌" if len(lines) == 1 else " "
        before = spare // 2
        yield _line(
            plan,
            frame=frame,
            time=time,
            middle=[
                (f" {rule * (before - 1)} ", "faint"),
                (line, "odd"),
                (f" {rule * (spare - before - 1)} ", "faint"),
            ],
        )
        frame = time = ""


def fold_forms(row: Fold, style: Style) -> Iterator[str]:
    """The text of a run of omitted segments, from the longest form to the shortest."""
    segments = row.segments_to_right + row.segments_to_left
    omitted = counted(segments, "{count} segment omitted", "{count} segments omitted")
    frames = say("frames {first} to {last}", first=row.first_frame, last=row.last_frame)
    total = row.bytes_to_right + row.bytes_to_left
    ways = []
    if row.bytes_to_right:
        ways.append(f"{counted(row.bytes_to_right, '{count} byte', '{count} bytes')} →")
    if row.bytes_to_left:
        ways.append(f"← {counted(row.bytes_to_left, '{count} byte', '{count} bytes')}")
    both = ", ".join(ways) or say("no data")
    amount = counted(total, "{count} byte", "{count} bytes") if total else say("no data")
    for form in (
        f"{omitted}, {frames}: {both}",
        f"{omitted}: {both}",
        f"{omitted}: {amount}",
        omitted,
        grouped(segments),
    ):
        yield own(form, style)


def _noted(row: Fold, style: Style) -> str:
    """The counted notes of a run of omitted segments."""
    return own(" · ".join(counted_note(name, count) for name, count in row.noted), style)


def compact_head(client: Lifeline, server: Lifeline, style: Style) -> Iterator[list[Span]]:
    """Both endpoints and their first states, if there is no room for lifelines."""
    yield [(own(f"→ {_endpoint(client)} {client.initial_state}", style), "title")]
    yield [(own(f"← {_endpoint(server)} {server.initial_state}", style), "title")]


def compact_lines(row: Row, digits: int, clock: Clock, style: Style) -> Iterator[list[Span]]:
    """A row without lifelines: two or more lines for each segment. digits: of the longest frame number."""
    indent = digits + 1
    frame = "" if isinstance(row, Fold) else str(row.frame)
    time = f"{clock.show(_time(row))} {clock.unit}" if clock.size else clock.show(_time(row))
    if isinstance(row, Arrow):
        role = role_of(row)
        direction = own("→" if row.to_right else "←", style)
        first = f"{direction} {' '.join(numbers_of(row))} {foreign(row.text, style)}".rstrip()
        states = [
            f"{say(side)} {state}"
            for side, state in (("client", row.left_state), ("server", row.right_state))
            if state
        ]
        rest = [time, _labels(row, style), _notes(row, style), *states]
    elif isinstance(row, Notice):
        role, first, rest = "odd", own(notice_text(row.error), style), [time]
    else:
        role = "faint"
        first = next(fold_forms(row, style))
        rest = [time, _noted(row, style)]
    room = max(style.width - indent, 1)
    head = f"{frame:>{digits}} "
    for line in flow([first], room, style):
        yield [(head, "faint"), (line, role)]
        head = " " * indent
    for line in flow([part for part in rest if part], room, style):
        yield [(head, ""), (line, "faint")]
