"""Lay out two connections that are the same one: which segment gets a row, what is marked at it, what is folded.

Rows follow A. On the left is A, on the right is B: for two places the arrows go from one to the other as the segments
did, for two runs from the client on the left to the server on the right.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from analyzer.compare.differences import DIFFERENCES, Change, Clocks, Observation, PairComparison, Row
from analyzer.diagram.layout import (
    EXAMPLES,
    FIRST_OF_ITS_KIND,
    NOTED,
    ORDINARY,
    TURNING_POINT,
    Stretch,
    excerpt,
    fold_runs,
)
from analyzer.diagram.rows import Arrow, Fold
from analyzer.tcp.labels import LABELS, label_names
from analyzer.tcp.notes import RETRANSMISSIONS
from analyzer.text import Message, inert
from analyzer.trace.values import Side
from analyzer.wire import header as flag
from analyzer.wire.flags import Flags

__all__ = [
    "ComparedArrow",
    "ComparedDiagram",
    "ComparedFold",
    "change_message",
    "lay_out_comparison",
    "span",
]

PHASE_LABELS: Final = sum(
    label.bit for label in LABELS if label.name.startswith(("handshake", "close", "reset"))
)
MICROSECOND: Final = 1_000
MILLISECOND: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class ComparedArrow:
    """One segment in both captures. Of two values the first is A's.

    frames: the numbers of its frames, empty where it is missing. times: since A's first segment, by A's clock as far
    as it is known, otherwise since the first segment of each; None where it is missing.
    marks: what is to be said about it, the most important first. lost: it set out and is not seen at the other end.
    """

    arrow: Arrow
    frames: tuple[str, str]
    times: tuple[int | None, int | None]
    marks: tuple[Message, ...]
    differences: tuple[str, ...]
    lost: bool


@dataclass(frozen=True, slots=True)
class ComparedFold:
    """A run of segments shown as one row. differences: how often each was found, in the order of their table."""

    fold: Fold
    times: tuple[int | None, int | None]
    differences: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class ComparedDiagram:
    """One pair. heads: whose the left and the right lifeline is. sloping: the times of both sides are those of
    one clock, so that an arrow may be drawn from one to the other."""

    title: Message
    heads: tuple[Side, Side]
    captures: tuple[str, str]
    rows: tuple[ComparedArrow | ComparedFold, ...]
    sloping: bool


def lay_out_comparison(
    comparison: PairComparison, captures: tuple[str, str], tolerance_ns: int, *, fold: bool = True
) -> ComparedDiagram:
    """The diagram of one pair.

    captures: the names of A and B. tolerance_ns: below it a segment of two runs is not said to come sooner.
    fold: long runs of segments without a difference in one row, and a long diagram down to `ROW_LIMIT` rows.
    """
    rows = comparison.rows
    clocks = comparison.clocks
    mirrored = clocks is not None and clocks.client_side == "b"
    starts = _starts(rows, clocks)
    drawn: list[ComparedArrow | ComparedFold] = []
    whole = [Stretch(0, len(rows), False)] if rows else []
    for stretch in fold_runs(_importance(rows), (0, len(rows))) if fold else whole:
        run = rows[stretch.first : stretch.end]
        if stretch.folded:
            drawn.append(_folded(run, comparison, starts, mirrored))
        else:
            drawn += [_arrow(row, comparison, starts, mirrored, tolerance_ns) for row in run]
    return ComparedDiagram(
        title=Message(
            "A #{a}, B #{b}: {client} → {server}",
            a=comparison.pair.a,
            b=comparison.pair.b,
            client=inert(str(comparison.a.client)),
            server=inert(str(comparison.a.server)),
        ),
        heads=("server", "client") if mirrored else ("client", "server"),
        captures=(inert(captures[0]), inert(captures[1])),
        rows=tuple(drawn),
        sloping=clocks is not None and clocks.offset_ns is not None and not clocks.trouble,
    )


def _starts(rows: Sequence[Row], clocks: Clocks | None) -> tuple[int, int]:
    """What the times of both captures count from."""
    first_a = next((row.a[0].time_ns for row in rows if row.a), None)
    first_b = next((row.b[0].time_ns for row in rows if row.b), None)
    if clocks is not None and clocks.offset_ns is not None and first_a is not None:
        return first_a, first_a + clocks.offset_ns
    return first_a or 0, first_b or 0


def _times(row: Row, starts: tuple[int, int], clocks: Clocks | None) -> tuple[int | None, int | None]:
    drift = clocks.difference_at(row.a[0].time_ns if row.a else starts[0]) if clocks is not None else 0
    return (
        row.a[0].time_ns - starts[0] if row.a else None,
        row.b[0].time_ns - starts[1] - drift if row.b else None,
    )


def _importance(rows: Sequence[Row]) -> bytearray:
    matters = bytearray()
    seen: Counter[str] = Counter()
    for row in rows:
        rank = ORDINARY
        if row.differences:
            seen.update(row.differences)
            rank = FIRST_OF_ITS_KIND if any(seen[name] <= EXAMPLES for name in row.differences) else NOTED
        if row.shown.labels & PHASE_LABELS:
            rank = TURNING_POINT
        matters.append(rank)
    return matters


def _arrow(
    row: Row, comparison: PairComparison, starts: tuple[int, int], mirrored: bool, tolerance_ns: int
) -> ComparedArrow:
    one = row.shown
    seq, ack = _relative(one, comparison, in_a=bool(row.a))
    segments = row.a if len(row.a) > len(row.b) else row.b
    length = one.length if row.a and len(row.a) == 1 else sum(piece.length for piece in segments)
    times = _times(row, starts, comparison.clocks)
    at_sender = bool(row.a) == (one.from_client != mirrored)
    arrow = Arrow(
        frame=one.frame,
        time_ns=times[0] if times[0] is not None else times[1] or 0,
        to_right=one.from_client != mirrored,
        flags=Flags(one.flags),
        seq=seq,
        ack=ack if one.flags & flag.ACK else None,
        length=length,
        window=one.window,
        text=excerpt(one.payload, length),
        labels=tuple(label_names(one.labels)),
        notes=(),
        left_state=None,
        right_state=None,
        why=(),
        phase="data",
        retransmission=one.notes & RETRANSMISSIONS != 0,
        reset=one.flags & flag.RST != 0,
    )
    known = comparison.clocks is not None and comparison.clocks.client_side != ""
    lost = known and at_sender and not (row.a and row.b)
    return ComparedArrow(
        arrow,
        (_frames(row.a), _frames(row.b)),
        times,
        tuple(_marks(row, comparison, at_sender, tolerance_ns)),
        row.differences,
        lost,
    )


def _relative(one: Observation, comparison: PairComparison, *, in_a: bool) -> tuple[int, int]:
    bases = comparison.bases
    if not in_a:
        bases = (bases[0] + comparison.shifts[0], bases[1] + comparison.shifts[1])
    own, other = bases if one.from_client else bases[::-1]
    return (one.seq - own) % 2**32, (one.ack - other) % 2**32


def _frames(segments: Sequence[Observation]) -> str:
    numbers = [one.frame for one in segments]
    return "" if not numbers else str(numbers[0]) if len(numbers) == 1 else f"{min(numbers)}–{max(numbers)}"


def _marks(row: Row, comparison: PairComparison, at_sender: bool, tolerance_ns: int) -> Iterator[Message]:
    """What is to be said about a row, the most important first."""
    side = "" if comparison.clocks is None else comparison.clocks.client_side
    known = side != ""
    if not row.a or not row.b:
        here, there = ("A", "B") if row.a else ("B", "A")
        if "repeated" in row.differences:
            sentence = "only in {here}: repeated on the way" if known else "only in {here}: repeated"
        elif known:
            sentence = (
                "only in {here}: lost on the way"
                if at_sender
                else "only in {here}: {there} did not see it sent"
            )
        else:
            sentence = "only in {here}"
        yield Message(sentence, here=here, there=there)
    for change in row.changes:
        # In the order in which it happened: what travels towards A was B's before.
        towards_a = known and (side == "b") == row.shown.from_client
        yield change_message(change._replace(in_a=change.in_b, in_b=change.in_a) if towards_a else change)
    if row.missing_bytes:
        yield Message(
            "{bytes} bytes of it missing in {there}",
            bytes=f"{row.missing_bytes:,}",
            there="B" if len(row.a) == 1 else "A",
        )
    if "resegmented" in row.differences:
        yield Message("{a} in A, {b} in B", a=_segments(len(row.a)), b=_segments(len(row.b)))
    if "reordered" in row.differences:
        yield Message("overtaken on the way" if comparison.clocks is not None else "in another order")
    if row.late_ns is not None and row.late_ns > tolerance_ns:
        yield Message("+{time}", time=span(row.late_ns))
    elif row.late_ns is not None and row.late_ns < -tolerance_ns:
        yield Message("{time} sooner", time=span(-row.late_ns))


def _segments(count: int) -> Message:
    return Message("1 segment") if count == 1 else Message("{count} segments", count=count)


def change_message(change: Change) -> Message:
    """What was changed: from A to B."""
    what = Message(change.what)
    if not change.in_a and not change.in_b:
        return Message("{what} changed", what=what)
    return Message("{what} {a} → {b}", what=what, a=inert(change.in_a), b=inert(change.in_b))


def span(nanoseconds: int) -> str:
    """A span of time for a mark: 812 µs, 3.2 ms, 1.25 s."""
    for unit, size in (("µs", MICROSECOND), ("ms", MILLISECOND)):
        # Three digits, as long as they do not round up to a fourth.
        if nanoseconds < 999.5 * size:
            return f"{nanoseconds / size:.3g} {unit}"
    return f"{nanoseconds / (1000 * MILLISECOND):,.2f} s"


def _folded(
    run: Sequence[Row], comparison: PairComparison, starts: tuple[int, int], mirrored: bool
) -> ComparedFold:
    shown = [row.shown for row in run]
    differences = Counter(name for row in run for name in row.differences)
    right = [one for one in shown if one.from_client != mirrored]
    left = [one for one in shown if one.from_client == mirrored]
    times = [_times(row, starts, comparison.clocks) for row in (run[0], run[-1])]
    begin, end = (time[0] if time[0] is not None else time[1] or 0 for time in times)
    return ComparedFold(
        Fold(
            first_frame=shown[0].frame,
            last_frame=shown[-1].frame,
            first_time_ns=begin,
            last_time_ns=end,
            segments_to_right=len(right),
            segments_to_left=len(left),
            bytes_to_right=sum(one.length for one in right),
            bytes_to_left=sum(one.length for one in left),
            phase="data",
        ),
        times[0],
        tuple((kind.name, differences[kind.name]) for kind in DIFFERENCES if differences[kind.name]),
    )
