from __future__ import annotations

import re
from string import Formatter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.tcp import states
from analyzer.tcp.endpoint import Endpoint
from analyzer.tcp.states import (
    CLOSE_WAIT,
    CLOSED,
    CLOSING,
    ESTABLISHED,
    FIN_WAIT_1,
    FIN_WAIT_2,
    INPUT_BITS,
    INPUTS,
    LAST_ACK,
    LISTEN,
    RECEIVE_ACK_OF_FIN,
    RECEIVE_ACK_OF_SYN,
    RECEIVE_FIN,
    RECEIVE_RST,
    RECEIVE_RST_AFTER_LISTEN,
    RECEIVE_SYN,
    RECEIVE_SYN_ACK,
    ROWS,
    SEND_FIN,
    SEND_FIN_CROSSING,
    SEND_RST,
    SEND_RST_REFUSING,
    SEND_SYN,
    SEND_SYN_ACK,
    STATES,
    SYN_RECEIVED,
    SYN_SENT,
    TARGETS,
    TIME_WAIT,
    TRANSITIONS,
    UNKNOWN,
    Transition,
    state_name,
)

PLACEHOLDERS = {"me", "peer", "seq", "ack", "fin", "before_ack"}

# RFC 9293 figure 5, without the arcs that no segment shows: the passive OPEN, CLOSE in LISTEN and in
# SYN-SENT, and the end of TIME-WAIT.
FIGURE_5 = [
    (CLOSED, SEND_SYN, SYN_SENT),
    (LISTEN, RECEIVE_SYN, SYN_RECEIVED),
    (LISTEN, SEND_SYN, SYN_SENT),
    (SYN_SENT, RECEIVE_SYN, SYN_RECEIVED),
    (SYN_SENT, RECEIVE_SYN_ACK, ESTABLISHED),
    (SYN_RECEIVED, RECEIVE_RST_AFTER_LISTEN, LISTEN),
    (SYN_RECEIVED, RECEIVE_ACK_OF_SYN, ESTABLISHED),
    (SYN_RECEIVED, SEND_FIN, FIN_WAIT_1),
    (ESTABLISHED, SEND_FIN, FIN_WAIT_1),
    (ESTABLISHED, RECEIVE_FIN, CLOSE_WAIT),
    (FIN_WAIT_1, RECEIVE_ACK_OF_FIN, FIN_WAIT_2),
    (FIN_WAIT_1, RECEIVE_FIN, CLOSING),
    (FIN_WAIT_2, RECEIVE_FIN, TIME_WAIT),
    (CLOSING, RECEIVE_ACK_OF_FIN, TIME_WAIT),
    (CLOSE_WAIT, SEND_FIN, LAST_ACK),
    (LAST_ACK, RECEIVE_ACK_OF_FIN, CLOSED),
]


@pytest.mark.parametrize(("state", "given_input", "target"), FIGURE_5)
def test_every_arc_of_figure_5(state: int, given_input: int, target: int) -> None:
    assert TARGETS[ROWS[state << INPUT_BITS | given_input]] == target


@given(st.integers(0, len(STATES) - 1), st.integers(0, len(INPUTS) - 1))
def test_a_pair_has_its_row_or_none(state: int, given_input: int) -> None:
    number = ROWS[state << INPUT_BITS | given_input]
    rows = [row for row in TRANSITIONS if (row.state, row.input) == (state, given_input)]
    assert len(rows) == (number > 0)
    if rows:
        assert TRANSITIONS[number - 1] is rows[0]
        assert TARGETS[number] == rows[0].target


def test_rows_are_real_changes() -> None:
    assert len({(row.state, row.input) for row in TRANSITIONS}) == len(TRANSITIONS)
    assert all(row.state != row.target for row in TRANSITIONS)
    assert all(row.target != UNKNOWN for row in TRANSITIONS)
    assert {row.input for row in TRANSITIONS} == set(range(len(INPUTS)))
    # A path holds the number of a row in eight bits.
    assert len(TRANSITIONS) < 256
    assert len(TARGETS) == len(TRANSITIONS) + 1


@pytest.mark.parametrize("start", [CLOSED, LISTEN, UNKNOWN])
def test_every_state_is_reachable(start: int) -> None:
    reached = {start}
    while more := {row.target for row in TRANSITIONS if row.state in reached} - reached:
        reached |= more
    assert reached | {UNKNOWN, LISTEN} == set(range(len(STATES)))
    # LISTEN is inferred, or what a reset of an unfinished opening leads back to.
    assert LISTEN in reached


def test_what_is_behind_never_comes_back() -> None:
    """Without a new opening an endpoint only goes on through the states of the figure."""
    order = [
        SYN_SENT,
        SYN_RECEIVED,
        ESTABLISHED,
        FIN_WAIT_1,
        FIN_WAIT_2,
        CLOSE_WAIT,
        CLOSING,
        LAST_ACK,
        TIME_WAIT,
    ]
    for row in TRANSITIONS:
        if row.state in order and row.target in order:
            assert order.index(row.state) < order.index(row.target), row


def test_a_reset_ends_every_state() -> None:
    for state in range(len(STATES)):
        if state != CLOSED:
            assert TARGETS[ROWS[state << INPUT_BITS | SEND_RST]] == CLOSED
        if state not in (CLOSED, LISTEN):
            # RFC 9293 3.10.7.2: in LISTEN a reset is ignored.
            assert TARGETS[ROWS[state << INPUT_BITS | RECEIVE_RST]] == CLOSED
        else:
            assert ROWS[state << INPUT_BITS | RECEIVE_RST] == 0
    resets = (SEND_RST, SEND_RST_REFUSING, RECEIVE_RST)
    assert all(row.target == CLOSED for row in TRANSITIONS if row.input in resets)


def test_nothing_moves_a_closed_endpoint_but_an_opening() -> None:
    assert {row.input for row in TRANSITIONS if row.state == CLOSED} == {SEND_SYN, SEND_SYN_ACK}
    assert {row.input for row in TRANSITIONS if row.state == TIME_WAIT} == {SEND_RST, RECEIVE_RST}


@pytest.mark.parametrize("row", TRANSITIONS, ids=lambda row: f"{STATES[row.state]}-{INPUTS[row.input]}")
def test_every_row_has_its_reason(row: Transition) -> None:
    names = {name for _, name, _, _ in Formatter().parse(row.why) if name is not None}
    assert names <= PLACEHOLDERS
    assert names & {"me", "peer"}
    sentence = row.why.format(me="client", peer="server", seq=1, ack=2, fin=3, before_ack=1)
    assert not set(sentence) & set("{}")
    assert re.fullmatch(r"3\.\d+(\.\d+)*", row.section)
    if "fin" in names:
        assert row.input in (SEND_FIN, SEND_FIN_CROSSING, RECEIVE_FIN)
    if "before_ack" in names:
        assert row.input == RECEIVE_ACK_OF_FIN


def test_names_are_those_of_the_rfc() -> None:
    assert STATES[1:] == (
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
    )
    for number, name in enumerate(STATES):
        assert state_name(number) == name
        assert getattr(states, name.replace("-", "_")) == number


def test_an_endpoint_begins_unknown() -> None:
    assert Endpoint().state == UNKNOWN
