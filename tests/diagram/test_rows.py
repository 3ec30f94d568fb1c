"""The values of a diagram: plain, comparable, unchangeable."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from analyzer.diagram.layout import lay_out
from analyzer.diagram.rows import Fold
from tests.diagram.builders import echo


def test_the_same_connection_gives_an_equal_diagram() -> None:
    first, second = lay_out(echo().connection()), lay_out(echo().connection())
    assert first == second
    assert hash(first) == hash(second)


def test_a_diagram_cannot_be_changed() -> None:
    diagram = lay_out(echo().connection())
    with pytest.raises(FrozenInstanceError):
        diagram.rows = ()  # type: ignore[misc]


def test_a_fold_without_notes_says_so() -> None:
    fold = Fold(1, 9, 0, 8, 5, 4, 500, 0, "data")
    assert fold.retransmissions == 0
    assert fold.noted == ()
