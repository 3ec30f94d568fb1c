"""What a verdict can say of a connection, one row a name: how it opened, how it closed, who is the client.

A sentence of a row holds for every way to its name in `verdict.py`. Where one sentence cannot, `unseen` has another
one for the connections in which something was not seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Generic, Literal, NamedTuple, TypeVar

__all__ = [
    "CLOSE",
    "CLOSES",
    "FAST_OPEN",
    "FAST_OPENS",
    "HANDSHAKE",
    "HANDSHAKES",
    "NEVER_OPEN",
    "ROLE",
    "ROLES",
    "CloseOutcome",
    "FastOpen",
    "FastOpenRow",
    "HandshakeOutcome",
    "Outcome",
    "Rank",
    "Role",
    "RolesRule",
    "Unseen",
]

HandshakeOutcome = Literal[
    "complete",
    "simultaneous",
    "refused",
    "unanswered",
    "half-open",
    "aborted",
    "partial",
    "not-captured",
]
CloseOutcome = Literal[
    "four-segment",
    "three-segment",
    "simultaneous",
    "half-closed",
    "unacknowledged",
    "reset",
    "reset-after-fin",
    "open",
    "none",
]
RolesRule = Literal["syn", "syn-ack", "port", "first-segment"]
FastOpen = Literal["requested", "accepted", "ignored"]
Rank = Literal["data lost", "reset", "not opened", "repeated", "window closed", "the others"]

Name = TypeVar("Name", bound=str)


class Unseen(NamedTuple):
    """What a row says instead where something was not seen.

    what: the SYN-ACK of the server; or what proves the connection open: the ACK that completes the opening, or data
          of the server
    """

    what: Literal["syn-ack", "proof"]
    verdict: str
    detail: str


class Outcome(NamedTuple, Generic[Name]):
    """One outcome of a handshake or of a close.

    meaning:  what the name stands for, in the documentation
    shown:    in a column of a table
    verdict:  in the sentence about a connection, where `{port}`, `{active}` and `{resetter}` are known; empty where
              nothing is to be said
    detail:   what the name leaves open, beside it; `{other}` is the side that did not close first
    good:     nothing went wrong
    doubtful: it says that a segment was not there, which a capture that lost frames cannot know
    opened:   false for a handshake after which there is no connection to close
    rank:     of connections that close so among the worst; None where other things decide
    folded:   of connections that are counted only, whether they were closed, not how
    unseen:   what to say where one sentence does not hold for all
    """

    name: Name
    meaning: str
    shown: str
    verdict: str
    detail: str = ""
    good: bool = True
    doubtful: bool = False
    opened: bool = True
    rank: Rank | None = None
    folded: str = ""
    unseen: Unseen | None = None

    def words(self, syn_ack: bool, proof: bool) -> tuple[str, str]:
        """The words of the verdict and the detail. syn_ack, proof: whether what `Unseen` names was seen."""
        unseen = self.unseen
        if unseen is None or (syn_ack if unseen.what == "syn-ack" else proof):
            return self.verdict, self.detail
        return unseen.verdict, unseen.detail


HANDSHAKES: Final[tuple[Outcome[HandshakeOutcome], ...]] = (
    Outcome(
        "complete",
        meaning="SYN, SYN-ACK and the ACK that completes the opening were captured",
        shown="complete",
        verdict="opened",
    ),
    Outcome(
        "simultaneous",
        meaning="both sides sent a SYN, and both SYNs were acknowledged",
        shown="simultaneous",
        verdict="opened by both sides at once",
        detail="both sides sent a SYN before seeing the other's",
    ),
    Outcome(
        "refused",
        meaning="a RST answers the SYN",
        shown="refused",
        verdict="refused: nobody listens on port {port}",
        detail="a RST answers the SYN",
        good=False,
        opened=False,
    ),
    Outcome(
        "unanswered",
        meaning="SYNs and no answer to them",
        shown="unanswered",
        verdict="no answer to its SYN",
        detail="nothing answers the SYN",
        good=False,
        doubtful=True,
        opened=False,
    ),
    Outcome(
        "half-open",
        meaning="SYN and SYN-ACK, or two SYNs that crossed, not all of them acknowledged before the capture ends",
        shown="half-open",
        verdict="half open: the SYN-ACK was never acknowledged",
        detail="the SYN-ACK was never acknowledged",
        good=False,
        doubtful=True,
        opened=False,
        # Only crossing SYNs leave an opening half done without a SYN-ACK of the server.
        unseen=Unseen(
            "syn-ack",
            verdict="half open: two SYNs crossed, and not both were acknowledged",
            detail="two SYNs crossed, and not both were acknowledged",
        ),
    ),
    Outcome(
        "aborted",
        meaning="a RST came after the opening began and before it was complete, other than a refusal",
        shown="aborted",
        verdict="given up before it was open",
        detail="a RST came before the opening was complete",
        good=False,
        opened=False,
    ),
    Outcome(
        "partial",
        meaning="at least one of its segments was captured, not all, and no other outcome fits",
        shown="partial",
        verdict="opened, but not all of the handshake was captured",
        detail="only some of its segments were captured",
        doubtful=True,
        # A lone SYN-ACK may answer somebody who forged the address, an ACK may belong to an older connection.
        unseen=Unseen(
            "proof",
            verdict="not all of the handshake was captured",
            detail="only some of its segments were captured",
        ),
    ),
    Outcome(
        "not-captured",
        meaning="the capture begins later",
        shown="not captured",
        verdict="already open when the capture began",
        detail="the capture begins later",
        doubtful=True,
    ),
)

CLOSES: Final[tuple[Outcome[CloseOutcome], ...]] = (
    Outcome(
        "four-segment",
        meaning="FIN, ACK, FIN, ACK: each FIN is acknowledged by a segment of its own",
        shown="four segments",
        verdict="closed by the {active}",
        folded="closed",
    ),
    Outcome(
        "three-segment",
        meaning="FIN, FIN, ACK: the second FIN also acknowledges the first",
        shown="three segments",
        verdict="closed by the {active}",
        detail="the {other}'s ACK and FIN travel together",
        folded="closed",
    ),
    Outcome(
        "simultaneous",
        meaning="the two FINs crossed, and both were acknowledged",
        shown="simultaneous",
        verdict="closed by both sides at once",
        detail="the two FINs crossed",
        folded="closed",
    ),
    Outcome(
        "half-closed",
        meaning="one FIN was acknowledged, the other never came",
        shown="half-closed",
        verdict="half closed: only the {active} has closed",
        detail="the {other}'s FIN never came",
        doubtful=True,
        folded="half-closed",
    ),
    Outcome(
        "unacknowledged",
        meaning="a FIN was never acknowledged",
        shown="unacknowledged",
        verdict="closing: a FIN was never acknowledged",
        detail="a FIN was never acknowledged",
        good=False,
        doubtful=True,
        folded="half-closed",
    ),
    Outcome(
        "reset",
        meaning="a RST with no FIN before it",
        shown="reset",
        verdict="reset by the {resetter}",
        good=False,
        rank="reset",
        folded="reset",
    ),
    Outcome(
        "reset-after-fin",
        meaning="a FIN was seen, then a RST ended the connection",
        shown="reset after FIN",
        verdict="reset while closing",
        detail="a RST ended it",
        good=False,
        folded="reset",
    ),
    Outcome(
        "open",
        # There may be a RST that the receiver must not act on, so not "neither FIN nor RST".
        meaning="nothing closed or reset it before the capture ends",
        shown="still open",
        verdict="still open",
        detail="nothing closed or reset it before the capture ends",
        doubtful=True,
        folded="still open",
    ),
    Outcome(
        "none",
        meaning="there was never a connection to close",
        shown="none",
        verdict="",
        detail="there was no connection to close",
        rank="not opened",
    ),
)

HANDSHAKE: Final[Mapping[HandshakeOutcome, Outcome[HandshakeOutcome]]] = {row.name: row for row in HANDSHAKES}
CLOSE: Final[Mapping[CloseOutcome, Outcome[CloseOutcome]]] = {row.name: row for row in CLOSES}

NEVER_OPEN: Final[frozenset[str]] = frozenset(row.name for row in HANDSHAKES if not row.opened)
"""Handshakes after which there was no connection to close."""


class Role(NamedTuple):
    """One rule that decides who is the client.

    meaning: in the documentation
    detail:  beside the outcome of the handshake; empty where there is no doubt
    """

    name: RolesRule
    meaning: str
    detail: str = ""


ROLES: Final = (
    Role("syn", "the client sent the first SYN"),
    Role(
        "syn-ack",
        "the SYN was not captured; the client is the one that the SYN-ACK answers",
        "client and server known from the SYN-ACK",
    ),
    Role(
        "port",
        "no handshake was captured; the server is the one with the port of a service",
        "client and server guessed from the ports",
    ),
    Role(
        "first-segment",
        "nothing else decides; the client is the one that was seen first",
        "whoever sent the first segment is taken for the client",
    ),
)

ROLE: Final[Mapping[RolesRule, Role]] = {row.name: row for row in ROLES}


class FastOpenRow(NamedTuple):
    """What became of a request for Fast Open (RFC 7413), and how a report says so."""

    name: FastOpen
    shown: str


FAST_OPENS: Final = (
    FastOpenRow("requested", "Fast Open requested"),
    FastOpenRow("accepted", "Fast Open, its data accepted"),
    FastOpenRow("ignored", "Fast Open, its data ignored"),
)

FAST_OPEN: Final[Mapping[FastOpen, FastOpenRow]] = {row.name: row for row in FAST_OPENS}
