from __future__ import annotations

import pytest

from analyzer.errors import AnalyzerError
from analyzer.lab.openings import _only_syns
from analyzer.lab.relay import DELAY, LOST, SYN, Packet
from analyzer.lab.scenarios import SCENARIOS


def test_of_a_lost_handshake_only_the_syns_of_the_client_arrive() -> None:
    assert _only_syns(Packet(True, 40000, SYN, 0, 0)) == DELAY
    assert _only_syns(Packet(True, 40000, 0x10, 1, 0)) == LOST
    assert _only_syns(Packet(False, 40000, 0x12, 0, 0)) == DELAY


@pytest.mark.usefixtures("own_networks")
def test_an_answer_to_what_should_stay_unanswered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analyzer.lab.openings.LOST", DELAY)
    scenario = SCENARIOS["unanswered"]
    with scenario.staged() as stage, pytest.raises(AnalyzerError, match="client_error='ECONNREFUSED'"):
        scenario.run(stage)
