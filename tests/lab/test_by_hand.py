from __future__ import annotations

import pytest

from analyzer.errors import AnalyzerError, UsageError
from analyzer.lab import by_hand
from analyzer.lab.needs import NEEDS
from analyzer.lab.relay import LOST
from analyzer.lab.scenarios import SCENARIOS
from tests.conftest import or_skip

SCENARIO = SCENARIOS["by-hand"]


@pytest.mark.slow
@pytest.mark.usefixtures("own_networks")
def test_every_step_is_shown() -> None:
    or_skip(NEEDS["scapy"].there(), "needs scapy")
    steps: list[str] = []
    with SCENARIO.staged(tell=steps.append) as stage:
        SCENARIO.run(stage)
    assert [step for step in steps if step.endswith(":")] == ["Handshake:", "Data:", "Close:"]
    assert steps[1] == "→ flags=S seq=1000 ack=0 payload=''"
    assert steps[2].startswith("← flags=SA ")
    assert "→ flags=PA seq=1001 " in steps[5]
    assert steps[5].endswith("payload='made by hand'")


@pytest.mark.slow
@pytest.mark.usefixtures("own_networks")
def test_a_server_that_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    or_skip(NEEDS["scapy"].there(), "needs scapy")
    monkeypatch.setattr(by_hand, "PATIENCE", 0.1)
    monkeypatch.setattr("analyzer.lab.stage.PATIENCE", 0.3)
    with SCENARIO.staged() as stage:
        assert stage.way is not None
        monkeypatch.setattr(stage.way, "deliver", lambda packet, to_client: LOST)
        with pytest.raises(AnalyzerError, match="the server sent nothing"):
            SCENARIO.run(stage)


def test_without_scapy_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    there = {
        "own network": NEEDS["own network"]._replace(there=lambda: True),
        "scapy": NEEDS["scapy"]._replace(there=lambda: False),
    }
    monkeypatch.setattr("analyzer.lab.needs.NEEDS", there)
    with pytest.raises(UsageError, match="-m pip install scapy"), SCENARIO.staged():
        pass
