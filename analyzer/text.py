"""The door for every string a user sees: one place to translate it, one place to make it harmless.

This module imports nothing of the package. `say` looks a sentence up in the catalogue of the chosen
language and fills it in; `in_english` only fills it in, for documents that are the same in every language.
A sentence in a value is a `Message`, which a report says (`said`). `inert` takes the bite out of text that
comes from outside (file names, payloads, names inside a capture).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

__all__ = ["Message", "Say", "in_english", "inert", "install_catalogue", "said", "say"]

_catalogue: Mapping[str, str] = {}


def install_catalogue(catalogue: Mapping[str, str]) -> None:
    """Make `say` answer in another language.

    catalogue: English sentence (with its `{placeholders}`) -> the same sentence in that language.
    """
    global _catalogue
    _catalogue = catalogue


def say(sentence: str, /, **values: object) -> str:
    """The sentence in the user's language, its `{placeholders}` filled from `values`.

    Values are inserted as they are, but a `Message` is said too: pass text from outside through `inert` first.
    """
    translated = _catalogue.get(sentence, sentence)
    if not values:
        return translated
    return translated.format(
        **{name: said(value) if isinstance(value, Message) else value for name, value in values.items()}
    )


class Say(Protocol):
    """A way to say a sentence: `say` or `in_english`."""

    def __call__(self, sentence: str, /, **values: object) -> str:
        """The sentence, filled from `values`."""


def in_english(sentence: str, /, **values: object) -> str:
    """The sentence as it stands in the source, filled from `values`."""
    return sentence.format(**values) if values else sentence


class Message(str):
    """A sentence that is kept in a value: English text, with what it takes to say it in another language.

    A report says it (`said`); a document that is the same in every language writes it as it is.
    """

    __slots__ = ("sentence", "values")

    sentence: str
    values: Mapping[str, object]

    def __new__(cls, sentence: str, /, **values: object) -> Message:
        """See `say`."""
        message = super().__new__(cls, in_english(sentence, **values))
        message.sentence = sentence
        message.values = values
        return message


def said(text: str, say: Say = say) -> str:
    """A text of a value in the user's language: that of a `Message`, and anything else as it is."""
    return say(text.sentence, **text.values) if isinstance(text, Message) else text


def inert(text: str) -> str:
    """`text` with every character that could act on a terminal or reorder a line written as an escape.

    Control characters (C0, DEL, C1), line and paragraph separators, surrogates, and the bidirectional
    and zero-width format characters become `\\n`, `\\x1b`, `\\u202e`, ...; everything else stays.
    """
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else _escaped(character) for character in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "backslashreplace").decode("ascii")
