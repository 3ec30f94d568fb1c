"""The text report on a comparison: both captures, the differences of each pair of connections, one ladder per pair.

The ladder shows each segment once, with its frame and its time in A on the left and in B on the right. Its marks are
next to the arrow if the line has room, and below the arrow if not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from analyzer.compare.clocks import TROUBLES
from analyzer.compare.differences import Clocks, Mode, PairComparison
from analyzer.diagram.paired_ladder import ComparedArrow, ComparedDiagram, ComparedFold, change_message
from analyzer.report.diagram_words import label_words
from analyzer.report.ladder import fold_forms, numbers_of, role_of, shaft_of
from analyzer.report.sentences import verdict
from analyzer.report.terminal import READABLE_WIDTH, Span, Style, columns, finish, flow, foreign, own, tail
from analyzer.report.wording import Clock, clock_for, counted, duration, grouped
from analyzer.text import said, say
from analyzer.trace.values import Capture, Connection

__all__ = [
    "DIFFERENCE_WORDS",
    "comparison_ladder",
    "count_sentences",
    "head_lines",
    "pair_line",
    "pair_lines",
    "sum_lines",
    "unpaired_line",
]

COMPACT_BELOW: Final = 56
"""Columns that two frames, two times and an arrow need."""

LEAST_MIDDLE: Final = 26
MOST_ASIDE: Final = 44
SPARE: Final = 4  # columns of shaft beyond what the longest arrow needs

MODE_WORDS: Final[dict[Mode, str]] = {
    "two-places": "one exchange, captured at two places",
    "two-runs": "two runs, compared by content",
}
SIDE_WORDS: Final = {
    "a": "A is nearer to the client",
    "b": "B is nearer to the client",
}
# Kind of difference -> the words for one and for several.
DIFFERENCE_WORDS: Final = {
    "unpaired": ("{count} connection in one capture only", "{count} connections in one capture only"),
    "outcome": ("{count} different outcome", "{count} different outcomes"),
    "missing": ("{count} segment missing", "{count} segments missing"),
    "extra": ("{count} extra copy of a segment", "{count} extra copies of segments"),
    "changed": ("{count} segment changed", "{count} segments changed"),
    "reordered": ("{count} segment reordered", "{count} segments reordered"),
    "late": ("{count} segment late", "{count} segments late"),
    "resegmented": ("{count} segment divided differently", "{count} segments divided differently"),
    "rewritten": ("{count} value rewritten", "{count} values rewritten"),
}
RULE_WORDS: Final = {
    "endpoints-and-isns": "equal endpoints and initial sequence numbers",
    "isns": "equal initial sequence numbers",
    "client-isn": "the client's initial sequence number",
    "server-isn": "the server's initial sequence number",
    "endpoints-and-numbers": "equal endpoints and overlapping sequence numbers",
    "timestamps": "equal timestamps",
    "numbered-payload": "an equal payload at an equal sequence number",
    "endpoints": "equal endpoints",
    "payloads": "equal first payloads",
    "server-and-payloads": "the same server and equal first payloads",
    "server-and-request": "the same server and an equal request",
    "server": "the same server, in the order of the connections",
    "port-and-payloads": "the same server port and equal first payloads",
    "server-port": "the same server port, in the order of the connections",
    "only-one-left": "the only connection left in each capture",
}


def count_sentences(counts: Mapping[str, int]) -> list[str]:
    """The count of each kind of difference, in words."""
    return [counted(count, *DIFFERENCE_WORDS[name]) for name, count in counts.items() if count]


def head_lines(
    captures: tuple[Capture, Capture], connections: tuple[int, int], mode: Mode, given: bool, style: Style
) -> Iterator[str]:
    """The two captures and the mode of the comparison. connections: how many each capture has."""
    style = style.at_most(READABLE_WIDTH)
    for letter, capture, count in zip("AB", captures, connections, strict=True):
        path = foreign(capture.path, style)
        facts = [
            capture.format,
            ", ".join(dict.fromkeys(capture.link_type_names)) or say("no link type"),
            counted(capture.frames, "{count} frame", "{count} frames"),
            counted(count, "{count} connection", "{count} connections"),
        ]
        line = own(" · ".join(facts), style)
        if columns(path) + columns(line) + 6 <= style.width:
            yield finish([(f"{letter}  {path}", "title"), (f"   {line}", "")], style)
        else:
            yield finish([(f"{letter}  {tail(path, max(style.width - 3, 1), style)}", "title")], style)
            yield from _flowing("   ", facts, "", style)
    word = say(MODE_WORDS[mode])
    yield finish([(say("chosen with --as: {mode}", mode=word) if given else word, "")], style)


def unpaired_line(letter: str, connection: Connection, style: Style) -> str:
    """A connection without a counterpart."""
    ends = own(f"{connection.client} → {connection.server}", style)
    head = say("only in {letter}: #{number}", letter=letter, number=connection.id)
    style = style.at_most(READABLE_WIDTH)
    return finish(
        [(f"{head}  ", "bad"), (ends, "title"), ("  ", ""), (own(verdict(connection), style), "")], style
    )


def pair_line(comparison: PairComparison, style: Style) -> str:
    """One pair in one line, for a table of many pairs."""
    numbers = (
        f"#{comparison.a.id}"
        if comparison.a.id == comparison.b.id
        else f"#{comparison.a.id}/#{comparison.b.id}"
    )
    ends = own(f"{comparison.a.client} → {comparison.a.server}", style)
    found = own(" · ".join(count_sentences(comparison.counts)) or say("no difference"), style)
    return finish(
        [(f"{numbers:<9} ", "faint"), (f"{ends}  ", "title"), (found, "")], style.at_most(READABLE_WIDTH)
    )


def pair_lines(comparison: PairComparison, style: Style) -> Iterator[str]:
    """The headline of a pair, its differences, what was rewritten, and the clocks."""
    style = style.at_most(READABLE_WIDTH)
    a, b = comparison.a, comparison.b
    ends = own(f"{a.client} → {a.server}", style)
    for line in flow(
        [say("A #{a}, B #{b}", a=a.id, b=b.id), ends], max(style.width, 1), style, separator="  "
    ):
        yield finish([(line, "title")], style)
    counts = comparison.counts
    rows = [
        ("found", count_sentences(counts) or [say("no difference")], "bad" if counts else "good"),
        ("paired by", [say(RULE_WORDS[comparison.pair.rule])], "faint"),
        ("A to B", [said(change_message(fact)) for fact in comparison.facts], ""),
        ("clocks", _clock_sentences(comparison.clocks) if comparison.clocks else [], ""),
    ]
    width = max(columns(say(name)) for name, _, _ in rows)
    margin = "    " if style.width >= COMPACT_BELOW else ""
    for name, items, role in rows:
        if items:
            yield from _flowing(f"{margin}{say(name):<{width}}  ", items, role, style)


def sum_lines(pairs: int, equal: int, counts: Mapping[str, int], style: Style) -> Iterator[str]:
    """The totals of all pairs. equal: how many pairs have no difference."""
    found = count_sentences({name: counts.get(name, 0) for name in DIFFERENCE_WORDS})
    items = [counted(pairs, "{count} pair of connections", "{count} pairs of connections")]
    if 0 < equal < pairs:
        items.append(say("{count} without a difference", count=grouped(equal)))
    return _flowing(
        "",
        [*items, *(found or [say("no difference")])],
        "bad" if found else "good",
        style.at_most(READABLE_WIDTH),
    )


def _clock_sentences(clocks: Clocks) -> list[str]:
    """The clocks and the delay between the two places, with their uncertainty."""
    sentences = [say(SIDE_WORDS[clocks.client_side])] if clocks.client_side else []
    if clocks.trouble:
        return [*sentences, say(TROUBLES[clocks.trouble])]
    if not clocks.client_side:
        offset = clocks.offset_ns or 0
        if not offset:
            return [say("both captures have the same times")]
        sentence = "all times of B are {time} later" if offset > 0 else "all times of B are {time} earlier"
        return [say(sentence, time=duration(abs(offset)))]
    offset, doubt = clocks.offset_ns or 0, clocks.uncertainty_ns
    if doubt >= abs(offset):
        sentences.append(say("the two clocks agree within {doubt}", doubt=duration(doubt)))
    else:
        sentence = (
            "B's clock is {time} ahead, plus or minus {doubt}"
            if offset > 0
            else "B's clock is {time} behind, plus or minus {doubt}"
        )
        sentences.append(say(sentence, time=duration(abs(offset)), doubt=duration(doubt)))
    if clocks.drift:
        sentence = (
            "B's clock runs {rate:.1f} ppm fast" if clocks.drift > 0 else "B's clock runs {rate:.1f} ppm slow"
        )
        sentences.append(say(sentence, rate=abs(clocks.drift) * 1e6))
    sentences.append(
        say(
            "RTT of at least {time} between the places, so about {half} one way",
            time=duration(2 * doubt),
            half=duration(doubt),
        )
    )
    return sentences


def _flowing(head: str, items: Sequence[str], role: str, style: Style) -> Iterator[str]:
    for line in flow(items, max(style.width - columns(head), 12), style):
        yield finish([(head, "faint"), (line, role)], style)
        head = " " * columns(head)


class _Plan(NamedTuple):
    """The widths of the columns of one ladder."""

    frames: tuple[int, int]
    times: tuple[int, int]
    middle: int
    aside: int
    clock: Clock

    @property
    def left_lifeline(self) -> int:
        return self.frames[0] + self.times[0] + 2

    @property
    def right_lifeline(self) -> int:
        return self.left_lifeline + self.middle + 3


def comparison_ladder(diagram: ComparedDiagram, style: Style) -> Iterator[str]:
    """The lines of the ladder, without their ends, at most `style.width` columns each."""
    style = style.at_most(READABLE_WIDTH)
    clock = clock_for(time for row in diagram.rows for time in row.times if time is not None)
    if style.width < COMPACT_BELOW:
        for row in diagram.rows:
            yield from _compact(row, clock, style)
        return
    plan = _plan(diagram, clock, style)
    yield from (finish(line, style) for line in _head(diagram, plan, style))
    for row in diagram.rows:
        lines = _arrow(row, plan, style) if isinstance(row, ComparedArrow) else _fold(row, plan, style)
        yield from (finish(line, style) for line in lines)


def _plan(diagram: ComparedDiagram, clock: Clock, style: Style) -> _Plan:
    arrows = [row for row in diagram.rows if isinstance(row, ComparedArrow)]
    frames = [max([1, *(columns(own(row.frames[side], style)) for row in arrows)]) for side in (0, 1)]
    times = [
        max(
            columns(text)
            for text in [
                own(clock.unit, style),
                *(_shown_time(row.times[side], clock) for row in diagram.rows),
            ]
        )
        for side in (0, 1)
    ]
    core = max((len(" ".join(numbers_of(row.arrow))) for row in arrows), default=0)
    excerpts = max((columns(foreign(row.arrow.text, style)) for row in arrows), default=0)
    wanted = core + 5 + (excerpts and excerpts + 1) + SPARE
    beside = max((columns(own(" · ".join(_marks(row)), style)) for row in arrows), default=0)
    labels = max((columns(own(_labels(row), style)) for row in arrows), default=0)
    room = style.width - sum(frames) - sum(times) - 8
    aside = min(max(beside, labels), MOST_ASIDE)
    if aside and room - aside - 2 < max(core + 5, LEAST_MIDDLE):
        aside = labels if room - labels - 2 >= max(core + 5, LEAST_MIDDLE) else 0
    middle = max(min(room - (aside and aside + 2), wanted), LEAST_MIDDLE)
    return _Plan((frames[0], frames[1]), (times[0], times[1]), middle, aside, clock)


def _shown_time(time: int | None, clock: Clock) -> str:
    return "" if time is None else clock.show(time)


def _marks(row: ComparedArrow) -> list[str]:
    return [said(mark) for mark in row.marks]


def _labels(row: ComparedArrow) -> str:
    return " + ".join(label_words(row.arrow.labels))


def _head(diagram: ComparedDiagram, plan: _Plan, style: Style) -> Iterator[list[Span]]:
    """The captures above their columns, and the heads of the lifelines."""
    left, right = (
        f"{letter}  {foreign(name, style)}" for letter, name in zip("AB", diagram.captures, strict=True)
    )
    width = plan.right_lifeline + 3 + plan.times[1] + plan.frames[1]
    half = max((width - 2) // 2, 8)
    left, right = tail(left, half, style), tail(right, half, style)
    yield [(left, "title"), (" " * max(width - columns(left) - columns(right), 2), ""), (right, "title")]
    unit = own(plan.clock.unit, style)
    numbers = f"{'#':>{plan.frames[0]}} {unit:>{plan.times[0]}} "
    client, server = (say(side) for side in diagram.heads)
    between = plan.middle + 4 - columns(client) - columns(server)
    yield [
        (numbers, "faint"),
        (f"{client}{' ' * max(between, 1)}{server}", "title"),
        (f" {unit:>{plan.times[1]}} {'#':>{plan.frames[1]}}", "faint"),
    ]


def _line(
    plan: _Plan,
    middle: Sequence[Span],
    frames: tuple[str, str] = ("", ""),
    times: tuple[str, str] = ("", ""),
    aside: Sequence[Span] = (),
    lifeline: str = "│",
) -> list[Span]:
    return [
        (f"{frames[0]:>{plan.frames[0]}} {times[0]:>{plan.times[0]}} {lifeline} ", "faint"),
        *middle,
        (f" {lifeline} {times[1]:>{plan.times[1]}} {frames[1]:>{plan.frames[1]}}", "faint"),
        ("  ", ""),
        *aside,
    ]


def _role(row: ComparedArrow) -> str:
    if not all(row.frames):
        return "bad"
    return "odd" if row.differences else role_of(row.arrow)


def _arrow(row: ComparedArrow, plan: _Plan, style: Style) -> Iterator[list[Span]]:
    role = _role(row)
    # The arrow of a lost segment ends before the other side.
    short = 2 if row.lost else 0
    shaft, _, moved = shaft_of(row.arrow, "", plan.middle - short, 1, style)
    if row.lost:
        shaft = f"{shaft[:-1]}×  " if row.arrow.to_right else f"  ×{shaft[1:]}"
    labels, marks = own(_labels(row), style), own(" · ".join(_marks(row)), style)
    aside: list[Span] = []
    # If there is no room, the acknowledgement is left out first. The sequence number is always shown.
    below = [moved] if "seq=" in moved else []
    if marks and columns(marks) <= plan.aside:
        aside = [(marks, role)]
    else:
        if columns(labels) <= plan.aside:
            aside = [(labels, role)]
        below += [own(mark, style) for mark in _marks(row)]
    frames = own(row.frames[0], style), own(row.frames[1], style)
    times = _shown_time(row.times[0], plan.clock), _shown_time(row.times[1], plan.clock)
    yield _line(plan, [(shaft, role)], frames, times, aside)
    if below:
        for text in flow(below, plan.middle - 2, style):
            fill = " " * (plan.middle - 2 - columns(text))
            padded = f"  {text}{fill}" if row.arrow.to_right else f"{fill}{text}  "
            yield _line(plan, [(padded, role)])


def _fold(row: ComparedFold, plan: _Plan, style: Style) -> Iterator[list[Span]]:
    forms = (own(form, style) for form in fold_forms(row.fold, style))
    texts = [next((form for form in forms if columns(form) <= plan.middle), "")]
    noted = [counted(count, *DIFFERENCE_WORDS[name]) for name, count in row.differences]
    texts += flow(noted, plan.middle, style) if noted else []
    for number, text in enumerate(texts):
        times = (
            ("", "")
            if number
            else (_shown_time(row.times[0], plan.clock), _shown_time(row.times[1], plan.clock))
        )
        centred = f"{'':{(plan.middle - columns(text)) // 2}}{text}"
        centred += " " * (plan.middle - columns(centred))
        yield _line(plan, [(centred, "odd" if number else "faint")], times=times, lifeline="┆")


def _compact(row: ComparedArrow | ComparedFold, clock: Clock, style: Style) -> Iterator[str]:
    """A row without lifelines, for a narrow terminal: the segment, its frames and times, its marks."""
    if isinstance(row, ComparedFold):
        noted = [counted(count, *DIFFERENCE_WORDS[name]) for name, count in row.differences]
        for line in flow([next(fold_forms(row.fold, style)), *noted], max(style.width, 1), style):
            yield finish([(line, "faint")], style)
        return
    role = _role(row)
    direction = own("→" if row.arrow.to_right else "←", style)
    first = f"{direction} {' '.join(numbers_of(row.arrow))} {foreign(row.arrow.text, style)}".rstrip()
    for line in flow([first], max(style.width, 1), style):
        yield finish([(line, role)], style)
    seen = [
        f"{letter} {frame}: {_shown_time(time, clock)} {clock.unit if clock.size else ''}".rstrip()
        for letter, frame, time in zip("AB", row.frames, row.times, strict=True)
        if frame
    ]
    for line in flow([*seen, *_marks(row)], max(style.width - 3, 1), style):
        yield finish([("   ", ""), (line, role if row.marks else "faint")], style)
