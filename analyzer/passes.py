"""One pass over a capture: every frame to the decoder, every segment to the table of connections.

This is the loop that runs once for each frame. It keeps the segments of the connections asked for, as long as
they are few enough; those of a large capture are read again when somebody asks.
"""

from __future__ import annotations

import gc

from mypy_extensions import i64

from analyzer.capture.records import Records
from analyzer.tcp.connection import Connection
from analyzer.tcp.table import ConnectionTable
from analyzer.trace.row import Row
from analyzer.wire.fallback import decode_with_dpkt
from analyzer.wire.header import Header
from analyzer.wire.skips import SEGMENT

__all__ = ["Pass"]


class Pass:
    """What one pass found.

    With `again` it is a second pass: only the segments of those connections, which a first pass has found, are
    observed, by connections of the same numbers that are begun where the first ones began.

    rows: the kept segments by number of connection. overflowed: there were more than `budget`, so that none are
    kept. skipped: code of `wire.skips` -> frames. header: of the segment taken last, as `table.step` is.
    connection: the one it belongs to. observed: those of a second pass, by number.
    """

    def __init__(
        self,
        budget: i64,
        selected: set[int] | None,
        chosen: set[int] | None = None,
        limit: i64 = 0,
        seed: i64 = 0,
        again: list[Connection] | None = None,
    ) -> None:
        """
        budget: how many segments may be kept.
        selected: whose segments; None for every connection's.
        chosen: the numbers of the frames to look at; None for all. The others count as not captured.
        limit, seed: of the `ConnectionTable`.
        again: the connections of a first pass that are to be observed once more, and no others.
        """
        self.table: ConnectionTable = ConnectionTable(limit, seed)
        self.connection: Connection | None = None
        self.observed: dict[int, Connection] = {}
        self.rows: dict[int, list[Row]] = {}
        self.overflowed: bool = False
        self.skipped: dict[int, int] = {}
        self.frames: i64 = 0
        self.segments: i64 = 0
        self.first_time: i64 = 0
        self.last_time: i64 = 0
        self.header: Header = Header()
        self._budget: i64 = budget
        self._kept: i64 = 0
        self._selected: set[int] | None = selected
        self._chosen: set[int] | None = chosen
        self._again: dict[int, list[Connection]] | None = None
        self._last_frame: i64 = 0
        if again is not None:
            self._again = self._by_key(again)

    def run(self, records: Records, most: i64 = 0) -> bool:
        """Read on: `most` frames, or to the end for 0; False where that is reached.

        Raises nothing for what the frames hold.
        """
        chosen = self._chosen
        left = most
        # What a pass makes it keeps, so looking for garbage among it would only take time.
        collecting = gc.isenabled()
        gc.disable()
        try:
            while records.advance():
                if chosen is None or records.frame in chosen:
                    self.take(records)
                if records.frame == self._last_frame:
                    return False
                left -= 1
                if left == 0:
                    return True
            return False
        finally:
            if collecting:
                # Frozen and thawed again they count as old: they are not looked through at once.
                gc.freeze()
                gc.unfreeze()
                gc.enable()

    def take(self, records: Records) -> i64:
        """Take the frame that `records` stands at; gives its connection, -1 where it is no segment."""
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
        code = header.decode(
            records.block, records.offset, records.captured, records.original, records.link_type
        )
        if code != SEGMENT:
            code = self._fall_back(records, code)
            if code != SEGMENT:
                key = int(code)
                self.skipped[key] = self.skipped.get(key, 0) + 1
                return -1
        self.segments += 1
        if self._again is not None:
            return self._observe_again(self._again, records.frame, time_ns)
        connection = self.table.observe(header, records.frame, time_ns)
        self.connection = connection
        if not self.overflowed:
            self._keep(connection.number, records.frame, time_ns)
        return connection.number

    def _by_key(self, again: list[Connection]) -> dict[int, list[Connection]]:
        found: dict[int, list[Connection]] = {}
        for known in again:
            if known.last_frame > self._last_frame:
                self._last_frame = known.last_frame
            key = int(self.table.key_of(known))
            if key not in found:
                found[key] = []
            found[key].append(known)
        return found

    def _observe_again(self, again: dict[int, list[Connection]], frame: i64, time_ns: i64) -> i64:
        header = self.header
        candidates = again.get(int(self.table.key(header)))
        if candidates is None:
            return -1
        for known in candidates:
            if frame < known.first_frame or frame > known.last_frame:
                continue
            direction = known.direction_of(header)
            if direction < 0:
                continue
            number = int(known.number)
            connection = self.observed.get(number)
            if connection is None:
                connection = Connection(known.number, header, frame, time_ns)
                connection.reuses_ports = known.reuses_ports
                self.observed[number] = connection
            self.table.put(connection, header, direction, frame, time_ns)
            self._keep(number, frame, time_ns)
            return known.number
        return -1

    def _fall_back(self, records: Records, code: i64) -> i64:
        """dpkt's turn; the first reason stands where it finds nothing either."""
        answer = decode_with_dpkt(
            self.header,
            code,
            records.block,
            records.offset,
            records.captured,
            records.original,
            records.link_type,
        )
        return SEGMENT if answer == SEGMENT else code

    def _keep(self, number: i64, frame: i64, time_ns: i64) -> None:
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
        kept.append(Row(self.header, self.table.step, frame, time_ns))
