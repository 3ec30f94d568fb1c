"""What was written wrongly, as an error tells it."""

from __future__ import annotations

from analyzer.filters.spelling import MOST_CHARACTERS, in_short, nearest


def test_what_is_near() -> None:
    assert nearest("rest", ("open", "reset")) == ": did you mean reset?"
    assert nearest("outcom", {"outcome": "close.outcome"}) == ": did you mean close.outcome?"
    assert nearest("qqq", ("a", "b")) == ""


def test_in_short_and_harmless() -> None:
    assert in_short("\x1b[2J") == r"\x1b[2J"
    assert in_short("x" * MOST_CHARACTERS) == "x" * MOST_CHARACTERS
    assert in_short("x" * (MOST_CHARACTERS + 1)) == "x" * MOST_CHARACTERS + "..."
