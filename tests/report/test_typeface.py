"""Measuring text, wrapping it, and what happens to characters that no font has."""

from __future__ import annotations

import pytest

from analyzer.report.typeface import Typeface, breakable, typeface


def test_plain_text_is_left_alone() -> None:
    face = typeface(9)
    assert face.shown("seq=1 ack=1") == "seq=1 ack=1"
    assert face.shown("→ ⋮ × …") == "→ ⋮ × …"


def test_what_no_font_has_becomes_an_escape() -> None:
    # A code point that Unicode has assigned (so it is printable) and hardly any font draws.
    face = Typeface(("DejaVu Sans",), 9)
    assert face.shown("a\U0001f980b") == "a\\U0001f980b"
    assert face.shown("a\x1bb") == "a\\x1bb"


def test_a_bigger_text_is_wider() -> None:
    assert typeface(12).width("client") > typeface(9).width("client") > 0
    assert typeface(9, bold=True).width("client") > typeface(9).width("client")


def test_cutting() -> None:
    face = typeface(9)
    assert face.cut("short", 100) == "short"
    cut = face.cut("a long sentence that does not fit", 60)
    assert cut.endswith("…")
    assert face.width(cut) <= 60


@pytest.mark.parametrize(
    "text",
    [
        "one two three four five six seven eight nine ten eleven twelve",
        "2001:0db8:85a3:1234:5678:8a2e:0370:7334" * 3,
        "连接已打开，客户端发送了数据，然后由客户端关闭。" * 3,
        "short",
    ],
)
def test_wrapping(text: str) -> None:
    face = typeface(10)
    shown = face.shown(text)
    lines = face.wrapped(shown, 150)
    assert all(face.width(line) <= 150 for line in lines)
    assert "".join(lines).replace(" ", "") == shown.replace(" ", "")


def test_nothing_to_wrap() -> None:
    assert typeface(10).wrapped("", 100) == []


def test_gathering() -> None:
    face = typeface(8)
    assert face.gathered(["one", "two"], 500) == ["one  ·  two"]
    assert face.gathered(["one", "two"], face.width("one") + 1) == ["one", "two"]


def test_where_a_line_may_be_broken() -> None:
    assert breakable("ab cd") == ["ab ", "cd"]
    assert breakable("好的，走") == ["好", "的，", "走"]
