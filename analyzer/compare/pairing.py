"""Pairs the connections of A and B, and decides whether the captures are from two places or from two runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from analyzer.compare.differences import Mode, Observation, Pair
from analyzer.compare.observation import timestamps_of
from analyzer.trace.values import Connection, EndpointAddress
from analyzer.wire.header import SYN

__all__ = ["HEAD", "RULES", "Fingerprint", "Rule", "fingerprint", "mode_of", "pair_connections"]

HEAD: Final = 32
"""How many of its first segments identify a connection."""

_Both = tuple[int | None, int | None]


class Fingerprint(NamedTuple):
    """What identifies a connection. Of two values the first is the client's, the second the server's."""

    number: int
    client: EndpointAddress
    server: EndpointAddress
    isns: _Both
    timestamps: _Both
    first_payloads: _Both
    numbered_payloads: frozenset[tuple[bool, int, int]]
    """Sender, sequence number and content of the first segments with data."""
    numbers: tuple[tuple[int, int] | None, tuple[int, int] | None]
    """The first sequence number, and how many numbers follow."""
    guessed: bool
    """The capture does not show which endpoint is the client."""

    def turned(self) -> Fingerprint:
        """The same fingerprint with client and server exchanged."""
        return Fingerprint(
            self.number,
            self.server,
            self.client,
            self.isns[::-1],
            self.timestamps[::-1],
            self.first_payloads[::-1],
            frozenset(
                (not from_client, seq, content) for from_client, seq, content in self.numbered_payloads
            ),
            self.numbers[::-1],
            self.guessed,
        )


def fingerprint(connection: Connection, head: Sequence[Observation]) -> Fingerprint:
    """Make the fingerprint of a connection.

    Args:
        connection: The connection.
        head: Its first `HEAD` segments, or all of them.

    Returns:
        The fingerprint.
    """
    isns: list[int | None] = [None, None]
    timestamps: list[int | None] = [None, None]
    payloads: list[int | None] = [None, None]
    first: list[int | None] = [None, None]
    numbered: set[tuple[bool, int, int]] = set()
    for one in head:
        side = 0 if one.from_client else 1
        if isns[side] is None and one.flags & SYN:
            isns[side] = one.seq
        if first[side] is None:
            first[side] = one.seq
            values = timestamps_of(one)
            timestamps[side] = values and values[0]
        # The single byte of a keep-alive does not identify anything.
        if one.length > 1 and one.content is not None:
            payloads[side] = one.content if payloads[side] is None else payloads[side]
            numbered.add((one.from_client, one.seq, one.content))
    sent = connection.client_data.bytes, connection.server_data.bytes
    spans = [None if start is None else (start, count + 2) for start, count in zip(first, sent, strict=True)]
    return Fingerprint(
        connection.id,
        connection.client,
        connection.server,
        (isns[0], isns[1]),
        (timestamps[0], timestamps[1]),
        (payloads[0], payloads[1]),
        frozenset(numbered),
        (spans[0], spans[1]),
        connection.roles not in {"syn", "syn-ack"},
    )


class Rule(NamedTuple):
    """One way to pair connections. It applies to the connections that the rules before it have left.

    Attributes:
        name: Its name in the JSON document.
        mode: The mode that it applies to.
        key: A value that is equal in both captures; None if the connection does not have it.
        proof: Whether a pair proves that both captures saw the same exchange.
        agree: What has to hold in addition.
        alone: Whether it applies only if each capture has one connection left.
    """

    name: str
    mode: Mode
    key: Callable[[Fingerprint], Hashable]
    proof: bool = False
    agree: Callable[[Fingerprint, Fingerprint], bool] = lambda a, b: True
    alone: bool = False


def _ends(one: Fingerprint) -> Hashable:
    return one.client, one.server


def _both(values: _Both) -> _Both | None:
    return values if None not in values else None


def _payloads(one: Fingerprint, place: Hashable) -> Hashable:
    return (place, one.first_payloads) if one.first_payloads != (None, None) else None


def _same_payloads(a: Fingerprint, b: Fingerprint) -> bool:
    """The first payloads do not contradict that these are the same connection."""
    pairs = zip(a.first_payloads, b.first_payloads, strict=True)
    return all(one == two or one is None or two is None for one, two in pairs)


def _overlap(a: Fingerprint, b: Fingerprint) -> bool:
    """Their sequence numbers overlap, in each direction that both captures have."""
    seen = [(one, two) for one, two in zip(a.numbers, b.numbers, strict=True) if one and two]
    return bool(seen) and all(
        (two[0] - one[0]) % 2**32 <= one[1] or (one[0] - two[0]) % 2**32 <= two[1] for one, two in seen
    )


# A network address translator keeps the ISNs. A device that rewrites ISNs keeps timestamps or payloads. An ISN is one
# of 2**32 numbers, so equal ISNs are not an accident. Client ports are used again.
RULES: Final = (
    Rule(
        "endpoints-and-isns", "two-places",
        lambda one: (_ends(one), one.isns) if _both(one.isns) else None, proof=True,
    ),
    Rule("isns", "two-places", lambda one: _both(one.isns), proof=True),
    Rule("client-isn", "two-places", lambda one: one.isns[0], proof=True),
    Rule("server-isn", "two-places", lambda one: one.isns[1], proof=True),
    Rule("endpoints-and-numbers", "two-places", _ends, proof=True, agree=_overlap),
    Rule("timestamps", "two-places", lambda one: _both(one.timestamps), proof=True),
    Rule(
        "numbered-payload", "two-places",
        lambda one: min(one.numbered_payloads) if one.numbered_payloads else None, proof=True,
    ),
    Rule("endpoints", "two-places", _ends, agree=_same_payloads),
    Rule("payloads", "two-places", lambda one: _payloads(one, one.server.port)),
    Rule("server-and-payloads", "two-runs", lambda one: _payloads(one, one.server)),
    Rule(
        "server-and-request", "two-runs",
        lambda one: (one.server, one.first_payloads[0]) if one.first_payloads[0] is not None else None,
    ),
    Rule("server", "two-runs", lambda one: one.server),
    Rule("port-and-payloads", "two-runs", lambda one: _payloads(one, one.server.port)),
    Rule("server-port", "two-runs", lambda one: one.server.port),
    Rule("payloads", "two-runs", lambda one: _payloads(one, "")),
    Rule("only-one-left", "two-runs", lambda one: "", alone=True),
)  # fmt: skip


def mode_of(a: Sequence[Fingerprint], b: Sequence[Fingerprint]) -> Mode:
    """Two places if any pair of connections proves it; two runs if not."""
    return "two-places" if any(_paired(rule, a, b) for rule in RULES if rule.proof) else "two-runs"


def pair_connections(a: Iterable[Fingerprint], b: Iterable[Fingerprint], mode: Mode) -> list[Pair]:
    """Pair the connections, in the order of A. Connections that look the same are paired in their order."""
    left, right = list(a), list(b)
    pairs: list[Pair] = []
    for rule in RULES:
        if rule.mode != mode or (rule.alone and (len(left), len(right)) != (1, 1)):
            continue
        found = _paired(rule, left, right)
        pairs += found
        taken = {pair.a for pair in found}, {pair.b for pair in found}
        left = [one for one in left if one.number not in taken[0]]
        right = [two for two in right if two.number not in taken[1]]
    return sorted(pairs)


def _paired(rule: Rule, a: Sequence[Fingerprint], b: Sequence[Fingerprint]) -> list[Pair]:
    """The pairs of one rule. If a capture guessed which endpoint is the client, the opposite is tried too."""
    pairs: list[Pair] = []
    for turned in ("", "a", "b"):
        taken = {pair.a for pair in pairs}, {pair.b for pair in pairs}
        left = [one for one in a if one.number not in taken[0]]
        right = [two for two in b if two.number not in taken[1]]
        if turned == "a":
            left = [one.turned() for one in left if one.guessed]
        elif turned == "b":
            right = [two.turned() for two in right if two.guessed]
        pairs += [Pair(one, two, rule.name, turned) for one, two in _alike(rule, left, right)]
    return pairs


def _alike(rule: Rule, a: Sequence[Fingerprint], b: Sequence[Fingerprint]) -> Iterator[tuple[int, int]]:
    waiting: defaultdict[Hashable, list[Fingerprint]] = defaultdict(list)
    for two in b:
        key = rule.key(two)
        if key is not None:
            waiting[key].append(two)
    for one in a:
        key = rule.key(one)
        candidates = waiting.get(key, []) if key is not None else []
        for place, two in enumerate(candidates):
            if rule.agree(one, two):
                yield one.number, candidates.pop(place).number
                break
