"""The values of a comparison of two captures. It has no rules.

The captures are A and B, in the order in which the user names them. Sequence numbers are absolute, as in the header.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from analyzer.trace.values import Connection

__all__ = [
    "DIFFERENCES",
    "FAILING",
    "Change",
    "Clocks",
    "Difference",
    "Mode",
    "Observation",
    "Pair",
    "PairComparison",
    "Row",
]

Mode = Literal["two-places", "two-runs"]
"""One exchange captured at two places on its way, or two runs of the same programs."""


class Difference(NamedTuple):
    """One kind of difference.

    Attributes:
        name: Its name in the JSON document and for `--fail-on`.
        meaning: What it is, for the documentation.
        fails: Whether it makes `diff` fail by default.
    """

    name: str
    meaning: str
    fails: bool


# Two captures of one exchange often differ in addresses (NAT), in segments that a network card joins, and in time.
# These differences do not fail by default.
DIFFERENCES: Final = (
    Difference("unpaired", "a connection of one capture has no counterpart in the other", True),
    Difference("outcome", "the handshake or the close ended differently", True),
    Difference("missing", "a segment of one capture is not in the other", True),
    Difference("extra", "one capture has more copies of a segment, e.g. a retransmission", True),
    Difference("changed", "flags, acknowledgement, window, options or payload of a segment differ", True),
    Difference("reordered", "segments of one sender are in a different order", True),
    Difference("late", "a segment took longer than the tolerance allows", False),
    Difference(
        "resegmented",
        "the same bytes are divided into different segments, e.g. by offload to a network card",
        False,
    ),
    Difference("rewritten", "addresses, ports, initial sequence numbers or timestamps were rewritten", False),
)

FAILING: Final = frozenset(difference.name for difference in DIFFERENCES if difference.fails)


class Observation(NamedTuple):
    """One segment as one capture saw it.

    Attributes:
        frame: The number of its frame, from 1.
        time_ns: When it was captured, in nanoseconds since the epoch.
        from_client: Whether the client sent it.
        flags: The flags of the header.
        seq: The absolute sequence number.
        ack: The absolute acknowledgement number.
        window: The window field of the header, not scaled.
        length: Payload bytes.
        options: The bytes after the fixed header.
        hops: TTL or hop limit.
        traffic_class: The traffic class, or the type of service of IPv4.
        identification: The identification field of IPv4.
        payload: The first bytes of the payload.
        content: A hash of the whole payload (`observation.content_of`); None if the capture cut the payload.
        labels: A mask of `tcp.labels`.
        notes: A mask of `tcp.notes`.
    """

    frame: int
    time_ns: int
    from_client: bool
    flags: int
    seq: int
    ack: int
    window: int
    length: int
    options: bytes
    hops: int
    traffic_class: int
    identification: int
    payload: bytes
    content: int | None
    labels: int
    notes: int


class Change(NamedTuple):
    """A value that differs between A and B. The texts are safe: a capture cannot choose them freely.

    Attributes:
        kind: The name of the difference in `DIFFERENCES`; empty for a fact that is shown but does not count as one.
        what: The name of the value.
        in_a: The value in A.
        in_b: The value in B.
    """

    kind: str
    what: str
    in_a: str
    in_b: str


class Row(NamedTuple):
    """One step of both captures: segments of A and of B that are the same.

    Attributes:
        a: The segments of A; empty if only B has the segment.
        b: The segments of B; empty if only A has the segment.
        differences: Names of `DIFFERENCES`, in the order of that table.
        changes: What differs in the segment.
        missing_bytes: How many bytes of the segment the other capture does not have, if it has a part.
        delay_ns: How long the segment took from one place to the other, by the estimated clocks; None if unknown.
        late_ns: How much longer it took than the fastest segment of its direction. Between two runs: how much
            longer the time since the row before is than in A; negative if it is shorter. None if unknown.
    """

    a: tuple[Observation, ...]
    b: tuple[Observation, ...]
    differences: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()
    missing_bytes: int = 0
    delay_ns: int | None = None
    late_ns: int | None = None

    @property
    def shown(self) -> Observation:
        """The segment that stands for the row."""
        return (self.a or self.b)[0]


class Clocks(NamedTuple):
    """The relation of the two clocks, estimated from the segments.

    Attributes:
        client_side: The capture nearer to the client, "a" or "b"; "" if unknown.
        offset_ns: B's clock minus A's clock, when A's clock is at `since_ns`; None if unknown.
        uncertainty_ns: The offset may be this much larger or smaller, because the captures show only the sum of both
            directions.
        drift: By how much B's clock is faster, as a ratio (1e-6 is one microsecond per second).
        since_ns: The time of the first segment by A's clock.
        fastest_ns: Time in B minus time in A of the fastest segment from the client and from the server, without the
            drift; None if there is no segment.
        trouble: A name of `clocks.TROUBLES`; "" if one-way delays are known.
    """

    client_side: str
    offset_ns: int | None
    uncertainty_ns: int
    drift: float
    since_ns: int
    fastest_ns: tuple[int | None, int | None]
    trouble: str

    def difference_at(self, time_ns: int) -> int:
        """How much B's clock has gained on A's between `since_ns` and a time of A's clock."""
        return round(self.drift * (time_ns - self.since_ns)) if self.drift else 0


class Pair(NamedTuple):
    """Two connections that correspond to each other.

    Attributes:
        a: The number of the connection in A.
        b: The number of the connection in B.
        rule: The name of the rule in `pairing.RULES` that paired them.
        turned: The capture that took the server for the client because it began late, "a" or "b"; "" for neither.
    """

    a: int
    b: int
    rule: str
    turned: str = ""


@dataclass(frozen=True, slots=True)
class PairComparison:
    """The comparison of one pair. Of two values the first is the client's, the second the server's.

    Attributes:
        mode: Whether the captures are from two places or from two runs.
        pair: Which connections they are.
        a: The connection of A.
        b: The connection of B.
        facts: What differs between the connections as a whole.
        rows: The segments of both, in the order of A.
        clocks: The relation of the clocks; None for two runs.
        bases: The numbers of A that relative sequence numbers count from.
        shifts: What to add to a sequence number of A to get that of B.
    """

    mode: Mode
    pair: Pair
    a: Connection
    b: Connection
    facts: tuple[Change, ...]
    rows: tuple[Row, ...]
    clocks: Clocks | None
    bases: tuple[int, int]
    shifts: tuple[int, int]

    @property
    def counts(self) -> dict[str, int]:
        """Kind of difference -> how many rows and facts have it, in the order of `DIFFERENCES`."""
        found = Counter(name for row in self.rows for name in row.differences)
        found.update(fact.kind for fact in self.facts if fact.kind)
        return {kind.name: found[kind.name] for kind in DIFFERENCES if found[kind.name]}
