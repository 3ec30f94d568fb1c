from __future__ import annotations

import re

import pytest

from analyzer.compare.differences import DIFFERENCES
from analyzer.tcp.labels import LABELS
from analyzer.tcp.notes import NOTES
from analyzer.tcp.outcomes import CLOSES, HANDSHAKES, ROLES
from analyzer.tcp.states import INPUTS, STATES, TRANSITIONS
from analyzer.wire.encapsulations import ENCAPSULATIONS
from analyzer.wire.skips import OTHER, UDP_PORT
from tools.reference import STATE_MEANINGS, encapsulations_page, names_page, states_page


def cells(page: str) -> list[list[str]]:
    """The rows of all tables of a page."""
    lines = [line for line in page.splitlines() if line.startswith("| ") and "---" not in line]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def test_every_row_of_the_table_is_listed_in_its_order() -> None:
    rows = cells(states_page())[1:]
    assert [(row[1], row[2], row[3]) for row in rows] == [
        (STATES[row.state], INPUTS[row.input], STATES[row.target]) for row in TRANSITIONS
    ]
    assert all(row.section in cell[5] for row, cell in zip(TRANSITIONS, rows, strict=True))


def test_no_placeholder_is_left_in_a_reason() -> None:
    assert not re.search(r"[{}]", states_page())


@pytest.mark.parametrize(
    "name",
    [
        *(f"`{label.name}`" for label in LABELS),
        *(f"`{note.name}`" for note in NOTES),
        *(f"`{outcome.name}`" for outcome in HANDSHAKES),
        *(f"`{outcome.name}`" for outcome in CLOSES),
        *(f"`{role.name}`" for role in ROLES),
        *STATES,
        *(f"`{difference.name}`" for difference in DIFFERENCES),
    ],
)
def test_every_name_has_a_line_with_a_meaning(name: str) -> None:
    found = [row for row in cells(names_page()) if row[0] == name]
    assert found
    assert all(row[-1] for row in found)


def test_every_layer_is_listed_by_what_it_is_recognised_by() -> None:
    rows = cells(encapsulations_page())[1:]
    assert len(rows) == len(ENCAPSULATIONS)
    assert len({row[0] for row in rows if row[0] != "inside another layer"}) == sum(
        key < OTHER or key >= UDP_PORT for key in ENCAPSULATIONS
    )
    assert ["UDP port 4789", "VXLAN", "RFC 7348"] in rows
    assert ["EtherType 0x8847", "MPLS", "RFC 3032, RFC 4023"] in rows
    assert not [
        row for row in rows if row[1].startswith(("link type ", "EtherType ", "IP protocol ", "UDP port "))
    ]


def test_the_meanings_are_those_of_the_states_and_of_no_others() -> None:
    assert tuple(STATE_MEANINGS) == STATES


def test_every_row_has_as_many_cells_as_its_head() -> None:
    for page in (states_page(), names_page(), encapsulations_page()):
        for block in page.split("\n\n"):
            assert len({len(row) for row in cells(block)}) <= 1
