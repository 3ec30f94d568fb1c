"""Laying out: phases, folding, states, excerpts of payloads."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.diagram.layout import ROW_LIMIT, excerpt, lay_out
from analyzer.diagram.rows import Arrow, Diagram, Fold, Notice
from analyzer.tcp.notes import NOTES
from analyzer.tcp.states import State
from tests.diagram.builders import (
    NextState,
    Stage,
    crowded,
    echo,
    handshake_only,
    long_run,
    lossy,
    narrow,
    refused,
    reset,
    unreachable,
)


def shape(diagram: Diagram) -> list[tuple[str, int, int, str]]:
    return [(band.phase, band.first, band.last, band.outcome) for band in diagram.bands]


def segments_of(diagram: Diagram) -> int:
    return sum(
        row.segments_to_left + row.segments_to_right if isinstance(row, Fold) else isinstance(row, Arrow)
        for row in diagram.rows
    )


def test_an_error_stands_where_it_came() -> None:
    diagram = lay_out(unreachable(2).connection())
    assert [type(row).__name__ for row in diagram.rows] == ["Arrow", "Notice", "Notice"]
    notice = diagram.rows[1]
    assert isinstance(notice, Notice)
    assert (notice.frame, notice.phase) == (2, "handshake")
    assert (notice.error.kind, notice.error.answers) == ("host-unreachable", 1)
    assert diagram.rows[0].time_ns < notice.time_ns  # type: ignore[union-attr]
    assert shape(diagram) == [("handshake", 0, 2, "unanswered")]


def test_what_an_error_answers_is_not_folded_away() -> None:
    rows = lay_out(narrow().connection()).rows
    kinds = [type(row).__name__ for row in rows]
    at = kinds.index("Notice")
    # Both errors at their place, and the segment after them; what came between folded as ever.
    assert kinds[at - 1 : at + 3] == ["Fold", "Notice", "Notice", "Arrow"] or kinds[at - 1] == "Arrow"
    assert 24 in [row.frame for row in rows if isinstance(row, Arrow)]
    assert [row.frame for row in rows if isinstance(row, Notice)] == [44, 45]
    assert 46 in [row.frame for row in rows if isinstance(row, Arrow)]
    assert sum(kind == "Fold" for kind in kinds) >= 2
    assert [row.error.mtu for row in rows if isinstance(row, Notice)] == [1400, 1400]


def arrows(diagram: Diagram) -> list[Arrow]:
    return [row for row in diagram.rows if isinstance(row, Arrow)]


def folds(diagram: Diagram) -> list[Fold]:
    return [row for row in diagram.rows if isinstance(row, Fold)]


def test_an_echo_in_three_phases() -> None:
    diagram = lay_out(echo().connection())
    assert shape(diagram) == [
        ("handshake", 0, 2, "complete"),
        ("data", 3, 6, ""),
        ("close", 7, 9, "three-segment"),
    ]
    rows = arrows(diagram)
    assert [row.to_right for row in rows[:4]] == [True, False, True, True]
    assert [row.text for row in rows] == ["", "", "", '"AB"', "", '"AB"', "", "", "", ""]
    assert rows[8].labels == ("close-2", "close-3")
    assert rows[3].time_ns == 45_000


def test_a_state_stands_where_it_changed() -> None:
    diagram = lay_out(echo().connection())
    rows = arrows(diagram)
    assert (diagram.left.initial_state, diagram.right.initial_state) == ("CLOSED", "LISTEN")
    assert (diagram.left.final_state, diagram.right.final_state) == ("TIME-WAIT", "CLOSED")
    assert [row.left_state for row in rows] == [
        "SYN-SENT", "ESTABLISHED", None, None, None, None, None, "FIN-WAIT-1", "TIME-WAIT", None,
    ]  # fmt: skip
    assert [row.right_state for row in rows] == [
        "SYN-RECEIVED", None, "ESTABLISHED", None, None, None, None, "CLOSE-WAIT", "LAST-ACK", "CLOSED",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("stage", "expected"),
    [
        (handshake_only(), [("handshake", 0, 2, "complete")]),
        (refused(), [("handshake", 0, 1, "refused")]),
        (
            reset(),
            [
                ("handshake", 0, 2, "complete"),
                ("data", 3, 4, ""),
                ("close", 5, 5, "reset"),
            ],
        ),
        (
            Stage().open().exchange(b"x"),
            [("handshake", 0, 2, "complete"), ("data", 3, 4, "")],
        ),
        (
            Stage(opened="not-captured", client_state="UNKNOWN", server_state="UNKNOWN")
            .send("server", "ACK", 1, 1, "ack")
            .send("client", "ACK", 1, 1, "ack", client="ESTABLISHED", server="ESTABLISHED"),
            [("data", 0, 1, "")],
        ),
        # The third ACK was not captured: data ends the handshake.
        (
            Stage(opened="partial")
            .send("client", "SYN", 0, None, "handshake-1", client="SYN-SENT")
            .send("server", "SYN,ACK", 0, 1, "handshake-2", client="ESTABLISHED", server="SYN-RECEIVED")
            .send("client", "PSH,ACK", 1, 1, "data", payload=b"hello", server="ESTABLISHED"),
            [("handshake", 0, 1, "partial"), ("data", 2, 2, "")],
        ),
        # Simultaneous: nobody sends a third segment.
        (
            Stage(opened="simultaneous", server_state="CLOSED")
            .send("client", "SYN", 0, None, "handshake-1", client="SYN-SENT")
            .send("server", "SYN", 0, None, "handshake-1", client="SYN-RECEIVED", server="SYN-RECEIVED")
            .send("client", "SYN,ACK", 0, 1, "handshake-2", server="ESTABLISHED")
            .send("server", "SYN,ACK", 0, 1, "handshake-2", client="ESTABLISHED")
            .exchange(b"x"),
            [("handshake", 0, 3, "simultaneous"), ("data", 4, 5, "")],
        ),
        # A FIN on the third ACK belongs to the handshake's row; everything after it is the close.
        (
            Stage(closed="half-closed")
            .send("client", "SYN", 0, None, "handshake-1", client="SYN-SENT", server="SYN-RECEIVED")
            .send("server", "SYN,ACK", 0, 1, "handshake-2", client="ESTABLISHED")
            .send("client", "FIN,ACK", 1, 1, "handshake-3 close-1", client="FIN-WAIT-1", server="CLOSE-WAIT")
            .send("server", "ACK", 1, 2, "close-2", client="FIN-WAIT-2"),
            [("handshake", 0, 2, "complete"), ("close", 3, 3, "half-closed")],
        ),
        # Given up by a reset before it was open, and the connection counts as closed by that.
        (
            Stage(opened="half-open", closed="reset")
            .send("client", "SYN", 0, None, "handshake-1", client="SYN-SENT", server="SYN-RECEIVED")
            .send("client", "RST", 1, None, "reset", client="CLOSED", server="LISTEN"),
            [("handshake", 0, 0, "half-open"), ("close", 1, 1, "reset")],
        ),
        (
            Stage(opened="unanswered", closed="open")
            .send("client", "SYN", 0, None, "handshake-1", client="SYN-SENT")
            .send("client", "SYN", 0, None, "handshake-1", notes="syn_retransmission"),
            [("handshake", 0, 1, "unanswered")],
        ),
        (Stage(), []),
    ],
)
def test_phases(stage: Stage, expected: list[tuple[str, int, int, str]]) -> None:
    diagram = lay_out(stage.connection())
    assert shape(diagram) == expected


def test_a_reset_nobody_believes_does_not_begin_the_close() -> None:
    stage = Stage().open().send("server", "RST", 9, None, "reset", notes="unacceptable_reset").exchange(b"x")
    assert shape(lay_out(stage.connection())) == [
        ("handshake", 0, 2, "complete"),
        ("data", 3, 5, ""),
    ]


def test_a_long_run_is_one_row() -> None:
    diagram = lay_out(long_run(400).connection())
    assert len(diagram.rows) == 13
    (fold,) = folds(diagram)
    assert (fold.first_frame, fold.last_frame) == (8, 801)
    assert (fold.segments_to_right, fold.segments_to_left) == (397, 397)
    assert (fold.bytes_to_right, fold.bytes_to_left) == (397 * 1400, 0)
    assert fold.noted == ()
    assert segments_of(diagram) == 806


def test_what_would_hardly_be_shorter_is_left_alone() -> None:
    # Ten ordinary segments: four shown, two shown, four hidden are not worth a row that says so.
    assert folds(lay_out(Stage().open().exchange(b"x", 5).connection())) == []
    assert len(folds(lay_out(Stage().open().exchange(b"x", 6).connection()))) == 1


def test_everything_unfolded() -> None:
    diagram = lay_out(long_run(400).connection(), fold=False)
    assert folds(diagram) == []
    assert len(diagram.rows) == 806


def test_a_few_retransmissions_stay_visible() -> None:
    diagram = lay_out(lossy(3).connection())
    assert folds(diagram) == []
    again = [row for row in arrows(diagram) if row.retransmission]
    assert len(again) == 6
    assert again[0].notes == ("fast_retransmission",)


def test_many_retransmissions_are_counted() -> None:
    stage = lossy(500)
    diagram = lay_out(stage.connection())
    assert len(diagram.rows) <= ROW_LIMIT
    assert segments_of(diagram) == len(stage.sent)
    shown = sum(row.retransmission for row in arrows(diagram))
    assert shown >= 3
    assert shown + sum(fold.retransmissions for fold in folds(diagram)) == 1000
    noted = dict(folds(diagram)[0].noted)
    assert noted["retransmission"] > 400
    order = [note.name for note in NOTES]
    assert list(noted) == sorted(noted, key=order.index)


def test_repeated_opening_is_folded_too() -> None:
    stage = Stage(opened="unanswered", closed="none")
    stage.send("client", "SYN", 0, None, "handshake-1", client="SYN-SENT")
    for _ in range(500):
        stage.send("client", "SYN", 0, None, "handshake-1", notes="syn_retransmission", after_us=1_000_000)
    diagram = lay_out(stage.connection())
    assert len(diagram.rows) <= ROW_LIMIT
    assert {row.phase for row in diagram.rows} == {"handshake"}
    assert folds(diagram)[0].retransmissions > 400


def test_states_that_never_rest_do_not_make_an_endless_diagram() -> None:
    stage = Stage(opened="refused", closed="none")
    for _ in range(200):
        stage.send("client", "SYN", 0, None, "handshake-1", client="SYN-SENT")
        stage.send("server", "RST,ACK", 0, 1, "reset", client="CLOSED")
    diagram = lay_out(stage.connection())
    assert len(diagram.rows) <= ROW_LIMIT
    assert segments_of(diagram) == 400


def test_a_reset_is_marked() -> None:
    assert [row.reset for row in arrows(lay_out(reset().connection()))] == [False] * 5 + [True]
    assert lay_out(crowded().connection()).rows


KINDS = st.sampled_from(["data", "ack", "retransmission", "turn", "keep-alive", "close-1", "reset"])


@given(st.lists(st.tuples(KINDS, st.integers(1, 30)), max_size=40), st.booleans())
def test_no_segment_is_lost_and_bands_cover_the_rows(runs: list[tuple[str, int]], fold: bool) -> None:
    stage = Stage().open()
    for kind, times in runs:
        for number in range(times):
            labels = {"retransmission": "data", "turn": "ack"}.get(kind, kind)
            states: tuple[State, State] = ("CLOSE-WAIT", "ESTABLISHED")
            state: NextState = states[number % 2] if kind == "turn" else ""
            notes = "retransmission" if kind == "retransmission" else ""
            stage.send("client", "ACK", 1, 1, labels, notes=notes, server=state, length=1)
    diagram = lay_out(stage.connection(), fold=fold)
    assert segments_of(diagram) == len(stage.sent)
    if fold:
        assert len(diagram.rows) <= ROW_LIMIT
    covered = [place for band in diagram.bands for place in range(band.first, band.last + 1)]
    assert covered == list(range(len(diagram.rows)))
    firsts = [row.first_frame if isinstance(row, Fold) else row.frame for row in diagram.rows]
    assert firsts == sorted(firsts)
    assert all(
        row.phase == band.phase for band in diagram.bands for row in diagram.rows[band.first : band.last + 1]
    )


@pytest.mark.parametrize(
    ("payload", "shown"),
    [
        (b"", ""),
        (b"AB", '"AB"'),
        (b"GET / HTTP/1.1\r\nHost: example", '"GET / HTTP/1.1\\r\\nHost: "…'),
        (b"\r\n", '"\\r\\n"'),
        (b"\x00", "00"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03", "16 03 01 02 00 01 00 01 …"),
        (b"caf\xe9", "63 61 66 e9"),
        ("你好".encode(), '"你好"'),
        ("你" * 13, '"' + "你" * 12 + '"…'),
        (b"C:\\n", '"C:\\\\n"'),
        (b"look \x1b[31m red here", '"look \\x1b[31m red here"'),
        ("ab\u202ecd efgh", '"ab\\u202ecd efgh"'),
        ("e\u0301 e\u0301\u0301 ok", '"e\u0301 e\u0301\\u0301 ok"'),
    ],
)
def test_excerpts(payload: bytes | str, shown: str) -> None:
    data = payload.encode() if isinstance(payload, str) else payload
    assert excerpt(data, len(data)) == shown


def test_an_excerpt_that_ends_inside_a_character() -> None:
    assert excerpt("abc你".encode()[:-1], 6) == '"abc"…'
    assert excerpt(b"abc", 1000) == '"abc"…'


@given(st.binary(max_size=64), st.integers(0, 64))
def test_an_excerpt_is_harmless_and_short(payload: bytes, missing: int) -> None:
    shown = excerpt(payload, len(payload) + missing)
    assert shown.isprintable()
    assert len(shown) <= 27


def test_summaries_stand_in_the_place_of_excerpts() -> None:
    connection = echo().connection()
    told = {4: "HTTP GET /" + "x" * 100, 5: "no payload here", 6: "a\x1b[2J\u202e\\x"}
    rows = {row.frame: row for row in arrows(lay_out(connection, summaries=told))}
    assert rows[4].text == "HTTP GET /" + "x" * 37 + "…"
    assert rows[5].text == ""
    assert rows[6].text == "a\\x1b[2J\\u202e\\x"
