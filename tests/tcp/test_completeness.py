from __future__ import annotations

import pytest

from analyzer.tcp import verdict
from analyzer.tcp.completeness import completeness_bits
from analyzer.wire.header import ACK, FIN, RST, SYN
from tests.tcp.transcript import Player


@pytest.mark.parametrize(
    ("flags", "length", "bits"),
    [
        (SYN, 0, 1),
        (SYN, 5, 9),
        (SYN | ACK, 0, 2),
        (SYN | ACK, 5, 2),
        (ACK, 0, 4),
        (ACK, 1, 8),
        (FIN | ACK, 0, 20),
        (FIN | ACK, 7, 24),
        (FIN, 0, 0),
        (RST, 0, 32),
        (RST | ACK, 0, 36),
        (0, 0, 0),
        (0, 9, 0),
    ],
)
def test_bits_of_a_segment(flags: int, length: int, bits: int) -> None:
    assert completeness_bits(flags, length) == bits


@pytest.mark.parametrize(
    ("transcript", "value"),
    [
        ("> S 0:0(0) ; handshake-1", 1),
        ("> F. 1:1(0) ack 1 ; close-1", 0),
        ("> . 1:1(0) ack 1 ; ack", 0),
        ("> . 1:1(0) ack 1 ; ack\n< . 1:1(0) ack 1 ; ack", 4),
        ("> S 0:0(0) ; handshake-1\n< R. 1:1(0) ack 1 ; reset", 37),
        (
            "> S 0:0(0) ; handshake-1\n< S. 0:0(0) ack 1 ; handshake-2\n> . 1:6(5) ack 1 ; handshake-3+data",
            11,
        ),
        # A header that no TCP reads on.
        ("> S 0:0(0) ; handshake-1\n< R. 0:0(0) ack 1 offset 4 ; stray (bad_header)", 1),
        ("> S 0:0(0) offset 4 ; stray (bad_header)", 0),
        ("> S 0:0(0) ; handshake-1\n< R. 0:0(0) ack 1 offset 15 ; stray (bad_header)", 37),
        # A second SYN adds nothing, not even where it is the other side's or carries data.
        ("< . 1:1(0) ack 1 ; ack\n> S 0:0(0) ; handshake-1", 4),
    ],
)
def test_value_of_a_connection(play: Player, transcript: str, value: int) -> None:
    played = play(transcript)
    assert verdict.completeness(played.connection) == value
    assert played.built().completeness == value
