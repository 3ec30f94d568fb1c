"""Lays out two connections that correspond to each other: which segments get a row, their marks, and what is omitted.

The rows follow A. A is on the left, B on the right. For two places the arrows go from one place to the other, like the
segments. For two runs they go between the client on the left and the server on the right.
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

    Attributes:
        arrow: The segment.
        frames: The numbers of its frames; empty in a capture that does not have it.
        times: Its times since A's first segment by A's clock, if the offset of the clocks is known. If not, since
            the first segment of each capture. None in a capture that does not have it.
        marks: What to write next to it, the most important mark first.
        differences: Names of `DIFFERENCES`.
        lost: Whether it was sent but did not arrive at the other place.
    """

    arrow: Arrow
    frames: tuple[str, str]
    times: tuple[int | None, int | None]
    marks: tuple[Message, ...]
    differences: tuple[str, ...]
    lost: bool


@dataclass(frozen=True, slots=True)
class ComparedFold:
    """A run of omitted segments that share one row.

    Attributes:
        fold: The segments.
        times: The time of the first one in A and in B; None in a capture that does not have it.
        differences: Names of `DIFFERENCES` with their counts, in the order of that table.
    """

    fold: Fold
    times: tuple[int | None, int | None]
    differences: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class ComparedDiagram:
    """The diagram of one pair.

    Attributes:
        title: The numbers and the endpoints of the connections.
        heads: The side of the left and of the right lifeline.
        captures: The names of A and B.
        rows: The rows in the order of A.
        sloping: Whether the times of both sides come from one clock, so that an arrow may slope.
    """

    title: Message
    heads: tuple[Side, Side]
    captures: tuple[str, str]
    rows: tuple[ComparedArrow | ComparedFold, ...]
    sloping: bool


def lay_out_comparison(
    comparison: PairComparison, captures: tuple[str, str], tolerance_ns: int, *, fold: bool = True
) -> ComparedDiagram:
    """Make the diagram of one pair.

    Args:
        comparison: The comparison of the pair.
        captures: The names of A and B.
        tolerance_ns: A segment that is late or early by less than this gets no mark, in nanoseconds.
        fold: Omit long runs of segments without a difference, so that the diagram has at most `ROW_LIMIT` rows.

    Returns:
        The diagram.
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
    """The times that the times of A and of B count from."""
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
    """What to write next to a row, the most important mark first."""
    side = "" if comparison.clocks is None else comparison.clocks.client_side
    known = side != ""
    if not row.a or not row.b:
        here, there = ("A", "B") if row.a else ("B", "A")
        if "extra" in row.differences:
            if known:
                sentence = "only in {here}: duplicated on the way"
            elif row.shown.notes & RETRANSMISSIONS:
                sentence = "only in {here}: retransmission"
            else:
                sentence = "only in {here}: extra copy"
        elif known:
            sentence = (
                "only in {here}: lost on the way"
                if at_sender
                else "only in {here}: {there} did not capture it"
            )
        else:
            sentence = "only in {here}"
        yield Message(sentence, here=here, there=there)
    for change in row.changes:
        # A segment that travels towards A has the values of B first.
        towards_a = known and (side == "b") == row.shown.from_client
        yield change_message(change._replace(in_a=change.in_b, in_b=change.in_a) if towards_a else change)
    if row.missing_bytes:
        yield Message(
            "{bytes} bytes are missing in {there}",
            bytes=f"{row.missing_bytes:,}",
            there="B" if len(row.a) == 1 else "A",
        )
    if "resegmented" in row.differences:
        yield Message("{a} in A, {b} in B", a=_segments(len(row.a)), b=_segments(len(row.b)))
    if "reordered" in row.differences:
        yield Message("reordered on the way" if comparison.clocks is not None else "in a different order")
    if row.late_ns is not None and row.late_ns > tolerance_ns:
        yield Message("{time} late", time=span(row.late_ns))
    elif row.late_ns is not None and row.late_ns < -tolerance_ns:
        yield Message("{time} early", time=span(-row.late_ns))


def _segments(count: int) -> Message:
    return Message("1 segment") if count == 1 else Message("{count} segments", count=count)


def change_message(change: Change) -> Message:
    """A change from A to B, as a mark."""
    what = Message(change.what)
    if not change.in_a and not change.in_b:
        return Message("{what} changed", what=what)
    return Message("{what} {a} → {b}", what=what, a=inert(change.in_a), b=inert(change.in_b))


def span(nanoseconds: int) -> str:
    """A duration for a mark: 812 µs, 3.2 ms, 1.25 s."""
    for unit, size in (("µs", MICROSECOND), ("ms", MILLISECOND)):
        # Three digits. From 999.5 on they would round up to a fourth.
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
