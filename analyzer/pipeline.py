"""The wiring: a capture, the pass over it, the trace.

Nothing here decides anything about TCP, files or pictures; it connects the layers that do.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from analyzer.capture import Records, open_capture
from analyzer.errors import InputError, UsageError
from analyzer.passes import Pass
from analyzer.tcp.connection import Connection as Machine
from analyzer.text import inert, say
from analyzer.trace.build import Row, build_connection, build_segments
from analyzer.trace.model import Capture, Connection, Segment, Trace
from analyzer.wire.link_types import link_type_name
from analyzer.wire.skips import skip_name

__all__ = ["analyze"]

SEGMENTS_KEPT = 50_000
"""Up to here the segments stay in memory (about 25 MB); past it they are read again when asked for."""

SEGMENTS_READ_AHEAD = 200_000
"""Somebody who goes through all connections in order gets this many segments with each reading."""

SEGMENTS_KEPT_OF_A_PIPE = 500_000
"""A pipe cannot be read again, so more is kept of it."""


def analyze(path: str | os.PathLike[str], display_filter: str | None = None) -> Trace:
    """Read a stored capture and follow every TCP connection in it.

    path: a pcap or pcapng file, plain or gzip-compressed; "-" reads standard input.
    display_filter: only the frames that match it, as tshark understands it; not for standard input.

    Raises `InputError` where the capture cannot be opened and `CaptureFormatError` where it is none. A capture
    that breaks off is analysed as far as it goes; `Trace.capture.truncated` and `warnings` say so.
    With a filter raises `DissectionError` without tshark, `UsageError` where tshark refuses the filter.
    """
    name = os.fspath(path)
    chosen = None if display_filter is None else _choose(name, display_filter)
    with open_capture(name) as records:
        done = Pass(SEGMENTS_KEPT_OF_A_PIPE if name == "-" else SEGMENTS_KEPT, None, chosen)
        done.run(records)
        capture = _describe(name, records, done, display_filter)
    source = _StoredSegments(name, done, chosen)
    connections = [build_connection(machine, source) for machine in done.table.connections]
    return Trace(capture, connections)


def _choose(path: str, display_filter: str) -> set[int]:
    from analyzer.capture.dissection import matching_frames

    if path == "-":
        raise UsageError(
            say("a display filter needs a file, because tshark reads it too: store the capture in one first")
        )
    # A file that is none, or no capture, is refused by our own reader, in its own words.
    open_capture(path).close()
    return matching_frames(path, display_filter)


class _StoredSegments:
    """The segments of a stored capture: those kept by the pass, or read from the file once more."""

    def __init__(self, path: str, done: Pass, chosen: set[int] | None) -> None:
        self._path = path
        self._chosen = chosen
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

    def _rows_of(self, number: int) -> list[Row]:
        if number not in self._rows and not self._complete:
            self._read_again(number)
        return self._rows.get(number, [])

    def _read_again(self, number: int) -> None:
        """Read a connection's segments, and those after it where the connections are asked for in order."""
        if self._path == "-":
            raise InputError(
                say(
                    "the capture on standard input is too large to keep its segments: store it in a file first"
                )
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
        with open_capture(self._path) as records:
            again.run(records)
        self._rows = again.rows

    def _count(self, number: int) -> int:
        machine = self._machines[number]
        return int(machine.first.segments + machine.second.segments)

    def picture(self, connection: Connection) -> str:
        from analyzer.diagram.layout import lay_out
        from analyzer.report.picture import svg

        return svg(lay_out(connection))


def _describe(path: str, records: Records, done: Pass, display_filter: str | None) -> Capture:
    skipped = {skip_name(code): count for code, count in done.skipped.items()}
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
        display_filter=None if display_filter is None else inert(display_filter),
    )
