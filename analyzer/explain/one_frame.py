"""Explains the segment in one frame, and asks tshark about it.

An explanation reads the capture twice: once up to the frame, and once as a whole. So the analysis does not have to keep
more for each packet.
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
"""The bytes of a payload that an explanation shows."""


def summarize(connections: Iterable[Connection], path: str | os.PathLike[str]) -> dict[int, str]:
    """Ask tshark for a summary of each payload.

    Args:
        connections: The connections.
        path: The capture.

    Returns:
        Frame -> protocol and one line about it. Frames without a protocol above TCP are left out.

    Raises:
        DissectionError: tshark is not installed or fails.
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
    """Ask tshark to dissect an explained frame.

    Args:
        explanation: The explanation of the frame.
        path: The capture.

    Returns:
        The dissection.

    Raises:
        DissectionError: tshark is not installed or fails.
    """
    return dissection_of(os.fspath(path), explanation.segment.frame, _disabled(explanation.connection))


def explain(path: str | os.PathLike[str], frame: int, reading: Reading = ORDINARY) -> Explanation:
    """Explain the TCP segment in one frame. For an ICMP error, explain the segment that the error answers.

    Args:
        path: A stored capture. It is read twice.
        frame: The number of the frame, from 1, as in Wireshark.
        reading: The options of reading.

    Returns:
        The explanation.

    Raises:
        UsageError: There is no such frame, or it has no TCP segment.
        AnalyzerError: The capture cannot be read, as for `analyze`.
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
                "the connection of frame {frame} is no longer in memory, because {path} has too many "
                "connections: divide it into smaller captures with editcap -c",
                frame=frame,
                path=inert(name),
            )
        ) from None
    for place, segment in enumerate(connection.segments):
        if segment.frame == frame:
            return _explanation(trace.capture, connection, place, found)
    raise InputError(
        say(
            "frame {frame} does not exist any more: {path} changed while it was read",
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
            "{source} to port {destination}, but the capture has no such segment before it",
            frame=frame,
            what=said(error_text(message.kind, message.number)),
            seq=message.quoted.seq,
            source=message.quoted.source_port,
            destination=message.quoted.destination_port,
        )
    )


class _Found(NamedTuple):
    """One frame and its first TCP segment.

    Attributes:
        captured: The bytes of the frame.
        original: How many bytes the frame has on the wire.
        link_type: The link type of the frame.
        layer: The layer that contains the segment; None if it is the frame itself.
        others: How many more segments are in the frame.
        connection: The number of the connection.
        segment: Header and payload as captured.
        whole: Whether the segment is complete.
        fixed: How many bytes of the header can be read.
        header_length: The length of the header, from its data offset.
        payload: Where the payload begins in `segment`.
        absolute_ack: The acknowledgement number in the header.
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
    """An observer that waits for one frame.

    Attributes:
        run: The loop over the segments.
        found: The frame; None until it is read, and if it has no segment.
    """

    def __init__(self, records: Records, frame: int, reading: Reading) -> None:
        self.run = segments(records, reading, self)
        self.found: _Found | None = None
        self._records = records
        self._frame = frame

    def segment(self, header: Header, step: Step, connection: Machine, frame: int, time_ns: int) -> None:
        """Keep the segment if it is in the wanted frame."""
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
        """Do nothing at the end of a connection."""


def _find(path: str, frame: int, reading: Reading) -> _Found | ErrorMessage:
    """Read up to one frame. Raise `UsageError` if it does not exist or has no TCP segment."""
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
                    "frame {frame} has no TCP segment ({what})",
                    frame=frame,
                    what=say(skip_name(int(run.code()))),
                )
            )
    if last > frame:
        raise UsageError(say("frame {frame} is not a packet: choose another frame", frame=frame))
    if not last:
        raise UsageError(say("there is no frame {frame}: the capture is empty", frame=frame))
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
