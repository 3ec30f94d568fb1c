from __future__ import annotations

import pytest

from analyzer.report.sentences import verdict
from analyzer.trace.build import build_connection
from analyzer.trace.values import Connection
from tests.tcp.transcript import FIRST_WRAPS, Player

play = Player(FIRST_WRAPS)

OPENING = """
    > S 0:0(0)          ; handshake-1
    < S. 0:0(0) ack 1   ; handshake-2
    > . 1:1(0) ack 1    ; handshake-3
"""
CLOSE = """
    > F. {seq}:{seq}(0) ack 1        ; close-1
    < F. 1:1(0) ack {after}          ; close-2+close-3
    > . {after}:{after}(0) ack 2     ; close-4
"""


def judged(transcript: str, lost_frames: int | None) -> Connection:
    played = play(transcript)
    return build_connection(played.connection, played.built().source, lost_frames)


def closed(seq: int) -> str:
    return CLOSE.format(seq=seq, after=seq + 1)


@pytest.mark.parametrize(
    ("transcript", "doubts"),
    [
        (OPENING + closed(1), ()),
        ("> S 0:0(0) ; handshake-1\n< R. 1:1(0) ack 1 ; reset", ()),
        (OPENING + "< R. 1:1(0) ack 1 ; reset", ()),
        ("> S 0:0(0) ; handshake-1", ("handshake.outcome",)),
        ("> S 0:0(0) ; handshake-1\n< S. 0:0(0) ack 1 ; handshake-2", ("handshake.outcome",)),
        ("> . 1:1(0) ack 1 ; ack", ("handshake.outcome", "close.outcome")),
        (OPENING, ("close.outcome",)),
        (OPENING + "> F. 1:1(0) ack 1 ; close-1", ("close.outcome",)),
        (
            OPENING + "> P. 1:3(2) ack 1 ; data\n< R. 1:1(0) ack 1 ; reset",
            ("data.unacknowledged_bytes", "close.data_lost"),
        ),
        (
            OPENING
            + "> P. 3:5(2) ack 1 ; data (lost_segment)\n< . 1:1(0) ack 5 ; ack (ack_lost_segment)"
            + closed(5),
            ("notes.lost_segment", "notes.ack_lost_segment"),
        ),
        (
            OPENING + "< . 1:1(0) ack 5 ; ack (ack_lost_segment)\n< R. 1:1(0) ack 5 ; reset",
            ("notes.ack_lost_segment",),
        ),
    ],
)
def test_what_seems_missing_is_in_doubt_where_frames_were_lost(
    transcript: str, doubts: tuple[str, ...]
) -> None:
    for lost_frames in (None, 0):
        connection = judged(transcript, lost_frames)
        assert (connection.doubts, connection.confidence) == ((), "full")
    connection = judged(transcript, 1)
    assert connection.doubts == doubts
    assert connection.confidence == ("lowered" if doubts else "full")
    certain = verdict(judged(transcript, None))
    assert verdict(connection) == certain + (", unless the capture lost some of its frames" if doubts else "")
