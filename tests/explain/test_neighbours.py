"""What stands around a segment, also where numbers wrap and segments repeat."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analyzer.explain.neighbours import asks, bytes_of_sequence, neighbours
from analyzer.tcp.notes import NoteName
from analyzer.trace.values import Segment, Side
from tests.diagram.builders import flags_of


def segment(frame: int, sender: Side, flags: str, seq: int, ack: int | None, length: int = 0) -> Segment:
    return Segment(
        frame=frame,
        time_ns=frame,
        sender=sender,
        flags=flags_of(flags),
        seq=seq,
        ack=ack,
        length=length,
        window=1,
        labels=(),
        notes=(),
        client_state=("ESTABLISHED", "ESTABLISHED"),
        server_state=("ESTABLISHED", "ESTABLISHED"),
        why=(),
    )


EXCHANGE = [
    segment(1, "client", "SYN", 0, None),
    segment(2, "server", "SYN,ACK", 0, 1),
    segment(3, "client", "ACK", 1, 1),
    segment(4, "client", "PSH,ACK", 1, 1, 10),
    segment(5, "client", "PSH,ACK", 11, 1, 10),
    segment(6, "server", "ACK", 1, 11),
    segment(7, "server", "ACK", 1, 21),
    segment(8, "client", "FIN,ACK", 21, 1),
    segment(9, "server", "FIN,ACK", 1, 22),
]


def around(place: int) -> tuple[int | None, int | None, list[int], int | None]:
    found = neighbours(EXCHANGE, place)
    return (
        found.previous_own.frame if found.previous_own else None,
        found.previous_other.frame if found.previous_other else None,
        [earlier.frame for earlier in found.acknowledged],
        found.answer.frame if found.answer else None,
    )


def test_an_exchange() -> None:
    assert around(0) == (None, None, [], 2)
    assert around(1) == (None, 1, [1], 3)
    assert around(2) == (1, 2, [2], None)
    assert around(3) == (3, 2, [], 6)
    assert around(4) == (4, 2, [], 7)
    assert around(5) == (2, 5, [4], None)
    assert around(6) == (6, 5, [5], None)
    assert around(7) == (5, 7, [], 9)
    assert around(8) == (7, 8, [8], None)


def test_bytes_of_sequence_count_syn_and_fin() -> None:
    assert [bytes_of_sequence(one) for one in EXCHANGE] == [1, 1, 0, 10, 10, 0, 0, 1, 1]


def test_numbers_wrap() -> None:
    top = 2**32
    exchange = [
        segment(1, "client", "ACK", top - 4, 1, 8),
        segment(2, "server", "ACK", 1, top - 4),
        segment(3, "server", "ACK", 1, 4),
    ]
    found = neighbours(exchange, 0)
    assert found.answer is exchange[2]
    assert neighbours(exchange, 2).acknowledged == (exchange[0],)
    assert neighbours(exchange, 1).acknowledged == ()


@pytest.mark.parametrize(
    ("question", "answer"),
    [("keep_alive", "keep_alive_ack"), ("zero_window_probe", "zero_window_probe_ack")],
)
def test_a_question_without_a_sequence_number_is_answered_too(question: NoteName, answer: NoteName) -> None:
    asking = replace(segment(1, "client", "ACK", 9, 1), notes=(question,))
    again = replace(asking, frame=2)
    between = segment(3, "server", "PSH,ACK", 1, 10, 5)
    answering = replace(segment(4, "server", "ACK", 6, 10), notes=(answer,))
    exchange = [asking, again, between, answering]
    assert neighbours(exchange, 0).answer is None, "what comes after the second question answers that one"
    assert neighbours(exchange, 1).answer is answering
    assert [asks(one) for one in exchange] == [True, True, False, False]
