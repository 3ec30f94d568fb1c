"""A stored capture, read whole: every connection of it as a `Trace`, or each as it ends."""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import islice
from time import monotonic
from typing import Final

from analyzer.analysis.loop import Pass, segments
from analyzer.analysis.reading import ORDINARY, Reading
from analyzer.capture import Records
from analyzer.errors import InputError, UsageError
from analyzer.tcp.machine import Machine
from analyzer.text import inert, say
from analyzer.trace.build import Judged
from analyzer.trace.columns import Columns
from analyzer.trace.folding import Folding
from analyzer.trace.segments import Segments
from analyzer.trace.values import OURSELVES, WIRESHARK, Capture, Connection, Folded, Segment, Trace
from analyzer.wire.link_types import link_type_name
from analyzer.wire.skips import skip_name

__all__ = [
    "SEGMENTS_KEPT_OF_A_PIPE",
    "NoSegments",
    "StoredSegments",
    "analyze",
    "analyze_whole",
    "describe",
    "judge",
    "stream",
    "too_many_connections",
]

SEGMENTS_KEPT: Final = 200_000
"""Up to here the segments stay in memory (16 MB); past it they are read again when asked for."""

SEGMENTS_READ_AHEAD: Final = 200_000
"""Somebody who goes through all connections in order gets this many segments with each reading."""

SEGMENTS_KEPT_OF_A_PIPE: Final = 1_000_000
"""A pipe cannot be read again, so more is kept of it."""

FRAMES_AT_ONCE: Final = 1 << 14
"""After so many frames at most the pass stops for what is not done with each."""

PAUSE: Final = 0.1
"""Seconds of reading after which it should stop for that."""


def analyze(path: str | os.PathLike[str], reading: Reading = ORDINARY) -> Trace:
    """Read a stored capture and follow every TCP connection in it.

    path: a pcap, pcapng or snoop file, plain or compressed (gzip, zstd, lz4, xz, bzip2); "-" reads standard input.
    reading: the options. Where there are more connections than `Reading.hold`, half of them leave, those that are
        over first, and only `Trace.capture.folded` tells of them.

    Raises `InputError` where the capture cannot be opened and `CaptureFormatError` where it is none. A capture
    that breaks off is analysed as far as it goes; `Trace.capture.truncated` and `warnings` say so.
    With a filter raises `DissectionError` without tshark, `UsageError` where tshark refuses the filter.
    """
    name = os.fspath(path)
    reading = reading.for_file(name)
    folding = Folding()
    with reading.open(name) as records:
        kept = SEGMENTS_KEPT_OF_A_PIPE if name == "-" else SEGMENTS_KEPT
        done = segments(records, reading, keep=kept)
        for _ in _slices(done, records):
            folding.add(done.departed())
            # What comes through standard input is let go of only where it has to be: it cannot be read again.
            if name != "-" and not done.overflowed and _foreseeable(done, records) > kept:
                done.keep_none()
            if reading.watch is not None:
                reading.watch(records)
        capture = describe(name, records, done, reading, folding.folded())
    return judge(capture, done, StoredSegments(name, done, reading), reading)


def analyze_whole(path: str | os.PathLike[str], reading: Reading = ORDINARY) -> Trace:
    """As `analyze` for whoever has to know every connection: none is folded.

    Raises UsageError where there are more at once than are held, and what `analyze` raises.
    """
    trace = analyze(path, reading)
    if trace.capture.folded is not None:
        raise too_many_connections(path)
    return trace


def too_many_connections(path: str | os.PathLike[str]) -> UsageError:
    """The error of whoever needs all connections of a capture that has more than are held."""
    return UsageError(
        say(
            "{path} has too many connections for all of them to be held in memory: "
            "cut it into smaller captures with editcap -c",
            path=inert(os.fspath(path)),
        )
    )


def stream(path: str | os.PathLike[str], reading: Reading = ORDINARY) -> Streaming:
    """Read a stored capture and hand on each connection as it ends, without its segments.

    Arguments and errors are those of `analyze`, but errors come when the iteration begins. What leaves because
    more than `Reading.hold` connections are held is handed on as well.
    """
    return Streaming(os.fspath(path), reading)


class Streaming:
    """The connections of a capture as they end. `capture` tells what was read, once the iteration is over.

    A connection has ended when it was quiet for long enough by the times of the capture (`tcp.table`), or with
    the capture: nothing else decides, so the same capture gives the same connections in the same order, however
    fast it is read. If a segment comes later than that, it begins a new connection.
    """

    def __init__(self, name: str, reading: Reading) -> None:
        self._name = name
        self._reading = reading
        self.capture: Capture | None = None

    def __iter__(self) -> Iterator[Connection]:
        name = self._name
        reading = self._reading.for_file(name)
        source, wireshark = NoSegments(), reading.wireshark
        with reading.open(name) as records:
            done = segments(records, reading, settling=True)
            # A pipe may give a frame now and then, and what has ended by it is not to wait for the next ones.
            for _ in _slices(done, records, FRAMES_AT_ONCE if records.file else 1):
                yield from Judged(done.departed(), source, records.lost, wireshark)
                if reading.watch is not None:
                    reading.watch(records)
            self.capture = describe(name, records, done, reading)
        yield from Judged(done.table.connections, source, self.capture.lost_frames, wireshark)


def _foreseeable(done: Pass, records: Records) -> int:
    """How many segments a file probably holds, a low estimate; 0 if the source is not a file."""
    file = records.file
    if file is None:
        return 0
    return done.segments * file.size // max(file.position(), 1)


def _slices(done: Pass, records: Records, most: int | None = None) -> Iterator[None]:
    """Read to the end, and pause several times a second where the frames come fast, after `most` at the latest."""
    most = FRAMES_AT_ONCE if most is None else most
    frames = 1
    more = True
    while more:
        began = monotonic()
        more = done.run(frames)
        yield
        frames = min(2 * frames, most) if monotonic() - began < PAUSE else max(frames // 2, 1)


class NoSegments:
    """The source of a connection that is judged before its end."""

    def segments(self, number: int) -> Sequence[Segment]:
        return ()

    def at_hand(self, number: int) -> bool:
        return False


class StoredSegments:
    """The segments of a stored capture: those kept by the pass, or read from the file once more."""

    def __init__(self, path: str | None, done: Pass, reading: Reading) -> None:
        self._path = None if path == "-" else path
        self._reading = reading
        # By their numbers: of a folded capture many are gone.
        self._machines = done.table.connections
        self._complete = not done.overflowed
        self._columns: Columns = done.columns
        # Number of a connection -> where the columns have it; after a first pass those are the same.
        self._kept: dict[int, int] | None = None
        self._latest: tuple[int | None, Sequence[Segment]] = (None, ())

    def segments(self, number: int) -> Sequence[Segment]:
        if self._latest[0] != number:
            place = self._place(number)
            if not self.at_hand(number):
                self._read_again(place)
            kept = number if self._kept is None else self._kept[number]
            machine = self._machines[place]
            self._latest = number, Segments(machine, self._columns, kept, self._reading.wireshark)
        return self._latest[1]

    def at_hand(self, number: int) -> bool:
        return self._complete or (self._kept is not None and number in self._kept)

    def _place(self, number: int) -> int:
        """Where a connection stands among those that are left."""
        place = bisect_left(self._machines, number, key=lambda machine: machine.number)
        if place == len(self._machines) or self._machines[place].number != number:
            raise UsageError(say("there is no connection {number}", number=number))
        return place

    def _read_again(self, place: int) -> None:
        """Read a connection's segments, and those after it where the connections are asked for in order."""
        if self._path is None:
            raise InputError(
                say("this capture is too large to keep its segments in memory: store it in a file first")
            )
        wanted = [self._machines[place]]
        room = _count(wanted[0])
        if (self._machines[place - 1].number if place else None) == self._latest[0]:
            for machine in islice(self._machines, place + 1, None):
                room += _count(machine)
                if room > SEGMENTS_READ_AHEAD:
                    break
                wanted.append(machine)
        # What the last reading found is let go of before more is kept.
        self._columns, self._kept, self._latest = Columns(), {}, (None, ())
        with self._reading.open(self._path) as records:
            again = segments(records, self._reading, keep=sum(map(_count, wanted)), again=wanted)
            again.run()
        if any(_differ(machine, again.observed.get(int(machine.number))) for machine in wanted):
            raise InputError(
                say(
                    "{path} is not what it was when it was read first: it was changed, or cut off; "
                    "analyse it again",
                    path=inert(self._path),
                )
            )
        self._columns = again.columns
        self._kept = {int(machine.number): number for number, machine in enumerate(wanted)}


def _count(machine: Machine) -> int:
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
        first.bytes,
        second.bytes,
    )


def judge(capture: Capture, done: Pass, source: StoredSegments, reading: Reading) -> Trace:
    """The trace, with a verdict on each connection that knows what the capture lost."""
    return Trace(capture, Judged(done.table.connections, source, capture.lost_frames, reading.wireshark))


def describe(
    path: str, records: Records, done: Pass, reading: Reading, folded: Folded | None = None
) -> Capture:
    """What was read, and what was not."""
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
        display_filter=None if reading.display_filter is None else inert(reading.display_filter),
        icmp_errors_elsewhere=dict(sorted(done.errors_elsewhere.items())),
        notes_by=WIRESHARK if reading.wireshark else OURSELVES,
        folded=folded,
    )
