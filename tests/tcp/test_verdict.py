"""The outcomes have their transcripts in test_connection.py; here is what else a verdict says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analyzer.tcp import states, verdict
from tests.tcp.transcript import Player

SYN = "> S 0:0(0) ; handshake-1"

OPENING = """
    > S 0:0(0)          ; handshake-1
    < S. 0:0(0) ack 1   ; handshake-2
    > . 1:1(0) ack 1    ; handshake-3
"""


@pytest.mark.parametrize(
    ("first_port", "second_port", "client", "rule"),
    [
        (40000, 80, 0, "port"),
        (80, 40000, 1, "port"),
        (1023, 1024, 1, "port"),
        (8080, 40000, 1, "port"),
        (40000, 8080, 0, "port"),
        (32767, 32768, 1, "port"),
        (80, 443, 0, "first-segment"),
        (40000, 50000, 0, "first-segment"),
    ],
)
def test_roles_by_port(play: Player, first_port: int, second_port: int, client: int, rule: str) -> None:
    world = replace(play.world, first_port=first_port, second_port=second_port)
    played = play("> . 1:1(0) ack 1 ; ack", world=world)
    assert verdict.roles(played.connection) == (client, rule)


def test_roles_by_syn_whatever_the_ports(play: Player) -> None:
    world = replace(play.world, first_port=80, second_port=50000)
    assert verdict.roles(play("> S 0:0(0) ; handshake-1", world=world).connection) == (0, "syn")
    assert verdict.roles(play("> S. 0:0(0) ack 1 ; handshake-2", world=world).connection) == (1, "syn-ack")


@pytest.mark.parametrize(
    ("syn", "syn_ack", "agreed"),
    [
        ("SEW", "SE.", True),
        ("SEW", "S.", False),
        ("S", "SE.", False),
        ("S", "S.", False),
        ("SEW", "SEW.", False),
    ],
)
def test_ecn(play: Player, syn: str, syn_ack: str, agreed: bool) -> None:
    played = play(f"> {syn} 0:0(0) ; handshake-1\n< {syn_ack} 0:0(0) ack 1 ; handshake-2")
    assert verdict.ecn_agreed(played.connection) is agreed


def test_ecn_is_unknown_without_both_syns(play: Player) -> None:
    assert verdict.ecn_agreed(play("> SEW 0:0(0) ; handshake-1").connection) is None
    assert verdict.ecn_agreed(play("> . 1:1(0) ack 1 ; ack").connection) is None


def test_fast_open_that_was_not_tried(play: Player) -> None:
    assert verdict.fast_open(play(OPENING).connection) is None
    assert verdict.fast_open(play("> . 1:1(0) ack 1 ; ack").connection) is None


def test_fast_open_that_was_never_answered(play: Player) -> None:
    played = play("> S 0:5(5) <FO c0ffee01> ; handshake-1+data (data_in_syn, fast_open)")
    assert verdict.fast_open(played.connection) == "requested"


@pytest.mark.parametrize(
    ("more", "lost"),
    [
        ("> P. 1:9(8) ack 1 ; data", False),
        ("> P. 1:9(8) ack 1 ; data\n> R. 9:9(0) ack 1 ; reset", True),
        ("> P. 1:9(8) ack 1 ; data\n< . 1:1(0) ack 9 ; ack\n> R. 9:9(0) ack 1 ; reset", False),
        ("> P. 1:9(8) ack 1 ; data\n< . 1:1(0) ack 5 ; ack\n< R. 1:1(0) ack 5 ; reset", True),
        ("> R. 1:1(0) ack 1 ; reset\n< P. 1:9(8) ack 1 ; data+stray (data_after_reset)", True),
    ],
)
def test_data_lost(play: Player, more: str, lost: bool) -> None:
    assert verdict.data_lost(play(OPENING + more).connection) is lost


def test_unacknowledged_bytes_need_somebody_who_could_acknowledge(play: Player) -> None:
    connection = play("> P. 1:9(8) ack 1 ; data").connection
    assert verdict.unacknowledged_bytes(connection.first, connection.second) == 0
    connection = play(OPENING + "> P. 1:9(8) ack 1 ; data\n< . 1:1(0) ack 4 ; ack").connection
    assert verdict.unacknowledged_bytes(connection.first, connection.second) == 5
    assert verdict.unacknowledged_bytes(connection.second, connection.first) == 0


def test_close_frames(play: Player) -> None:
    played = play(
        OPENING
        + """
        > F. 1:1(0) ack 1       ; close-1
        < . 1:1(0) ack 2        ; close-2
        < P. 1:9(8) ack 2       ; data (half_close)
        < R. 9:9(0) ack 2       ; reset
        """
    )
    assert verdict.close_frames(played.connection) == (4, 5, 7)
    assert verdict.close_frames(play("> S 0:0(0) ; handshake-1").connection) == ()


def test_final_state_of_an_endpoint_never_heard(play: Player) -> None:
    connection = play("> S 0:0(0) ; handshake-1 | SYN-SENT SYN-RECEIVED").connection
    assert verdict.final_state(connection, connection.first) == states.SYN_SENT
    assert verdict.final_state(connection, connection.second) == states.UNKNOWN


def test_final_state_of_an_opener_that_never_acknowledged(play: Player) -> None:
    connection = play(
        """
        > S 0:0(0)          ; handshake-1 | SYN-SENT SYN-RECEIVED
        < S. 0:0(0) ack 1   ; handshake-2 | ESTABLISHED SYN-RECEIVED
        """
    ).connection
    assert verdict.final_state(connection, connection.first) == states.SYN_SENT
    assert verdict.final_state(connection, connection.second) == states.SYN_RECEIVED


@pytest.mark.parametrize(("by", "outcome"), [("<", "refused"), (">", "aborted")])
@pytest.mark.parametrize(
    ("sent", "after"), [("< P. 1:3(2) ack 1 ; data", 3), ("< F. 1:1(0) ack 1 ; close-1", 2)]
)
def test_who_has_sent_data_or_a_fin_had_opened(
    play: Player, by: str, outcome: str, sent: str, after: int
) -> None:
    resets = {"<": "< R. {0}:{0}(0) ack 1 ; reset", ">": "> R 1:1(0) ; reset"}
    assert verdict.handshake_outcome(play(f"{SYN}\n{resets[by].format(1)}").connection) == outcome
    spoke = play(f"{SYN}\n{sent}\n{resets[by].format(after)}").connection
    assert verdict.handshake_outcome(spoke) == "partial"
