"""The one loop over a capture: every frame goes to the decoder, every segment to the table of connections.

`segments` begins it. Nothing else makes a `Pass`. Only the loop knows that a frame may hold several segments, draws
the secret of the table's hash, and keeps the limits of memory. Anything else that looks at the segments is an
`Observer`.
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
    """Looks on while a capture is read."""

    def segment(self, header: Header, step: Step, connection: Machine, frame: int, time_ns: int) -> None:
        """Look at a segment that the connection has just taken.

        Args:
            header: The header of the segment. The loop overwrites it with the next segment.
            step: The result of the state machine for this segment. The loop overwrites it too.
            connection: The connection of the segment.
            frame: The number of the frame, from 1.
            time_ns: Nanoseconds since the epoch.
        """

    def ended(self, connection: Machine, left: bool) -> None:
        """Look at a connection that takes no more segments.

        Args:
            connection: The connection.
            left: Whether it left the table before the end of the capture.
        """


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

    Args:
        records: The frames of the capture.
        reading: The options of reading. Frames that are not in `Reading.frames` count as not captured.
        observers: They see every segment.
        keep: The largest number of segments to keep in `Pass.columns`. If there are more, none is kept.
        again: Connections that an earlier pass found. The pass observes only these, for the second time.
        settling: Whether connections leave the table when they have ended by the times of the capture.
        seed: The secret of the table's hash, 63 bits. None draws a random one. No result depends on it. Someone who
            could guess it could choose addresses that slow the table down.

    Returns:
        The loop, before the first frame.
    """
    if seed is None:
        seed = int.from_bytes(os.urandom(8), "little") >> 1
    limit = reading.limit(records)
    return Pass(records, reading.frames, reading.wireshark, observers, keep, again, settling, limit, seed)


class Pass:
    """The loop, and what it has found so far.

    With `again` it is a second pass over connections that a first pass found. It observes only their segments, with
    new connections that have the same numbers and begin at the same frames. `columns` numbers them by their place in
    `again`.

    Attributes:
        table: The connections.
        observed: The connections of a second pass, by number.
        columns: The kept segments.
        overflowed: Whether there were too many segments to keep, so that none is kept.
        skipped: Code of `wire.skips` -> number of frames without a segment.
        errors_elsewhere: Kind of ICMP error -> number of errors about connections that the capture does not show.
        message: The ICMP error in the latest frame without a segment; None if that frame held none.
        hearer: The connection that `message` is about; None if the capture does not show it.
        frames: The number of frames so far.
        segments: The number of segments so far.
        first_time: The earliest time of a frame, in nanoseconds since the epoch.
        last_time: The latest time of a frame.
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
        """Make the loop. Call `segments` instead.

        Args:
            records: As for `segments`.
            frames: `Reading.frames`.
            wireshark: `Reading.wireshark`.
            observers: As for `segments`.
            budget: The argument `keep` of `segments`.
            again: As for `segments`.
            settling: As for `segments`.
            limit: The largest number of connections to hold.
            seed: The secret of the table's hash.
        """
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
        """Read on. No content of a frame makes this raise an error.

        Args:
            most: The number of frames to read; 0 reads to the end.

        Returns:
            False at the end of the capture, otherwise True.
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
        """Return the connections that have left the table since the last call. For a pass without observers."""
        departed = self.table.departed
        self.table.departed = []
        return departed

    def layer(self) -> Span | None:
        """Return the layer that holds the latest segment; None if that is the frame itself."""
        return self._unwrapper.found if self._unwrapped_frame == self._records.frame else None

    def code(self) -> int:
        """Return what the latest frame was: `wire.skips.SEGMENT`, or the code of the reason why it holds none."""
        return self._refused if self._refused_frame == self._records.frame else SEGMENT

    def _end(self) -> None:
        """Conclude at the end of the capture."""
        self.table.sweep()
        if self._observing:
            self._tell_ended(self.table.connections, False)

    def _take(self, records: Records) -> None:
        """Take the current frame of `records`, with its first segment. `_more` takes the other segments."""
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
        """Look for a segment inside layers around a packet, and in fragments."""
        unwrapper = self._unwrapper
        self._unwrapped_frame = records.frame
        code = unwrapper.unwrap(self._header, code, records.offset + records.captured, records.time_ns)
        if unwrapper.joined:
            self._skip(FRAGMENT, -unwrapper.joined)
            self._skip(FRAGMENT_JOINED, unwrapper.joined)
        self._unfinished = code == SEGMENT
        return code

    def _skip(self, code: i64, count: i64) -> None:
        """Count frames without a segment. A fragment gets another code when its datagram is complete."""
        key = int(code)
        total = self.skipped.get(key, 0) + int(count)
        if total > 0:
            self.skipped[key] = total
        else:
            self.skipped.pop(key, None)

    def _hear(self, records: Records, code: i64) -> None:
        """If the refused frame is an ICMP error, pass it to the connection that it is about."""
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
        """Drop the segments kept so far, and keep no more."""
        self.overflowed = True
        self._keeping = False
        self.columns = Columns(self._wireshark)

    def _keep(self, number: i64, frame: i64, time_ns: i64) -> None:
        if self.columns.count >= self._budget:
            self.keep_none()
        else:
            self.columns.keep(number, self._header, self.table.step, frame, time_ns)
