from __future__ import annotations

from analyzer.trace.folding import PORTS_TOLD, Folding
from tests.tcp.transcript import FIRST_WRAPS, Player

play = Player(FIRST_WRAPS)


def test_nothing_left() -> None:
    assert Folding().folded() is None


def test_outcomes_and_ports_are_counted() -> None:
    refused = play("> S 0:0(0) ; handshake-1\n < R. 1:1(0) ack 1 ; reset").connection
    echoed = play(
        """
        > S 0:0(0)          ; handshake-1
        < S. 0:0(0) ack 1   ; handshake-2
        > . 1:1(0) ack 1    ; handshake-3
        > P. 1:9(8) ack 1   ; data
        """
    ).connection
    folding = Folding()
    folding.add([refused])
    folding.add([echoed, refused])
    folded = folding.folded()
    assert folded is not None
    assert (folded.connections, folded.segments, folded.bytes) == (3, 8, 8)
    assert list(folded.handshakes.items()) == [("refused", 2), ("complete", 1)]
    assert list(folded.closes.items()) == [("none", 2), ("open", 1)]
    assert folded.server_ports == {int(echoed.second_port): 3}


def test_only_the_busiest_ports_are_told() -> None:
    folding = Folding()
    for port in range(100):
        connection = play("> S 0:0(0) ; handshake-1").connection
        connection.second_port = port
        folding.add([connection] * (1 + port))
    folded = folding.folded()
    assert folded is not None
    assert list(folded.server_ports) == list(range(99, 99 - PORTS_TOLD, -1))
