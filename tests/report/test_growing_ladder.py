"""The growing ladder: columns fixed before the first segment, several connections told apart."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from analyzer.analysis.stored import analyze
from analyzer.report.growing_ladder import GrowingLadder
from analyzer.report.terminal import Style, columns
from analyzer.trace.values import Connection
from tests.diagram.builders import unreachable

ECHO = Path(__file__).parents[2] / "captures" / "echo.pcap"


def lines_of(ladder: GrowingLadder, connection: Connection) -> Iterator[str]:
    for place, segment in enumerate(connection.segments):
        if place == 0:
            yield from ladder.connection_lines(connection, segment)
        yield from ladder.segment_lines(connection.id, segment)


@pytest.fixture
def echo() -> Connection:
    return analyze(ECHO).connections[0]


@pytest.mark.parametrize("width", [20, 40, 63, 64, 80, 100, 120, 200, 300])
@pytest.mark.parametrize("why", [True, False])
def test_no_line_is_wider_than_the_terminal(echo: Connection, width: int, why: bool) -> None:
    for line in lines_of(GrowingLadder(Style(width), why=why), echo):
        assert columns(line) <= width


@pytest.mark.parametrize("width", [80, 100, 160])
def test_lifelines_stay_in_their_columns(echo: Connection, width: int) -> None:
    lines = [line for line in lines_of(GrowingLadder(Style(width), why=False), echo) if "│" in line]
    places = {(line.index("│"), line.rindex("│")) for line in lines}
    assert len(places) == 1
    assert len(lines) >= 11


@pytest.mark.parametrize("width", [40, 80, 120])
def test_what_the_network_says(echo: Connection, width: int) -> None:
    ladder = GrowingLadder(Style(width))
    list(lines_of(ladder, echo))
    error = unreachable().errors[0]
    lines = list(ladder.error_lines(echo.id, error))
    assert all(line.startswith("#0") or not line.startswith("#") for line in lines)
    assert all(columns(line) <= width for line in lines)
    assert "ICMP 10.0.0.254: host unreachable" in lines[0]


def test_labels_states_and_reasons_are_there(echo: Connection) -> None:
    text = "\n".join(lines_of(GrowingLadder(Style(100)), echo))
    for part in ("SYN 1/3", "SYN-ACK 2/3", "ACK 3/3", "DATA", "FIN 1/4", "ACK 2/4 + FIN 3/4", "ACK 4/4"):
        assert part in text
    assert "TIME-WAIT" in text
    assert '"AB"' in text
    assert "the client opens the connection with a SYN: the client moves from CLOSED to SYN-SENT" in text
    without = "\n".join(lines_of(GrowingLadder(Style(100), why=False), echo))
    assert "opens the connection" not in without


def test_each_line_says_whose_it_is(echo: Connection) -> None:
    ladder = GrowingLadder(Style(100))
    first = list(lines_of(ladder, echo))
    assert all(line.startswith("#0 ") for line in first)
    segments = list(echo.segments)
    echo.id = 12
    second = list(ladder.connection_lines(echo, segments[0]))
    second += [line for segment in segments for line in ladder.segment_lines(12, segment)]
    assert second[0] == ""
    assert all(line.startswith("#12 ") for line in second[1:])


def test_ascii_is_ascii(echo: Connection) -> None:
    ladder = GrowingLadder(Style(100, ascii=True))
    assert all(line.isascii() for line in [*lines_of(ladder, echo), *ladder.skipped_lines(2)])


def test_what_is_not_shown_is_counted() -> None:
    ladder = GrowingLadder(Style(100))
    assert "12,345 segments omitted, because they came too fast" in next(ladder.skipped_lines(12_345))
    assert "1 segment omitted" in next(ladder.skipped_lines(1))
