"""The drawing of the state machine: that it is complete, and that everything in it can be read."""

from __future__ import annotations

import re
from itertools import combinations, pairwise
from typing import NamedTuple
from xml.etree import ElementTree

import pytest

from analyzer.report.typeface import Typeface, typeface
from analyzer.tcp import states
from analyzer.tcp.states import INPUTS, STATES, TRANSITIONS
from tools.state_diagram import (
    BOXES,
    HEIGHT,
    ROUTES,
    WIDTH,
    drawn_pairs,
    reset_lines,
    state_diagram,
)

SVG = "{http://www.w3.org/2000/svg}"


class Area(NamedTuple):
    left: float
    top: float
    right: float
    bottom: float
    what: str

    def meets(self, other: Area) -> bool:
        apart = (
            self.right <= other.left
            or other.right <= self.left
            or self.bottom <= other.top
            or other.bottom <= self.top
        )
        return not apart


@pytest.fixture(scope="module")
def drawing() -> ElementTree.Element:
    return ElementTree.fromstring(state_diagram())


def face_of(text: ElementTree.Element) -> Typeface:
    return typeface(float(text.get("font-size", "8.5")), bold=text.get("font-weight") == "bold")


def texts(drawing: ElementTree.Element) -> list[Area]:
    """Where the words are, in DejaVu, the widest of the typefaces asked for."""
    areas = []
    for text in drawing.iter(f"{SVG}text"):
        face, words = face_of(text), text.text or ""
        width = face.width(words)
        left = (
            float(text.get("x", ""))
            - {"start": 0, "middle": 0.5, "end": 1}[text.get("text-anchor", "start")] * width
        )
        baseline = float(text.get("y", ""))
        areas.append(
            Area(left, baseline - 0.76 * face.size, left + width, baseline + 0.24 * face.size, words)
        )
    return areas


def boxes(drawing: ElementTree.Element) -> list[Area]:
    found = []
    for box in drawing.iter(f"{SVG}rect"):
        if box.get("x"):
            x, y, width, height = (float(box.get(name, "")) for name in ("x", "y", "width", "height"))
            found.append(Area(x, y, x + width, y + height, "box"))
    return found


def lines() -> list[Area]:
    """The straight pieces of the arrows, as thick as a head."""
    return [
        Area(min(x, next_x) - 1, min(y, next_y) - 1, max(x, next_x) + 1, max(y, next_y) + 1, STATES[pair[0]])
        for pair, route in ROUTES.items()
        for (x, y), (next_x, next_y) in pairwise(route.points)
    ]


def test_every_row_is_an_arrow_or_told_below() -> None:
    told = {given for given, _ in reset_lines()}
    for row in TRANSITIONS:
        inputs = drawn_pairs().get((row.state, row.target), [])
        assert (INPUTS[row.input] in inputs) != (INPUTS[row.input] in told)


def test_every_arrow_has_its_rows() -> None:
    assert set(ROUTES) == set(drawn_pairs())
    assert {box.state for box in BOXES} == set(range(len(STATES)))


def test_the_words_at_the_arrows_are_the_inputs(drawing: ElementTree.Element) -> None:
    written = " ".join(text.text or "" for text in drawing.iter(f"{SVG}text"))
    for inputs in drawn_pairs().values():
        for given in inputs:
            assert given in written


def test_an_arrow_begins_and_ends_at_the_edge_of_its_states() -> None:
    for (state, target), route in ROUTES.items():
        for end, (x, y) in ((state, route.points[0]), (target, route.points[-1])):
            assert any(
                box.state == end
                and (
                    (abs(abs(x - box.x) - box.width / 2) < 0.01 and abs(y - box.y) < box.height / 2)
                    or (abs(abs(y - box.y) - box.height / 2) < 0.01 and abs(x - box.x) < box.width / 2)
                )
                for box in BOXES
            ), f"{STATES[state]} to {STATES[target]} misses {STATES[end]}"


def test_no_words_lie_on_other_words_or_on_a_line(drawing: ElementTree.Element) -> None:
    found = [(one.what, other.what) for one, other in combinations(texts(drawing), 2) if one.meets(other)]
    found += [(area.what, line.what) for area in texts(drawing) for line in lines() if area.meets(line)]
    assert found == []


def test_words_are_inside_a_box_or_outside_it(drawing: ElementTree.Element) -> None:
    for area in texts(drawing):
        for box in boxes(drawing):
            inside = (
                area.left > box.left + 4
                and area.right < box.right - 4
                and box.top < area.top < area.bottom < box.bottom
            )
            assert inside or not area.meets(box), area.what


def test_no_arrow_passes_through_a_box_or_runs_along_another(drawing: ElementTree.Element) -> None:
    for line in lines():
        inner = line._replace(
            left=line.left + 1.5, top=line.top + 1.5, right=line.right - 1.5, bottom=line.bottom - 1.5
        )
        assert not [box for box in boxes(drawing) if inner.meets(box)]
    for one, other in combinations(lines(), 2):
        if one.meets(other):
            across = (one.right - one.left > 2) != (other.right - other.left > 2)
            assert across, f"arrows from {one.what} and {other.what} lie on each other"


def test_everything_is_on_the_sheet(drawing: ElementTree.Element) -> None:
    for area in texts(drawing) + boxes(drawing) + lines():
        assert 20 <= area.left < area.right <= WIDTH - 20, area.what
        assert 20 <= area.top < area.bottom <= HEIGHT - 20, area.what


def test_resets_are_told_by_their_rows() -> None:
    told = dict(reset_lines())
    assert told["sends RST"] == "every state but CLOSED → CLOSED"
    assert told["sends RST in answer to a SYN"] == "UNKNOWN, LISTEN, SYN-SENT, SYN-RECEIVED → CLOSED"


def test_it_holds_nothing_that_changes_by_itself() -> None:
    assert state_diagram() == state_diagram()
    assert not re.search(r"\d{4}-\d\d|matplotlib| id=", state_diagram())


def test_what_leaves_unknown_is_dashed() -> None:
    dashed = state_diagram().count("stroke-dasharray")
    from_unknown = sum(1 for state, _ in drawn_pairs() if state == states.UNKNOWN)
    assert dashed == from_unknown + sum(1 for box in BOXES if box.state == states.UNKNOWN)
