from __future__ import annotations

import pytest

from analyzer.errors import UsageError
from analyzer.report.selection import chosen
from tests.report.builders import crowd


def test_all_of_them_for_none() -> None:
    assert [connection.id for connection in chosen(crowd(3), None)] == [0, 1, 2]


def test_the_selected_ones_in_their_order() -> None:
    assert [connection.id for connection in chosen(crowd(5), [4, 1])] == [4, 1]


@pytest.mark.parametrize(
    ("count", "number", "sentence"),
    [
        (0, 0, "there is no connection 0: the capture holds no TCP connection"),
        (1, 1, "there is no connection 1: the only one of this capture is number 0"),
        (5, 7, "there is no connection 7: those of this capture are numbered from 0 to 4"),
        (5, -1, "there is no connection -1: those of this capture are numbered from 0 to 4"),
    ],
)
def test_a_number_nobody_has(count: int, number: int, sentence: str) -> None:
    with pytest.raises(UsageError) as raised:
        chosen(crowd(count), [0, number] if count else [number])
    assert str(raised.value) == sentence
