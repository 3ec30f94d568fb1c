"""The wiring of what is explained about single segments, and of what tshark says about them.

Explaining reads the capture twice, once as far as the frame and once as a whole, so that nothing more is kept
for it on the path of every packet.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from analyzer.analysis.loop import segments
from analyzer.analysis.reading import ORDINARY, Reading, stored_file
from analyzer.analysis.stored import analyze
from analyzer.capture import Records
from analyzer.capture.dissection import Dissection, disabled_protocols, dissection_of, summaries_of
from analyzer.errors import InputError, UsageError
from analyzer.explain.explanation import Explanation
from analyzer.explain.neighbours import neighbours
from analyzer.tcp.machine import Machine
from analyzer.tcp.step import Step
from analyzer.text import inert, said, say
from analyzer.trace.values import Capture, Connection, Trace
from analyzer.wire.checksum import computed_checksum, judge_checksum
from analyzer.wire.encapsulations import Span
from analyzer.wire.header import Header
from analyzer.wire.icmp import ErrorMessage, error_text
from analyzer.wire.layers import layers_of
from analyzer.wire.option_list import list_options
from analyzer.wire.skips import skip_name

__all__ = ["PAYLOAD_EXPLAINED", "dissect", "explain", "summarize"]

PAYLOAD_EXPLAINED = 128
"""Bytes of a payload shown where a segment is explained."""


def summarize(connections: Iterable[Connection], path: str | os.PathLike[str]) -> dict[int, str]:
    """What tshark makes of the payloads in these connections: frame -> protocol and one line about it.

    A frame in which tshark finds no protocol above TCP has none. Raises `DissectionError`.
    """
    frames: set[int] = set()
    disabled: set[str] = set()
    for connection in connections:
        disabled.update(_disabled(connection))
        frames.update(segment.frame for segment in connection.segments if segment.length)
    return summaries_of(os.fspath(path), frames, sorted(disabled))


def _disabled(connection: Connection) -> tuple[str, ...]:
    ends = (connection.client, connection.server)
    return disabled_protocols(tuple(end.address for end in ends), tuple(end.port for end in ends))


def dissect(explanation: Explanation, path: str | os.PathLike[str]) -> Dissection:
    """Wireshark's own dissection of an explained frame. Raises `DissectionError`."""
    return dissection_of(os.fspath(path), explanation.segment.frame, _disabled(explanation.connection))


def explain(path: str | os.PathLike[str], frame: int, reading: Reading = ORDINARY) -> Explanation:
    """Everything about the TCP segment in one frame of a stored capture, or that an ICMP error in it answers.

    path: a stored capture, as for `analyze`; it is read twice.
    frame: from 1, as Wireshark counts.
    reading: as for `analyze`.

    Raises `UsageError` where there is no such frame or no TCP segment in it, and what `analyze` raises.
    """
    if frame < 1:
        raise UsageError(say("there is no frame {frame}: the first one is frame 1", frame=frame))
    name = stored_file(path)
    reading = reading.for_file(name)
    found = _find(name, frame, reading)
    trace = analyze(name, reading)
    if isinstance(found, ErrorMessage):
        return _explain_error(name, frame, found, trace, reading)
    try:
        connection = trace[found.connection]
    except IndexError:
        raise UsageError(
            say(
                "the connection of frame {frame} was folded to keep memory bounded: "
                "cut {path} into smaller captures with editcap -c",
                frame=frame,
                path=inert(name),
            )
        ) from None
    for place, segment in enumerate(connection.segments):
        if segment.frame == frame:
            return _explanation(trace.capture, connection, place, found)
    raise InputError(
        say(
            "frame {frame} is not there any more: {path} changed while it was read",
            frame=frame,
            path=inert(name),
        )
    )


def _explain_error(
    path: str, frame: int, message: ErrorMessage, trace: Trace, reading: Reading
) -> Explanation:
    for connection in trace.connections:
        for error in connection.icmp_errors:
            if error.frame == frame and error.answers is not None:
                return replace(explain(path, error.answers, reading), error=error)
    raise UsageError(
        say(
            "frame {frame} is an ICMP error ({what}) about a TCP segment with sequence number {seq} from port "
            "{source} to port {destination}, and there is no such segment before it",
            frame=frame,
            what=said(error_text(message.kind, message.number)),
            seq=message.quoted.seq,
            source=message.quoted.source_port,
            destination=message.quoted.destination_port,
        )
    )


class _Found(NamedTuple):
    """One frame with a TCP segment, the first one in it.

    captured: the bytes of the frame. original: how many it has on the wire. layer: the one that the segment was found
    in, None where that is the frame itself. others: how many more segments the frame holds. connection: the number.
    segment: header and payload as captured. whole: nothing of it is missing. fixed: how many of its bytes are the
    header, as far as it can be read; header_length: how many it says. payload: where the payload begins in it.
    absolute_ack: the acknowledgement number in the header.
    """

    captured: bytes
    original: int
    link_type: int
    layer: Span | None
    others: int
    connection: int
    segment: bytes
    whole: bool
    fixed: int
    header_length: int
    payload: int
    absolute_ack: int


class _Finder:
    """Looks on until one frame has come. found: what that holds, once it has come and holds a segment."""

    def __init__(self, records: Records, frame: int, reading: Reading) -> None:
        self.run = segments(records, reading, self)
        self.found: _Found | None = None
        self._records = records
        self._frame = frame

    def segment(self, header: Header, step: Step, connection: Machine, frame: int, time_ns: int) -> None:
        """A segment has come."""
        if frame != self._frame:
            return
        if self.found is not None:
            self.found = self.found._replace(others=self.found.others + 1)
            return
        records = self._records
        start, payload = int(header.tcp_offset), int(header.payload_offset)
        self.found = _Found(
            captured=records.block[records.offset : records.offset + records.captured],
            original=int(records.original),
            link_type=int(records.link_type),
            layer=self.run.layer(),
            others=0,
            connection=int(connection.number),
            segment=header.block[start : payload + int(header.payload_captured)],
            whole=not header.snapped and not header.damaged,
            fixed=(payload if not header.damaged else min(start + 20, payload)) - start,
            header_length=int(header.header_length),
            payload=payload - start,
            absolute_ack=int(header.ack),
        )

    def ended(self, connection: Machine, left: bool) -> None:
        """A connection has ended."""


def _find(path: str, frame: int, reading: Reading) -> _Found | ErrorMessage:
    """Read as far as one frame. Raises `UsageError` where it holds no TCP segment or is not there."""
    last = 0
    with reading.open(path) as records:
        finder = _Finder(records, frame, reading)
        run = finder.run
        while last < frame and run.run(1):
            last = int(records.frame)
        last = int(records.frame)
        if last == frame and finder.found is not None:
            return finder.found
        if last == frame and run.message is not None:
            return run.message
        if last == frame:
            raise UsageError(
                say(
                    "frame {frame} is {what}: there is no TCP segment in it",
                    frame=frame,
                    what=say(skip_name(int(run.code()))),
                )
            )
    if last > frame:
        raise UsageError(say("there is no frame {frame}: its number holds no packet", frame=frame))
    if not last:
        raise UsageError(say("there is no frame {frame}: the capture holds none", frame=frame))
    raise UsageError(say("there is no frame {frame}: the last one is frame {last}", frame=frame, last=last))


def _explanation(capture: Capture, connection: Connection, place: int, found: _Found) -> Explanation:
    segment = connection.segments[place]
    layers = layers_of(found.captured, found.link_type, found.layer)
    header = found.segment[: found.fixed]
    judged = computed = None
    if found.whole and layers.source:
        judged = judge_checksum(found.segment, layers.source, layers.destination)
        computed = computed_checksum(found.segment, layers.source, layers.destination)
    return Explanation(
        capture=capture,
        connection=connection,
        segment=segment,
        neighbours=neighbours(connection.segments, place),
        captured=len(found.captured),
        original=found.original,
        others=found.others,
        layers=layers.layers,
        header=header,
        header_length=found.header_length,
        options=tuple(
            list_options(
                header[20:],
                complete=len(header) == found.header_length,
                base=None if segment.ack is None else (found.absolute_ack - segment.ack) & 0xFFFFFFFF,
            )
        ),
        checksum=judged,
        computed_checksum=computed,
        payload=found.segment[found.payload :][:PAYLOAD_EXPLAINED],
    )
