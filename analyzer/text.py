"""The door for every string a user sees: one place to translate it, one place to make it harmless.

This module imports nothing of the package. `say` looks a sentence up in the catalogue of the chosen
language and fills it in; `inert` takes the bite out of text that comes from outside (file names,
payloads, names inside a capture).
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["inert", "install_catalogue", "say"]

_catalogue: Mapping[str, str] = {}


def install_catalogue(catalogue: Mapping[str, str]) -> None:
    """Make `say` answer in another language.

    catalogue: English sentence (with its `{placeholders}`) -> the same sentence in that language.
    """
    global _catalogue
    _catalogue = catalogue


def say(sentence: str, /, **values: object) -> str:
    """The sentence in the user's language, its `{placeholders}` filled from `values`.

    Values are inserted as they are: pass text from outside through `inert` first.
    """
    translated = _catalogue.get(sentence, sentence)
    return translated.format(**values) if values else translated


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
