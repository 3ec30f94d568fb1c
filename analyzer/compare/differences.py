"""What a comparison of two captures is made of. Plain values, no rules.

The captures are A and B, in the order in which they were given. Sequence numbers are absolute, as in the header.
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
    """One kind of difference: its name, its meaning, and whether it fails a comparison when nobody says what does."""

    name: str
    meaning: str
    fails: bool


# What two captures of one exchange always differ in (addresses behind a NAT, what a network card joins, time) does
# not fail unless it is asked for.
DIFFERENCES: Final = (
    Difference("unpaired", "a connection of one capture has no counterpart in the other", True),
    Difference("outcome", "the handshake or the close ended otherwise", True),
    Difference("missing", "a segment of one capture is not in the other", True),
    Difference("repeated", "a segment is there more often in one capture", True),
    Difference("changed", "flags, acknowledgement, window, options or payload of a segment differ", True),
    Difference("reordered", "segments of one sender are in another order", True),
    Difference("later", "a segment took longer than the tolerance allows", False),
    Difference(
        "resegmented",
        "the same bytes travel in other segments, as offload to a network card makes them",
        False,
    ),
    Difference(
        "rewritten", "addresses, ports, initial sequence numbers or the timestamp clock are others", False
    ),
)

FAILING: Final = frozenset(difference.name for difference in DIFFERENCES if difference.fails)


class Observation(NamedTuple):
    """One segment as one capture saw it.

    window: the field of the header, unscaled. options: the bytes after the fixed header. hops: TTL or hop limit.
    payload: its first bytes. content: of the whole payload, for comparison (`observation.content_of`); None where the
    capture cut it. labels, notes: masks of `tcp.labels` and `tcp.notes`.
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
    """What is one way in A and another in B. Values are texts that no capture can write freely.

    kind: the `DIFFERENCES` it counts as; empty where it is worth telling and no difference.
    """

    kind: str
    what: str
    in_a: str
    in_b: str


class Row(NamedTuple):
    """One step of both captures: the segments of A and of B that are the same; one of the two may be empty.

    differences: names of `DIFFERENCES`, in their order.
    missing_bytes: of a segment that is there in part.
    delay_ns: how long it took from one place to the other, by the estimated clocks; None where they do not allow it.
    late_ns: how much longer it took than the fastest segment of its direction; between two runs, how much later
        it came after the row before it than in A, negative where sooner. None where nothing can be compared.
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
    """How the clocks of two captures of one exchange go, as far as the segments tell.

    client_side: the capture nearer to the client, "a" or "b"; "" where nothing tells.
    offset_ns: B's clock minus A's at `since_ns` of A's clock, None where unknown; `uncertainty_ns` is how far it may be
        off either way, since nothing tells the two directions of the way apart.
    drift: by how much B's clock is faster, as a ratio (1e-6 is a microsecond a second).
    fastest_ns: the time tB - tA of the fastest segment from client and server, its drift removed; None without one.
    trouble: a name of `clocks.TROUBLES`, "" where the clocks allow one-way delays.
    """

    client_side: str
    offset_ns: int | None
    uncertainty_ns: int
    drift: float
    since_ns: int
    fastest_ns: tuple[int | None, int | None]
    trouble: str

    def difference_at(self, time_ns: int) -> int:
        """How much B's clock has drifted since `since_ns`, at a time of A's clock."""
        return round(self.drift * (time_ns - self.since_ns)) if self.drift else 0


class Pair(NamedTuple):
    """Two connections that are the same one; `rule` is the name of the rule that said so (`pairing.RULES`).

    turned: the capture that took the server for the client, "a" or "b", because it began late; "" for neither.
    """

    a: int
    b: int
    rule: str
    turned: str = ""


@dataclass(frozen=True, slots=True)
class PairComparison:
    """Everything about one pair. `bases` are the numbers of A that relative ones count from, client's and server's,
    and `shifts` what has to be added to get B's."""

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
        """How many rows and facts there are of each kind of difference that occurs, in the order of the table."""
        found = Counter(name for row in self.rows for name in row.differences)
        found.update(fact.kind for fact in self.facts if fact.kind)
        return {kind.name: found[kind.name] for kind in DIFFERENCES if found[kind.name]}
