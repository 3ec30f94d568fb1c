"""Finds what was changed on the way: in a segment, and in a connection as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from analyzer.compare.differences import Change, Mode, Observation
from analyzer.compare.observation import joined_content, options_by_kind, timestamps_of
from analyzer.trace.values import Connection
from analyzer.wire import options
from analyzer.wire.flags import Flags
from analyzer.wire.header import ACK, PSH, SYN

__all__ = ["Numbering", "connection_changes", "segment_changes"]


class Numbering(NamedTuple):
    """How A's numbers become B's. Of two values the first is the client's, the second the server's.

    Attributes:
        shifts: What to add to a sequence number of A.
        bases: The number of A that relative sequence numbers count from.
        timestamps: What to add to a timestamp of A; None if not both captures have timestamps.
    """

    shifts: tuple[int, int]
    bases: tuple[int, int]
    timestamps: tuple[int | None, int | None] = (None, None)


_Option = Callable[[bytes], str]

# Kind -> name, and how to show its value. The value of any other option is shown as bytes.
_OPTIONS: Final[dict[int, tuple[str, _Option]]] = {
    options.MAXIMUM_SEGMENT_SIZE: ("MSS", lambda body: str(int.from_bytes(body, "big"))),
    options.WINDOW_SCALE: ("window scale", lambda body: str(int.from_bytes(body, "big"))),
    options.SACK_PERMITTED: ("SACK permitted", lambda body: "yes"),
    options.FAST_OPEN: ("Fast Open cookie", lambda body: body.hex() or "requested"),
    options.MULTIPATH: ("Multipath TCP", lambda body: body.hex()),
}
ABSENT: Final = "none"


def segment_changes(
    a: Sequence[Observation], b: Sequence[Observation], numbering: Numbering, mode: Mode
) -> Iterator[Change]:
    """Find what differs between segments of A and the segments of B with the same bytes.

    Between two runs the window is compared only in a SYN, because later windows depend on when the application reads.
    Timestamps and the traffic class are not compared between two runs.
    """
    one, two = a[-1], b[-1]
    side = 0 if one.from_client else 1
    joined = len(a) + len(b) > 2
    places = mode == "two-places"
    # Joined segments keep the last PSH. Of a divided segment the last piece has it.
    ignored = PSH if joined else 0
    if one.flags & ~ignored != two.flags & ~ignored:
        yield Change("changed", "flags", str(Flags(one.flags)), str(Flags(two.flags)))
    if one.flags & two.flags & ACK and (two.ack - one.ack - numbering.shifts[1 - side]) % 2**32:
        base = numbering.bases[1 - side]
        yield Change(
            "changed",
            "ack",
            str((one.ack - base) % 2**32),
            str((two.ack - base - numbering.shifts[1 - side]) % 2**32),
        )
    contents = joined_content(a), joined_content(b)
    if None not in contents:
        if contents[0] != contents[1]:
            yield _payload_change(a[0], b[0])
    elif not _same_beginnings(a[0].payload, b[0].payload):
        yield _payload_change(a[0], b[0])
    if joined:
        return
    if one.window != two.window and (places or one.flags & SYN):
        yield Change("changed", "window", str(one.window), str(two.window))
    # If sequence numbers are rewritten, SACK blocks have to be rewritten too: equal bytes may be an error.
    if one.options != two.options or numbering.shifts[1 - side]:
        yield from _option_changes(one, two, numbering, side, places)
    if places and one.traffic_class != two.traffic_class:
        yield Change("changed", "traffic class", f"0x{one.traffic_class:02x}", f"0x{two.traffic_class:02x}")


def _same_beginnings(one: bytes, two: bytes) -> bool:
    shorter = min(len(one), len(two))
    return one[:shorter] == two[:shorter]


def _payload_change(one: Observation, two: Observation) -> Change:
    """The first bytes that differ, in hexadecimal; empty if the difference is beyond the bytes that are kept."""
    place = next(
        (at for at, (x, y) in enumerate(zip(one.payload, two.payload, strict=False)) if x != y), None
    )
    if place is None:
        return Change("changed", "payload", "", "")
    return Change(
        "changed", "payload", one.payload[place : place + 4].hex(" "), two.payload[place : place + 4].hex(" ")
    )


def _option_changes(
    one: Observation, two: Observation, numbering: Numbering, side: int, places: bool
) -> Iterator[Change]:
    left, right = options_by_kind(one.options), options_by_kind(two.options)
    for kind in sorted(left.keys() | right.keys()):
        before, after = left.get(kind), right.get(kind)
        if kind == options.TIMESTAMPS:
            if (before is None) != (after is None):
                yield Change(
                    "changed",
                    "timestamps",
                    *("yes" if body is not None else ABSENT for body in (before, after)),
                )
            elif places and (change := _timestamp_change(one, two, numbering, side)):
                yield change
        elif kind == options.SACK and before is not None and after is not None:
            blocks = _blocks(before, 0), _blocks(after, numbering.shifts[1 - side])
            if blocks[0] != blocks[1]:
                base = numbering.bases[1 - side]
                yield Change("changed", "SACK", *(_shown_blocks(found, base) for found in blocks))
        elif before != after:
            if kind == options.FAST_OPEN and not places and before is not None and after is not None:
                continue
            name, shown = _OPTIONS.get(kind, (f"option {kind}", lambda body: body.hex(" ") or "yes"))
            name = "SACK" if kind == options.SACK else name
            yield Change(
                "changed", name, *(ABSENT if body is None else shown(body) for body in (before, after))
            )


def _timestamp_change(one: Observation, two: Observation, numbering: Numbering, side: int) -> Change | None:
    values = timestamps_of(one), timestamps_of(two)
    shift = numbering.timestamps[side]
    if values[0] is None or values[1] is None or shift is None:
        return None
    if (values[1][0] - values[0][0] - shift) % 2**32 == 0:
        return None
    return Change("changed", "timestamp", str(values[0][0]), str(values[1][0]))


def _blocks(body: bytes, shift: int) -> list[int]:
    return [(int.from_bytes(body[at : at + 4], "big") - shift) % 2**32 for at in range(0, len(body), 4)]


def _shown_blocks(blocks: Sequence[int], base: int) -> str:
    numbers = [(number - base) % 2**32 for number in blocks]
    return ", ".join(f"{left}–{right}" for left, right in zip(numbers[::2], numbers[1::2], strict=False))


def connection_changes(
    a: Connection,
    b: Connection,
    rows: Sequence[tuple[Observation, Observation]],
    numbering: Numbering,
    mode: Mode,
) -> Iterator[Change]:
    """Find what differs between the two connections as a whole. rows: single segments that both captures have."""
    places = mode == "two-places"
    kind = "rewritten" if places else ""
    for who, one, two in (("client", a.client, b.client), ("server", a.server, b.server)):
        if one.address != two.address:
            yield Change(kind, f"{who} address", one.address, two.address)
        # A client has a different port in every run.
        if one.port != two.port and (places or who == "server"):
            yield Change(kind, f"{who} port", str(one.port), str(two.port))
    if places:
        for side, who in enumerate(("client", "server")):
            if numbering.shifts[side]:
                base = numbering.bases[side]
                yield Change(
                    "rewritten", f"{who} ISN", str(base), str((base + numbering.shifts[side]) % 2**32)
                )
            if numbering.timestamps[side]:
                first = next(
                    (one, two)
                    for one, two in rows
                    if one.from_client == (side == 0) and timestamps_of(one) and timestamps_of(two)
                )
                values = [(timestamps_of(x) or (0, 0))[0] for x in first]
                yield Change("rewritten", f"{who} timestamps", str(values[0]), str(values[1]))
    for from_client, who in ((True, "client"), (False, "server")):
        hops = next(((one.hops, two.hops) for one, two in rows if one.from_client is from_client), None)
        if hops is not None and hops[0] != hops[1]:
            yield Change("", f"{who} hop limit", str(hops[0]), str(hops[1]))
    for what, outcomes in (
        ("handshake", (a.handshake.outcome, b.handshake.outcome)),
        ("close", (a.close.outcome, b.close.outcome)),
        ("closed first", (_name(a.close.active), _name(b.close.active))),
    ):
        if outcomes[0] != outcomes[1]:
            yield Change("outcome", what, *outcomes)


def _name(active: str | None) -> str:
    return active or ABSENT
