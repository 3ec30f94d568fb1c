"""Writes a file of expectations from a capture, and updates it after an intended change.

It records what another capture of the same session shows too, on another machine: outcomes, labels, bytes and
counts. It does not record times, addresses, or the number of pure acknowledgements.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from analyzer.check.evaluation import Describe, described
from analyzer.check.expectations import OPENS_WITH_OPERATOR, Expectation, lines_of, read_expectations
from analyzer.check.patterns import pattern_of
from analyzer.filters.keys import Key, Keys
from analyzer.filters.written_values import shown
from analyzer.trace.values import Connection, Trace

__all__ = ["RECORDED", "RECORDED_OF_CAPTURE", "SCHEMA_FILE", "record", "update"]

SCHEMA_FILE: Final = "tcpanalyze-expect-1.schema.json"

RECORDED: Final = (
    "handshake.outcome",
    "handshake.retries.syn",
    "handshake.retries.syn_ack",
    "data.client.bytes",
    "data.client.retransmitted_bytes",
    "data.server.bytes",
    "data.server.retransmitted_bytes",
    "close.outcome",
    "close.active",
    "close.time_wait",
    "close.data_lost",
    "icmp_error_count",
    "labels",
)
"""What is recorded of each connection, in this order. `labels` is left out if the pattern would be too long."""

RECORDED_OF_CAPTURE: Final = ("capture.connections", "capture.truncated")

_HEAD: Final = f"""\
#:schema {SCHEMA_FILE}
# Recorded by tcpanalyze check --record. After an intended change: tcpanalyze check --update.
"""


class _Table(NamedTuple):
    """What is recorded of one connection, or of several equal ones in a row."""

    first: int
    last: int
    facts: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        number = str(self.first) if self.first == self.last else f'"{self.first}..{self.last}"'
        lines = ["", "[[connections]]", f"number = {number}"]
        lines += [f"{name} = {value}" for name, value in self.facts]
        return "\n".join(lines) + "\n"


def record(keys: Keys, trace: Trace, describe: Describe) -> str:
    """The text of a file of expectations that this capture meets. Equal sessions give equal text."""
    capture = _capture(trace, describe)
    lines = ["", "[capture]"]
    for name in RECORDED_OF_CAPTURE:
        key = keys.all[name]
        lines += [
            f"{name.removeprefix('capture.')} = {_literal(key, value)}" for _, value in key.values(capture)
        ]
    tables = _tables(keys, trace, trace, describe)
    return _HEAD + "\n".join(lines) + "\n" + "".join(map(str, tables))


def update(keys: Keys, text: str, trace: Trace, describe: Describe, name: str = "") -> str:
    """Bring the text of a file of expectations up to date. The rest of the text stays as it is.

    A value that is not as expected is replaced by the value that was seen. A limit (`"< 50ms"`) stays, because
    somebody chose it. A table with a `number` is removed if its connections are gone or no longer equal. If a file has
    tables with a `number`, each connection without a table gets one.

    Args:
        keys: The known keys.
        text: The content of the file.
        trace: The trace that the file has to hold for.
        describe: Makes the JSON document, where the keys are looked up.
        name: The name of the file, for error messages.

    Returns:
        The new text.

    Raises:
        InputError: The file is not TOML.
        UsageError: A key is unknown or a value is not valid.
    """
    expectations = read_expectations(keys, text.encode(), name)
    seen_of = {connection.id: described(describe, trace, connection) for connection in trace}
    replaced: dict[tuple[int, str], str] = {}
    unlike: set[int] = set()
    for expectation in expectations:
        seen = set(_misfits(expectation, trace, seen_of, describe))
        if len(seen) == 1 and len(set(_seen(expectation, trace, seen_of, describe))) == 1:
            replaced[expectation.table, expectation.written] = seen.pop()
        elif seen and expectation.comparison.operator == "=" and expectation.choice.numbers is not None:
            unlike.add(expectation.table)
    numbered = {
        one.table: one.choice for one in expectations if one.choice.numbers and one.choice.only is None
    }
    gone = {
        table for table, choice in numbered.items() if table in unlike or not choice.candidates(len(trace))
    }
    kept = {
        number
        for table, choice in numbered.items()
        if table not in gone
        for number in choice.candidates(len(trace))
    }
    bare = [one for one in trace if one.id not in kept]
    added = _tables(keys, trace, bare, describe) if numbered else []
    return _rewritten(text, replaced, gone) + "".join(map(str, added))


def _rewritten(text: str, replaced: Mapping[tuple[int, str], str], gone: set[int]) -> str:
    known_lines = {line.number: line for line in lines_of(text)}
    table = -1
    kept = []
    for number, line in enumerate(text.splitlines(keepends=True), 1):
        known = known_lines.get(number)
        if known is not None:
            table = known.table
            value = replaced.get((table, known.key))
            if known.key and value is not None:
                line = f"{known.before}{value}{known.after}\n"
        if table not in gone:
            kept.append(line)
    return "".join(kept).rstrip("\n") + "\n"


def _capture(trace: Trace, describe: Describe) -> dict[str, Any]:
    capture: dict[str, Any] = describe(trace, segments=False, connections=())["capture"]
    return capture | {"connections": len(trace)}


def _seen(
    expectation: Expectation, trace: Trace, seen_of: Mapping[int, Mapping[str, Any]], describe: Describe
) -> Iterator[str]:
    """The value that each connection has, as the file would have it."""
    key = expectation.comparison.key
    if key.scope == "capture":
        for _, value in key.values(_capture(trace, describe)):
            yield _literal(key, value)
        return
    for connection in map(trace.__getitem__, expectation.choice.candidates(len(trace))):
        if not expectation.choice.takes(seen_of[connection.id]):
            continue
        if key.kind == "labels":
            yield _string(pattern_of(connection.segments))
        elif not key.needs_segments:
            for _, value in key.values(seen_of[connection.id]):
                yield _literal(key, value)


def _misfits(
    expectation: Expectation, trace: Trace, seen_of: Mapping[int, Mapping[str, Any]], describe: Describe
) -> Iterator[str]:
    """The values that are not as expected. Empty for an expectation that does not name one value."""
    compared = expectation.comparison
    key = compared.key
    if compared.operator != "=":
        return
    if key.kind != "labels":
        wanted = _literal(key, compared.operand)
        yield from (one for one in _seen(expectation, trace, seen_of, describe) if one != wanted)
        return
    for connection in map(trace.__getitem__, expectation.choice.candidates(len(trace))):
        if expectation.choice.takes(seen_of[connection.id]) and compared.operand.mismatch(
            connection.segments
        ):
            recorded = pattern_of(connection.segments)
            yield _string(recorded or "...")


def _tables(keys: Keys, trace: Trace, connections: Iterable[Connection], describe: Describe) -> list[_Table]:
    tables: list[_Table] = []
    for connection in connections:
        facts = tuple(_facts(keys, trace, connection, describe))
        if tables and tables[-1].facts == facts and tables[-1].last == connection.id - 1:
            tables[-1] = tables[-1]._replace(last=connection.id)
        else:
            tables.append(_Table(connection.id, connection.id, facts))
    return tables


def _facts(keys: Keys, trace: Trace, connection: Connection, describe: Describe) -> Iterator[tuple[str, str]]:
    seen = described(describe, trace, connection)
    for name in RECORDED:
        key = keys.all[name]
        if key.kind == "labels":
            if pattern := pattern_of(connection.segments):
                yield name, _string(pattern)
        else:
            for _, value in key.values(seen):
                yield name, _literal(key, value)


def _literal(key: Key, value: Any) -> str:
    """The value as TOML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{', '.join(_literal(key, one) for one in value)}]"
    if isinstance(value, int) and key.kind != "time":
        return str(value)
    return _string(str(value) if isinstance(value, str) else shown(key, value))


def _string(text: str) -> str:
    if OPENS_WITH_OPERATOR.match(text):
        text = f"= {text}"
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
