"""The states of an endpoint and the one table that moves them (RFC 9293 3.3.2 and 3.10).

Two rules about this file. Everything that can move a state is a row of `TRANSITIONS`; nothing else in
the package moves one. And it knows neither client nor server: a segment is a SEND for the endpoint that
sent it and a RECEIVE for the other endpoint.

A capture is not an endpoint. It sees segments pass. It never sees a call of the application, and it never sees a
segment arrive. So the table differs from the RFC's figure 5 in three ways:

- What the application does is read from what it sends: a SYN shows an active OPEN, a FIN shows a CLOSE.
- A segment counts as received when it is seen, as in the RFC's own figures 6 to 14. What the receiver
  sends later may prove that it arrived later: a FIN that does not acknowledge the peer's
  FIN crossed it (`SEND_FIN_CROSSING`), and a SYN-SENT endpoint that sends an acknowledgement received a
  SYN-ACK that was not captured.
- `UNKNOWN` is the state of an endpoint about which nothing is proved yet, if the capture begins late.

A pair of state and input that has no row changes nothing. TIME-WAIT ends with the 2MSL timeout. That is not on the
wire, so it has no row.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, get_args

__all__ = ["INPUTS", "STATES", "TRANSITIONS", "State", "Transition", "state_name"]

UNKNOWN: Final = 0
CLOSED: Final = 1
LISTEN: Final = 2
SYN_SENT: Final = 3
SYN_RECEIVED: Final = 4
ESTABLISHED: Final = 5
FIN_WAIT_1: Final = 6
FIN_WAIT_2: Final = 7
CLOSE_WAIT: Final = 8
CLOSING: Final = 9
LAST_ACK: Final = 10
TIME_WAIT: Final = 11

State = Literal[
    "UNKNOWN",
    "CLOSED",
    "LISTEN",
    "SYN-SENT",
    "SYN-RECEIVED",
    "ESTABLISHED",
    "FIN-WAIT-1",
    "FIN-WAIT-2",
    "CLOSE-WAIT",
    "CLOSING",
    "LAST-ACK",
    "TIME-WAIT",
]

STATES: Final[tuple[State, ...]] = get_args(State)

SEND_SYN: Final = 0
SEND_SYN_ACK: Final = 1
SEND_ACK: Final = 2
SEND_DATA: Final = 3
SEND_FIN: Final = 4
SEND_FIN_CROSSING: Final = 5
SEND_RST: Final = 6
SEND_RST_REFUSING: Final = 7
RECEIVE_SYN: Final = 8
RECEIVE_SYN_ACK: Final = 9
RECEIVE_ACK_OF_SYN: Final = 10
RECEIVE_FIN: Final = 11
RECEIVE_ACK_OF_FIN: Final = 12
RECEIVE_RST: Final = 13
RECEIVE_RST_AFTER_LISTEN: Final = 14

INPUTS: Final = (
    "sends SYN",
    "sends SYN,ACK",
    "sends ACK",
    "sends data",
    "sends FIN",
    "sends FIN that does not acknowledge the peer's FIN",
    "sends RST",
    "sends RST in answer to a SYN",
    "receives SYN",
    "receives SYN,ACK",
    "receives ACK of its SYN",
    "receives FIN",
    "receives ACK of its FIN",
    "receives RST",
    "receives RST after a passive open",
)


class Transition(NamedTuple):
    """One row: in `state`, `input` leads to `target`, because of `section` of RFC 9293.

    `why` is a sentence for a learner. Its placeholders: `{me}` the endpoint that moves, `{peer}` the other,
    `{seq}`, `{ack}`, `{fin}` (the FIN's own number) and `{before_ack}` (`ack` - 1) relative numbers of the segment.
    """

    state: int
    input: int
    target: int
    why: str
    section: str


def _row(state: int, input: int, target: int, why: str, section: str) -> Transition:
    return Transition(state, input, target, why, section)


_RESET_SENT: Final = "the {me} aborts the connection with a RST"
_RESET_RECEIVED: Final = "the {peer}'s RST is acceptable (seq {seq}), so the {me} ends the connection at once"
_FIN_SENT: Final = "the {me} closes: its FIN has sequence number {fin}"
_FIN_RECEIVED: Final = "the {peer}'s FIN (sequence number {fin}) arrives: the {peer} will send no more"

TRANSITIONS: Final = (
    # Opening: the side that sends the first SYN.
    _row(CLOSED, SEND_SYN, SYN_SENT, "the {me} opens the connection with a SYN", "3.10.1"),
    _row(LISTEN, SEND_SYN, SYN_SENT, "the {me} opens the connection itself with a SYN", "3.10.1"),
    _row(UNKNOWN, SEND_SYN, SYN_SENT, "the {me} opens the connection with a SYN", "3.10.1"),
    _row(
        SYN_SENT,
        RECEIVE_SYN_ACK,
        ESTABLISHED,
        "the {peer}'s SYN-ACK acknowledges the {me}'s SYN (ack {ack}), so for the {me} the connection is open",
        "3.10.7.3",
    ),
    _row(
        SYN_SENT,
        RECEIVE_SYN,
        SYN_RECEIVED,
        "the {peer}'s SYN crosses the {me}'s own: a simultaneous open",
        "3.10.7.3",
    ),
    _row(
        SYN_SENT,
        SEND_ACK,
        ESTABLISHED,
        "the {me} acknowledges a SYN-ACK that was not captured (ack {ack})",
        "3.10.7.3",
    ),
    # Opening: the side that answers.
    _row(LISTEN, RECEIVE_SYN, SYN_RECEIVED, "the {peer}'s SYN arrives at the listening {me}", "3.10.7.2"),
    _row(LISTEN, SEND_SYN_ACK, SYN_RECEIVED, "the {me} answers a SYN with a SYN-ACK", "3.10.7.2"),
    _row(
        CLOSED,
        SEND_SYN_ACK,
        SYN_RECEIVED,
        "the {me} answers a SYN with a SYN-ACK, although it was CLOSED",
        "3.10.7.2",
    ),
    _row(
        UNKNOWN,
        SEND_SYN_ACK,
        SYN_RECEIVED,
        "the {me} answers a SYN that was not captured",
        "3.10.7.2",
    ),
    _row(
        UNKNOWN,
        RECEIVE_SYN_ACK,
        ESTABLISHED,
        "the {peer}'s SYN-ACK answers a SYN that was not captured",
        "3.10.7.3",
    ),
    _row(
        SYN_RECEIVED,
        RECEIVE_ACK_OF_SYN,
        ESTABLISHED,
        "the {peer} acknowledges the {me}'s SYN (ack {ack}), so the connection is open on both sides",
        "3.10.7.4",
    ),
    _row(
        SYN_RECEIVED,
        RECEIVE_SYN_ACK,
        ESTABLISHED,
        "the {peer}'s SYN-ACK acknowledges the {me}'s SYN (ack {ack}): the simultaneous open is complete",
        "3.10.7.4",
    ),
    _row(
        SYN_RECEIVED,
        SEND_DATA,
        ESTABLISHED,
        "the {me} sends data, so the ACK of its SYN must have arrived, although it was not captured",
        "3.10.7.4",
    ),
    # Where the capture begins late.
    _row(
        UNKNOWN,
        SEND_DATA,
        ESTABLISHED,
        "the {me} exchanges data, so the connection was opened before the capture began",
        "3.3.2",
    ),
    # Closing: the side that closes first.
    _row(ESTABLISHED, SEND_FIN, FIN_WAIT_1, _FIN_SENT, "3.10.4"),
    _row(SYN_RECEIVED, SEND_FIN, FIN_WAIT_1, _FIN_SENT, "3.10.4"),
    _row(SYN_SENT, SEND_FIN, FIN_WAIT_1, _FIN_SENT, "3.10.4"),
    _row(UNKNOWN, SEND_FIN, FIN_WAIT_1, _FIN_SENT, "3.10.4"),
    _row(
        FIN_WAIT_1,
        RECEIVE_ACK_OF_FIN,
        FIN_WAIT_2,
        "the {peer}'s ACK covers the {me}'s FIN (ack {ack} = FIN's sequence number {before_ack} + 1)",
        "3.10.7.4",
    ),
    _row(
        FIN_WAIT_2,
        RECEIVE_FIN,
        TIME_WAIT,
        "the {peer}'s FIN (sequence number {fin}) arrives: both halves are closed, and the {me} waits "
        "2MSL (twice the maximum segment lifetime)",
        "3.10.7.4",
    ),
    _row(
        FIN_WAIT_1,
        RECEIVE_FIN,
        CLOSING,
        "the {peer}'s FIN (sequence number {fin}) arrives before the {me}'s own FIN is acknowledged: "
        "a simultaneous close",
        "3.10.7.4",
    ),
    _row(
        CLOSING,
        RECEIVE_ACK_OF_FIN,
        TIME_WAIT,
        "the {peer}'s ACK covers the {me}'s FIN (ack {ack} = FIN's sequence number {before_ack} + 1), "
        "and the {me} waits 2MSL (twice the maximum segment lifetime)",
        "3.10.7.4",
    ),
    # Closing: the side that closes second.
    _row(ESTABLISHED, RECEIVE_FIN, CLOSE_WAIT, _FIN_RECEIVED, "3.10.7.4"),
    _row(SYN_RECEIVED, RECEIVE_FIN, CLOSE_WAIT, _FIN_RECEIVED, "3.10.7.4"),
    _row(UNKNOWN, RECEIVE_FIN, CLOSE_WAIT, _FIN_RECEIVED, "3.10.7.4"),
    _row(
        CLOSE_WAIT,
        SEND_FIN,
        LAST_ACK,
        "the {me} also closes its half: its FIN has sequence number {fin}",
        "3.10.4",
    ),
    _row(
        CLOSE_WAIT,
        SEND_FIN_CROSSING,
        CLOSING,
        "the {me}'s FIN (sequence number {fin}) does not acknowledge the {peer}'s: the two FINs crossed, "
        "a simultaneous close",
        "3.10.7.4",
    ),
    _row(
        LAST_ACK,
        RECEIVE_ACK_OF_FIN,
        CLOSED,
        "the {peer}'s ACK covers the {me}'s FIN (ack {ack} = FIN's sequence number {before_ack} + 1), "
        "so the {me} is finished with the connection",
        "3.10.7.4",
    ),
    # Reset, by the side that sends it: the ABORT call, or a segment that belongs to no connection.
    _row(UNKNOWN, SEND_RST, CLOSED, _RESET_SENT, "3.10.5"),
    _row(LISTEN, SEND_RST, CLOSED, _RESET_SENT, "3.10.5"),
    _row(SYN_SENT, SEND_RST, CLOSED, _RESET_SENT, "3.10.5"),
    _row(SYN_RECEIVED, SEND_RST, CLOSED, _RESET_SENT, "3.10.5"),
    _row(ESTABLISHED, SEND_RST, CLOSED, _RESET_SENT, "3.10.5"),
    _row(FIN_WAIT_1, SEND_RST, CLOSED, _RESET_SENT, "3.10.5"),
    _row(FIN_WAIT_2, SEND_RST, CLOSED, _RESET_SENT, "3.10.5"),
    _row(CLOSE_WAIT, SEND_RST, CLOSED, _RESET_SENT, "3.10.5"),
    _row(CLOSING, SEND_RST, CLOSED, _RESET_SENT, "3.10.5"),
    _row(LAST_ACK, SEND_RST, CLOSED, _RESET_SENT, "3.10.5"),
    _row(TIME_WAIT, SEND_RST, CLOSED, _RESET_SENT, "3.10.5"),
    _row(
        SYN_RECEIVED,
        SEND_RST_REFUSING,
        CLOSED,
        "the {me} refuses the SYN with a RST, as an endpoint in CLOSED does",
        "3.10.7.1",
    ),
    _row(
        LISTEN,
        SEND_RST_REFUSING,
        CLOSED,
        "the {me} refuses the SYN with a RST, as an endpoint in CLOSED does",
        "3.10.7.1",
    ),
    _row(
        SYN_SENT,
        SEND_RST_REFUSING,
        CLOSED,
        "the {me} refuses the {peer}'s SYN with a RST",
        "3.10.5",
    ),
    _row(
        UNKNOWN,
        SEND_RST_REFUSING,
        CLOSED,
        "the {me} refuses the SYN with a RST",
        "3.10.7.1",
    ),
    # Reset, by the side that receives it.
    _row(UNKNOWN, RECEIVE_RST, CLOSED, _RESET_RECEIVED, "3.10.7.4"),
    _row(
        SYN_SENT,
        RECEIVE_RST,
        CLOSED,
        "the {peer}'s RST acknowledges the {me}'s SYN (ack {ack}): connection refused",
        "3.10.7.3",
    ),
    _row(SYN_RECEIVED, RECEIVE_RST, CLOSED, _RESET_RECEIVED, "3.10.7.4"),
    _row(
        SYN_RECEIVED,
        RECEIVE_RST_AFTER_LISTEN,
        LISTEN,
        "the {peer}'s RST ends the handshake before it is complete: the {me} returns to LISTEN",
        "3.10.7.4",
    ),
    _row(ESTABLISHED, RECEIVE_RST, CLOSED, _RESET_RECEIVED, "3.10.7.4"),
    _row(FIN_WAIT_1, RECEIVE_RST, CLOSED, _RESET_RECEIVED, "3.10.7.4"),
    _row(FIN_WAIT_2, RECEIVE_RST, CLOSED, _RESET_RECEIVED, "3.10.7.4"),
    _row(CLOSE_WAIT, RECEIVE_RST, CLOSED, _RESET_RECEIVED, "3.10.7.4"),
    _row(CLOSING, RECEIVE_RST, CLOSED, _RESET_RECEIVED, "3.10.7.4"),
    _row(LAST_ACK, RECEIVE_RST, CLOSED, _RESET_RECEIVED, "3.10.7.4"),
    _row(TIME_WAIT, RECEIVE_RST, CLOSED, _RESET_RECEIVED, "3.10.7.4"),
)

INPUT_BITS: Final = 4
"""Each input is below 16."""


def _index() -> bytes:
    """Position in `TRANSITIONS` + 1 for a state and, in the lowest bits, an input; 0 if there is no row."""
    positions = bytearray(len(STATES) << INPUT_BITS)
    for position, transition in enumerate(TRANSITIONS):
        place = transition.state << INPUT_BITS | transition.input
        assert positions[place] == 0, (
            f"two rows for {STATES[transition.state]} and {INPUTS[transition.input]}"
        )
        positions[place] = position + 1
    return bytes(positions)


ROWS: Final[bytes] = _index()
"""`ROWS[state << INPUT_BITS | input]` is the number of the row, counted from 1; 0 means no change."""

TARGETS: Final[bytes] = bytes([0, *(transition.target for transition in TRANSITIONS)])
"""The target of each row, by that number."""


def state_name(state: int) -> State:
    """The name of a state, as in the RFC."""
    return STATES[state]
