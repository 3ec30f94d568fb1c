# ruff: noqa: E501  (reports are as wide as they are)
from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.filters.filters import Filter, parse_filter
from analyzer.filters.order import parse_order
from analyzer.report.overview import ROWS
from analyzer.report.selection import keys, select
from analyzer.report.terminal import Style, columns
from analyzer.report.text_report import (
    MANY,
    capture_lines,
    connection_lines,
    report_lines,
)
from analyzer.tcp.outcomes import CLOSES, FAST_OPENS, HANDSHAKES, ROLES
from analyzer.trace.values import Connection, EndpointAddress, Folded, Trace
from tests.diagram.builders import long_run, narrow, unreachable
from tests.report.builders import CAPTURE, OFFER, crowd, echo_connection, text_of, trace_of
from tests.tcp.transcript import FIRST_WRAPS, Player

OPENING = """
    > S 0:0(0)          ; handshake-1
    < S. 0:0(0) ack 1   ; handshake-2
    > . 1:1(0) ack 1    ; handshake-3
"""

ROOT = Path(__file__).resolve().parents[2]


def test_what_the_network_says_is_told() -> None:
    lines = text_of(list(connection_lines(unreachable(6).connection(), Style(100))))
    assert "    ICMP       the router at 10.0.0.254 reports: host unreachable, about frame 1 ·" in lines
    assert lines.endswith("and 3 more")
    lines = text_of(list(connection_lines(narrow().connection(), Style(100))))
    assert "about sequence number 77 of the client" in lines.replace("\n               ", " ")
    capture = replace(CAPTURE, icmp_errors_elsewhere={"port-unreachable": 2, "redirect": 1})
    said = text_of(list(capture_lines(capture, 1, Style(100))))
    assert "3 ICMP errors about TCP connections that are not in this capture: 2 port-unreachable ·" in said


SUMMARY_60 = """\
captures/echo.pcap
    pcap · Ethernet · 10 frames, 10 TCP segments ·
    1 connection · 507 µs

#0  127.0.0.1:42014 → 127.0.0.1:20000
    opened, 2 bytes sent and 2 received, closed by the
    client
    handshake  complete · frames 1 2 3 · RTT 15 µs to the
               server, 15 µs to the client · MSS 65495 ·
               window scale ×1024 · SACK · timestamps
    data       2 bytes sent, 2 received ·
               10 segments (6 →, 4 ←), 2 with data ·
               no retransmissions
    close      three segments · frames 8 9 10 ·
               client closed first · one segment of the
               server is both ACK and FIN ·
               client left in TIME-WAIT
"""

SUMMARY_80 = """\
captures/echo.pcap
    pcap · Ethernet · 10 frames, 10 TCP segments · 1 connection · 507 µs

#0  127.0.0.1:42014 → 127.0.0.1:20000
    opened, 2 bytes sent and 2 received, closed by the client
    handshake  complete                   frames 1 2 3 · RTT 15 µs to the
                                          server, 15 µs to the client ·
                                          MSS 65495 · window scale ×1024 ·
                                          SACK · timestamps
    data       2 bytes sent, 2 received   10 segments (6 →, 4 ←), 2 with data ·
                                          no retransmissions
    close      three segments             frames 8 9 10 · client closed first ·
                                          one segment of the server is both ACK
                                          and FIN · client left in TIME-WAIT
"""

SUMMARY_120 = """\
captures/echo.pcap   pcap · Ethernet · 10 frames, 10 TCP segments · 1 connection · 507 µs

#0  127.0.0.1:42014 → 127.0.0.1:20000   opened, 2 bytes sent and 2 received, closed by the client
    handshake  complete                   frames 1 2 3 · RTT 15 µs to the server, 15 µs to the client · MSS 65495 ·
                                          window scale ×1024 · SACK · timestamps
    data       2 bytes sent, 2 received   10 segments (6 →, 4 ←), 2 with data · no retransmissions
    close      three segments             frames 8 9 10 · client closed first ·
                                          one segment of the server is both ACK and FIN · client left in TIME-WAIT
"""


def described(connection: Connection, width: int = 160) -> str:
    return text_of(list(connection_lines(connection, Style(width))))


@pytest.mark.parametrize(
    ("width", "expected"), [(60, SUMMARY_60), (80, SUMMARY_80), (120, SUMMARY_120)], ids=["60", "80", "120"]
)
def test_summary(width: int, expected: str) -> None:
    assert (
        list(report_lines(trace_of(echo_connection()), Style(width), segments=False)) == expected.splitlines()
    )


def test_the_ladder_follows_the_summary() -> None:
    lines = list(report_lines(trace_of(echo_connection()), Style(120)))
    summary = SUMMARY_120.splitlines()
    assert lines[: len(summary)] == summary
    assert lines[len(summary)] == ""
    assert "client :42014" in lines[len(summary) + 1]


def test_what_was_skipped_and_why() -> None:
    capture = replace(CAPTURE, skipped={"ARP": 2, "UDP": 1200}, frames=1212)
    lines = list(capture_lines(capture, 1, Style(120)))
    assert lines[1:] == ["1,202 frames skipped: 1,200 UDP · 2 ARP"]


def test_what_the_capture_lost() -> None:
    assert len(list(capture_lines(replace(CAPTURE, lost_frames=0), 1, Style(120)))) == 1
    lines = list(capture_lines(replace(CAPTURE, lost_frames=3), 1, Style(120)))
    assert lines[1:] == [
        "the capture lost up to 3 frames: segments that seem to be missing below may have been sent"
    ]
    narrow = list(capture_lines(replace(CAPTURE, lost_frames=3), 1, Style(30)))
    assert max(map(columns, narrow)) <= 30
    assert " ".join(line.strip() for line in narrow).endswith("to be missing below may have been sent")


def test_what_was_folded() -> None:
    folded = Folded(
        connections=4_999_000,
        segments=4_999_100,
        bytes=0,
        handshakes={"unanswered": 4_998_950, "complete": 50},
        closes={"none": 4_998_950, "four-segment": 49, "reset": 1},
        server_ports={80: 4_998_999, 443: 1},
    )
    capture = replace(CAPTURE, folded=folded)
    shown = text_of(list(report_lines(trace_of(echo_connection(), capture=capture), Style(90))))
    assert "4,999,001 connections" in shown
    assert (
        "4,999,000 connections are counted only, to keep memory bounded: 4,998,950 unanswered, 49 closed,"
        in shown.replace("\n", " ")
    )
    assert "1 reset; 4,998,999 to port 80, 1 to port 443; --stream writes each" in shown.replace("\n", " ")


def test_a_capture_without_tcp() -> None:
    capture = replace(
        CAPTURE, frames=0, tcp_segments=0, first_time_ns=None, last_time_ns=None, link_type_names=()
    )
    assert list(report_lines(trace_of(capture=capture), Style(120))) == [
        "captures/echo.pcap   pcap · no link type · 0 frames, 0 TCP segments · no TCP connection"
    ]


def test_a_long_path_keeps_its_name() -> None:
    capture = replace(CAPTURE, path="/a/very/long/path/to/some/folder/with/many/parts/and/then/echo.pcap")
    assert next(capture_lines(capture, 1, Style(40))) == "…lder/with/many/parts/and/then/echo.pcap"


def test_a_hostile_path_does_nothing() -> None:
    capture = replace(CAPTURE, path="\x1b[2J\u202e/你.pcap")
    assert next(capture_lines(capture, 1, Style(120))).startswith("\\x1b[2J\\u202e/你.pcap   pcap")
    assert next(capture_lines(capture, 1, Style(120, ascii=True))).startswith(
        "\\x1b[2J\\u202e/\\u4f60.pcap   pcap"
    )


def test_every_outcome_has_its_words() -> None:
    connection = echo_connection()
    for opening in HANDSHAKES:
        connection.handshake = replace(connection.handshake, outcome=opening.name)
        assert f"handshake  {opening.shown}" in described(connection)
        assert opening.detail in described(connection)
    for closing in CLOSES:
        connection.close = replace(connection.close, outcome=closing.name)
        assert f"close      {closing.shown}" in described(connection)


@pytest.mark.parametrize(
    ("transcript", "detail"),
    [
        ("> S 0:0(0) ; handshake-1\n> R 1:1(0) ; reset", "a RST came before the handshake was complete"),
        (
            "> S 0:0(0) ; handshake-1\n< S 0:0(0) ; handshake-1 (simultaneous_open)",
            "two SYNs crossed, and not both were acknowledged",
        ),
        ("< S. 0:0(0) ack 1 ; handshake-2", "only some of its segments were captured"),
    ],
)
def test_nothing_is_said_of_a_syn_ack_that_was_not_there(transcript: str, detail: str) -> None:
    told = described(Player(FIRST_WRAPS)(transcript).built())
    assert detail in told
    assert "the SYN-ACK was" not in told
    assert "between the SYN-ACK" not in told


def test_a_reset_that_was_not_believed_closed_nothing() -> None:
    told = described(Player(FIRST_WRAPS)(OPENING + "< R 90000:90000(0) ; reset (unacceptable_reset)").built())
    assert "neither side closed or reset it before the capture ends" in told
    assert "RST" not in told.replace("RST ignored", "")


Change = Callable[[Connection], None]


def handshake(**changes: object) -> Change:
    def change(connection: Connection) -> None:
        connection.handshake = replace(connection.handshake, **changes)  # type: ignore[arg-type]

    return change


def closing(**changes: object) -> Change:
    def change(connection: Connection) -> None:
        connection.close = replace(connection.close, **changes)  # type: ignore[arg-type]

    return change


def client(**changes: object) -> Change:
    def change(connection: Connection) -> None:
        connection.client_data = replace(connection.client_data, **changes)  # type: ignore[arg-type]

    return change


def notes(connection: Connection) -> None:
    connection.notes = {"retransmission": 1200, "zero_window": 1}


def guessed(connection: Connection) -> None:
    connection.roles = "port"


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (handshake(ack_rtt_ns=None), "SYN-ACK after 15 µs"),
        (handshake(syn_rtt_ns=None), "ACK 15 µs after the SYN-ACK"),
        (handshake(syn_retries=1, syn_retry_delays_ns=(10**9,)), "SYN retransmitted once, after 1 s"),
        (
            handshake(syn_ack_retries=2, syn_ack_retry_delays_ns=(10**9, 3 * 10**9)),
            "SYN-ACK retransmitted 2 times, after 1 s, 3 s",
        ),
        (handshake(syn_retries=1), "SYN retransmitted once ·"),
        (
            handshake(server_options=replace(OFFER, maximum_segment_size=1460), effective_mss=1460),
            "MSS 1460 (client 65495, server 1460)",
        ),
        (
            handshake(server_options=replace(OFFER, maximum_segment_size=None), effective_mss=None),
            "MSS unknown (client 65495, server none)",
        ),
        (handshake(server_options=replace(OFFER, window_scale=0)), "window scale ×1024 and ×1"),
        (handshake(window_scaling=False), "MSS 65495 · SACK"),
        (handshake(ecn=True), "timestamps · ECN"),
        (handshake(fast_open="accepted"), "Fast Open, data in the SYN accepted"),
        (
            handshake(server_options=None),
            "the client offers MSS 65495, window scale ×1024, SACK, timestamps",
        ),
        (
            handshake(client_options=None, server_options=replace(OFFER, ecn=True, fast_open_cookie=8)),
            "the server offers MSS 65495, window scale ×1024, SACK, timestamps, ECN, Fast Open",
        ),
        (handshake(syn_frame=6, syn_ack_frame=6, ack_frame=None), "frame 6 "),
        (guessed, "client and server guessed from the ports"),
        (client(retransmitted_segments=2, retransmitted_bytes=2920), "the client retransmitted 2 segments with 2,920 bytes"),
        (client(retransmitted_segments=1), "the client retransmitted 1 segment"),
        (client(out_of_order_segments=3), "3 segments of the client out of order"),
        (client(unacknowledged_bytes=1), "1 byte of the client not acknowledged"),
        (closing(active="both", outcome="simultaneous", time_wait=("client", "server")), "both sides closed at once · the two FINs crossed · both sides left in TIME-WAIT"),
        (closing(active="server"), "server closed first · one segment of the client is both ACK and FIN"),
        (closing(outcome="reset", active="server", time_wait=()), "by the server"),
        (closing(outcome="half-closed", active=None), "the other side never sent a FIN"),
        (closing(data_lost=True), "data was lost"),
        (notes, "notes      1,200 × retransmission · 1 × zero window"),
    ],
)  # fmt: skip
def test_what_a_phase_says(change: Change, text: str) -> None:
    connection = echo_connection()
    change(connection)
    assert text in described(connection)


def test_nothing_carried() -> None:
    connection = echo_connection()
    connection.client_data = replace(connection.client_data, bytes=0)
    connection.server_data = replace(connection.server_data, bytes=0)
    connection.handshake = replace(connection.handshake, client_options=None, server_options=None)
    assert "data       none             10 segments (6 →, 4 ←)\n" in described(connection)


def test_every_word_for_roles_and_fast_open_is_used() -> None:
    connection = echo_connection()
    for role in ROLES:
        connection.roles = role.name
        assert role.detail in described(connection)
    for row in FAST_OPENS:
        connection.handshake = replace(connection.handshake, fast_open=row.name)
        assert row.shown in described(connection)


def test_ipv6_endpoints() -> None:
    connection = echo_connection()
    connection.client = EndpointAddress("2001:db8:85a3:1234:5678:8a2e:370:7334", 50000)
    connection.server = EndpointAddress("2001:db8::1", 443)
    assert described(connection).startswith(
        "#0  [2001:db8:85a3:1234:5678:8a2e:370:7334]:50000 → [2001:db8::1]:443   opened"
    )
    assert described(connection, 60).splitlines()[:2] == [
        "#0  [2001:db8:85a3:1234:5678:8a2e:370:7334]:50000 →",
        "    [2001:db8::1]:443",
    ]


def test_a_fold_says_how_to_unfold() -> None:
    trace = trace_of(long_run().connection())
    assert list(report_lines(trace, Style(100)))[-1].strip() == "794 segments omitted (--all shows them)"
    unfolded = list(report_lines(trace, Style(100), fold=False))
    assert "folded" not in text_of(unfolded)
    assert len(unfolded) > 800


def test_many_connections_are_a_table_unless_selected() -> None:
    trace = crowd(MANY + 1)
    assert "Worst first" in text_of(list(report_lines(trace, Style(100))))
    selected = text_of(list(report_lines(trace, Style(100), selection=select(trace, [3]), segments=False)))
    assert "Worst first" not in selected
    assert "#3  10.0.0.3:40003" in selected
    assert "Worst first" not in text_of(list(report_lines(crowd(MANY), Style(100), segments=False)))


def only(text: str) -> Filter:
    return parse_filter(keys(), text)


def test_a_filter_says_how_many_it_means() -> None:
    def head(trace: Trace, text: str, order: str | None = None, numbers: tuple[int, ...] = ()) -> str:
        by = None if order is None else parse_order(keys(), order)
        selection = select(trace, numbers, only(text) if text else None, by)
        return list(report_lines(trace, Style(100), selection=selection, segments=False))[1]

    trace = crowd(20)
    assert head(trace, "id in 3..5") == "3 of 20 connections match id in 3..5"
    assert head(trace, "id == 4") == "1 of 20 connections matches id == 4"
    assert head(trace, "id == 20") == "no connection matches id == 20"
    assert head(trace, "id in 3..5", numbers=(4, 9)) == "1 of 2 connections matches id in 3..5"
    assert head(trace, "id > 17", "bytes") == "2 of 20 connections match id > 17 · sorted by bytes"
    assert head(trace, "", "-rtt") == "sorted by handshake.rtt, largest first"
    long = select(trace, only=only(" or ".join(["id == 40"] * 10_000)))
    assert len(list(report_lines(trace, Style(100), selection=long))) == 3
    assert "\x1b" not in head(trace, 'verdict == "\x1b[2J"')


def test_nothing_that_matches_is_no_table() -> None:
    trace = crowd(MANY + 1)
    lines = list(report_lines(trace, Style(100), selection=select(trace, only=only("id == 900"))))
    assert lines[1:] == ["no connection matches id == 900"]


def test_a_table_lists_the_chosen_ones_and_counts_them_only() -> None:
    trace = crowd(300)
    shown = list(report_lines(trace, Style(100), selection=select(trace, only=only("id >= 200"))))
    assert shown[1] == "100 of 300 connections match id >= 200"
    assert shown[3] == "handshakes  90 complete · 10 refused"
    assert sum("192.0.2.1:443" in line for line in shown) == ROWS
    assert "Worst first" in text_of(shown)
    assert shown[-2].startswith("60 more connections (--all lists them)")
    few = list(report_lines(trace, Style(100), selection=select(trace, only=only("id > 290"))))
    assert "#291  10.0.1.35" in text_of(few)


def test_a_table_is_in_the_order_asked_for() -> None:
    trace = crowd(300)
    for chosen, first in ((only("id < 100"), "99"), (None, "299")):
        by = parse_order(keys(), "-id")
        shown = list(report_lines(trace, Style(100), selection=select(trace, (), chosen, by)))
        rows = [line.split()[0] for line in shown if "192.0.2.1:443" in line]
        assert rows == [str(int(first) - place) for place in range(ROWS)]
        assert "Worst first" not in text_of(shown)
        assert f"{int(first) + 1 - ROWS} more connections" in shown[-2]
        everything = report_lines(trace, Style(100), selection=select(trace, (), chosen, by), fold=False)
        assert sum("192.0.2.1:443" in line for line in everything) == int(first) + 1


def test_what_is_chosen_by_number_is_no_table() -> None:
    trace = crowd(100)
    selection = select(trace, range(60), only("id < 50"))
    shown = text_of(list(report_lines(trace, Style(100), selection=selection, segments=False)))
    assert "#49  " in shown
    assert "#50  " not in shown


def test_colours_and_no_colours() -> None:
    plain = text_of(list(report_lines(trace_of(echo_connection()), Style(100))))
    coloured = text_of(list(report_lines(trace_of(echo_connection()), Style(100, colour=True))))
    assert "\x1b" not in plain
    assert "\x1b[1mcaptures/echo.pcap\x1b[0m" in coloured
    assert "\x1b[32mcomplete" in coloured


def test_thousands_of_connections_take_no_time() -> None:
    trace = crowd(5000)
    start = perf_counter()
    lines = list(report_lines(trace, Style(100)))
    assert perf_counter() - start < 1
    assert len(lines) < 60


@pytest.mark.slow
@given(st.integers(1, 200), st.booleans(), st.text(max_size=60), st.text(max_size=30))
def test_no_line_is_wider_and_none_acts(width: int, ascii_only: bool, path: str, reason: str) -> None:
    capture = replace(CAPTURE, path=path, skipped={reason: 1, "ARP": 2})
    for line in report_lines(trace_of(echo_connection(), capture=capture), Style(width, ascii=ascii_only)):
        assert columns(line) <= width
        assert line.isprintable()
        assert line.isascii() or not ascii_only


def test_it_loads_nothing_heavy() -> None:
    program = (
        "import sys, analyzer.report.text_report; print(*{name.partition('.')[0] for name in sys.modules})"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert not set(run.stdout.split()) & {
        "rich",
        "matplotlib",
        "numpy",
        "dpkt",
        "json",
        "click",
        "importlib.resources",
    }
