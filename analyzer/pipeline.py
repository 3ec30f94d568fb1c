"""The wiring: a capture, the pass over it, the trace.

Nothing here decides anything about TCP, files or pictures; it connects the layers that do.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import overload

from analyzer.capture import Records, open_capture
from analyzer.errors import InputError, UsageError
from analyzer.passes import Pass
from analyzer.tcp.connection import ERRORS_KEPT
from analyzer.tcp.connection import Connection as Machine
from analyzer.tcp.states import state_name
from analyzer.text import inert, say
from analyzer.trace.build import Row, build_connection, build_segments, last_error, make_row
from analyzer.trace.model import Capture, Connection, IcmpError, Segment, Trace
from analyzer.wire.link_types import link_type_name
from analyzer.wire.skips import skip_name

__all__ = ["Following", "Sighting", "analyze", "follow"]

SEGMENTS_KEPT = 50_000
"""Up to here the segments stay in memory (about 25 MB); past it they are read again when asked for."""

CONNECTIONS_KEPT = 1_000
"""Up to here a verdict stays in memory once it was asked for (about 1 KB); past it it is passed anew each time."""

SEGMENTS_READ_AHEAD = 200_000
"""Somebody who goes through all connections in order gets this many segments with each reading."""

SEGMENTS_KEPT_OF_A_PIPE = 500_000
"""A pipe cannot be read again, so more is kept of it."""

_OVER = frozenset({"CLOSED", "TIME-WAIT"})


def analyze(
    path: str | os.PathLike[str], display_filter: str | None = None, *, decompress_limit: int | None = None
) -> Trace:
    """Read a stored capture and follow every TCP connection in it.

    path: a pcap, pcapng or snoop file, plain or compressed (gzip, zstd, lz4, xz, bzip2); "-" reads standard input.
    display_filter: only the frames that match it, as tshark understands it; not for standard input.
    decompress_limit: the most octets that a compressed capture may expand to; 0 is any number, None is 256 MiB
        or 200 times its size, whichever is more. The analysis ends there as at a capture that breaks off.

    Raises `InputError` where the capture cannot be opened and `CaptureFormatError` where it is none. A capture
    that breaks off is analysed as far as it goes; `Trace.capture.truncated` and `warnings` say so.
    With a filter raises `DissectionError` without tshark, `UsageError` where tshark refuses the filter.
    """
    name = os.fspath(path)
    chosen = None if display_filter is None else _choose(name, display_filter)
    with open_capture(name, decompress_limit) as records:
        done = Pass(SEGMENTS_KEPT_OF_A_PIPE if name == "-" else SEGMENTS_KEPT, None, chosen)
        done.run(records)
        capture = _describe(name, records, done, display_filter)
    source = _StoredSegments(name, done, chosen, decompress_limit)
    return _judge(capture, done, source)


def _choose(path: str, display_filter: str) -> set[int]:
    from analyzer.capture.dissection import matching_frames

    if path == "-":
        raise UsageError(
            say("a display filter needs a file, because tshark reads it too: store the capture in one first")
        )
    # A file that is none, or no capture, is refused by our own reader, in its own words.
    open_capture(path).close()
    return matching_frames(path, display_filter)


def follow(
    records: Records, name: str, *, stored: str | None = None, keep: int = SEGMENTS_KEPT_OF_A_PIPE
) -> Following:
    """Follow a capture while it grows: iterate over what it returns, then ask it for the trace.

    records: not closed here. name: what the trace calls the capture. stored: the file that is going to hold
    the same frames, for reading segments again. keep: how many segments stay in memory; past it all of them
    are read again from `stored`, and cannot be had without it.
    """
    return Following(records, name, stored, keep)


class Following:
    """The segments of a growing capture, one at a time, and at the end the trace.

    on_error: told the number of a connection, and the ICMP error about it that has just come, as far as it is kept.
    """

    def __init__(self, records: Records, name: str, stored: str | None, keep: int) -> None:
        self.on_error: Callable[[int, IcmpError], None] = lambda number, error: None
        self._records = records
        self._name = name
        self._stored = stored
        self._keep = keep
        self._kept = 0
        # The rows are kept here, where each is made anyway.
        self._pass = Pass(0, set())

    def __iter__(self) -> Iterator[Sighting]:
        """Each segment as soon as its frame has come; what is no segment is counted and passed over."""
        records, run = self._records, self._pass
        machines = run.table.connections
        while records.advance():
            known = len(machines)
            number = int(run.take(records))
            if number < 0:
                hearer = run.hearer
                if hearer is not None and hearer.error_count <= ERRORS_KEPT:
                    self.on_error(int(hearer.number), last_error(hearer))
            while number >= 0:
                row = make_row(run.header, run.table.step, int(records.frame), int(records.time_ns))
                self._remember(number, row)
                yield Sighting(machines[number], row, number >= known)
                known = len(machines)
                number = int(run.more(records))

    def trace(self) -> Trace:
        """Everything seen so far, judged as if the capture had ended."""
        capture = _describe(self._name, self._records, self._pass)
        source = _StoredSegments(self._stored, self._pass)
        return _judge(capture, self._pass, source)

    def _remember(self, number: int, row: Row) -> None:
        run = self._pass
        if run.overflowed:
            return
        if self._kept >= self._keep:
            run.overflowed = True
            run.rows = {}
            return
        self._kept += 1
        run.rows.setdefault(number, []).append(row)


class Sighting:
    """A segment just seen. Its labels, states and reasons are those that a stored capture would give it.

    number: that of its connection. new: whether it is the connection's first segment. frame: from 1.
    time_ns: since the epoch.

    Who is client and who is server is what is known by now. Where a connection is met midway, a later
    SYN-ACK may turn the two around, and the trace at the end then names them the other way.
    """

    __slots__ = ("_machine", "_row", "frame", "new", "number", "time_ns")

    def __init__(self, machine: Machine, row: Row, new: bool) -> None:
        self._machine = machine
        self._row = row
        self.number = int(machine.number)
        self.new = new
        self.frame = row.frame
        self.time_ns = row.time_ns

    @property
    def segment(self) -> Segment:
        """The segment with its labels; made when asked for."""
        return build_segments(self._machine, [self._row])[0]

    @property
    def connection(self) -> Connection:
        """The connection as it stands now, without its segments."""
        return build_connection(self._machine, _NoSegments())

    @property
    def over(self) -> bool:
        """Whether neither endpoint will send anything more: all closed, refused or reset."""
        return {state_name(end.state) for end in (self._machine.first, self._machine.second)} <= _OVER


class _NoSegments:
    """The source of a connection that is judged before its end."""

    def segments(self, number: int) -> Sequence[Segment]:
        return ()

    def at_hand(self, number: int) -> bool:
        return False

    def picture(self, connection: Connection) -> str:
        raise UsageError(say("connection {number} has not ended yet", number=connection.id))


class _StoredSegments:
    """The segments of a stored capture: those kept by the pass, or read from the file once more."""

    def __init__(
        self,
        path: str | None,
        done: Pass,
        chosen: set[int] | None = None,
        decompress_limit: int | None = None,
    ) -> None:
        self._path = None if path == "-" else path
        self._chosen = chosen
        self._decompress_limit = decompress_limit
        self._machines: list[Machine] = done.table.connections
        self._complete = not done.overflowed
        self._rows: dict[int, list[Row]] = done.rows
        self._latest: tuple[int, Sequence[Segment]] = (-1, ())

    def segments(self, number: int) -> Sequence[Segment]:
        if not 0 <= number < len(self._machines):
            raise UsageError(say("there is no connection {number}", number=number))
        if self._latest[0] != number:
            machine = self._machines[number]
            self._latest = (number, tuple(build_segments(machine, self._rows_of(number))))
        return self._latest[1]

    def at_hand(self, number: int) -> bool:
        return self._complete or number in self._rows

    def _rows_of(self, number: int) -> list[Row]:
        if number not in self._rows and not self._complete:
            self._read_again(number)
        return self._rows.get(number, [])

    def _read_again(self, number: int) -> None:
        """Read a connection's segments, and those after it where the connections are asked for in order."""
        if self._path is None:
            raise InputError(
                say("this capture is too large to keep its segments in memory: store it in a file first")
            )
        wanted = {number}
        room = self._count(number)
        if number == self._latest[0] + 1:
            following = number + 1
            while following < len(self._machines) and room + self._count(following) <= SEGMENTS_READ_AHEAD:
                room += self._count(following)
                wanted.add(following)
                following += 1
        again = Pass(room, wanted, self._chosen)
        with open_capture(self._path, self._decompress_limit) as records:
            again.run(records)
        self._rows = again.rows

    def _count(self, number: int) -> int:
        machine = self._machines[number]
        return int(machine.first.segments + machine.second.segments)

    def picture(self, connection: Connection) -> str:
        from analyzer.diagram.layout import lay_out
        from analyzer.report.picture import svg

        return svg(lay_out(connection))


def _judge(capture: Capture, done: Pass, source: _StoredSegments) -> Trace:
    """The trace, with a verdict on each connection that knows what the capture lost."""
    return Trace(capture, _Judged(done.table.connections, source, capture.lost_frames))


class _Judged(Sequence[Connection]):
    """The connections, each judged when it is asked for."""

    def __init__(self, machines: Sequence[Machine], source: _StoredSegments, lost_frames: int | None) -> None:
        self._machines = machines
        self._source = source
        self._lost_frames = lost_frames
        self._kept: dict[int, Connection] = {}

    def __len__(self) -> int:
        return len(self._machines)

    @overload
    def __getitem__(self, number: int) -> Connection: ...
    @overload
    def __getitem__(self, number: slice) -> Sequence[Connection]: ...
    def __getitem__(self, number: int | slice) -> Connection | Sequence[Connection]:
        if isinstance(number, slice):
            return [self[place] for place in range(*number.indices(len(self)))]
        place = range(len(self))[number]
        known = self._kept.get(place)
        if known is None:
            known = build_connection(self._machines[place], self._source, self._lost_frames)
            if len(self._kept) < CONNECTIONS_KEPT:
                self._kept[place] = known
        return known


def _describe(path: str, records: Records, done: Pass, display_filter: str | None = None) -> Capture:
    skipped: dict[str, int] = {}
    for code, count in done.skipped.items():
        # Several codes can have one name: every length of an IEEE 802.3 frame is "IEEE 802.3 LLC".
        name = skip_name(code)
        skipped[name] = skipped.get(name, 0) + count
    link_types = tuple(int(number) for number in records.link_types)
    return Capture(
        path=inert(path),
        format=records.format,
        link_types=link_types,
        link_type_names=tuple(link_type_name(number) for number in link_types),
        frames=int(done.frames),
        tcp_segments=int(done.segments),
        skipped=dict(sorted(skipped.items(), key=lambda item: (-item[1], item[0]))),
        first_time_ns=int(done.first_time) if done.frames else None,
        last_time_ns=int(done.last_time) if done.frames else None,
        truncated=bool(records.truncated),
        warnings=tuple(records.warnings),
        lost_frames=records.lost,
        display_filter=None if display_filter is None else inert(display_filter),
        icmp_errors_elsewhere=dict(sorted(done.errors_elsewhere.items())),
    )
