"""A capture while it grows: each segment as soon as its frame has come, and at the end the trace."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

from analyzer.analysis.loop import segments
from analyzer.analysis.reading import ORDINARY, Reading
from analyzer.analysis.stored import SEGMENTS_KEPT_OF_A_PIPE, NoSegments, StoredSegments, describe, judge
from analyzer.capture import Records
from analyzer.tcp.machine import ERRORS_KEPT, Machine
from analyzer.tcp.step import Step
from analyzer.trace.build import build_connection, last_error
from analyzer.trace.columns import SEGMENTS_IN_A_BLOCK, Columns
from analyzer.trace.folding import Folding
from analyzer.trace.segments import Segments
from analyzer.trace.values import Connection, IcmpError, Segment, Trace
from analyzer.wire.header import Header

__all__ = ["Following", "Sighting", "follow"]


def follow(
    records: Records, name: str, *, stored: str | None = None, reading: Reading = ORDINARY
) -> Following:
    """Follow a capture while it grows: iterate over what it returns, then ask it for the trace.

    records: not closed here. name: what the trace calls the capture. stored: the file that is going to hold
    the same frames, for reading segments again where there are too many to be kept; without it they cannot be had then.
    """
    return Following(records, name, stored, reading)


class Following:
    """The segments of a growing capture, one at a time, and at the end the trace.

    on_error: told the number of a connection, and the ICMP error about it that has just come, as far as it is kept.
    """

    def __init__(self, records: Records, name: str, stored: str | None, reading: Reading) -> None:
        self.on_error: Callable[[int, IcmpError], None] = lambda number, error: None
        self._records = records
        self._name = name
        self._stored = stored
        self._reading = reading
        self._folding = Folding()
        self._seen: deque[Sighting] = deque()
        # One block at a time of what was seen last: it goes when nobody has a segment of it any more.
        self._recent = Columns()
        self._pass = segments(records, reading, self, keep=SEGMENTS_KEPT_OF_A_PIPE)

    def __iter__(self) -> Iterator[Sighting]:
        """Each segment as soon as its frame has come; other frames are counted and passed over."""
        more = True
        while more:
            more = self._pass.run(1)
            hearer = self._pass.hearer
            if hearer is not None:
                self._pass.hearer = None
                if hearer.error_count <= ERRORS_KEPT:
                    self.on_error(int(hearer.number), last_error(hearer))
            while self._seen:
                yield self._seen.popleft()

    def segment(self, header: Header, step: Step, connection: Machine, frame: int, time_ns: int) -> None:
        """A segment has come."""
        if self._recent.count == SEGMENTS_IN_A_BLOCK:
            self._recent = Columns()
        place = int(self._recent.count)
        self._recent.keep(place, header, step, frame, time_ns)
        self._seen.append(Sighting(connection, self._recent, place))

    def ended(self, connection: Machine, left: bool) -> None:
        """A connection has left the table, or the capture has ended."""
        if left:
            self._folding.add([connection])

    def trace(self) -> Trace:
        """Everything seen so far, judged as if the capture had ended."""
        done, reading = self._pass, self._reading
        capture = describe(self._name, self._records, done, reading, self._folding.folded())
        return judge(capture, done, StoredSegments(self._stored, done, reading), reading)


class Sighting:
    """A segment just seen. Its labels, states and reasons are those that a stored capture would give it.

    number: that of its connection. new: whether it is the connection's first segment. frame: from 1.
    time_ns: since the epoch.

    Who is client and who is server is what is known by now. Where a connection is met midway, a later
    SYN-ACK may turn the two around, and the trace at the end then names them the other way.
    """

    __slots__ = ("_columns", "_machine", "_place", "frame", "new", "number", "time_ns")

    def __init__(self, machine: Machine, columns: Columns, place: int) -> None:
        """columns: have the segment at this place, as the only one of a connection of that number."""
        self._machine = machine
        self._columns = columns
        self._place = place
        self.number = int(machine.number)
        self.frame = columns.frame(place)
        self.time_ns = columns.time_ns(place)
        self.new = machine.first.segments + machine.second.segments == 1

    @property
    def segment(self) -> Segment:
        """The segment with its labels; made when asked for."""
        return Segments(self._machine, self._columns, self._place)[0]

    @property
    def connection(self) -> Connection:
        """The connection as it stands now, without its segments."""
        return build_connection(self._machine, NoSegments())

    @property
    def over(self) -> bool:
        """Whether neither endpoint will send anything more: all closed, refused or reset."""
        return bool(self._machine.over())
