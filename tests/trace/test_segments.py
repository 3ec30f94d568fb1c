from __future__ import annotations

import pytest

from analyzer.trace import segments
from analyzer.trace.columns import Columns
from analyzer.trace.segments import Segments
from tests.tcp.transcript import FIRST_WRAPS, Player, observe, read

play = Player(FIRST_WRAPS)

ECHO = """
    > S 0:0(0)              ; handshake-1
    < S. 0:0(0) ack 1       ; handshake-2
    > . 1:1(0) ack 1        ; handshake-3
    > P. 1:101(100) ack 1   ; data
    < P. 1:101(100) ack 101 ; data
"""


def columns_of(transcript: str, *, wireshark: bool = False) -> Segments:
    columns = Columns(wireshark=wireshark)
    table, _ = observe(read(transcript), FIRST_WRAPS, columns)
    return Segments(table.connections[0], columns, 0, wireshark=wireshark)


def test_it_is_a_sequence() -> None:
    found = columns_of(ECHO)
    assert len(found) == 5
    assert [segment.frame for segment in found] == [1, 2, 3, 4, 5]
    assert (found[0].frame, found[-1].frame) == (1, 5)
    assert [segment.frame for segment in found[1:3]] == [2, 3]
    assert [segment.frame for segment in found[::-2]] == [5, 3, 1]
    assert [segment.frame for segment in reversed(found)] == [5, 4, 3, 2, 1]
    for outside in (5, -6):
        with pytest.raises(IndexError):
            found[outside]


@pytest.mark.parametrize("kept", [0, 1_000])
def test_a_segment_looked_at_twice_is_the_same(kept: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "MADE_KEPT", kept)
    found = columns_of(ECHO)
    assert found[3] == found[3]
    assert (found[3] is found[3]) == (kept > 0)


def test_what_segments_have_in_common_is_theirs_alone() -> None:
    """Two of one kind differ in their numbers, and so do their reasons."""
    found = play(
        """
        > S 0:0(0)                  ; handshake-1
        > S 0:0(0) isn +70000       ; handshake-1 (reused_ports)
        """
    )
    first, second = found.segments(0), found.segments(1)
    assert (first[0].frame, second[0].frame) == (1, 2)
    data = columns_of(ECHO)
    assert (data[3].sender, data[4].sender) == ("client", "server")
    assert (data[3].seq, data[3].ack, data[3].length, data[3].window) == (1, 1, 100, 64240)


def test_the_note_that_wireshark_adds_in_hindsight_stands_at_its_place() -> None:
    transcript = """
        > S 0:0(0)                     ; handshake-1
        < S. 0:0(0) ack 1 win 0        ; handshake-2
        < S. 0:0(0) ack 1 isn +500     ; handshake-2
    """
    assert columns_of(transcript, wireshark=True)[1].notes == ("reused_ports",)
    assert columns_of(transcript)[1].notes == ()
