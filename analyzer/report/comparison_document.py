"""The JSON document of a comparison, in the shape of `tcpanalyze-diff-1.schema.json`.

Within version 1, keys are added but never renamed or removed. The document is written pair by pair, so that it does
not have to fit into memory.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final, TextIO

from analyzer.compare.differences import Change, Clocks, Mode, Observation, PairComparison, Row
from analyzer.report.sentences import verdict
from analyzer.tcp.labels import label_names
from analyzer.text import in_english
from analyzer.trace.values import Capture, Connection, EndpointAddress
from analyzer.wire.flags import Flags
from analyzer.wire.header import ACK

__all__ = ["SCHEMA_NAME", "write_comparison"]

SCHEMA_NAME: Final = "tcpanalyze-diff/1"

_encode = json.JSONEncoder(ensure_ascii=True, check_circular=False, allow_nan=False).encode


def write_comparison(
    captures: tuple[Capture, Capture],
    mode: Mode,
    pairs: Iterable[PairComparison],
    unpaired: tuple[Sequence[Connection], Sequence[Connection]],
    stream: TextIO,
) -> None:
    """Write the document, with one line for each part of a pair and one for each row.

    Args:
        captures: The captures A and B.
        mode: Whether the captures are from two places or from two runs.
        pairs: The compared pairs.
        unpaired: The connections of A and of B without a counterpart.
        stream: Where to write.
    """
    a, b = map(_capture, captures)
    stream.write(f'{{"schema": {_encode(SCHEMA_NAME)},\n "mode": {_encode(mode)},\n')
    stream.write(f' "a": {_encode(a)},\n "b": {_encode(b)},\n "pairs": [')
    separator = "\n  {"
    for pair in pairs:
        stream.write(separator)
        stream.write(",\n   ".join(f'"{key}": {_encode(value)}' for key, value in _pair(pair).items()))
        rows = ",\n    ".join(_encode(_row(row, pair)) for row in pair.rows)
        stream.write(f',\n   "rows": [\n    {rows}]}}' if rows else ',\n   "rows": []}')
        separator = ",\n  {"
    left = {side: [_connection(one) for one in ones] for side, ones in zip("ab", unpaired, strict=True)}
    stream.write(f'],\n "unpaired": {_encode(left)}}}\n')


def _capture(capture: Capture) -> dict[str, Any]:
    return {
        # A file name that is not valid text contains surrogates, which JSON does not allow.
        "path": capture.path.encode("utf-8", "backslashreplace").decode("utf-8"),
        "frames": capture.frames,
        "tcp_segments": capture.tcp_segments,
        "truncated": capture.truncated,
        "warnings": list(capture.warnings),
    }


def _connection(connection: Connection) -> dict[str, Any]:
    return {
        "id": connection.id,
        "client": _endpoint(connection.client),
        "server": _endpoint(connection.server),
        "verdict": verdict(connection, in_english),
    }


def _endpoint(end: EndpointAddress) -> dict[str, Any]:
    return {"address": end.address, "port": end.port}


def _pair(pair: PairComparison) -> dict[str, Any]:
    return {
        "a": _connection(pair.a),
        "b": _connection(pair.b),
        "paired_by": pair.pair.rule,
        "differences": pair.counts,
        "facts": [_change(fact) | {"difference": fact.kind or None} for fact in pair.facts],
        "clocks": None if pair.clocks is None else _clocks(pair.clocks),
    }


def _change(change: Change) -> dict[str, Any]:
    return {"what": change.what, "a": change.in_a, "b": change.in_b}


def _clocks(clocks: Clocks) -> dict[str, Any]:
    return {
        "client_side": clocks.client_side or None,
        "offset_ns": None if clocks.trouble else clocks.offset_ns,
        "uncertainty_ns": None if clocks.trouble else clocks.uncertainty_ns,
        "drift": clocks.drift,
        "trouble": clocks.trouble or None,
    }


def _row(row: Row, pair: PairComparison) -> dict[str, Any]:
    one = row.shown
    bases = pair.bases
    if not row.a:
        bases = (bases[0] + pair.shifts[0], bases[1] + pair.shifts[1])
    own, other = bases if one.from_client else bases[::-1]
    return {
        "from": "client" if one.from_client else "server",
        "flags": str(Flags(one.flags)),
        "seq": (one.seq - own) % 2**32,
        "ack": (one.ack - other) % 2**32 if one.flags & ACK else None,
        "labels": label_names(one.labels),
        "a": [_seen(seen) for seen in row.a],
        "b": [_seen(seen) for seen in row.b],
        "differences": list(row.differences),
        "changes": [_change(change) for change in row.changes],
        "missing_bytes": row.missing_bytes,
        "delay_ns": row.delay_ns,
        "late_ns": row.late_ns,
    }


def _seen(one: Observation) -> dict[str, Any]:
    return {"frame": one.frame, "time_ns": one.time_ns, "length": one.length}
