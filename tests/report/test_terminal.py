from __future__ import annotations

import io
import os

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from analyzer.report.terminal import (
    COLOURS,
    FILE_WIDTH,
    Style,
    columns,
    cut,
    finish,
    flow,
    foreign,
    fragments,
    own,
    style_of,
    tail,
)

PLAIN = Style()
ASCII = Style(ascii=True)


class Terminal(io.TextIOWrapper):
    """A stream that says it is a terminal; its width is not known."""

    def isatty(self) -> bool:
        return True


def terminal(encoding: str = "utf-8") -> Terminal:
    return Terminal(io.BytesIO(), encoding=encoding)


@pytest.mark.parametrize(
    ("text", "width"),
    [
        ("AB", 2),
        ("你好", 4),
        ("ｱ", 1),
        ("Ａ", 2),
        ("é", 1),
        ("e\u0301", 1),
        ("│▶", 2),
        ("❤\ufe0f", 2),
        ("", 0),
    ],
)
def test_columns(text: str, width: int) -> None:
    assert columns(text) == width


def test_what_acts_on_a_terminal_is_written_out() -> None:
    assert foreign("\x1b[31m\r\n\u202eabc\x9b", PLAIN) == "\\x1b[31m\\r\\n\\u202eabc\\x9b"


def test_ascii_translates_what_is_ours_and_escapes_what_is_not() -> None:
    assert own("a → b · 15 µs …", ASCII) == "a -> b; 15 us ..."
    assert foreign("a → 你", ASCII) == "a \\u2192 \\u4f60"


@pytest.mark.parametrize(
    ("text", "room", "expected"),
    [
        ("abcdef", 6, "abcdef"),
        ("abcdef", 4, "abc…"),
        ("你好吗", 5, "你好…"),
        ("你好吗", 4, "你…"),
        ("ab\\x1bcd", 6, "ab…"),
        ("ab\\x1bcd", 7, "ab\\x1b…"),
        ("abc", 0, ""),
    ],
)
def test_cut(text: str, room: int, expected: str) -> None:
    assert cut(text, room, PLAIN) == expected


def test_cut_in_ascii() -> None:
    assert cut("abcdef", 5, ASCII) == "ab..."
    assert cut("abcdef", 2, ASCII) == ".."


def test_tail() -> None:
    assert tail("/very/long/echo.pcap", 10, PLAIN) == "…echo.pcap"
    assert tail("echo", 4, PLAIN) == "echo"
    assert tail("echo", 2, ASCII) == ".."


def test_fragments_keep_escapes_and_combining_characters_whole() -> None:
    assert list(fragments("a\\x1b\\n\\\\\\u202ee\u0301")) == [
        "a",
        "\\x1b",
        "\\n",
        "\\\\",
        "\\u202e",
        "e\u0301",
    ]


def test_flow_breaks_between_items_then_words_then_anywhere() -> None:
    assert flow(["one", "two", "three"], 11, PLAIN) == ["one · two ·", "three"]
    assert flow(["one two three", "four"], 8, PLAIN) == ["one two", "three ·", "four"]
    assert flow(["abcdefghij"], 4, PLAIN) == ["abcd", "efgh", "ij"]
    assert flow(["one", "two"], 20, PLAIN, first=5) == ["one ·", "two"]
    assert flow([], 10, PLAIN) == [""]


def test_flow_keeps_a_number_and_its_unit_together_and_a_citation_whole() -> None:
    assert flow(["trip 5 ms + 27 µs now"], 14, PLAIN) == ["trip 5 ms +", "27 µs now"]
    assert flow(["it moves [RFC 9293 3.10.7.4] on"], 24, PLAIN) == ["it moves", "[RFC 9293 3.10.7.4] on"]
    assert flow(["so 5 messages"], 5, PLAIN) == ["so 5", "messa", "ges"]


def test_finish_does_not_mark_blanks_that_only_fill_a_column() -> None:
    assert finish([("name" + " " * 20, "state"), ("  ", "")], Style(10)) == "name"
    assert finish([("name" + " " * 3 + "more", "state")], Style(10)) == "name   mo…"


def test_finish_cuts_colours_and_leaves_no_blanks_behind() -> None:
    spans = [("state", "state"), ("  ", ""), ("text   ", "")]
    assert finish(spans, Style(width=80)) == "state  text"
    assert finish(spans, Style(width=9)) == "state  t…"
    assert finish(spans, Style(width=80, colour=True)) == "\x1b[36mstate\x1b[0m  text"
    assert finish([("   ", "title")], Style(colour=True)) == ""


def test_nothing_of_the_text_becomes_a_colour() -> None:
    assert finish([("\x1b[31mred", "")], Style(colour=True)) == "\\x1b[31mred"


@given(
    st.lists(st.tuples(st.text(max_size=30), st.sampled_from(sorted(COLOURS))), max_size=5),
    st.integers(1, 60),
    st.booleans(),
)
def test_a_line_is_never_wider_and_always_harmless(
    spans: list[tuple[str, str]], width: int, ascii_only: bool
) -> None:
    line = finish(spans, Style(width=width, ascii=ascii_only))
    assert columns(line) <= width
    assert line.isprintable()
    assert line.isascii() or not ascii_only


@given(st.lists(st.text(max_size=20), max_size=5), st.integers(2, 30))
@example(["\\⺀"], 2)
def test_flow_never_exceeds_its_room(items: list[str], room: int) -> None:
    assert all(columns(line) <= room for line in flow(items, room, PLAIN))


def test_style_of_a_file() -> None:
    style = style_of(io.TextIOWrapper(io.BytesIO(), encoding="utf-8"), {"TERM": "xterm"})
    assert style == Style(width=FILE_WIDTH, colour=False, ascii=False)


@pytest.mark.parametrize(
    ("environment", "style"),
    [
        ({"TERM": "xterm"}, Style(80, True, False)),
        ({"TERM": "xterm", "COLUMNS": "120"}, Style(120, True, False)),
        ({"TERM": "xterm", "COLUMNS": "0"}, Style(80, True, False)),
        ({"TERM": "xterm", "COLUMNS": "x"}, Style(80, True, False)),
        ({"TERM": "xterm", "NO_COLOR": "1"}, Style(80, False, False)),
        ({"TERM": "xterm", "NO_COLOR": ""}, Style(80, True, False)),
        ({"TERM": "dumb"}, Style(80, False, False)),
        ({}, Style(80, False, False)),
        ({"TERM": "xterm", "LC_ALL": "C"}, Style(80, True, True)),
    ],
)
def test_style_of_a_terminal(environment: dict[str, str], style: Style) -> None:
    assert style_of(terminal(), environment) == style


def test_the_encoding_decides_about_the_glyphs() -> None:
    assert style_of(terminal("latin-1"), {}).ascii
    assert style_of(terminal("utf-8"), {}, ascii_only=True).ascii


def test_the_width_comes_from_the_terminal() -> None:
    leader, follower = os.openpty()
    with open(leader, "rb", buffering=0), open(follower, "w", encoding="utf-8") as stream:
        # A new pseudo-terminal has no columns.
        assert style_of(stream, {"TERM": "xterm"}).width == 80
