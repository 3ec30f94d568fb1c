from __future__ import annotations

from time import perf_counter

import pytest

from analyzer.report.overview import ROWS, overview_lines
from analyzer.report.terminal import Style, columns
from analyzer.trace.values import Connection, EndpointAddress
from tests.report.builders import crowd, echo_connection, text_of


def changed(**changes: object) -> Connection:
    connection = echo_connection()
    for name, value in changes.items():
        setattr(connection, name, value)
    return connection


def test_what_is_in_doubt_has_a_question_mark() -> None:
    shown = text_of(list(overview_lines([changed(doubts=("close.outcome",)), echo_connection()], Style(90))))
    assert "three segments?" in shown
    assert "three segments  " in shown


@pytest.mark.slow
def test_a_table_of_the_worst() -> None:
    trace = crowd(5000)
    lines = list(overview_lines(trace.connections, Style(90)))
    assert text_of(lines[:8]) == text_of(
        [
            "handshakes  4,500 complete · 500 refused",
            "closes      4,500 three segments · 500 none",
            "",
            "Worst first: data lost, reset, not opened, retransmissions, zero window; then by bytes.",
            "",
            "   #  client             server         outcome  bytes  duration  notes",
            "4950  10.0.19.86:44950   192.0.2.1:443  refused  4,952    507 µs  1 × retransmission",
            "4880  10.0.19.16:44880   192.0.2.1:443  refused  4,882    507 µs  1 × retransmission",
        ]
    )
    assert text_of(lines[6 + ROWS :]) == text_of(
        [
            "",
            "4,960 more connections (--all lists them); --connection N shows one connection as a",
            "ladder, --json writes all of them.",
        ]
    )


def test_everything_lists_all() -> None:
    lines = list(overview_lines(crowd(100).connections, Style(100), everything=True))
    assert sum("192.0.2.1:443" in line for line in lines) == 100
    assert "more connection" not in lines[-1]


@pytest.mark.parametrize("width", [10, 20, 30, 40, 60, 80, 100, 120, 160])
@pytest.mark.parametrize("ascii_only", [False, True])
def test_it_fits(width: int, ascii_only: bool) -> None:
    trace = crowd(60)
    for connection in trace.connections[:30]:
        connection.client = EndpointAddress("2001:db8:85a3:1234:5678:8a2e:370:7334", 54321)
        connection.notes = {"spurious_retransmission": 12_345, "window_full": 17, "duplicate_ack": 123}
    for line in overview_lines(trace.connections, Style(width, ascii=ascii_only)):
        assert columns(line) <= width
        assert line.isascii() or not ascii_only


def test_an_endpoint_that_is_cut_keeps_its_port() -> None:
    trace = crowd(30)
    trace.connections[0].client = EndpointAddress("2001:db8:85a3:1234:5678:8a2e:370:7334", 54321)
    text = text_of(list(overview_lines(trace.connections, Style(80))))
    assert "…" in text
    assert "]:54321" in text


def test_colours_mark_what_failed() -> None:
    text = text_of(list(overview_lines(crowd(30).connections, Style(100, colour=True))))
    assert "\x1b[31mrefused\x1b[0m" in text
    assert "\x1b[33m1 × retransmission\x1b[0m" in text


def test_thousands_take_no_time() -> None:
    trace = crowd(5000)
    start = perf_counter()
    list(overview_lines(trace.connections, Style(100)))
    assert perf_counter() - start < 1
