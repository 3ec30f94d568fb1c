"""Every string that a user sees passes here: one place translates it, one place makes it harmless.

This module imports nothing of the package. `say` looks a sentence up in the catalogue of the chosen language and fills
it in. `in_english` only fills it in, for documents that are the same in every language. A sentence in a value is a
`Message`, which a report translates with `said`. `inert` makes text from outside harmless (file names, payloads,
names inside a capture).
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
    """Translate a sentence and fill in its `{placeholders}`.

    Args:
        sentence: The English sentence, which is also the key of the catalogue.
        values: What fills the placeholders. A `Message` is translated, anything else is inserted as it is. Pass text
            from outside through `inert` first.

    Returns:
        The sentence in the user's language.
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
    """Fill in a sentence without translating it.

    Args:
        sentence: The English sentence.
        values: What fills the placeholders.

    Returns:
        The English sentence.
    """
    return sentence.format(**values) if values else sentence


class Message(str):
    """A sentence kept in a value: the English text, and what is needed to translate it.

    A report translates it with `said`. A document that is the same in every language writes it as it is.

    Attributes:
        sentence: The sentence with its placeholders.
        values: What fills the placeholders.
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
    """Translate a text of a value.

    Args:
        text: A `Message`, or any other text.
        say: Which language to use: `say` or `in_english`.

    Returns:
        A `Message` in that language; any other text as it is.
    """
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
