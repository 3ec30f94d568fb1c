"""A stored capture, read to its end: all its connections as a `Trace`, or each connection as it ends."""

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
"""Up to this number the segments stay in memory (16 MB). Beyond it they are read again on demand."""

SEGMENTS_READ_AHEAD: Final = 200_000
"""If all connections are visited in order, each reading of the file loads up to this many segments."""

SEGMENTS_KEPT_OF_A_PIPE: Final = 1_000_000
"""A pipe cannot be read again, so more of its segments are kept."""

FRAMES_AT_ONCE: Final = 1 << 14
"""The pass pauses after at most this many frames, for work that is not done for each frame."""

PAUSE: Final = 0.1
"""The pass should pause after this many seconds of reading."""


def analyze(path: str | os.PathLike[str], reading: Reading = ORDINARY) -> Trace:
    """Read a stored capture and follow every TCP connection in it.

    A truncated capture is analysed up to where it ends. `Trace.capture.truncated` and `Trace.capture.warnings` report
    it.

    Args:
        path: A pcap, pcapng or snoop file, plain or compressed (gzip, zstd, lz4, xz, bzip2). "-" is standard input.
        reading: The options of reading. If there are more connections than `Reading.hold`, half of them are dropped,
            ended ones first, and only `Trace.capture.folded` counts them.

    Returns:
        The capture and its connections.

    Raises:
        InputError: The capture cannot be opened or read.
        CaptureFormatError: The file is not a capture.
        DissectionError: There is a display filter, and tshark is not installed.
        UsageError: tshark refuses the display filter.
    """
    name = os.fspath(path)
    reading = reading.for_file(name)
    folding = Folding()
    with reading.open(name) as records:
        kept = SEGMENTS_KEPT_OF_A_PIPE if name == "-" else SEGMENTS_KEPT
        done = segments(records, reading, keep=kept)
        for _ in _slices(done, records):
            folding.add(done.departed())
            # Segments from standard input are freed only if they must be, because they cannot be read again.
            if name != "-" and not done.overflowed and _foreseeable(done, records) > kept:
                done.keep_none()
            if reading.watch is not None:
                reading.watch(records)
        capture = describe(name, records, done, reading, folding.folded())
    return judge(capture, done, StoredSegments(name, done, reading), reading)


def analyze_whole(path: str | os.PathLike[str], reading: Reading = ORDINARY) -> Trace:
    """Analyse a capture for a caller that needs every connection.

    Args:
        path: As for `analyze`.
        reading: As for `analyze`.

    Returns:
        A trace from which no connection was dropped.

    Raises:
        UsageError: There are too many connections to hold in memory.
        InputError: As for `analyze`, with all its other errors.
    """
    trace = analyze(path, reading)
    if trace.capture.folded is not None:
        raise too_many_connections(path)
    return trace


def too_many_connections(path: str | os.PathLike[str]) -> UsageError:
    """Make the error for a caller that needs all connections of a capture that has too many.

    Args:
        path: The capture.

    Returns:
        The error, to be raised.
    """
    return UsageError(
        say(
            "{path} has too many connections to hold them all in memory: split it with editcap -c",
            path=inert(os.fspath(path)),
        )
    )


def stream(path: str | os.PathLike[str], reading: Reading = ORDINARY) -> Streaming:
    """Read a stored capture and yield each connection as it ends, without its segments.

    The iteration raises the errors of `analyze`. If there are more connections than `Reading.hold`, those that have
    to leave early are yielded too.

    Args:
        path: As for `analyze`.
        reading: As for `analyze`.

    Returns:
        The connections, to be iterated over once.
    """
    return Streaming(os.fspath(path), reading)


class Streaming:
    """The connections of a capture as they end.

    A connection ends when it has been quiet for long enough by the times of the capture (`tcp.table`), or at the end
    of the capture. Nothing else decides. So the same capture gives the same connections in the same order, however
    fast it is read. A segment that comes later begins a new connection.

    Attributes:
        capture: What was read; None until the iteration is over.
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
            # A pipe may give a frame only now and then. A connection that it ends must not wait for the next frames.
            for _ in _slices(done, records, FRAMES_AT_ONCE if records.file else 1):
                yield from Judged(done.departed(), source, records.lost, wireshark)
                if reading.watch is not None:
                    reading.watch(records)
            self.capture = describe(name, records, done, reading)
        yield from Judged(done.table.connections, source, self.capture.lost_frames, wireshark)


def _foreseeable(done: Pass, records: Records) -> int:
    """A low estimate of how many segments a file holds; 0 if the source is not a file."""
    file = records.file
    if file is None:
        return 0
    return done.segments * file.size // max(file.position(), 1)


def _slices(done: Pass, records: Records, most: int | None = None) -> Iterator[None]:
    """Read to the end, with several pauses a second if frames come fast, and at least one every `most` frames."""
    most = FRAMES_AT_ONCE if most is None else most
    frames = 1
    more = True
    while more:
        began = monotonic()
        more = done.run(frames)
        yield
        frames = min(2 * frames, most) if monotonic() - began < PAUSE else max(frames // 2, 1)


class NoSegments:
    """The source of segments for a connection whose segments are not available."""

    def segments(self, number: int) -> Sequence[Segment]:
        """Return no segments."""
        return ()

    def at_hand(self, number: int) -> bool:
        """Return False: there is nothing in memory."""
        return False


class StoredSegments:
    """The segments of a stored capture: kept by the pass, or read again from the file."""

    def __init__(self, path: str | None, done: Pass, reading: Reading) -> None:
        self._path = None if path == "-" else path
        self._reading = reading
        # Found by number: many are gone if connections were folded.
        self._machines = done.table.connections
        self._complete = not done.overflowed
        self._columns: Columns = done.columns
        # Number of a connection -> its number in the columns; after a first pass they are the same.
        self._kept: dict[int, int] | None = None
        self._latest: tuple[int | None, Sequence[Segment]] = (None, ())

    def segments(self, number: int) -> Sequence[Segment]:
        """Return the segments of a connection.

        Args:
            number: The number of the connection.

        Returns:
            Its segments, in the order of their frames.

        Raises:
            UsageError: There is no such connection.
            InputError: The file has changed since it was read first, or the source was a pipe with too many segments.
        """
        if self._latest[0] != number:
            place = self._place(number)
            if not self.at_hand(number):
                self._read_again(place)
            kept = number if self._kept is None else self._kept[number]
            machine = self._machines[place]
            self._latest = number, Segments(machine, self._columns, kept, self._reading.wireshark)
        return self._latest[1]

    def at_hand(self, number: int) -> bool:
        """Return whether the segments of a connection are in memory."""
        return self._complete or (self._kept is not None and number in self._kept)

    def _place(self, number: int) -> int:
        """The place of a connection in the list of connections."""
        place = bisect_left(self._machines, number, key=lambda machine: machine.number)
        if place == len(self._machines) or self._machines[place].number != number:
            raise UsageError(
                say("connection {number} does not exist: tcpanalyze --summary lists them all", number=number)
            )
        return place

    def _read_again(self, place: int) -> None:
        """Read the segments of a connection, and of the next ones too if the connections are visited in order."""
        if self._path is None:
            raise InputError(
                say(
                    "standard input holds too many segments to keep in memory: save the capture to a file first"
                )
            )
        wanted = [self._machines[place]]
        room = _count(wanted[0])
        if (self._machines[place - 1].number if place else None) == self._latest[0]:
            for machine in islice(self._machines, place + 1, None):
                room += _count(machine)
                if room > SEGMENTS_READ_AHEAD:
                    break
                wanted.append(machine)
        # Free the result of the last reading before keeping more.
        self._columns, self._kept, self._latest = Columns(), {}, (None, ())
        with self._reading.open(self._path) as records:
            again = segments(records, self._reading, keep=sum(map(_count, wanted)), again=wanted)
            again.run()
        if any(_differ(machine, again.observed.get(int(machine.number))) for machine in wanted):
            raise InputError(
                say(
                    "{path} has changed since it was first read: analyse it again",
                    path=inert(self._path),
                )
            )
        self._columns = again.columns
        self._kept = {int(machine.number): number for number, machine in enumerate(wanted)}


def _count(machine: Machine) -> int:
    return int(machine.first.segments + machine.second.segments)


def _differ(before: Machine, now: Machine | None) -> bool:
    """Whether the second reading found something else than the first."""
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
    """Make the trace, with a verdict on each connection.

    Args:
        capture: The description of the capture. Its lost frames matter for the verdicts.
        done: The finished pass.
        source: Where the segments of a connection come from.
        reading: The options of reading.

    Returns:
        The trace.
    """
    return Trace(capture, Judged(done.table.connections, source, capture.lost_frames, reading.wireshark))


def describe(
    path: str, records: Records, done: Pass, reading: Reading, folded: Folded | None = None
) -> Capture:
    """Describe what was read and what was skipped.

    Args:
        path: The name of the capture.
        records: Its frames, as far as they were read.
        done: The pass over them.
        reading: The options of reading.
        folded: The connections that are only counted, if there are any.

    Returns:
        The description.
    """
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
