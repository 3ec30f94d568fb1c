"""Every string that a user sees passes here: to be translated, and to be made harmless.

This module imports nothing from the package. `say` looks a sentence up in the catalogue of the chosen language and
fills it in. `in_english` only fills it in, for documents that are the same in every language. A sentence that is kept
in a value is a `Message`; a report translates it with `said`. `inert` makes text from outside harmless (file names,
payloads, names inside a capture).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

__all__ = ["Message", "Say", "in_english", "inert", "install_catalogue", "said", "say"]

_catalogue: Mapping[str, str] = {}


def install_catalogue(catalogue: Mapping[str, str]) -> None:
    """Make `say` use another language.

    Args:
        catalogue: English sentence (with its `{placeholders}`) -> the same sentence in that language.
    """
    global _catalogue
    _catalogue = catalogue


def say(sentence: str, /, **values: object) -> str:
    """The sentence in the user's language, with its `{placeholders}` filled from `values`.

    Values are inserted unchanged, but a `Message` is translated. Pass text from outside through `inert` first.
    """
    translated = _catalogue.get(sentence, sentence)
    if not values:
        return translated
    return translated.format(
        **{name: said(value) if isinstance(value, Message) else value for name, value in values.items()}
    )


class Say(Protocol):
    """The type of `say` and `in_english`."""

    def __call__(self, sentence: str, /, **values: object) -> str:
        """Return the sentence, filled in with `values`."""


def in_english(sentence: str, /, **values: object) -> str:
    """The English sentence, filled from `values`."""
    return sentence.format(**values) if values else sentence


class Message(str):
    """A sentence that is kept in a value: English text, with what is needed to translate it.

    A report translates it (`said`). A document that is the same in every language writes it unchanged.
    """

    __slots__ = ("sentence", "values")

    sentence: str
    values: Mapping[str, object]

    def __new__(cls, sentence: str, /, **values: object) -> Message:
        """Make a message from a sentence and what fills it in.

        Args:
            sentence: The English sentence with its placeholders, as for `say`.
            values: What fills the placeholders.
        """
        message = super().__new__(cls, in_english(sentence, **values))
        message.sentence = sentence
        message.values = values
        return message


def said(text: str, say: Say = say) -> str:
    """The text in the user's language: a `Message` is translated, any other text is unchanged."""
    return say(text.sentence, **text.values) if isinstance(text, Message) else text


def inert(text: str) -> str:
    """Escape every character that could control a terminal or reorder a line.

    Args:
        text: Text from outside.

    Returns:
        The text, in which control characters (C0, DEL, C1), line and paragraph separators, surrogates, and the
        bidirectional and zero-width format characters are written as `\\n`, `\\x1b`, `\\u202e`, ...
    """
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else _escaped(character) for character in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "backslashreplace").decode("ascii")
