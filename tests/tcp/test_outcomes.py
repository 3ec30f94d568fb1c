from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import get_args

import pytest

from analyzer.tcp import verdict
from analyzer.tcp.outcomes import (
    CLOSE,
    CLOSES,
    FAST_OPEN,
    FAST_OPENS,
    HANDSHAKE,
    HANDSHAKES,
    NEVER_OPEN,
    ROLE,
    ROLES,
    CloseOutcome,
    FastOpen,
    HandshakeOutcome,
    Outcome,
    RolesRule,
)
from analyzer.trace.outline import RANKS
from tests.tcp.transcript import Player

SYN = "> S 0:0(0) ; handshake-1"
FAST = "> S 0:2(2) <FO c0ffee01> ; handshake-1+data (data_in_syn, fast_open)"


def test_the_types_are_those_of_the_tables() -> None:
    assert get_args(HandshakeOutcome) == tuple(row.name for row in HANDSHAKES) == tuple(HANDSHAKE)
    assert get_args(CloseOutcome) == tuple(row.name for row in CLOSES) == tuple(CLOSE)
    assert get_args(RolesRule) == tuple(row.name for row in ROLES) == tuple(ROLE)
    assert get_args(FastOpen) == tuple(row.name for row in FAST_OPENS) == tuple(FAST_OPEN)


@pytest.mark.parametrize("rows", [HANDSHAKES, CLOSES], ids=["handshake", "close"])
def test_every_outcome_has_its_words(rows: Iterable[Outcome[str]]) -> None:
    rows = list(rows)
    assert all(row.meaning and row.shown for row in rows)
    assert [row.name for row in rows if not row.verdict] == (["none"] if rows[-1].name == "none" else [])
    assert len({row.shown for row in rows}) == len(rows)
    assert all(row.rank is None or row.rank in RANKS for row in rows)


def test_what_is_folded_is_counted_by_its_close_or_was_never_open() -> None:
    assert [row.name for row in CLOSES if not row.folded] == ["none"]
    assert {row.name for row in HANDSHAKES if not row.opened} == NEVER_OPEN
    assert all(row.opened for row in CLOSES)


def test_every_rule_for_roles_decides_somewhere(play: Player) -> None:
    alike = replace(play.world, first_port=50000, second_port=50001)
    found = {
        verdict.roles(play(SYN).connection)[1],
        verdict.roles(play("> S. 0:0(0) ack 1 ; handshake-2").connection)[1],
        verdict.roles(play("> . 1:1(0) ack 1 ; ack").connection)[1],
        verdict.roles(play("> . 1:1(0) ack 1 ; ack", world=alike).connection)[1],
    }
    assert found == set(ROLE)


def test_every_fate_of_fast_open_is_reached(play: Player) -> None:
    answers = ("", "\n< S. 0:0(0) ack 3 ; handshake-2", "\n< S. 0:0(0) ack 1 ; handshake-2")
    assert [verdict.fast_open(play(FAST + answer).connection) for answer in answers] == list(FAST_OPEN)
