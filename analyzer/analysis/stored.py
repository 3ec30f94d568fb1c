"""The wiring: a capture, the pass over it, the trace.

Nothing here decides anything about TCP, files or pictures; it connects the layers that do.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from time import monotonic

from analyzer.analysis.loop import Pass
from analyzer.capture import Records, open_capture
from analyzer.errors import InputError, UsageError
from analyzer.tcp.machine import ERRORS_KEPT, Machine
from analyzer.text import inert, say
from analyzer.trace.build import Judged, build_connection, build_segments, last_error
from analyzer.trace.folding import Folding
from analyzer.trace.row import Row
from analyzer.trace.values import (
    OURSELVES,
    WIRESHARK,
    Capture,
    Connection,
    Folded,
    IcmpError,
    Segment,
    Trace,
)
from analyzer.wire.link_types import link_type_name
from analyzer.wire.skips import skip_name

__all__ = [
    "CONNECTIONS_HELD",
    "CONNECTIONS_HELD_OF_A_MEBIBYTE",
    "Following",
    "Sighting",
    "Streaming",
    "Watch",
    "analyze",
    "analyze_whole",
    "follow",
    "stream",
]

SEGMENTS_KEPT = 50_000
"""Up to here the segments stay in memory (about 25 MB); past it they are read again when asked for."""

SEGMENTS_READ_AHEAD = 200_000
"""Somebody who goes through all connections in order gets this many segments with each reading."""

SEGMENTS_KEPT_OF_A_PIPE = 500_000
"""A pipe cannot be read again, so more is kept of it."""

CONNECTIONS_HELD = 1_000_000
"""So many connections take about 1 GiB in the compiled build, and three times that interpreted."""

CONNECTIONS_HELD_OF_A_MEBIBYTE = 10_000
"""For each MiB of a compressed file. A flood of SYNs shrinks to nearly nothing, and what it takes in memory should
follow the size of the file; real captures have a few thousand connections in each MiB."""

FRAMES_AT_ONCE = 1 << 14
"""After so many frames at most the pass stops for what is not done with each."""

PAUSE = 0.1
"""Seconds of reading after which it should stop for that."""

Watch = Callable[[Records], None]


def analyze(
    path: str | os.PathLike[str],
    display_filter: str | None = None,
    *,
    wireshark: bool = False,
    decompress_limit: int | None = None,
    hold: int | None = None,
    watch: Watch | None = None,
) -> Trace:
    """Read a stored capture and follow every TCP connection in it.

    path: a pcap, pcapng or snoop file, plain or compressed (gzip, zstd, lz4, xz, bzip2); "-" reads standard input.
    display_filter: only the frames that match it, as tshark understands it; not for standard input.
    wireshark: give every segment the notes of Wireshark 4.0.17 to the letter, also where they err, instead of ours.
    decompress_limit: the most octets that a compressed capture may expand to; 0 is any number, None is 256 MiB
        or 200 times its size, whichever is more. The analysis ends there as at a capture that breaks off.
    hold: how many connections are held in memory at once, at least 2; None is `CONNECTIONS_HELD`, or for a compressed
        file `CONNECTIONS_HELD_OF_A_MEBIBYTE` for each MiB if that is less. Where there are more, half of them
        leave, those that are over first, and only `Trace.capture.folded` tells of them.
    watch: called now and then while the capture is read.

    Raises `InputError` where the capture cannot be opened and `CaptureFormatError` where it is none. A capture
    that breaks off is analysed as far as it goes; `Trace.capture.truncated` and `warnings` say so.
    With a filter raises `DissectionError` without tshark, `UsageError` where tshark refuses the filter.
    """
    name = os.fspath(path)
    chosen = None if display_filter is None else _choose(name, display_filter)
    folding = Folding()
    with open_capture(name, decompress_limit) as records:
        kept = SEGMENTS_KEPT_OF_A_PIPE if name == "-" else SEGMENTS_KEPT
        done = Pass(kept, None, chosen, _limit(hold, records), _seed(), wireshark=wireshark)
        for _ in _slices(done, records, FRAMES_AT_ONCE):
            folding.add(_departed(done))
            # What comes through standard input is let go of only where it has to be: it cannot be read again.
            if name != "-" and not done.overflowed and _foreseeable(done, records) > kept:
                done.keep_none()
            if watch is not None:
                watch(records)
        capture = _describe(name, records, done, display_filter, wireshark, folding.folded())
    source = _StoredSegments(name, done, chosen, wireshark, decompress_limit)
    return _judge(capture, done, source, wireshark)


def analyze_whole(path: str | os.PathLike[str], *, decompress_limit: int | None = None) -> Trace:
    """As `analyze` for whoever has to know every connection: none is folded.

    Raises UsageError where there are more at once than are held, and what `analyze` raises.
    """
    trace = analyze(path, decompress_limit=decompress_limit)
    if trace.capture.folded is not None:
        raise UsageError(
            say(
                "{path} has too many connections for all of them to be held in memory: "
                "cut it into smaller captures with editcap -c",
                path=inert(os.fspath(path)),
            )
        )
    return trace


def stream(
    path: str | os.PathLike[str],
    display_filter: str | None = None,
    *,
    wireshark: bool = False,
    decompress_limit: int | None = None,
    hold: int | None = None,
    watch: Watch | None = None,
) -> Streaming:
    """Read a stored capture and hand on each connection as it ends, without its segments.

    Arguments and errors are those of `analyze`, but errors come when the iteration begins. What leaves because
    more than `hold` connections are held is handed on as well.
    """
    return Streaming(os.fspath(path), display_filter, wireshark, decompress_limit, hold, watch)


class Streaming:
    """The connections of a capture as they end. `capture` tells what was read, once the iteration is over.

    A connection has ended when it was quiet for long enough by the times of the capture (`tcp.table`), or with
    the capture. Those that end together come in the order of their numbers. If a segment comes later than that,
    it begins a new connection.
    """

    def __init__(
        self,
        name: str,
        display_filter: str | None,
        wireshark: bool,
        decompress_limit: int | None,
        hold: int | None,
        watch: Watch | None,
    ) -> None:
        self._name = name
        self._display_filter = display_filter
        self._wireshark = wireshark
        self._decompress_limit = decompress_limit
        self._hold = hold
        self._watch = watch
        self.capture: Capture | None = None

    def __iter__(self) -> Iterator[Connection]:
        name = self._name
        chosen = None if self._display_filter is None else _choose(name, self._display_filter)
        source, wireshark = _NoSegments(), self._wireshark
        with open_capture(name, self._decompress_limit) as records:
            done = Pass(0, set(), chosen, _limit(self._hold, records), _seed(), wireshark=wireshark)
            # A pipe may give a frame now and then, and what has ended by it is not to wait for the next ones.
            for _ in _slices(done, records, FRAMES_AT_ONCE if records.file else 1):
                done.table.settle(done.last_time)
                yield from Judged(_departed(done), source, records.lost, wireshark)
                if self._watch is not None:
                    self._watch(records)
            self.capture = _describe(name, records, done, self._display_filter, wireshark)
        yield from Judged(done.table.connections, source, self.capture.lost_frames, wireshark)


def _foreseeable(done: Pass, records: Records) -> int:
    """How many segments a file probably holds, rather too few than too many; 0 for what is no file."""
    file = records.file
    if file is None:
        return 0
    return done.segments * file.size // max(file.position(), 1)


def _slices(done: Pass, records: Records, most: int) -> Iterator[None]:
    """Read to the end, and pause several times a second where the frames come fast, after `most` at the latest."""
    frames = 1
    more = True
    while more:
        began = monotonic()
        more = done.run(records, frames)
        yield
        frames = min(2 * frames, most) if monotonic() - began < PAUSE else max(frames // 2, 1)


def _limit(hold: int | None, records: Records) -> int:
    """How many connections are held."""
    if hold is not None:
        if hold < 2:
            raise UsageError(say("at least 2 connections must be held"))
        return hold
    if not records.compressed or records.file is None:
        return CONNECTIONS_HELD
    return min(CONNECTIONS_HELD, CONNECTIONS_HELD_OF_A_MEBIBYTE * ((records.file.size >> 20) + 1))


def _seed() -> int:
    """What nobody who makes a capture can know: with it no choice of addresses slows the table down."""
    return int.from_bytes(os.urandom(8), "little") >> 1


def _departed(done: Pass) -> list[Machine]:
    """The connections that have left the table since the last call."""
    departed = done.table.departed
    done.table.departed = []
    return departed


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
    records: Records,
    name: str,
    *,
    stored: str | None = None,
    keep: int = SEGMENTS_KEPT_OF_A_PIPE,
    hold: int | None = None,
) -> Following:
    """Follow a capture while it grows: iterate over what it returns, then ask it for the trace.

    records: not closed here. name: what the trace calls the capture. stored: the file that is going to hold
    the same frames, for reading segments again. keep: how many segments stay in memory; past it all of them
    are read again from `stored`, and cannot be had without it. hold: of `analyze`.
    """
    return Following(records, name, stored, keep, hold)


class Following:
    """The segments of a growing capture, one at a time, and at the end the trace.

    on_error: told the number of a connection, and the ICMP error about it that has just come, as far as it is kept.
    """

    def __init__(self, records: Records, name: str, stored: str | None, keep: int, hold: int | None) -> None:
        self.on_error: Callable[[int, IcmpError], None] = lambda number, error: None
        self._records = records
        self._name = name
        self._stored = stored
        self._keep = keep
        self._kept = 0
        # The rows are kept here, where each is made anyway.
        self._pass = Pass(0, set(), limit=_limit(hold, records), seed=_seed())
        self._folding = Folding()

    def __iter__(self) -> Iterator[Sighting]:
        """Each segment as soon as its frame has come; what is no segment is counted and passed over."""
        records, run = self._records, self._pass
        table = run.table
        while records.advance():
            known = table.begun
            number = int(run.take(records))
            if table.departed:
                self._folding.add(_departed(run))
            if number < 0:
                hearer = run.hearer
                if hearer is not None and hearer.error_count <= ERRORS_KEPT:
                    self.on_error(int(hearer.number), last_error(hearer))
            while number >= 0:
                machine = run.connection
                assert machine is not None
                row = Row(run.header, table.step, records.frame, records.time_ns)
                self._remember(number, row)
                yield Sighting(machine, row, number >= known)
                known = table.begun
                number = int(run.more(records))

    def trace(self) -> Trace:
        """Everything seen so far, judged as if the capture had ended."""
        capture = _describe(self._name, self._records, self._pass, folded=self._folding.folded())
        source = _StoredSegments(self._stored, self._pass)
        return _judge(capture, self._pass, source)

    def _remember(self, number: int, row: Row) -> None:
        run = self._pass
        if run.overflowed:
            return
        if self._kept >= self._keep:
            run.keep_none()
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
        return bool(self._machine.over())


class _NoSegments:
    """The source of a connection that is judged before its end."""

    def segments(self, number: int) -> Sequence[Segment]:
        return ()

    def at_hand(self, number: int) -> bool:
        return False


class _StoredSegments:
    """The segments of a stored capture: those kept by the pass, or read from the file once more."""

    def __init__(
        self,
        path: str | None,
        done: Pass,
        chosen: set[int] | None = None,
        wireshark: bool = False,
        decompress_limit: int | None = None,
    ) -> None:
        self._path = None if path == "-" else path
        self._wireshark = wireshark
        self._chosen = chosen
        self._decompress_limit = decompress_limit
        self._machines: list[Machine] = done.table.connections
        self._complete = not done.overflowed
        self._rows: dict[int, list[Row]] = done.rows
        self._latest: tuple[int | None, Sequence[Segment]] = (None, ())

    def segments(self, number: int) -> Sequence[Segment]:
        if self._latest[0] != number:
            place = self._place(number)
            rows = self._rows_of(number, place)
            self._latest = (number, tuple(build_segments(self._machines[place], rows, self._wireshark)))
        return self._latest[1]

    def at_hand(self, number: int) -> bool:
        return self._complete or number in self._rows

    def _place(self, number: int) -> int:
        """Where a connection stands among those that are left."""
        place = bisect_left(self._machines, number, key=lambda machine: machine.number)
        if place == len(self._machines) or self._machines[place].number != number:
            raise UsageError(say("there is no connection {number}", number=number))
        return place

    def _rows_of(self, number: int, place: int) -> list[Row]:
        if number not in self._rows and not self._complete:
            self._read_again(place)
        return self._rows.get(number, [])

    def _read_again(self, place: int) -> None:
        """Read a connection's segments, and those after it where the connections are asked for in order."""
        if self._path is None:
            raise InputError(
                say("this capture is too large to keep its segments in memory: store it in a file first")
            )
        wanted = [self._machines[place]]
        room = self._count(wanted[0])
        if (self._machines[place - 1].number if place else None) == self._latest[0]:
            for machine in islice(self._machines, place + 1, None):
                room += self._count(machine)
                if room > SEGMENTS_READ_AHEAD:
                    break
                wanted.append(machine)
        budget = sum(map(self._count, wanted))
        again = Pass(budget, None, self._chosen, seed=_seed(), again=wanted, wireshark=self._wireshark)
        with open_capture(self._path, self._decompress_limit) as records:
            again.run(records)
        if any(_differ(machine, again.observed.get(int(machine.number))) for machine in wanted):
            raise InputError(
                say(
                    "{path} is not what it was when it was read first: it was changed, or cut off; "
                    "analyse it again",
                    path=inert(self._path),
                )
            )
        self._rows = again.rows

    def _count(self, machine: Machine) -> int:
        return int(machine.first.segments + machine.second.segments)


def _differ(before: Machine, now: Machine | None) -> bool:
    """Whether a second reading has found another connection than the first."""
    return now is None or _marks(before) != _marks(now)


def _marks(machine: Machine) -> tuple[int, ...]:
    first, second = machine.first, machine.second
    return (
        machine.first_time,
        machine.last_frame,
        machine.last_time,
        first.segments,
        second.segments,
        first.octets,
        second.octets,
    )


def _judge(capture: Capture, done: Pass, source: _StoredSegments, wireshark: bool = False) -> Trace:
    """The trace, with a verdict on each connection that knows what the capture lost."""
    return Trace(capture, Judged(done.table.connections, source, capture.lost_frames, wireshark))


def _describe(
    path: str,
    records: Records,
    done: Pass,
    display_filter: str | None = None,
    wireshark: bool = False,
    folded: Folded | None = None,
) -> Capture:
    skipped: dict[str, int] = {}
    for code, count in done.skipped.items():
        # Several codes can have one name: every length of an IEEE 802.3 frame is "IEEE 802.3 LLC".
        name = skip_name(code)
        skipped[name] = skipped.get(name, 0) + count
    change = None if records.file is None else records.file.change(inert(path))
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
        warnings=(*records.warnings, *([] if change is None else [change])),
        lost_frames=records.lost,
        display_filter=None if display_filter is None else inert(display_filter),
        icmp_errors_elsewhere=dict(sorted(done.errors_elsewhere.items())),
        notes_by=WIRESHARK if wireshark else OURSELVES,
        folded=folded,
    )
