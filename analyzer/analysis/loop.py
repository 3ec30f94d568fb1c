"""The one loop over a capture: passes every frame to the decoder and every segment to the connection table.

`segments` starts it; nothing else makes a `Pass`. Only the loop knows that a frame may hold several segments. It draws
the secret for the table's hash and keeps the memory limits. Observers collect everything in addition to the
connections themselves.
"""

from __future__ import annotations

import gc
import os
from typing import TYPE_CHECKING, Protocol

from mypy_extensions import i64

from analyzer.analysis.reading import Reading
from analyzer.capture.records import Records
from analyzer.tcp.machine import Machine
from analyzer.tcp.step import Step
from analyzer.tcp.table import ConnectionTable
from analyzer.trace.columns import Columns
from analyzer.wire.header import Header
from analyzer.wire.icmp import ICMP, ICMPV6, ErrorMessage, read_error
from analyzer.wire.skips import FRAGMENT, FRAGMENT_JOINED, PROTOCOL, SEGMENT
from analyzer.wire.unwrap import Unwrapper

if TYPE_CHECKING:
    from analyzer.wire.encapsulations.span import Span

__all__ = ["Observer", "Pass", "segments"]


class Observer(Protocol):
    """Watches while a capture is read. `header` and `step` are overwritten for each segment."""

    def segment(self, header: Header, step: Step, connection: Machine, frame: int, time_ns: int) -> None:
        """Called when `connection` has taken a segment. frame: from 1. time_ns: since the epoch."""

    def ended(self, connection: Machine, left: bool) -> None:
        """Called when nothing more is added to `connection`. left: it left the table before the capture ended."""


def segments(
    records: Records,
    reading: Reading,
    *observers: Observer,
    keep: int = 0,
    again: list[Machine] | None = None,
    settling: bool = False,
    seed: int | None = None,
) -> Pass:
    """Make the loop over the segments of a capture, ready to `run`.

    reading: its options. `Reading.frames` are the frames to look at; the rest count as not captured.
    keep: how many segments are kept in `Pass.columns`; if there are more, none is kept.
    again: connections that an earlier pass found; only these are observed, a second time.
    settling: connections leave the table when they have ended by the capture's timestamps.
    seed: the secret of the table, 63 bits; None draws one. No result depends on it. Someone who
        knew it could choose addresses that slow the table down.
    """
    if seed is None:
        seed = int.from_bytes(os.urandom(8), "little") >> 1
    limit = reading.limit(records)
    return Pass(records, reading.frames, reading.wireshark, observers, keep, again, settling, limit, seed)


class Pass:
    """The loop, and what it has found so far.

    With `again` it is a second pass: it observes only the segments of those connections, which a first pass found.
    The new connections have the same numbers and begin at the same frames. In `columns` they are numbered by their
    place in `again`.

    columns: the kept segments. overflowed: there were too many to keep, so none are kept.
    skipped: code of `wire.skips` -> frames.
    observed: the connections of a second pass, by number.
    errors_elsewhere: ICMP errors about connections that the capture does not show, by their kind.
    message, hearer: the ICMP error in the latest frame, and the connection that it is about.
    """

    def __init__(
        self,
        records: Records,
        frames: set[int] | None,
        wireshark: bool,
        observers: tuple[Observer, ...],
        budget: i64,
        again: list[Machine] | None,
        settling: bool,
        limit: i64,
        seed: i64,
    ) -> None:
        """Called by `segments`, with its arguments. budget: its `keep`. frames, wireshark, limit: of the reading."""
        self.table: ConnectionTable = ConnectionTable(limit, seed, settling)
        self.observed: dict[int, Machine] = {}
        self.columns: Columns = Columns(wireshark)
        self.overflowed: bool = False
        self.skipped: dict[int, int] = {}
        self.errors_elsewhere: dict[str, int] = {}
        self.message: ErrorMessage | None = None
        self.hearer: Machine | None = None
        self.frames: i64 = 0
        self.segments: i64 = 0
        self.first_time: i64 = 0
        self.last_time: i64 = 0
        self._records: Records = records
        self._header: Header = Header()
        self._unwrapper: Unwrapper = Unwrapper()
        # Set only for frames that are not plain segments: the latest one unwrapped, the latest one without a segment.
        self._unwrapped_frame: i64 = -1
        self._refused_frame: i64 = -1
        self._refused: i64 = SEGMENT
        self._unfinished: bool = False
        self._wireshark: bool = wireshark
        self._budget: i64 = budget
        self._keeping: bool = budget > 0
        self._chosen: set[int] | None = frames
        self._observers: tuple[Observer, ...] = observers
        self._observing: bool = len(observers) > 0
        self._settling: bool = settling
        self._again: dict[int, list[Machine]] | None = None
        self._places: dict[int, int] = {}
        self._last_frame: i64 = 0
        if again is not None:
            self._again = self._by_key(again)
            self._places = {int(known.number): place for place, known in enumerate(again)}

    def run(self, most: i64 = 0) -> bool:
        """Read `most` more frames, or to the end if it is 0; return False at the end.

        The content of a frame never raises an error.
        """
        records = self._records
        chosen = self._chosen
        left = most
        # A pass keeps everything that it makes, so looking for garbage would only take time.
        collecting = gc.isenabled()
        gc.disable()
        try:
            while records.advance():
                if chosen is None or records.frame in chosen:
                    self._take(records)
                    while self._unfinished:
                        self._more(records)
                if records.frame == self._last_frame:
                    self._end()
                    return False
                left -= 1
                if left == 0:
                    return True
            self._end()
            return False
        finally:
            if collecting:
                # After freezing and unfreezing, the objects count as old and are not searched at once.
                gc.freeze()
                gc.unfreeze()
                gc.enable()

    def departed(self) -> list[Machine]:
        """The connections that have left the table since the last call; use it if there are no observers."""
        departed = self.table.departed
        self.table.departed = []
        return departed

    def layer(self) -> Span | None:
        """The layer that held the latest segment; None if that is the frame itself."""
        return self._unwrapper.found if self._unwrapped_frame == self._records.frame else None

    def code(self) -> int:
        """A code of `wire.skips` for the latest frame: `SEGMENT`, or why it holds no segment."""
        return self._refused if self._refused_frame == self._records.frame else SEGMENT

    def _end(self) -> None:
        """Finish, because nothing is left to read."""
        self.table.sweep()
        if self._observing:
            self._tell_ended(self.table.connections, False)

    def _take(self, records: Records) -> None:
        """Take the current frame of `records`, or the first segment in it; `_more` takes the rest."""
        header = self._header
        time_ns = records.time_ns
        if self.frames == 0:
            self.first_time = time_ns
            self.last_time = time_ns
        elif time_ns > self.last_time:
            self.last_time = time_ns
        elif time_ns < self.first_time:
            self.first_time = time_ns
        self.frames += 1
        if self._settling:
            self.table.settle(self.last_time)
        code = header.decode(
            records.block, records.offset, records.captured, records.original, records.link_type
        )
        if code != SEGMENT:
            code = self._unwrap(records, code)
            if code != SEGMENT:
                self._refused_frame = records.frame
                self._refused = code
                self._skip(code, 1)
                self._hear(records, code)
                return
        self._observe(records)

    def _more(self, records: Records) -> None:
        """Take the next segment of the latest frame, if there is one."""
        if self._unwrapper.more(self._header) != SEGMENT:
            self._unfinished = False
        else:
            self._observe(records)

    def _observe(self, records: Records) -> None:
        time_ns = records.time_ns
        self.segments += 1
        if self._again is not None:
            self._observe_again(self._again, records.frame, time_ns)
            return
        connection = self.table.observe(self._header, records.frame, time_ns)
        if self._keeping:
            self._keep(connection.number, records.frame, time_ns)
        if self._observing:
            self._tell(connection, records.frame, time_ns)

    def _tell(self, connection: Machine, frame: i64, time_ns: i64) -> None:
        for observer in self._observers:
            observer.segment(self._header, self.table.step, connection, frame, time_ns)
        if self.table.departed:
            self._tell_ended(self.departed(), True)

    def _tell_ended(self, connections: list[Machine], left: bool) -> None:
        for connection in connections:
            for observer in self._observers:
                observer.ended(connection, left)

    def _by_key(self, again: list[Machine]) -> dict[int, list[Machine]]:
        found: dict[int, list[Machine]] = {}
        for known in again:
            if known.last_frame > self._last_frame:
                self._last_frame = known.last_frame
            key = int(self.table.key_of(known))
            if key not in found:
                found[key] = []
            found[key].append(known)
        for candidates in found.values():
            candidates.reverse()
        return found

    def _observe_again(self, again: dict[int, list[Machine]], frame: i64, time_ns: i64) -> None:
        header = self._header
        candidates = again.get(int(self.table.key(header)))
        if candidates is None:
            return
        # The earliest is at the end of the list. Finished connections are dropped, so a pair that is
        # reused often costs nothing.
        while candidates and candidates[-1].last_frame < frame:
            candidates.pop()
        for place in range(i64(len(candidates)) - 1, -1, -1):
            known = candidates[place]
            direction = known.direction_of(header)
            if direction < 0 or frame > known.last_frame:
                continue
            if frame < known.first_frame:
                return
            number = int(known.number)
            connection = self.observed.get(number)
            if connection is None:
                connection = Machine(known.number, header, frame, time_ns, known.reuses_ports)
                self.observed[number] = connection
            self.table.put(connection, header, direction, frame, time_ns)
            if self._keeping:
                self._keep(self._places[number], frame, time_ns)
            if self._observing:
                self._tell(connection, frame, time_ns)
            return

    def _unwrap(self, records: Records, code: i64) -> i64:
        """Remove the layers around a packet, and join fragments."""
        unwrapper = self._unwrapper
        self._unwrapped_frame = records.frame
        code = unwrapper.unwrap(self._header, code, records.offset + records.captured, records.time_ns)
        if unwrapper.joined:
            self._skip(FRAGMENT, -unwrapper.joined)
            self._skip(FRAGMENT_JOINED, unwrapper.joined)
        self._unfinished = code == SEGMENT
        return code

    def _skip(self, code: i64, count: i64) -> None:
        """Count frames that hold no segment; a fragment is counted differently when its datagram is complete."""
        key = int(code)
        total = self.skipped.get(key, 0) + int(count)
        if total > 0:
            self.skipped[key] = total
        else:
            self.skipped.pop(key, None)

    def _hear(self, records: Records, code: i64) -> None:
        """If the skipped frame is an ICMP error, pass it to the connection that it is about."""
        self.message = None
        self.hearer = None
        if code != PROTOCOL + ICMP and code != PROTOCOL + ICMPV6:
            return
        block = self._header.block
        # The block of a reassembled packet holds nothing else.
        end = int(records.offset + records.captured) if block is records.block else len(block)
        message = read_error(block, int(self._header.ip_offset), end)
        if message is None:
            return
        self.message = message
        self.hearer = self.table.latest(message.quoted)
        if self.hearer is not None:
            self.hearer.hear(message, records.frame, records.time_ns)
        else:
            kind = message.kind.name
            self.errors_elsewhere[kind] = self.errors_elsewhere.get(kind, 0) + 1

    def keep_none(self) -> None:
        """Free the segments kept so far, and keep no more."""
        self.overflowed = True
        self._keeping = False
        self.columns = Columns(self._wireshark)

    def _keep(self, number: i64, frame: i64, time_ns: i64) -> None:
        if self.columns.count >= self._budget:
            self.keep_none()
        else:
            self.columns.keep(number, self._header, self.table.step, frame, time_ns)
