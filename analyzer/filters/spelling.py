"""What somebody wrote, as an error tells it: harmless, not too long, and with what was probably meant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from analyzer.text import inert, say

__all__ = ["in_short", "nearest"]

MOST_CHARACTERS: Final = 100


def in_short(text: str) -> str:
    """The text made harmless, and its beginning only where it is long."""
    return inert(text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]}...")


def nearest(name: str, known: Mapping[str, str] | Sequence[str]) -> str:
    """The end of a sentence that names what was probably meant; nothing where nothing is near."""
    import difflib

    found = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    if not found:
        return ""
    meant = known[found[0]] if isinstance(known, Mapping) else found[0]
    return say(": did you mean {name}?", name=meant)
