"""Compares expectations with a trace. A finding shows what was seen, where, and why."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Protocol

from analyzer.check.expectations import Expectation
from analyzer.check.findings import Check, Finding
from analyzer.errors import InputError
from analyzer.filters.keys import Key
from analyzer.filters.written_values import shown
from analyzer.report.sentences import label_reason, losses, reason_sentence, verdict
from analyzer.text import inert, said, say
from analyzer.trace.values import Connection, Segment, Trace

__all__ = ["MOST_FINDINGS", "Describe", "described", "evaluate"]

MOST_FINDINGS: Final = 20
"""The most findings that are listed for one expectation of one capture. The rest is only counted."""


class Describe(Protocol):
    """A function that makes the JSON document of a trace. It is in the layer of the reports."""

    def __call__(self, trace: Trace, *, segments: bool, connections: Sequence[Connection]) -> dict[str, Any]:
        """Make the document of these connections, with their segments if `segments` is set."""


def described(
    describe: Describe, trace: Trace, connection: Connection, *, segments: bool = False
) -> Mapping[str, Any]:
    """A connection as it is in the JSON document. Its additional member `capture` is that of the document."""
    whole = describe(trace, segments=segments, connections=(connection,))
    return {**whole["connections"][0], "capture": whole["capture"]}


def evaluate(expectations: Sequence[Expectation], trace: Trace, describe: Describe) -> list[Check]:
    """Compare a trace with expectations.

    An expectation has to hold for each connection that it chooses, and for each element of a list of segments. If it
    chooses no connection, that is a finding, unless its choice has `allow_none`.

    Args:
        expectations: What has to hold.
        trace: The trace to check.
        describe: Makes the JSON document, where the keys are looked up.

    Returns:
        One check for each expectation, in their order.

    Raises:
        InputError: The segments of a large capture cannot be read again.
    """
    checks = [Check(expectation) for expectation in expectations]
    path = trace.capture.path
    capture = describe(trace, segments=False, connections=())["capture"] | {"connections": len(trace)}
    of_connections = []
    for check in checks:
        if check.expectation.comparison.key.scope == "capture":
            for seen in _misfits(check.expectation, capture):
                notes = (*map(said, trace.capture.warnings), _source(check.expectation))
                _add(check, _finding(check.expectation, path, None, None, seen, notes))
        else:
            of_connections.append(check)
    with_segments = any(check.expectation.comparison.key.path[:1] == ("segments",) for check in checks)
    chosen = dict.fromkeys(map(id, of_connections), 0)
    # A recorded file has a table for each connection. So check a connection only against those that may choose it.
    of_number: dict[int, list[Check]] = {}
    for check in of_connections:
        for number in check.expectation.choice.candidates(len(trace)):
            of_number.setdefault(number, []).append(check)
    for number, asked in sorted(of_number.items()):
        connection = trace[number]
        facts = described(describe, trace, connection, segments=with_segments)
        for check in asked:
            if check.expectation.choice.takes(facts):
                chosen[id(check)] += 1
                for finding in _findings(check.expectation, trace, connection, facts):
                    _add(check, finding)
    for check in of_connections:
        if not chosen[id(check)] and not check.expectation.choice.allow_none:
            _add(check, _nothing_chosen(check.expectation, trace))
    return checks


def _add(check: Check, finding: Finding) -> None:
    if len(check.findings) < MOST_FINDINGS:
        check.findings.append(finding)
    else:
        check.more += 1


def _misfits(expectation: Expectation, root: Mapping[str, Any]) -> Iterator[str]:
    """The values that are not as expected."""
    compared = expectation.comparison
    for _, value in compared.key.values(root):
        if not compared.holds(value):
            yield shown(compared.key, value)


def _findings(
    expectation: Expectation, trace: Trace, connection: Connection, facts: Mapping[str, Any]
) -> Iterator[Finding]:
    compared = expectation.comparison
    if compared.key.kind == "labels":
        yield from _label_findings(expectation, trace, connection)
        return
    for element, value in compared.key.values(facts):
        if compared.holds(value):
            continue
        segment = _segment(compared.key, connection, element)
        notes = _notes(expectation, trace, connection, segment)
        found = _finding(
            expectation, trace.capture.path, connection, segment, shown(compared.key, value), notes,
            several=len(trace) > 1,
        )  # fmt: skip
        # An ICMP error is not a segment, but has its own frame.
        frame = None if element is None else element.get("frame")
        yield found if frame is None else replace(found, frame=frame)


def _label_findings(expectation: Expectation, trace: Trace, connection: Connection) -> Iterator[Finding]:
    compared = expectation.comparison
    mismatch = compared.operand.mismatch(connection.segments)
    if (mismatch is None) == (compared.operator == "="):
        return
    segment: Segment | None = None
    if mismatch is None:
        message = say("the labels match {pattern}, expected them not to", pattern=compared.text)
        seen = compared.text
    else:
        segment = mismatch.segment
        instead = say(" or ").join(mismatch.instead)
        if segment is None:
            segment = connection.segments[-1]
            seen = say("the end")
            message = say(
                "the connection ends after frame {frame}, expected {instead}",
                frame=segment.frame,
                instead=instead,
            )
        else:
            seen = f"{segment.sender}:{'+'.join(segment.labels)}"
            message = say("labels: {seen}, expected {instead}", seen=seen, instead=instead)
    yield Finding(
        compared.key.name,
        _with_number(message, connection, several=len(trace) > 1),
        trace.capture.path,
        connection.id,
        None if segment is None else segment.frame,
        compared.expected,
        seen,
        _notes(expectation, trace, connection, segment),
    )


def _finding(
    expectation: Expectation,
    path: str,
    connection: Connection | None,
    segment: Segment | None,
    seen: str,
    notes: tuple[str, ...],
    *,
    several: bool = False,
) -> Finding:
    compared = expectation.comparison
    key = compared.key
    message = say(
        "{what} is {seen}, expected {expected}",
        what=key.name.removesuffix(".outcome"),
        seen=seen,
        expected=compared.expected,
    )
    frame = None
    if connection is not None:
        frame = connection.first_frame if segment is None else segment.frame
        message = _with_number(message, connection, several=several)
    number = None if connection is None else connection.id
    return Finding(key.name, message, path, number, frame, compared.expected, seen, notes)


def _with_number(message: str, connection: Connection, *, several: bool) -> str:
    if not several:
        return message
    return say("connection {number}: {message}", number=connection.id, message=message)


def _nothing_chosen(expectation: Expectation, trace: Trace) -> Finding:
    if not len(trace):
        message = say("the capture has no TCP connections, expected at least one")
    else:
        sentence = "none of the {count} connections matches {chosen}"
        if len(trace) == 1:
            sentence = "the only connection does not match {chosen}"
        message = say(sentence, count=len(trace), chosen=expectation.choice)
    compared = expectation.comparison
    return Finding(
        compared.key.name, message, trace.capture.path, None, None, compared.expected, say("no connection"),
        (*map(said, trace.capture.warnings), _source(expectation)),
    )  # fmt: skip


def _source(expectation: Expectation) -> str:
    return say("expected by {source}", source=expectation.source)


def _notes(
    expectation: Expectation, trace: Trace, connection: Connection, segment: Segment | None
) -> tuple[str, ...]:
    """Why the value is as it is, in the sentences of the trace, and where the expectation comes from."""
    notes = [
        say(
            "connection {number}, {client} → {server}: {verdict}",
            number=connection.id,
            client=connection.client,
            server=connection.server,
            verdict=verdict(connection),
        )
    ]
    if segment is not None:
        notes.append(
            say(
                "frame {frame}, {flags} from the {sender}: {labels}",
                frame=segment.frame,
                flags=str(segment.flags) or say("no flags"),
                sender=say(segment.sender),
                labels="+".join(segment.labels),
            )
        )
        if segment.why:
            notes += [reason_sentence(reason) for reason in segment.why]
        else:
            notes += [label_reason(label, segment) for label in segment.labels]
    if connection.doubts:
        notes.append(losses(trace.capture))
    notes.append(_source(expectation))
    return tuple(map(inert, notes))


def _segment(key: Key, connection: Connection, element: Mapping[str, Any] | None) -> Segment | None:
    """The segment that shows a value best; None if no single segment does."""
    try:
        segments = connection.segments
    except InputError:
        return None
    if element is not None:
        return next((one for one in segments if one.frame == element.get("frame")), None)
    for prefix, find in _PLACES:
        if key.name == prefix or key.name.startswith(f"{prefix}."):
            return find(key, connection, segments)
    return None


_Find = Callable[[Key, Connection, Sequence[Segment]], Segment | None]


def _first_of_close(_key: Key, connection: Connection, segments: Sequence[Segment]) -> Segment | None:
    frames = set(connection.close.frames)
    return next((one for one in segments if one.frame in frames), segments[-1])


def _deciding_close(_key: Key, connection: Connection, segments: Sequence[Segment]) -> Segment | None:
    """The RST or the second FIN. Before it, the close could still have become a different one."""
    frames = set(connection.close.frames)
    closing = [one for one in segments if one.frame in frames]
    decisive = [one for one in closing if "reset" in one.labels or "close-3" in one.labels]
    return (decisive or closing or segments)[-1]


def _last_of_opening(_key: Key, _connection: Connection, segments: Sequence[Segment]) -> Segment | None:
    opening = [
        one
        for one in segments
        if "SYN-SENT" in one.client_state + one.server_state
        or "SYN-RECEIVED" in one.client_state + one.server_state
    ]
    return (opening or segments)[-1]


def _last_change(key: Key, _connection: Connection, segments: Sequence[Segment]) -> Segment | None:
    for one in reversed(segments):
        before, after = one.client_state if key.path[1] == "client" else one.server_state
        if before != after:
            return one
    return None


def _last_data(key: Key, _connection: Connection, segments: Sequence[Segment]) -> Segment | None:
    return next((one for one in reversed(segments) if one.sender == key.path[1] and one.length), None)


def _noted(key: Key, _connection: Connection, segments: Sequence[Segment]) -> Segment | None:
    note = key.path[-1]
    return next((one for one in segments if note in one.notes or (note == "notes" and one.notes)), None)


def _last(_key: Key, _connection: Connection, segments: Sequence[Segment]) -> Segment | None:
    return segments[-1]


_PLACES: Final[Sequence[tuple[str, _Find]]] = (
    ("handshake", _last_of_opening),
    ("close.active", _first_of_close),
    ("close", _deciding_close),
    ("states", _last_change),
    ("data", _last_data),
    ("notes", _noted),
    ("duration", _last),
    ("last_frame", _last),
    ("last_time_ns", _last),
)
"""The beginning of a key -> the function that finds the segment that shows its value."""
