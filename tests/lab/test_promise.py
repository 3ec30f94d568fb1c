from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from analyzer import analyze
from analyzer.lab.promise import ConnectionPromise, Promise, PromiseError, broken_promises, keep_promise
from analyzer.lab.scenarios import SCENARIOS

CAPTURES = Path(__file__).parents[2] / "captures"
ECHO = analyze(CAPTURES / "echo.pcap")
KEPT = SCENARIOS["echo"].promise.connections[0]


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        (replace(KEPT, handshakes=("refused",)), "handshake: refused was promised, complete was found"),
        (
            replace(KEPT, closes=("reset", "none")),
            "close: reset or none was promised, three-segment was found",
        ),
        (replace(KEPT, active=None), "closed first: nobody was promised, client was found"),
        (replace(KEPT, time_wait=()), "left in TIME-WAIT: nobody was promised, client was found"),
        (replace(KEPT, labels=frozenset({"reset"})), "the label reset was promised, but does not occur"),
        (replace(KEPT, notes=frozenset({"offload"})), "the note offload was promised, but does not occur"),
        (
            replace(KEPT, errors=frozenset({"port-unreachable"})),
            "the ICMP error port-unreachable was promised, but does not occur",
        ),
        (replace(KEPT, lengths=frozenset({2, 3})), "a segment with 3 bytes was promised, but does not occur"),
        (replace(KEPT, longest=1), "at most 1 bytes in a segment were promised, 2 were found"),
    ],
)
def test_each_difference_is_a_sentence(wanted: ConnectionPromise, sentence: str) -> None:
    assert broken_promises(Promise((wanted,)), ECHO) == [f"connection 0: {sentence}"]


def test_a_promise_that_is_kept() -> None:
    assert broken_promises(Promise((KEPT,)), ECHO) == []
    keep_promise(Promise((replace(KEPT, times=None),)), ECHO)


def test_more_connections_than_promised_or_fewer() -> None:
    assert broken_promises(Promise((replace(KEPT, times=2),)), ECHO) == [
        "2 connections were promised, 1 were found"
    ]
    assert broken_promises(Promise(()), ECHO) == ["0 connections were promised, 1 were found"]
    assert broken_promises(Promise((KEPT, replace(KEPT, times=None))), ECHO) == [
        "2 connections were promised, 1 were found"
    ]


def test_what_was_captured_beside_tcp_counts_too() -> None:
    assert broken_promises(Promise((KEPT,), {"UDP": 2}), ECHO) == [
        "frames without TCP: 2 UDP was promised, nothing was captured"
    ]


def test_an_open_number_takes_what_is_there() -> None:
    clients = analyze(CAPTURES / "clients.pcap")
    assert broken_promises(Promise((replace(KEPT, times=None),)), clients) == []
    assert broken_promises(Promise((KEPT, replace(KEPT, times=None), KEPT)), clients) == []


def test_a_broken_promise_is_an_error_with_every_difference() -> None:
    with pytest.raises(PromiseError, match=r"promises: connection 0: .*; connection 0: .*[^.]$") as caught:
        keep_promise(Promise((replace(KEPT, active="server", handshakes=("refused",)),)), ECHO)
    assert caught.value.exit_status == 1
