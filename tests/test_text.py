from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.text import inert, install_catalogue, say


@pytest.fixture
def german() -> Iterator[None]:
    install_catalogue({"reset by the {who}": "vom {who} abgebrochen", "server": "Server"})
    yield
    install_catalogue({})


def test_without_a_catalogue_the_sentence_stands() -> None:
    assert say("still open") == "still open"
    assert say("{out:,} octets out", out=1234) == "1,234 octets out"


@pytest.mark.usefixtures("german")
def test_with_a_catalogue() -> None:
    assert say("reset by the {who}", who=say("server")) == "vom Server abgebrochen"
    assert say("not in the catalogue, {who}", who="client") == "not in the catalogue, client"


def test_braces_in_values_and_in_sentences_without_values_are_text() -> None:
    assert say("the file {path}", path="{x}{0}") == "the file {x}{0}"
    assert say("a set {1, 2}") == "a set {1, 2}"


@pytest.mark.parametrize(
    ("text", "harmless"),
    [
        ("plain text, ümläut, 中文, 🙂", "plain text, ümläut, 中文, 🙂"),
        ("\x1b[2J", "\\x1b[2J"),
        ("a\nb\rc\td", "a\\nb\\rc\\td"),
        ("\x00\x7f\x9b", "\\x00\\x7f\\x9b"),
        ("\u202etxt.exe", "\\u202etxt.exe"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("\u2028\u2029", "\\u2028\\u2029"),
        ("\udcff", "\\udcff"),
        ("", ""),
    ],
)
def test_inert(text: str, harmless: str) -> None:
    assert inert(text) == harmless


@pytest.mark.slow
@given(st.text(st.characters(codec=None)))
def test_nothing_that_acts_gets_through(text: str) -> None:
    assert inert(text).isprintable()
    assert inert(inert(text)) == inert(text)
