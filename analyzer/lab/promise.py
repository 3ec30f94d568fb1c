"""What the analysis of a scenario's capture must find, and the comparison with what it finds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from analyzer.errors import AnalyzerError
from analyzer.text import inert, say
from analyzer.trace.values import Connection, Trace

__all__ = ["ConnectionPromise", "Promise", "PromiseError", "broken_promises", "keep_promise"]


class PromiseError(AnalyzerError):
    """A capture differs from what its scenario promises. The status is 1, as for the findings of `check`."""

    exit_status = 1


@dataclass(frozen=True, slots=True)
class ConnectionPromise:
    """What one connection, or several equal ones, must show.

    Attributes:
        handshakes: The possible outcomes of the handshake. If there are several, the kernel decides.
        closes: The possible outcomes of the close. If there are several, the kernel decides.
        active: The side that closes first: "client", "server", "both" or None.
        time_wait: The sides that end in TIME-WAIT.
        labels: Labels that occur on at least one segment.
        notes: Notes that occur at least once.
        lengths: Payload lengths that occur.
        longest: The largest number of bytes in one segment.
        errors: Kinds of ICMP errors that occur.
        times: The number of equal connections in a row; None means one or more.
    """

    handshakes: tuple[str, ...]
    closes: tuple[str, ...]
    active: str | None
    time_wait: tuple[str, ...] = ()
    labels: frozenset[str] = frozenset()
    notes: frozenset[str] = frozenset()
    lengths: frozenset[int] = frozenset()
    longest: int | None = None
    errors: frozenset[str] = frozenset()
    times: int | None = 1


@dataclass(frozen=True, slots=True)
class Promise:
    """What a capture must show.

    Attributes:
        connections: The connections, in the order of the capture.
        skipped: Reason -> the number of frames without a TCP segment.
    """

    connections: tuple[ConnectionPromise, ...]
    skipped: dict[str, int] = field(default_factory=dict)


def broken_promises(promise: Promise, trace: Trace) -> list[str]:
    """Return a sentence for each difference between the promise and the trace; none if the promise is kept."""
    if dict(trace.capture.skipped) != promise.skipped:
        return [
            say(
                "frames without TCP: {promised} was promised, {found} was captured",
                promised=_counts(promise.skipped),
                found=_counts(dict(trace.capture.skipped)),
            )
        ]
    promised = list(_in_order(promise.connections, len(trace)))
    if len(promised) != len(trace):
        return [
            say(
                "{promised} connections were promised, {found} were found",
                promised=len(promised),
                found=len(trace),
            )
        ]
    return [
        say("connection {number}: {fault}", number=connection.id, fault=fault)
        for wanted, connection in zip(promised, trace, strict=True)
        for fault in _faults(wanted, connection)
    ]


def keep_promise(promise: Promise, trace: Trace) -> None:
    """Raise PromiseError with every difference if a capture does not show what was promised."""
    if broken := broken_promises(promise, trace):
        raise PromiseError(
            say("the capture does not show what the scenario promises: {faults}", faults="; ".join(broken))
        )


def _in_order(promised: tuple[ConnectionPromise, ...], found: int) -> Iterator[ConnectionPromise]:
    """One promise for each connection. A promise with an open number takes the remaining ones, at least one."""
    fixed = sum(one.times for one in promised if one.times is not None)
    for one in promised:
        yield from [one] * (max(1, found - fixed) if one.times is None else one.times)


def _faults(wanted: ConnectionPromise, found: Connection) -> Iterator[str]:
    labels = {label for segment in found.segments for label in segment.labels}
    close = found.close
    for what, allowed, outcome in (
        (say("handshake"), wanted.handshakes, found.handshake.outcome),
        (say("close"), wanted.closes, close.outcome),
        (say("closed first"), (_name(wanted.active),), _name(close.active)),
        (say("left in TIME-WAIT"), (_names(wanted.time_wait),), _names(close.time_wait)),
    ):
        if outcome not in allowed:
            yield say(
                "{what}: {promised} was promised, {found} was found",
                what=what,
                promised=say(" or ").join(allowed),
                found=outcome,
            )
    for what, missing in (
        (say("label"), wanted.labels - labels),
        (say("note"), wanted.notes - found.notes.keys()),
        (say("ICMP error"), wanted.errors - {error.kind for error in found.icmp_errors}),
    ):
        for name in sorted(missing):
            yield say("the {what} {name} was promised, but does not occur", what=what, name=name)

    lengths = {segment.length for segment in found.segments}
    for length in sorted(wanted.lengths - lengths):
        yield say("a segment with {length} bytes was promised, but does not occur", length=length)
    if wanted.longest is not None and max(lengths) > wanted.longest:
        yield say(
            "at most {promised} bytes in a segment were promised, {found} were found",
            promised=wanted.longest,
            found=max(lengths),
        )


def _name(value: str | None) -> str:
    return say("nobody") if value is None else value


def _names(values: Iterable[str]) -> str:
    return ", ".join(values) or say("nobody")


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {inert(reason)}" for reason, count in counts.items()) or say("nothing")
