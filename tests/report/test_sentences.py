from __future__ import annotations

from dataclasses import replace

import pytest

from analyzer.report.sentences import error_sentence, losses, reason_sentence, verdict
from analyzer.trace.values import EndpointAddress
from tests.diagram.builders import unreachable
from tests.report.builders import CAPTURE
from tests.tcp.transcript import FIRST_WRAPS, Player

play = Player(FIRST_WRAPS)

OPENING = """
    > S 0:0(0)          ; handshake-1
    < S. 0:0(0) ack 1   ; handshake-2
    > . 1:1(0) ack 1    ; handshake-3
"""

CROSSING = """
    > S 0:0(0)          ; handshake-1
    < S 0:0(0)          ; handshake-1 (simultaneous_open)
"""


@pytest.mark.parametrize(
    ("transcript", "sentence"),
    [
        ("> S 0:0(0) ; handshake-1", "no answer to the SYN"),
        (
            "> S 0:0(0) ; handshake-1\n+1 > S 0:0(0) ; handshake-1 (retransmission, syn_retransmission)",
            "no answer to the SYN, sent 2 times",
        ),
        (
            "> S 0:0(0) ; handshake-1\n< R. 1:1(0) ack 1 ; reset",
            "connection refused (RST to the SYN)",
        ),
        # The opener takes its SYN back: there is no SYN-ACK to speak of.
        ("> S 0:0(0) ; handshake-1\n> R 1:1(0) ; reset", "aborted during the handshake by the client"),
        (
            "> S 0:0(0) ; handshake-1\n< S. 0:0(0) ack 1 ; handshake-2\n< R. 1:1(0) ack 1 ; reset",
            "aborted during the handshake by the server",
        ),
        (CROSSING, "half open: two SYNs crossed, and not both were acknowledged"),
        (
            CROSSING + "> . 1:1(0) ack 1 ; handshake-3",
            "half open: two SYNs crossed, and not both were acknowledged",
        ),
        (
            CROSSING + "< S. 0:0(0) ack 1 ; handshake-2 (simultaneous_open)",
            "half open: the SYN-ACK was never acknowledged",
        ),
        (
            "> S 0:0(0) ; handshake-1\n< S. 0:0(0) ack 1 ; handshake-2",
            "half open: the SYN-ACK was never acknowledged",
        ),
        # What answers a SYN with a forged address, or holds an older connection, has opened nothing.
        (
            "< S. 0:0(0) ack 1 ; handshake-2\n> R 1:1(0) ; reset",
            "not all of the handshake was captured, no data, reset by the client",
        ),
        (
            "> S 0:0(0) ; handshake-1\n< . 1:1(0) ack -900 ; ack (challenge_ack)",
            "not all of the handshake was captured, no data, still open",
        ),
        (
            "> S 0:0(0) ; handshake-1\n> . 1:1(0) ack 1 ; handshake-3",
            "opened, but not all of the handshake was captured, no data, still open",
        ),
        (
            "> S 0:0(0) ; handshake-1\n< P. 1:3(2) ack 1 ; data\n< R. 3:3(0) ack 1 ; reset",
            "opened, but not all of the handshake was captured, 2 bytes received, reset by the server",
        ),
        (OPENING, "opened, no data, still open"),
        (OPENING + "> P. 1:2(1) ack 1 ; data", "opened, 1 byte sent, still open"),
        (OPENING + "< P. 1:2(1) ack 1 ; data", "opened, 1 byte received, still open"),
        (OPENING + "< P. 1:1501(1500) ack 1 ; data", "opened, 1,500 bytes received, still open"),
        (
            OPENING + "> P. 1:2(1) ack 1 ; data\n< P. 1:3(2) ack 2 ; data",
            "opened, 1 byte sent and 2 received, still open",
        ),
        (
            OPENING
            + "> P. 1:1501(1500) ack 1 ; data\n< P. 1:2(1) ack 1501 ; data\n< F. 2:2(0) ack 1501 ; close-1",
            "opened, 1,500 bytes sent and 1 received, not fully closed: a FIN was never acknowledged",
        ),
        (
            OPENING + "> P. 1:3(2) ack 1 ; data\n< R. 1:1(0) ack 1 ; reset",
            "opened, 2 bytes sent, reset by the server, data was lost",
        ),
        (
            "> F. 1:1(0) ack 1 ; close-1\n< F. 1:1(0) ack 2 ; close-2+close-3\n> . 2:2(0) ack 2 ; close-4",
            "already open when the capture began, no data, closed by the client",
        ),
    ],
)
def test_verdicts(transcript: str, sentence: str) -> None:
    connection = play(transcript).built()
    assert verdict(connection) == sentence


ECHO = """
    > S 0:0(0)              ; handshake-1
    < S. 0:0(0) ack 1       ; handshake-2
    > . 1:1(0) ack 1        ; handshake-3
    > P. 1:3(2) ack 1       ; data
    < P. 1:101(100) ack 3   ; data
    > F. 3:3(0) ack 101     ; close-1
    < F. 101:101(0) ack 4   ; close-2+close-3
"""


def test_a_reason_names_the_sides_the_numbers_and_the_section() -> None:
    segments = play(ECHO).segments()
    assert [reason_sentence(reason) for reason in segments[0].why] == [
        "the client opens the connection with a SYN: the client moves from CLOSED to SYN-SENT [RFC 9293 3.10.1]",
        "the client's SYN arrives at the listening server: the server moves from LISTEN to SYN-RECEIVED "
        "[RFC 9293 3.10.7.2]",
    ]
    assert [reason_sentence(reason) for reason in segments[6].why] == [
        "the server also closes its half: its FIN has sequence number 101: the server moves from CLOSE-WAIT to "
        "LAST-ACK [RFC 9293 3.10.4]",
        "the server's ACK covers the client's FIN (ack 4 = FIN's sequence number 3 + 1): the client moves from "
        "FIN-WAIT-1 to FIN-WAIT-2 [RFC 9293 3.10.7.4]",
        "the server's FIN (sequence number 101) arrives: both halves are closed, and the client waits 2MSL (twice the "
        "maximum segment lifetime): the client moves from FIN-WAIT-2 to TIME-WAIT [RFC 9293 3.10.7.4]",
    ]


def test_who_says_what_about_which_segment() -> None:
    connection = unreachable().connection()
    error = replace(connection.errors_heard[0], answers=None)
    connection = replace(
        connection, client=EndpointAddress("10.0.0.1", 5), server=EndpointAddress("10.0.0.2", 80)
    )
    says = "the router at 10.0.0.254 reports: host unreachable, "
    assert error_sentence(connection, replace(error, answers=7)) == says + "about frame 7"
    assert error_sentence(connection, error) == says + "about sequence number 1 of the client"
    unseen = error_sentence(connection, replace(error, seq=None))
    assert unseen == says + "about a segment of the client that was not captured"
    for sender, who in (("10.0.0.1", "the client"), ("10.0.0.2", "the server")):
        assert error_sentence(connection, replace(error, sender=sender)).startswith(f"{who} reports: host")
    here = replace(connection, client=EndpointAddress("10.0.0.2", 5))
    assert error_sentence(here, replace(error, sender="10.0.0.2")).startswith("the server reports:")


def test_a_handshake_in_vain_names_the_error() -> None:
    assert verdict(unreachable(2).connection()) == (
        "no answer to the SYN; the router at 10.0.0.254 reports: host unreachable, about frame 1"
    )


@pytest.mark.parametrize(
    ("lost_frames", "begin"),
    [
        (None, ""),
        (0, ""),
        (1, "the capture lost up to 1 frame"),
        (12_345, "the capture lost up to 12,345 frames"),
    ],
)
def test_losses(lost_frames: int | None, begin: str) -> None:
    sentence = losses(replace(CAPTURE, lost_frames=lost_frames))
    assert sentence.startswith(begin)
    assert bool(sentence) == bool(begin)
