from __future__ import annotations

from analyzer.tcp.states import State
from analyzer.trace.errors_heard import with_answers
from analyzer.trace.values import IcmpError, Segment, Side


def segment(frame: int, sender: Side, seq: int) -> Segment:
    state: tuple[State, State] = ("ESTABLISHED", "ESTABLISHED")
    return Segment(frame, frame, sender, "ACK", seq, 1, 10, 100, ("data",), (), state, state, "")


def error(frame: int, seq: int | None, answers: int | None = None) -> IcmpError:
    return IcmpError(
        frame, frame, "10.0.0.254", "host-unreachable", "host unreachable", "client", seq, answers, None
    )


SEGMENTS = [
    segment(1, "client", 5),
    segment(2, "server", 5),
    segment(3, "client", 5),
    segment(4, "client", 15),
    segment(6, "client", 5),
]


def answers(*errors: IcmpError) -> list[int | None]:
    return [answered.answers for answered in with_answers(errors, SEGMENTS)]


def test_the_latest_one_before_it_from_that_side() -> None:
    assert answers(error(5, 5), error(5, 15), error(2, 5), error(7, 5)) == [3, 4, 1, 6]


def test_what_was_not_captured() -> None:
    assert answers(error(5, 25), error(5, None)) == [None, None]


def test_what_was_known_when_it_came_stands() -> None:
    assert answers(error(5, 5, 4)) == [4]
