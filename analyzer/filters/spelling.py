"""Text of the user in an error message: safe to show, not too long, with a suggestion of what was meant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from analyzer.text import inert, say

__all__ = ["in_short", "nearest"]

MOST_CHARACTERS: Final = 100


def in_short(text: str) -> str:
    """The text, safe to show. A long text is cut."""
    return inert(text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]}...")


def nearest(name: str, known: Mapping[str, str] | Sequence[str]) -> str:
    """Suggest what was probably meant.

    Args:
        name: What the user wrote.
        known: The known names; as a mapping, what to suggest for each.

    Returns:
        The end of a sentence, e.g. ": did you mean close?"; empty if no known name is near.
    """
    import difflib

    found = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    if not found:
        return ""
    meant = known[found[0]] if isinstance(known, Mapping) else found[0]
    return say(": did you mean {name}?", name=meant)
