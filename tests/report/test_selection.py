from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from analyzer.analysis.stored import analyze
from analyzer.errors import UsageError
from analyzer.filters.filters import parse_filter
from analyzer.filters.order import parse_order
from analyzer.report.selection import keys, select
from analyzer.trace.values import Connection, Folded, Trace
from tests.commands.running import ROOT
from tests.report.builders import CAPTURE, crowd


def chosen(trace: Trace, numbers: Sequence[int] = (), only: str = "", order: str = "") -> list[int]:
    """The numbers of the connections."""
    selection = select(
        trace,
        numbers,
        parse_filter(keys(), only) if only else None,
        parse_order(keys(), order) if order else None,
    )
    return [connection.id for connection in selection.connections]


def test_the_keys_are_made_once() -> None:
    assert keys() is keys()


def test_all_of_them() -> None:
    assert chosen(crowd(3)) == [0, 1, 2]


def test_the_selected_ones_in_their_order() -> None:
    assert chosen(crowd(5), [4, 1]) == [4, 1]


def test_a_filter_keeps_the_order_and_the_numbers() -> None:
    assert chosen(crowd(30), only="handshake == refused") == [0, 10, 20]
    assert chosen(crowd(30), only="id == 90") == []


def test_numbers_and_a_filter_are_both_to_hold() -> None:
    assert chosen(crowd(30), [20, 15, 10], "handshake == refused") == [20, 10]


def test_an_order() -> None:
    # Connection `number` carries `number` bytes, and every seventh sent one segment again.
    assert chosen(crowd(5), order="-bytes") == [4, 3, 2, 1, 0]
    assert chosen(crowd(9), order="retransmissions") == [0, 2, 3, 4, 5, 6, 7, 1, 8]
    assert chosen(crowd(9), order="-retransmissions") == [1, 8, 0, 2, 3, 4, 5, 6, 7]
    assert chosen(crowd(9), [8, 1, 3], order="retransmissions") == [3, 8, 1]
    assert chosen(crowd(9), only="id > 5", order="-bytes") == [8, 7, 6]


def test_start_counts_from_the_first_frame_of_the_capture() -> None:
    trace = crowd(3)
    for number in range(3):
        trace[number].first_time_ns = CAPTURE.first_time_ns + 1_000_000 * (3 - number)  # type: ignore[operator]
    assert chosen(trace, only="start <= 2ms") == [1, 2]
    assert chosen(trace, order="start") == [2, 1, 0]


def test_what_is_remembered_of_a_selection() -> None:
    only, order = parse_filter(keys(), "id > 2"), parse_order(keys(), "id")
    selection = select(crowd(9), [1, 3], only, order)
    assert (selection.of, selection.numbered, selection.only, selection.order) == (2, True, only, order)
    assert (select(crowd(9)).of, select(crowd(9)).numbered) == (9, False)


def test_a_filter_and_an_order_need_no_whole_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    trace = analyze(ROOT / "captures" / "clients.pcap")

    def refuse(*_arguments: object) -> Connection:
        raise AssertionError("a connection was made")

    with monkeypatch.context() as patched:
        patched.setattr("analyzer.trace.build.build_connection", refuse)
        only = parse_filter(keys(), "server.port == 20006 and rtt > 10us and bytes > 0 and notes = none")
        selection = select(trace, (), only, parse_order(keys(), "-rtt"))
        assert len(selection.connections) == 3
    assert [connection.id for connection in selection.connections] == [0, 2, 1]


FOLDED = Folded(
    connections=2, segments=4, bytes=0, handshakes={"refused": 2}, closes={"none": 2}, server_ports={443: 2}
)


def test_of_a_capture_that_was_folded_the_others_are_chosen() -> None:
    trace = crowd(5)
    left = Trace(replace(CAPTURE, folded=FOLDED), [trace[0], trace[3], trace[4]])
    assert chosen(left, [3]) == [3]
    assert chosen(left, only="id > 0") == [3, 4]
    with pytest.raises(UsageError, match="connection 2 is counted only"):
        select(left, [2])
    with pytest.raises(UsageError, match=r"connection 5 does not exist: the .* from 0 to 4"):
        select(left, [5])


@pytest.mark.parametrize(
    ("count", "number", "sentence"),
    [
        (0, 0, "connection 0 does not exist: the capture has no TCP connections"),
        (1, 1, "connection 1 does not exist: the only connection of this capture is number 0"),
        (5, 7, "connection 7 does not exist: the connections of this capture are numbered from 0 to 4"),
        (5, -1, "connection -1 does not exist: the connections of this capture are numbered from 0 to 4"),
    ],
)
def test_a_number_nobody_has(count: int, number: int, sentence: str) -> None:
    with pytest.raises(UsageError) as raised:
        select(crowd(count), [0, number] if count else [number])
    assert str(raised.value) == sentence
