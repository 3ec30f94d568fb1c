"""The outcomes of a connection, one row for each: how it opened, how it closed, and how the client was found.

A row's sentence is true for every way to that outcome in `verdict.py`. If one sentence cannot be, `unseen` has another
one, for connections in which a segment was not captured.
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
Rank = Literal["data lost", "reset", "not opened", "retransmissions", "zero window", "the rest"]

Name = TypeVar("Name", bound=str)


class Unseen(NamedTuple):
    """The sentences to use instead if a segment was not captured.

    what: the SYN-ACK of the server; or what proves the connection open: the ACK that completes the opening, or data
          of the server
    """

    what: Literal["syn-ack", "proof"]
    verdict: str
    detail: str


class Outcome(NamedTuple, Generic[Name]):
    """One outcome of a handshake or of a close.

    meaning:  the definition, for the documentation
    shown:    the words in a table column
    verdict:  the words in the sentence about a connection; `{active}` is the side that closed first, `{resetter}` the
              side that sent the RST; empty if there is nothing to report
    detail:   an explanation beside the name; `{other}` is the side that did not close first
    good:     nothing went wrong
    doubtful: the outcome depends on a missing segment, which is uncertain if the capture lost frames
    opened:   false for a handshake after which there is no connection to close
    rank:     the rank of such connections in a table, worst first; None if other facts decide
    folded:   the words for connections that are counted only
    unseen:   the sentences to use if a segment was not captured
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
        """The words of the verdict and the detail. syn_ack, proof: whether what `Unseen` names was captured."""
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
        verdict="connection refused (RST to the SYN)",
        detail="a RST answers the SYN",
        good=False,
        opened=False,
    ),
    Outcome(
        "unanswered",
        meaning="a SYN without an answer",
        shown="unanswered",
        verdict="no answer to the SYN",
        detail="nothing answers the SYN",
        good=False,
        doubtful=True,
        opened=False,
    ),
    Outcome(
        "half-open",
        meaning="SYN and SYN-ACK, or two SYNs that crossed, and the capture ends before all of them are acknowledged",
        shown="half-open",
        verdict="half open: the SYN-ACK was never acknowledged",
        detail="the SYN-ACK was never acknowledged",
        good=False,
        doubtful=True,
        opened=False,
        # Without a SYN-ACK of the server, only crossing SYNs are half open.
        unseen=Unseen(
            "syn-ack",
            verdict="half open: two SYNs crossed, and not both were acknowledged",
            detail="two SYNs crossed, and not both were acknowledged",
        ),
    ),
    Outcome(
        "aborted",
        meaning="a RST ended the handshake before it was complete, and it is not a refusal",
        shown="aborted",
        verdict="aborted during the handshake by the {resetter}",
        detail="a RST came before the handshake was complete",
        good=False,
        opened=False,
    ),
    Outcome(
        "partial",
        meaning="some of its segments were captured, not all, and no other outcome fits",
        shown="partial",
        verdict="opened, but not all of the handshake was captured",
        detail="only some of its segments were captured",
        doubtful=True,
        # A lone SYN-ACK may answer a SYN with a forged address, and an ACK may belong to an older connection.
        unseen=Unseen(
            "proof",
            verdict="not all of the handshake was captured",
            detail="only some of its segments were captured",
        ),
    ),
    Outcome(
        "not-captured",
        meaning="the capture begins after the handshake",
        shown="not captured",
        verdict="already open when the capture began",
        detail="the capture begins after the handshake",
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
        detail="one segment of the {other} is both ACK and FIN",
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
        meaning="one FIN was acknowledged, and the other side never sent one",
        shown="half-closed",
        verdict="half closed: only the {active} has closed",
        detail="the {other} never sent a FIN",
        doubtful=True,
        folded="half-closed",
    ),
    Outcome(
        "unacknowledged",
        meaning="a FIN was never acknowledged",
        shown="unacknowledged",
        verdict="not fully closed: a FIN was never acknowledged",
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
        verdict="reset during the close",
        detail="a RST ended the connection",
        good=False,
        folded="reset",
    ),
    Outcome(
        "open",
        # "neither FIN nor RST" would be wrong: there may be a RST that the receiver must not act on.
        meaning="neither side closed or reset it before the capture ends",
        shown="still open",
        verdict="still open",
        detail="neither side closed or reset it before the capture ends",
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

    meaning: the definition, for the documentation
    detail:  an explanation beside the outcome of the handshake; empty if there is no doubt
    """

    name: RolesRule
    meaning: str
    detail: str = ""


ROLES: Final = (
    Role("syn", "the client sent the first SYN"),
    Role(
        "syn-ack",
        "the SYN was not captured; the client is the side that the SYN-ACK answers",
        "the SYN-ACK shows who is the client",
    ),
    Role(
        "port",
        "no handshake was captured; the server is the side with the port of a service",
        "client and server guessed from the ports",
    ),
    Role(
        "first-segment",
        "no other rule decides; the client is the side that sent the first captured segment",
        "assumed: the sender of the first segment is the client",
    ),
)

ROLE: Final[Mapping[RolesRule, Role]] = {row.name: row for row in ROLES}


class FastOpenRow(NamedTuple):
    """The result of a request for Fast Open (RFC 7413), and the words for it in a report."""

    name: FastOpen
    shown: str


FAST_OPENS: Final = (
    FastOpenRow("requested", "Fast Open requested"),
    FastOpenRow("accepted", "Fast Open, data in the SYN accepted"),
    FastOpenRow("ignored", "Fast Open, data in the SYN ignored"),
)

FAST_OPEN: Final[Mapping[FastOpen, FastOpenRow]] = {row.name: row for row in FAST_OPENS}
