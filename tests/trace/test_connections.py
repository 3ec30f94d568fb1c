from __future__ import annotations

from pathlib import Path

import pytest

from analyzer import analyze
from analyzer.trace.connections import BuiltWhenAsked, brief_of, briefs
from analyzer.trace.model import Source
from tests.tcp.transcript import FIRST_WRAPS, Player

CAPTURES = Path(__file__).parents[2] / "captures"


@pytest.mark.parametrize("path", sorted(CAPTURES.glob("*.pcap*")), ids=lambda path: path.name)
def test_the_brief_of_a_connection_is_that_of_the_built_one(path: Path) -> None:
    connections = analyze(path).connections
    assert isinstance(connections, BuiltWhenAsked)
    assert list(briefs(connections)) == [brief_of(connection) for connection in connections]
    assert list(briefs(list(connections))) == list(connections.briefs())


def test_what_the_captures_have_of_each() -> None:
    every = [brief for path in CAPTURES.glob("*.pcap*") for brief in briefs(analyze(path).connections)]
    assert any(brief.window_closed for brief in every)
    assert any(0 < brief.repeated < 1 for brief in every)
    assert any(brief.octets for brief in every)


def test_they_are_a_sequence() -> None:
    connections = analyze(CAPTURES / "clients.pcap").connections
    assert len(connections) > 3
    numbers = [connection.id for connection in connections]
    assert numbers == list(range(len(connections)))
    assert connections[-1].id == numbers[-1]
    assert [connection.id for connection in connections[1:3]] == [1, 2]
    assert [connection.id for connection in reversed(connections)] == numbers[::-1]
    with pytest.raises(IndexError):
        connections[len(connections)]


def test_data_that_was_lost() -> None:
    played = Player(FIRST_WRAPS)(
        """
        > S 0:0(0)          ; handshake-1
        < S. 0:0(0) ack 1   ; handshake-2
        > . 1:1(0) ack 1    ; handshake-3
        > P. 1:9(8) ack 1   ; data
        < R 1:1(0)          ; reset
        """
    )
    connections = BuiltWhenAsked([played.connection], connection_source())
    assert [(brief.data_lost, brief.octets) for brief in connections.briefs()] == [(True, 8)]
    assert brief_of(connections[0]).data_lost


def connection_source() -> Source:
    return analyze(CAPTURES / "echo.pcap")[0].source
