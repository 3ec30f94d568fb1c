from __future__ import annotations

import pickle
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.text import Message, in_english, inert, install_catalogue, said, say


@pytest.fixture
def german() -> Iterator[None]:
    install_catalogue({"reset by the {who}": "vom {who} abgebrochen", "server": "Server"})
    yield
    install_catalogue({})


def test_without_a_catalogue_the_sentence_stands() -> None:
    assert say("still open") == "still open"
    assert say("{out:,} bytes out", out=1234) == "1,234 bytes out"


@pytest.mark.usefixtures("german")
def test_with_a_catalogue() -> None:
    assert say("reset by the {who}", who=say("server")) == "vom Server abgebrochen"
    assert say("not in the catalogue, {who}", who="client") == "not in the catalogue, client"


@pytest.mark.usefixtures("german")
def test_in_english_whatever_the_catalogue() -> None:
    assert in_english("reset by the {who}", who="server") == "reset by the server"
    assert in_english("a set {1, 2}") == "a set {1, 2}"


@pytest.mark.usefixtures("german")
def test_a_message_is_english_until_it_is_said() -> None:
    message = Message("reset by the {who}", who=Message("server"))
    assert message == "reset by the server"
    assert said(message) == "vom Server abgebrochen"
    assert said(message, in_english) == message
    assert said("plain, {x}") == "plain, {x}"


def test_a_message_can_be_sent_to_another_process() -> None:
    message = Message("reset by the {who}, {count:,} times", who="server", count=1234)
    copy = pickle.loads(pickle.dumps(message))
    assert (copy, copy.sentence, copy.values) == (message, message.sentence, message.values)


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
