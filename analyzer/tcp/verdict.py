"""What became of a connection, in hindsight: roles, outcomes, what was lost.

Labels look backwards only; a verdict is made when the capture has ended and may use all of it. The names are
those of the tables in `outcomes.py`.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from analyzer.tcp import states
from analyzer.tcp.completeness import RST, SYN
from analyzer.tcp.endpoint import Endpoint
from analyzer.tcp.machine import Machine
from analyzer.tcp.outcomes import NEVER_OPEN, CloseOutcome, FastOpen, HandshakeOutcome, RolesRule
from analyzer.tcp.sequence import difference, is_after
from analyzer.wire import header as flag

__all__ = [
    "close_active",
    "close_frames",
    "close_outcome",
    "completeness",
    "data_lost",
    "ecn_agreed",
    "fast_open",
    "final_state",
    "handshake_outcome",
    "newly_reused_in_hindsight",
    "outcomes",
    "reused_in_hindsight",
    "roles",
    "unacknowledged_bytes",
]

_NEVER_OPEN: Final[frozenset[str]] = NEVER_OPEN
"""One of this compiled module: each of a million connections is looked up in it."""

SYSTEM_PORTS: Final = 1024
"""Below it, servers (RFC 6335 6)."""

EPHEMERAL_PORTS: Final = 32768
"""From here on clients get their ports on Linux; RFC 6335 6 begins at 49152, which lies within."""


def roles(connection: Machine) -> tuple[int, RolesRule]:
    """Which endpoint is the client (0: the one that sent the first segment), and the rule that decided."""
    if connection.opener >= 0:
        opener = connection.first if connection.opener == 0 else connection.second
        return int(connection.opener), "syn" if opener.syn_frame else "syn-ack"
    first, second = connection.first_port, connection.second_port
    for limit in (SYSTEM_PORTS, EPHEMERAL_PORTS):
        if first < limit <= second:
            return 1, "port"
        if second < limit <= first:
            return 0, "port"
    return 0, "first-segment"


def handshake_outcome(connection: Machine) -> HandshakeOutcome:
    """One of `HANDSHAKES`."""
    if connection.opener < 0:
        return "not-captured"
    opener, answerer = _opener_first(connection)
    acknowledged = connection.handshake_ack_frame != 0
    if connection.simultaneous_open:
        if _syn_acknowledged(opener, answerer) and _syn_acknowledged(answerer, opener):
            return "simultaneous"
        return "aborted" if connection.resetter >= 0 else "half-open"
    if not opener.syn_frame:
        return "partial"
    if not answerer.syn_ack_frame:
        # Who sends data or a FIN has opened, so the SYN-ACK and its acknowledgement were not captured.
        if acknowledged or answerer.data_segments > 0 or answerer.fin_frame:
            return "partial"
        if connection.resetter >= 0:
            return "refused" if connection.resetter != connection.opener else "aborted"
        # Only a reset that must not be believed: to the opener that is no answer.
        return "unanswered" if answerer.highest_ack < 0 else "partial"
    if acknowledged:
        return "complete"
    if connection.resetter >= 0:
        return "aborted"
    # With Fast Open the server may answer before the handshake is complete (RFC 7413 3).
    answered_early = answerer.data_segments > 0 and not connection.fast_open_accepted
    return "partial" if answered_early else "half-open"


def close_outcome(connection: Machine) -> CloseOutcome:
    """One of `CLOSES`."""
    return outcomes(connection)[1]


def outcomes(connection: Machine) -> tuple[HandshakeOutcome, CloseOutcome]:
    """Of the handshake, and of the close that depends on it."""
    handshake = handshake_outcome(connection)
    return handshake, "none" if handshake in _NEVER_OPEN else _outcome_of_closing(connection)


def _outcome_of_closing(connection: Machine) -> CloseOutcome:
    first, second = connection.first, connection.second
    one, other = i64(first.fin_frame), i64(second.fin_frame)
    if connection.resetter >= 0 and not connection.reset_after_close:
        reset = i64(connection.reset_frame)
        return "reset-after-fin" if 0 < one < reset or 0 < other < reset else "reset"
    if one == 0 and other == 0:
        return "open"
    if one == 0 or other == 0:
        return "half-closed" if first.fin_ack_frame or second.fin_ack_frame else "unacknowledged"
    if not first.fin_ack_frame or not second.fin_ack_frame:
        return "unacknowledged"
    if connection.simultaneous_close:
        return "simultaneous"
    return "three-segment" if connection.fin_acknowledges_fin else "four-segment"


def close_active(connection: Machine) -> int | None:
    """Who closed first: 0 or 1 for the endpoint, 2 for both at once, None for nobody."""
    outcome = close_outcome(connection)
    if outcome in ("none", "open"):
        return None
    if outcome == "simultaneous":
        return 2
    return int(connection.closer if connection.closer >= 0 else connection.resetter)


def close_frames(connection: Machine) -> tuple[int, ...]:
    """The frames of the FINs, of their first acknowledgements and of the reset, in order."""
    if close_outcome(connection) == "none":
        return ()
    ends = (connection.first, connection.second)
    frames = {int(frame) for end in ends for frame in (end.fin_frame, end.fin_ack_frame)}
    frames.add(int(connection.reset_frame))
    return tuple(sorted(frames - {0}))


def completeness(connection: Machine) -> int:
    """`tcp.completeness` as `tshark -2` shows it: of the first segment alone it counts the SYN, with its data.

    Where the SYN follows an older connection between the same ports, a RST in it counts too.
    """
    bits = int(connection.completeness)
    if connection.first.segments + connection.second.segments > 1:
        return bits
    if not bits & SYN:
        return 0
    return bits if connection.reuses_ports else bits & ~RST


def reused_in_hindsight(connection: Machine) -> tuple[int, ...]:
    """The frames that Wireshark marks `reused_ports` once it has seen the whole capture.

    A SYN-ACK with another number gives its endpoint a new base. When Wireshark reads the capture a second time, the
    last base is there from the beginning, and the first SYN-ACK is the one that differs.
    """
    return tuple(
        int(end.wireshark_syn_ack_frame)
        for end in (connection.first, connection.second)
        if end.wireshark_syn_ack_frame and end.wireshark_syn_ack != end.base
    )


def newly_reused_in_hindsight(connection: Machine) -> tuple[int, ...]:
    """Those of them that it has not marked already when it saw them first."""
    return tuple(
        int(end.wireshark_syn_ack_frame)
        for end in (connection.first, connection.second)
        if end.wireshark_syn_ack_frame
        and end.wireshark_syn_ack != end.base
        and not end.wireshark_syn_ack_reused
    )


def final_state(connection: Machine, endpoint: Endpoint) -> int:
    """The state an endpoint is left in, as far as the capture proves it.

    That a segment arrived was only inferred. An endpoint that never sent anything is UNKNOWN; an opener that never
    acknowledged the SYN-ACK has not been seen to leave SYN-SENT.
    """
    outcome = handshake_outcome(connection)
    if outcome == "unanswered" and endpoint.segments == 0:
        return states.UNKNOWN
    if (
        outcome == "half-open"
        and not connection.simultaneous_open
        and endpoint is _opener_first(connection)[0]
    ):
        return states.SYN_SENT
    return int(endpoint.state)


def unacknowledged_bytes(sender: Endpoint, receiver: Endpoint) -> int:
    """Payload bytes the receiver had not acknowledged at the end; 0 where it was never heard."""
    if sender.highest < 0 or receiver.highest_ack < 0:
        return 0
    return max(0, int(difference(sender.highest, receiver.highest_ack)))


def data_lost(connection: Machine) -> bool:
    """Whether payload was unacknowledged when a reset ended the connection, or was sent after its end."""
    if connection.data_after_end:
        return True
    if connection.resetter < 0 or connection.reset_after_close:
        return False
    first, second = connection.first, connection.second
    return unacknowledged_bytes(first, second) > 0 or unacknowledged_bytes(second, first) > 0


def ecn_agreed(connection: Machine) -> bool | None:
    """Whether both SYNs negotiated ECN (RFC 3168 6.1.1); None where one of them was not captured."""
    if connection.opener < 0:
        return None
    opener, answerer = _opener_first(connection)
    if not opener.syn_frame or not answerer.syn_ack_frame:
        return None
    both = flag.ECE | flag.CWR
    return opener.syn_flags & both == both and answerer.syn_flags & both == flag.ECE


def fast_open(connection: Machine) -> FastOpen | None:
    """One of `FAST_OPENS`; None where Fast Open was not tried."""
    if connection.opener < 0:
        return None
    opener, answerer = _opener_first(connection)
    if opener.fast_open_cookie < 0 and opener.syn_length == 0:
        return None
    if opener.syn_length == 0:
        return "requested"
    if connection.fast_open_accepted:
        return "accepted"
    return "ignored" if answerer.syn_ack_frame else "requested"


def _opener_first(connection: Machine) -> tuple[Endpoint, Endpoint]:
    if connection.opener == 0:
        return connection.first, connection.second
    return connection.second, connection.first


def _syn_acknowledged(endpoint: Endpoint, peer: Endpoint) -> bool:
    return endpoint.isn >= 0 and peer.highest_ack >= 0 and is_after(peer.highest_ack, endpoint.isn)
