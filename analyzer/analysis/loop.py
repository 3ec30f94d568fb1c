"""One pass over a capture: every frame to the decoder, every segment to the table of connections.

This is the loop that runs once for each frame. It keeps the segments of the connections asked for, as long as
they are few enough; those of a large capture are read again when somebody asks.
"""

from __future__ import annotations

import gc

from mypy_extensions import i64

from analyzer.capture.records import Records
from analyzer.tcp.machine import Machine
from analyzer.tcp.table import ConnectionTable
from analyzer.trace.row import Row
from analyzer.wire.header import Header
from analyzer.wire.icmp import ICMP, ICMPV6, read_error
from analyzer.wire.skips import FRAGMENT, FRAGMENT_JOINED, PROTOCOL, SEGMENT
from analyzer.wire.unwrap import Unwrapper

__all__ = ["Pass"]


class Pass:
    """What one pass found.

    With `again` it is a second pass: only the segments of those connections, which a first pass has found, are
    observed, by connections of the same numbers that are begun where the first ones began.

    rows: the kept segments by number of connection. overflowed: there were more than `budget`, so that none are
    kept. skipped: code of `wire.skips` -> frames. header: of the segment taken last, as `table.step` is.
    connection: the one it belongs to. observed: those of a second pass, by number.
    errors_elsewhere: ICMP errors about connections that the capture does not show, by what they say. hearer: the
    connection that the frame taken last is an ICMP error about.
    """

    def __init__(
        self,
        budget: i64,
        selected: set[int] | None,
        chosen: set[int] | None = None,
        limit: i64 = 0,
        seed: i64 = 0,
        again: list[Machine] | None = None,
        wireshark: bool = False,
    ) -> None:
        """
        budget: how many segments may be kept.
        selected: whose segments; None for every connection's.
        chosen: the numbers of the frames to look at; None for all. The others count as not captured.
        limit, seed: of the `ConnectionTable`.
        again: the connections of a first pass that are to be observed once more, and no others.
        wireshark: keep the notes that Wireshark gives.
        """
        self.table: ConnectionTable = ConnectionTable(limit, seed)
        self.connection: Machine | None = None
        self.observed: dict[int, Machine] = {}
        self.rows: dict[int, list[Row]] = {}
        self.overflowed: bool = False
        self.skipped: dict[int, int] = {}
        self.errors_elsewhere: dict[str, int] = {}
        self.hearer: Machine | None = None
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
        self._wireshark: bool = wireshark
        self._again: dict[int, list[Machine]] | None = None
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
                    while self._unfinished:
                        self.more(records)
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
        if self._again is not None:
            return self._observe_again(self._again, records.frame, time_ns)
        connection = self.table.observe(self.header, records.frame, time_ns)
        self.connection = connection
        if not self.overflowed:
            self._keep(connection.number, records.frame, time_ns)
        return connection.number

    def _by_key(self, again: list[Machine]) -> dict[int, list[Machine]]:
        found: dict[int, list[Machine]] = {}
        for known in again:
            if known.last_frame > self._last_frame:
                self._last_frame = known.last_frame
            key = int(self.table.key_of(known))
            if key not in found:
                found[key] = []
            found[key].append(known)
        return found

    def _observe_again(self, again: dict[int, list[Machine]], frame: i64, time_ns: i64) -> i64:
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
                connection = Machine(known.number, header, frame, time_ns, known.reuses_ports)
                self.observed[number] = connection
            self.table.put(connection, header, direction, frame, time_ns)
            self._keep(number, frame, time_ns)
            return known.number
        return -1

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

    def keep_none(self) -> None:
        """Let go of the segments kept so far, and keep no others."""
        self.overflowed = True
        self.rows = {}

    def _keep(self, number: i64, frame: i64, time_ns: i64) -> None:
        selected = self._selected
        if selected is not None and number not in selected:
            return
        if self._kept >= self._budget:
            self.keep_none()
            return
        self._kept += 1
        kept = self.rows.get(number)
        if kept is None:
            kept = []
            self.rows[number] = kept
        kept.append(Row(self.header, self.table.step, frame, time_ns, self._wireshark))
