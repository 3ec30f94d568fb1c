"""The growing ladder of a live capture: each segment gets its lines as soon as it is captured.

The columns are fixed before the first segment, wide enough for an ordinary connection, so no line has to
be written again. The number at the left shows to which connection a line belongs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from analyzer.diagram.layout import arrow, lifeline, notice
from analyzer.diagram.rows import Arrow, Row
from analyzer.report.ladder import (
    COMPACT_BELOW,
    Plan,
    compact_head,
    compact_lines,
    head_lines,
    plan_for,
    row_lines,
)
from analyzer.report.sentences import reason_sentence
from analyzer.report.terminal import READABLE_WIDTH, Span, Style, finish, flow
from analyzer.report.wording import SECOND, Clock, counted
from analyzer.tcp.labels import LabelName
from analyzer.trace.values import Connection, IcmpError, Segment
from analyzer.wire.flags import Flags

__all__ = ["GrowingLadder"]

CLOCK: Final = Clock("s", SECOND, 6)
"""The length of a connection is not known yet; microseconds separate the segments of a handshake."""

NUMBER_COLUMNS: Final = 4
"""`#12 `: 100 connections stay aligned."""

# The columns fit these: a frame number, a time, and the widest ordinary segment.
_SAMPLE_FRAME: Final = 99_999
_SAMPLE_TIME_NS: Final = 99 * SECOND
_SAMPLE_STATE: Final = "SYN-RECEIVED"


class GrowingLadder:
    """The lines of a live capture, without their ends, at most `style.width` columns each."""

    def __init__(self, style: Style, *, why: bool = True) -> None:
        """why: whether to show the reason for each change of state, below its segment."""
        self._style = style.at_most(READABLE_WIDTH)
        self._inner = Style(max(self._style.width - NUMBER_COLUMNS, 1), style.colour, style.ascii)
        self._why = why
        self._starts: dict[int, int] = {}
        self._lately: int | None = None
        self._plan: Plan | None = None
        if self._inner.width >= COMPACT_BELOW:
            self._plan = plan_for(_samples(), (_SAMPLE_STATE, _SAMPLE_STATE), CLOCK, self._inner)

    def connection_lines(self, connection: Connection, segment: Segment) -> Iterator[str]:
        """The head of a connection: its two endpoints, and their states before its first segment."""
        self._starts[connection.id] = connection.first_time_ns
        left = lifeline("client", connection.client, segment.client_state[0], segment.client_state[1])
        right = lifeline("server", connection.server, segment.server_state[0], segment.server_state[1])
        if self._lately is not None:
            yield ""
        self._lately = connection.id
        lines = (
            compact_head(left, right, self._inner)
            if self._plan is None
            else head_lines(left, right, self._plan, self._inner)
        )
        for line in lines:
            yield self._finish(connection.id, line)

    def segment_lines(self, number: int, segment: Segment) -> Iterator[str]:
        """The lines of a segment of connection `number`, and of the reasons for its state changes."""
        row = arrow(segment, self._starts.get(number, segment.time_ns), "data")
        yield from self._row(number, row, row.frame)
        if self._why and row.why:
            for line in self._reason(row):
                yield self._finish(number, line)

    def error_lines(self, number: int, error: IcmpError) -> Iterator[str]:
        """The lines of an ICMP error about a segment of connection `number`."""
        row = notice(error, self._starts.get(number, error.time_ns), "data")
        yield from self._row(number, row, row.frame)

    def _row(self, number: int, row: Row, frame: int) -> Iterator[str]:
        lines = (
            compact_lines(row, len(str(frame)), CLOCK, self._inner)
            if self._plan is None
            else row_lines(row, self._plan, self._inner)
        )
        for line in lines:
            yield self._finish(number, line)

    def skipped_lines(self, count: int) -> Iterator[str]:
        """A line in place of `count` segments that came too fast to be shown."""
        sentence = counted(
            count,
            "{count} segment omitted, because it came too fast to be shown; it counts in the verdicts",
            "{count} segments omitted, because they came too fast to be shown; they count in the verdicts",
        )
        yield finish([(" " * NUMBER_COLUMNS, ""), (f"… {sentence}", "faint")], self._style)

    def _reason(self, row: Arrow) -> Iterator[list[Span]]:
        """Each sentence, from the time column to the edge, where there is more room than in the middle."""
        plan = self._plan
        margin = len(str(row.frame)) + 1
        if plan is not None:
            margin = plan.layout.indent + plan.frame + plan.layout.gap
        for reason in row.why:
            for line in flow([reason_sentence(reason)], max(self._inner.width - margin, 1), self._inner):
                yield [(" " * margin, ""), (line, "faint")]

    def _finish(self, number: int, line: list[Span]) -> str:
        return finish([(f"#{number:<{NUMBER_COLUMNS - 1}}", "faint"), *line], self._style)


def _samples() -> tuple[Arrow, Arrow]:
    """The widest rows that the columns must fit."""
    row = Arrow(
        frame=_SAMPLE_FRAME,
        time_ns=_SAMPLE_TIME_NS,
        to_right=True,
        flags=Flags.PSH | Flags.ACK,
        seq=10_000,
        ack=10_000,
        length=1_000,
        window=65_535,
        text='"hello my name is"',
        labels=("handshake-2",),
        notes=(),
        left_state=_SAMPLE_STATE,
        right_state=_SAMPLE_STATE,
        why=(),
        phase="data",
        retransmission=False,
        reset=False,
    )
    labels: tuple[LabelName, ...] = ("close-2", "close-3")
    flags = Flags.FIN | Flags.ACK
    return row, row._replace(flags=flags, length=0, text="", labels=labels, right_state="LAST-ACK")
