"""One pass over a capture: every frame to the decoder, every segment to the table of connections.

This is the loop that runs once for each frame. It keeps the segments of the connections asked for, as long as
they are few enough; those of a large capture are read again when somebody asks.
"""

from __future__ import annotations

from mypy_extensions import i64

from analyzer.capture.records import Records
from analyzer.tcp.connection import Connection
from analyzer.tcp.table import ConnectionTable
from analyzer.trace.build import Row, make_row
from analyzer.wire.header import Header
from analyzer.wire.icmp import ICMP, ICMPV6, read_error
from analyzer.wire.skips import FRAGMENT, FRAGMENT_JOINED, PROTOCOL, SEGMENT
from analyzer.wire.unwrap import Unwrapper

__all__ = ["Pass"]


class Pass:
    """What one pass found.

    rows: the kept segments by number of connection. overflowed: there were more than `budget`, so that none are
    kept. skipped: code of `wire.skips` -> frames. header: of the segment taken last, as `table.step` is.
    errors_elsewhere: ICMP errors about connections that the capture does not show, by what they say. hearer: the
    connection that the frame taken last is an ICMP error about.
    """

    def __init__(self, budget: i64, selected: set[int] | None, chosen: set[int] | None = None) -> None:
        """
        budget: how many segments may be kept.
        selected: whose segments; None for every connection's.
        chosen: the numbers of the frames to look at; None for all. The others count as not captured.
        """
        self.table: ConnectionTable = ConnectionTable()
        self.rows: dict[int, list[Row]] = {}
        self.overflowed: bool = False
        self.skipped: dict[int, int] = {}
        self.errors_elsewhere: dict[str, int] = {}
        self.hearer: Connection | None = None
        self.frames: i64 = 0
        self.segments: i64 = 0
        self.first_time: i64 = 0
        self.last_time: i64 = 0
        self.header: Header = Header()
        self._unwrapper: Unwrapper = Unwrapper()
        self._unfinished: bool = False
        self._budget: i64 = budget
        self._kept: i64 = 0
        self._selected: set[int] | None = selected
        self._chosen: set[int] | None = chosen

    def run(self, records: Records) -> None:
        """Read to the end. Raises nothing for what the frames hold."""
        chosen = self._chosen
        while records.advance():
            if chosen is None or records.frame in chosen:
                self.take(records)
                while self._unfinished:
                    self.more(records)

    def take(self, records: Records) -> i64:
        """Take the frame that `records` stands at; gives its connection, -1 where it is no segment.

        A frame may hold more segments than one: `more` takes them.
        """
        header = self.header
        time_ns = records.time_ns
        if self.frames == 0:
            self.first_time = time_ns
            self.last_time = time_ns
        elif time_ns > self.last_time:
            self.last_time = time_ns
        elif time_ns < self.first_time:
            self.first_time = time_ns
        self.frames += 1
        self._unfinished = False
        code = header.decode(
            records.block, records.offset, records.captured, records.original, records.link_type
        )
        if code != SEGMENT:
            code = self._unwrap(records, code)
            if code != SEGMENT:
                self._skip(code, 1)
                self._hear(records, code)
                return -1
        return self._observe(records)

    def more(self, records: Records) -> i64:
        """Take the next segment of the frame taken last; gives its connection, -1 where there is none."""
        if not self._unfinished:
            return -1
        if self._unwrapper.more(self.header) != SEGMENT:
            self._unfinished = False
            return -1
        return self._observe(records)

    def _observe(self, records: Records) -> i64:
        time_ns = records.time_ns
        self.segments += 1
        connection = self.table.observe(self.header, records.frame, time_ns)
        if not self.overflowed:
            self._keep(int(connection.number), records.frame, time_ns)
        return connection.number

    def _unwrap(self, records: Records, code: i64) -> i64:
        """The turn of the layers around a packet, and of fragments."""
        unwrapper = self._unwrapper
        code = unwrapper.unwrap(self.header, code, records.offset + records.captured, records.time_ns)
        if unwrapper.joined:
            self._skip(FRAGMENT, -unwrapper.joined)
            self._skip(FRAGMENT_JOINED, unwrapper.joined)
        self._unfinished = code == SEGMENT
        return code

    def _skip(self, code: i64, count: i64) -> None:
        """Count frames that hold no segment; a fragment's frame changes its name when its datagram is complete."""
        key = int(code)
        total = self.skipped.get(key, 0) + int(count)
        if total > 0:
            self.skipped[key] = total
        else:
            self.skipped.pop(key, None)

    def _hear(self, records: Records, code: i64) -> None:
        """Tell a connection of the ICMP error about its segment, if that is what the refused frame is."""
        self.hearer = None
        if code != PROTOCOL + ICMP and code != PROTOCOL + ICMPV6:
            return
        block = self.header.block
        # A packet put together is all that its block holds.
        end = int(records.offset + records.captured) if block is records.block else len(block)
        message = read_error(block, int(self.header.ip_offset), end)
        if message is None:
            return
        self.hearer = self.table.latest(message.quoted)
        if self.hearer is not None:
            self.hearer.hear(message, records.frame, records.time_ns)
        else:
            kind = message.kind.name
            self.errors_elsewhere[kind] = self.errors_elsewhere.get(kind, 0) + 1

    def _keep(self, number: int, frame: i64, time_ns: i64) -> None:
        selected = self._selected
        if selected is not None and number not in selected:
            return
        if self._kept >= self._budget:
            self.overflowed = True
            self.rows = {}
            return
        self._kept += 1
        kept = self.rows.get(number)
        if kept is None:
            kept = []
            self.rows[number] = kept
        kept.append(make_row(self.header, self.table.step, int(frame), int(time_ns)))
