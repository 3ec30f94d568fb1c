"""A growing capture: each segment as soon as its frame is captured, and the trace at the end."""

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
    """Follow a capture while it grows. Iterate over the result, then ask it for the trace.

    Args:
        records: The frames of the capture. The caller closes them.
        name: The name of the capture in the trace.
        stored: The file that will hold the same frames. If there are too many segments to keep, they are read again
            from it. Without it they are not available then.
        reading: The options of reading.

    Returns:
        The segments, one at a time, and the trace.
    """
    return Following(records, name, stored, reading)


class Following:
    """The segments of a growing capture, one at a time, and the trace at the end.

    Attributes:
        on_error: Called for each new ICMP error that a connection keeps (it keeps the first `ERRORS_KEPT`). Its
            arguments are the number of the connection and the error.
    """

    def __init__(self, records: Records, name: str, stored: str | None, reading: Reading) -> None:
        self.on_error: Callable[[int, IcmpError], None] = lambda number, error: None
        self._records = records
        self._name = name
        self._stored = stored
        self._reading = reading
        self._folding = Folding()
        self._seen: deque[Sighting] = deque()
        # Holds the latest segments, one block at a time. A block is freed when none of its segments is in use.
        self._recent = Columns()
        self._pass = segments(records, reading, self, keep=SEGMENTS_KEPT_OF_A_PIPE)

    def __iter__(self) -> Iterator[Sighting]:
        """Yield each segment as soon as its frame is captured. Other frames are only counted."""
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
        """Queue a segment for the iteration. See `Observer.segment`."""
        if self._recent.count == SEGMENTS_IN_A_BLOCK:
            self._recent = Columns()
        place = int(self._recent.count)
        self._recent.keep(place, header, step, frame, time_ns)
        self._seen.append(Sighting(connection, self._recent, place))

    def ended(self, connection: Machine, left: bool) -> None:
        """Count a connection that has left the table. See `Observer.ended`."""
        if left:
            self._folding.add([connection])

    def trace(self) -> Trace:
        """Return the trace of everything seen so far, as if the capture had ended here."""
        done, reading = self._pass, self._reading
        capture = describe(self._name, self._records, done, reading, self._folding.folded())
        return judge(capture, done, StoredSegments(self._stored, done, reading), reading)


class Sighting:
    """A segment just seen, with the labels, states and reasons that a stored capture would give it.

    Client and server are named by what is known so far. If the capture began in the middle of a connection, a later
    SYN-ACK may show that the two are the other way round. The trace at the end then names them so.

    Attributes:
        number: The number of its connection.
        new: Whether it is the first segment of its connection.
        frame: The number of its frame, from 1.
        time_ns: Nanoseconds since the epoch.
    """

    __slots__ = ("_columns", "_machine", "_place", "frame", "new", "number", "time_ns")

    def __init__(self, machine: Machine, columns: Columns, place: int) -> None:
        """Make a sighting of a segment that is kept in columns.

        Args:
            machine: The connection of the segment.
            columns: They hold the segment as the only one of a connection whose number is `place`.
            place: Where the segment stands in the columns.
        """
        self._machine = machine
        self._columns = columns
        self._place = place
        self.number = int(machine.number)
        self.frame = columns.frame(place)
        self.time_ns = columns.time_ns(place)
        self.new = machine.first.segments + machine.second.segments == 1

    @property
    def segment(self) -> Segment:
        """The segment with its labels. It is made on each access."""
        return Segments(self._machine, self._columns, self._place)[0]

    @property
    def connection(self) -> Connection:
        """The connection as it stands now, without its segments."""
        return build_connection(self._machine, NoSegments())

    @property
    def over(self) -> bool:
        """Whether neither endpoint will send anything more: both closed, or the connection was refused or reset."""
        return bool(self._machine.over())
