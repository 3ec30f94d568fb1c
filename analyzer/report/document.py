"""The JSON document: everything known about a trace, in the shape of `tcpanalyze-1.schema.json`.

Within version 1, keys are added and never renamed or removed. The document holds no payload bytes. It is
written connection by connection, so it never has to fit into memory as a whole.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TextIO

from analyzer.report.sentences import reason_sentence, verdict
from analyzer.text import in_english
from analyzer.trace.values import (
    Capture,
    Close,
    Connection,
    Direction,
    EndpointAddress,
    EndpointOptions,
    Folded,
    Handshake,
    IcmpError,
    Segment,
    Trace,
)
from analyzer.wire.icmp import error_text

__all__ = [
    "SCHEMA_FILE",
    "SCHEMA_NAME",
    "Described",
    "capture_line",
    "connection_line",
    "document",
    "schema",
    "schema_text",
    "write_document",
]

SCHEMA_NAME: Final = "tcpanalyze/1"
SCHEMA_FILE: Final = "tcpanalyze-1.schema.json"

# ASCII only, so that neither a terminal nor a decoder can misread it.
_encode = json.JSONEncoder(ensure_ascii=True, check_circular=False, allow_nan=False).encode


def document(
    trace: Trace, *, segments: bool = True, connections: Sequence[Connection] | None = None
) -> dict[str, Any]:
    """The document as one value. Times are integer nanoseconds, lengths are bytes, `seq` and `ack` are relative.

    segments: whether each connection has its `segments`
    connections: the connections of the trace to write; None for all
    """
    return {
        "schema": SCHEMA_NAME,
        "capture": _capture(trace.capture),
        "connections": [
            _connection(connection, segments)
            for connection in (trace if connections is None else connections)
        ],
    }


def write_document(
    trace: Trace, stream: TextIO, *, segments: bool = True, connections: Sequence[Connection] | None = None
) -> None:
    """Write the document to `stream`: one line for each part of a connection, one for each segment.

    connections: of `document`. Equal traces give equal text.
    """
    stream.write(f'{{"schema": {_encode(SCHEMA_NAME)},\n "capture": {_encode(_capture(trace.capture))},\n')
    stream.write(' "connections": [')
    separator = "\n  {"
    for connection in trace if connections is None else connections:
        stream.write(separator)
        _write_connection(connection, stream, segments)
        separator = ",\n  {"
    stream.write("]}\n")


def connection_line(connection: Connection) -> str:
    """One connection as a line of JSON: the same members as in the document, without its segments."""
    return _encode(_connection(connection, segments=False))


def capture_line(capture: Capture) -> str:
    """The last of these lines: the rest of the document."""
    return _encode({"schema": SCHEMA_NAME, "capture": _capture(capture)})


def schema() -> dict[str, Any]:
    """The JSON Schema of the document (draft 2020-12).

    It holds the schema of a line of `--stream` too: `$defs/line`.
    """
    loaded: dict[str, Any] = json.loads(schema_text())
    return loaded


def schema_text() -> str:
    """The text of the schema file."""
    # importlib.resources would take longer to load than `check` takes for a small capture.
    with open(os.path.join(os.path.dirname(__file__), SCHEMA_FILE), encoding="utf-8") as file:
        return file.read()


def _write_connection(connection: Connection, stream: TextIO, segments: bool) -> None:
    """The members of a connection, then its segments one by one: only one of them is in memory as text at a time."""
    # The segments are read first, because the ICMP errors need them.
    walked = connection.segments if segments else ()
    members = _connection(connection, segments=False).items()
    stream.write(",\n   ".join([f'"{key}": {_encode(value)}' for key, value in members]))
    if segments:
        stream.write(',\n   "segments": [')
        separator = "\n    "
        for segment in walked:
            stream.write(separator)
            stream.write(_encode(_segment(segment)))
            separator = ",\n    "
        stream.write("]")
    stream.write("}")


def _capture(capture: Capture) -> dict[str, Any]:
    return {
        # A file name that is not text has surrogates in it, which JSON cannot hold.
        "path": capture.path.encode("utf-8", "backslashreplace").decode("utf-8"),
        "format": capture.format,
        "link_types": list(capture.link_types),
        "link_type_names": list(capture.link_type_names),
        "frames": capture.frames,
        "tcp_segments": capture.tcp_segments,
        "skipped": dict(capture.skipped),
        "first_time_ns": capture.first_time_ns,
        "last_time_ns": capture.last_time_ns,
        "truncated": capture.truncated,
        "warnings": list(capture.warnings),
        "lost_frames": capture.lost_frames,
        "display_filter": capture.display_filter,
        "icmp_errors_elsewhere": dict(capture.icmp_errors_elsewhere),
        "notes_by": capture.notes_by,
        "folded": None if capture.folded is None else _folded(capture.folded),
    }


def _folded(folded: Folded) -> dict[str, Any]:
    return {
        "connections": folded.connections,
        "segments": folded.segments,
        "bytes": folded.bytes,
        "handshakes": dict(folded.handshakes),
        "closes": dict(folded.closes),
        "server_ports": [{"port": port, "connections": count} for port, count in folded.server_ports.items()],
    }


_MEMBERS: Final[Mapping[str, Callable[[Connection], Any]]] = {
    "id": lambda connection: connection.id,
    "client": lambda connection: _endpoint(connection.client),
    "server": lambda connection: _endpoint(connection.server),
    "roles": lambda connection: connection.roles,
    "first_frame": lambda connection: connection.first_frame,
    "last_frame": lambda connection: connection.last_frame,
    "first_time_ns": lambda connection: connection.first_time_ns,
    "last_time_ns": lambda connection: connection.last_time_ns,
    "verdict": lambda connection: verdict(connection, in_english),
    "confidence": lambda connection: connection.confidence,
    "doubts": lambda connection: list(connection.doubts),
    "handshake": lambda connection: _handshake(connection.handshake),
    "data": lambda connection: {
        "client": _direction(connection.client_data),
        "server": _direction(connection.server_data),
    },
    "close": lambda connection: _close(connection.close),
    "states": lambda connection: {"client": connection.client_state, "server": connection.server_state},
    "completeness": lambda connection: connection.completeness,
    "conn_state": lambda connection: connection.conn_state,
    "history": lambda connection: connection.history,
    "notes": lambda connection: dict(connection.notes),
    "icmp_errors": lambda connection: [_error(error) for error in connection.icmp_errors],
    "icmp_error_count": lambda connection: connection.icmp_error_count,
}
"""The members of a connection in the document, without its segments."""


class Described(Mapping[str, Any]):
    """A connection as in the document, without its segments; each member is made when it is read.

    `capture` is a member too: the capture as in the document. It is missing while the capture is not known yet.
    """

    __slots__ = ("_capture", "_connection")

    def __init__(self, connection: Connection, capture: Capture | None) -> None:
        self._connection = connection
        self._capture = capture

    def __getitem__(self, name: str) -> Any:
        if name == "capture" and self._capture is not None:
            return _capture(self._capture)
        return _MEMBERS[name](self._connection)

    def __iter__(self) -> Iterator[str]:
        yield from _MEMBERS
        if self._capture is not None:
            yield "capture"

    def __len__(self) -> int:
        return len(_MEMBERS) + (self._capture is not None)


def _connection(connection: Connection, segments: bool) -> dict[str, Any]:
    described = {name: describe(connection) for name, describe in _MEMBERS.items()}
    if segments:
        described["segments"] = [_segment(segment) for segment in connection.segments]
    return described


def _endpoint(end: EndpointAddress) -> dict[str, Any]:
    return {"address": end.address, "port": end.port}


def _handshake(handshake: Handshake) -> dict[str, Any]:
    return {
        "outcome": handshake.outcome,
        "reset_by": handshake.reset_by,
        "frames": {
            "syn": handshake.syn_frame,
            "syn_ack": handshake.syn_ack_frame,
            "ack": handshake.ack_frame,
        },
        "rtt_ns": {"syn": handshake.syn_rtt_ns, "ack": handshake.ack_rtt_ns},
        "retries": {"syn": handshake.syn_retries, "syn_ack": handshake.syn_ack_retries},
        "retry_delays_ns": {
            "syn": list(handshake.syn_retry_delays_ns),
            "syn_ack": list(handshake.syn_ack_retry_delays_ns),
        },
        "options": {
            "client": _options(handshake.client_options),
            "server": _options(handshake.server_options),
            "effective_mss": handshake.effective_mss,
            "window_scaling": handshake.window_scaling,
            "sack": handshake.sack,
            "timestamps": handshake.timestamps,
            "ecn": handshake.ecn,
            "fast_open": handshake.fast_open,
        },
    }


def _options(options: EndpointOptions | None) -> dict[str, Any] | None:
    if options is None:
        return None
    return {
        "mss": options.maximum_segment_size,
        "window_scale": options.window_scale,
        "sack_permitted": options.sack_permitted,
        "timestamps": options.timestamps,
        "ecn": options.ecn,
        "fast_open_cookie": options.fast_open_cookie,
    }


def _direction(direction: Direction) -> dict[str, Any]:
    return {
        "segments": direction.segments,
        "data_segments": direction.data_segments,
        "bytes": direction.bytes,
        "retransmitted_segments": direction.retransmitted_segments,
        "retransmitted_bytes": direction.retransmitted_bytes,
        "out_of_order_segments": direction.out_of_order_segments,
        "unacknowledged_bytes": direction.unacknowledged_bytes,
    }


def _close(close: Close) -> dict[str, Any]:
    return {
        "outcome": close.outcome,
        "active": close.active,
        "frames": list(close.frames),
        "time_wait": list(close.time_wait),
        "data_lost": close.data_lost,
    }


def _error(error: IcmpError) -> dict[str, Any]:
    return {
        "frame": error.frame,
        "time_ns": error.time_ns,
        "sender": error.sender,
        "kind": error.kind,
        "text": error_text(error.error, error.number),
        "about": error.about,
        "seq": error.seq,
        "answers": error.answers,
        "mtu": error.mtu,
    }


def _segment(segment: Segment) -> dict[str, Any]:
    return {
        "frame": segment.frame,
        "time_ns": segment.time_ns,
        "from": segment.sender,
        "flags": str(segment.flags),
        "seq": segment.seq,
        "ack": segment.ack,
        "length": segment.length,
        "window": segment.window,
        "labels": list(segment.labels),
        "notes": list(segment.notes),
        "client_state": list(segment.client_state),
        "server_state": list(segment.server_state),
        "why": "; ".join([reason_sentence(reason, in_english) for reason in segment.why]),
    }
