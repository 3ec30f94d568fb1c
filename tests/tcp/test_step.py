from __future__ import annotations

from analyzer.tcp import states
from analyzer.tcp.step import Step
from tests.tcp.transcript import Player


def test_it_begins_empty() -> None:
    step = Step()
    assert not any(
        getattr(step, name) for name in ("labels", "notes", "wireshark_notes", "first_path", "second_path")
    )


def test_it_tells_of_the_last_segment_only(play: Player) -> None:
    played = play(
        """
        > S 0:0(0)              ; handshake-1
        < S. 0:0(0) ack 1       ; handshake-2
        > FP. 1:6(5) ack 1      ; handshake-3+data+close-1
        """
    )
    step = played.table.step
    assert (step.direction, step.relative_seq, step.relative_ack) == (0, 1, 1)
    assert (step.first_before, step.first_after) == (states.ESTABLISHED, states.FIN_WAIT_1)
    # Two rows for the server: its SYN was acknowledged, then the FIN arrived.
    assert (step.second_before, step.second_after) == (states.SYN_RECEIVED, states.CLOSE_WAIT)
    rows = [states.TRANSITIONS[(step.second_path >> shift & 0xFF) - 1] for shift in (0, 8)]
    assert [row.target for row in rows] == [states.ESTABLISHED, states.CLOSE_WAIT]
    assert step.second_path >> 16 == 0
