"""The wiring of what is explained about single segments, and of what tshark says about them.

Explaining reads the capture twice, once as far as the frame and once as a whole, so that nothing more is kept
for it on the path of every packet.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from analyzer.analysis.stored import analyze
from analyzer.capture import open_capture
from analyzer.capture.dissection import Dissection, disabled_protocols, dissection_of, summaries_of
from analyzer.errors import InputError, UsageError
from analyzer.explain.explanation import Explanation
from analyzer.explain.neighbours import neighbours
from analyzer.text import inert, said, say
from analyzer.trace.values import Capture, Connection, Segment, Trace
from analyzer.wire.checksum import computed_checksum, judge_checksum
from analyzer.wire.encapsulations import Span
from analyzer.wire.header import Header
from analyzer.wire.icmp import ICMP, ICMPV6, ErrorMessage, error_text, read_error
from analyzer.wire.layers import layers_of
from analyzer.wire.option_list import list_options
from analyzer.wire.skips import PROTOCOL, SEGMENT, skip_name
from analyzer.wire.unwrap import Unwrapper

__all__ = ["PAYLOAD_EXPLAINED", "dissect", "explain", "summarize"]

PAYLOAD_EXPLAINED = 128
"""Octets of a payload shown where a segment is explained."""


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


def explain(
    path: str | os.PathLike[str],
    frame: int,
    *,
    wireshark: bool = False,
    decompress_limit: int | None = None,
) -> Explanation:
    """Everything about the TCP segment in one frame of a stored capture, or that an ICMP error in it answers.

    path: a stored capture, as for `analyze`; it is read twice.
    frame: from 1, as Wireshark counts.
    wireshark, decompress_limit: as for `analyze`.

    Raises `UsageError` where there is no such frame or no TCP segment in it, and what `analyze` raises.
    """
    name = os.fspath(path)
    if name == "-" or (os.path.exists(name) and not os.path.isfile(name) and not os.path.isdir(name)):
        raise UsageError(say("a segment is explained by reading its capture twice: store it in a file first"))
    found = _find(name, frame, decompress_limit)
    trace = analyze(name, wireshark=wireshark, decompress_limit=decompress_limit)
    if found.message is not None:
        return _explain_error(name, frame, found.message, trace)
    header = found.header
    for connection in reversed(trace.connections):
        if connection.first_frame <= frame <= connection.last_frame and _is_between(header, connection):
            segments = connection.segments
            for place, segment in enumerate(segments):
                if segment.frame == frame:
                    return _explanation(trace.capture, connection, segments, place, found)
    raise InputError(
        say(
            "frame {frame} is not there any more: {path} changed while it was read",
            frame=frame,
            path=inert(name),
        )
    )


def _explain_error(path: str, frame: int, message: ErrorMessage, trace: Trace) -> Explanation:
    for connection in trace.connections:
        for error in connection.icmp_errors:
            if error.frame == frame and error.answers is not None:
                return replace(explain(path, error.answers), error=error)
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
    """One frame, read: its octets, the header of the (first) segment in it, the layer it was found in where that is
    not the frame itself, and how many segments there are besides; or the ICMP error about a segment."""

    octets: bytes
    original: int
    link_type: int
    header: Header
    layer: Span | None
    others: int = 0
    message: ErrorMessage | None = None


def _find(path: str, frame: int, decompress_limit: int | None) -> _Found:
    """Read as far as one frame. Raises `UsageError` where it holds no TCP segment or is not there."""
    last = 0
    header, unwrapper = Header(), Unwrapper()
    with open_capture(path, decompress_limit) as records:
        while records.advance():
            last = int(records.frame)
            if last > frame:
                break
            octets = records.block[records.offset : records.offset + records.captured]
            original, link_type = int(records.original), int(records.link_type)
            # From the start of a block of its own, so that offsets count from the frame's first octet.
            code = header.decode(octets, 0, len(octets), original, link_type)
            layer = None
            if code != SEGMENT:
                # The frames before it may hold fragments of what is complete in it.
                code = unwrapper.unwrap(header, code, len(octets), records.time_ns)
                layer = unwrapper.found
            if last < frame:
                continue
            if code == SEGMENT:
                others, rest = 0, Header()
                while layer is not None and unwrapper.more(rest) == SEGMENT:
                    others += 1
                return _Found(octets, original, link_type, header, layer, others)
            if code in (PROTOCOL + ICMP, PROTOCOL + ICMPV6):
                message = read_error(header.block, int(header.ip_offset), len(header.block))
                if message is not None:
                    return _Found(octets, original, link_type, header, layer, message=message)
            raise UsageError(
                say(
                    "frame {frame} is {what}: there is no TCP segment in it",
                    frame=frame,
                    what=say(skip_name(code)),
                )
            )
    if last > frame or frame < 1:
        raise UsageError(say("there is no frame {frame}: its number holds no packet", frame=frame))
    if not last:
        raise UsageError(say("there is no frame {frame}: the capture holds none", frame=frame))
    raise UsageError(say("there is no frame {frame}: the last one is frame {last}", frame=frame, last=last))


def _is_between(header: Header, connection: Connection) -> bool:
    """Whether the segment belongs to the pair of endpoints."""
    ports = {(int(header.source_port), int(header.destination_port))}
    pair = (connection.client.port, connection.server.port)
    return pair in ports or pair[::-1] in ports


def _explanation(
    capture: Capture, connection: Connection, segments: Sequence[Segment], place: int, found: _Found
) -> Explanation:
    header, segment = found.header, segments[place]
    start = int(header.tcp_offset)
    layers = layers_of(found.octets, found.link_type, found.layer)
    header_end = (
        int(header.payload_offset) if not header.damaged else min(start + 20, int(header.payload_offset))
    )
    header_octets = header.block[start:header_end]
    whole = header.block[start : int(header.payload_offset + header.payload_length)]
    judged = computed = None
    if not header.snapped and not header.damaged and layers.source:
        judged = judge_checksum(whole, layers.source, layers.destination)
        computed = computed_checksum(whole, layers.source, layers.destination)
    payload = int(header.payload_offset)
    return Explanation(
        capture=capture,
        connection=connection,
        segment=segment,
        neighbours=neighbours(segments, place),
        captured=len(found.octets),
        original=found.original,
        others=found.others,
        layers=layers.layers,
        header=header_octets,
        header_length=int(header.header_length),
        options=tuple(
            list_options(
                header_octets[20:],
                complete=len(header_octets) == header.header_length,
                base=None if segment.ack is None else (int(header.ack) - segment.ack) & 0xFFFFFFFF,
            )
        ),
        checksum=judged,
        computed_checksum=computed,
        payload=header.block[payload : payload + min(int(header.payload_captured), PAYLOAD_EXPLAINED)],
    )
