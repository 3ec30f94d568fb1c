"""Zeek's two words for connections, as its conn.log documents them."""

from __future__ import annotations

import pytest

from tests.tcp.transcript import Player

OPENING = """
    > S 0:0(0)          ; handshake-1
    < S. 0:0(0) ack 1   ; handshake-2
    > . 1:1(0) ack 1    ; handshake-3
"""

CASES = {
    "S0": ("S", "> S 0:0(0) ; handshake-1"),
    "S1": ("ShA", OPENING),
    "SF": (
        "ShADFf",
        OPENING
        + """
        > P. 1:11(10) ack 1     ; data
        > F. 11:11(0) ack 1     ; close-1
        < F. 1:1(0) ack 12      ; close-2+close-3
        > . 12:12(0) ack 2      ; close-4
        """,
    ),
    "REJ": ("Sr", "> S 0:0(0) ; handshake-1\n< R. 1:1(0) ack 1 ; reset"),
    "S2": ("ShAF", OPENING + "> F. 1:1(0) ack 1 ; close-1"),
    "S3": ("ShAf", OPENING + "< F. 1:1(0) ack 1 ; close-1"),
    "RSTO": ("ShAR", OPENING + "> R. 1:1(0) ack 1 ; reset"),
    "RSTR": ("ShADr", OPENING + "> P. 1:3(2) ack 1 ; data\n< R. 1:1(0) ack 1 ; reset"),
    "RSTOS0": ("SR", "> S 0:0(0) ; handshake-1\n> R 1:1(0) ; reset"),
    "RSTRH": ("^hr", "< S. 0:0(0) ack 1 ; handshake-2\n< R. 1:1(0) ack 1 ; reset"),
    "SH": ("SF", "> S 0:0(0) ; handshake-1\n> F. 1:1(0) ack 1 ; handshake-3+close-1"),
    "SHR": ("^hf", "< S. 0:0(0) ack 1 ; handshake-2\n< F. 1:1(0) ack 1 ; close-1"),
    "OTH": ("Da", "> P. 1:3(2) ack 1 ; data\n< . 1:1(0) ack 3 ; ack"),
}


@pytest.mark.parametrize("state", CASES)
def test_every_connection_state(play: Player, state: str) -> None:
    history, transcript = CASES[state]
    built = play(transcript).built()
    assert (built.conn_state, built.history) == (state, history)


def test_rejected_without_a_reset_state_of_its_own(play: Player) -> None:
    built = play(
        """
        > S 0:0(0)              ; handshake-1
        > R 1:1(0)              ; reset
        < R. 1:1(0) ack 1       ; reset
        """
    ).built()
    assert built.conn_state == "REJ"


def test_reset_after_both_fins_changes_nothing(play: Player) -> None:
    transcript = CASES["SF"][1] + "< R 2:2(0) ; reset"
    assert play(transcript).built().conn_state == "SF"


@pytest.mark.parametrize(
    ("history", "more"),
    [
        # A kind of segment is written again where its number differs from the last of its kind.
        ("ShA", "> . 1:1(0) ack 1 ; ack (duplicate_ack)"),
        ("ShAD", "> . 1:3(2) ack 1 ; data\n> . 3:5(2) ack 1 ; data"),
        ("ShADT", "> . 1:3(2) ack 1 ; data\n+1 > . 1:3(2) ack 1 ; data (retransmission)"),
        (
            "ShAF",
            "> F. 1:1(0) ack 1 ; close-1\n+1 > F. 1:1(0) ack 1 ; close-1 (retransmission, fin_retransmission)",
        ),
        ("ShAF", "> FP. 1:9(8) ack 1 ; data+close-1"),
        # What is acknowledged and was never captured is a gap; what comes late fills it.
        ("ShADfG", "> P. 1:11(10) ack 1 ; data\n< F. 1:1(0) ack 15 ; close-1 (ack_lost_segment)"),
        (
            "ShADTa",
            "> P. 11:21(10) ack 1 ; data (lost_segment)\n> P. 1:11(10) ack 1 ; data (out_of_order)\n"
            "< . 1:1(0) ack 21 ; ack",
        ),
        ("ShADaG", "> P. 11:21(10) ack 1 ; data (lost_segment)\n< . 1:1(0) ack 21 ; ack (ack_lost_segment)"),
        ("ShADaG", "> P. 1:11(10) ack 1 cut 4 ; data (snapped)\n< . 1:1(0) ack 11 ; ack"),
        ("ShAFa", "> F. 1:1(0) ack 1 ; close-1\n< . 1:1(0) ack 2 ; close-2"),
        (
            "ShAFaG",
            "> F. 9:9(0) ack 1 ; close-1 (lost_segment)\n< . 1:1(0) ack 10 ; close-2 (ack_lost_segment)",
        ),
        ("ShAQ", "> SF 0:0(0) ; handshake-1 (bad_flags, syn_retransmission, retransmission)"),
        ("ShAI", "> FR. 1:1(0) ack 1 ; reset (bad_flags)"),
        ("ShARR", "> R. 1:1(0) ack 1 ; reset\n> R 2:2(0) ; reset (unacceptable_reset)"),
        ("ShAawW", "< . 1:1(0) ack 1 win 0 ; ack (zero_window)\n> . 1:1(0) ack 1 win 0 ; ack (zero_window)"),
    ],
)
def test_letters(play: Player, history: str, more: str) -> None:
    assert play(OPENING + more).built().history == history


def test_repeated_letters_come_ever_more_rarely(play: Player) -> None:
    windows = "< . 1:1(0) ack 1 win 0 ; ack (zero_window)\n" * 11
    assert play(OPENING + windows).built().history == "ShAaww"
