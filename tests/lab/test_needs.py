from __future__ import annotations

import sys

import pytest

from analyzer.errors import UsageError
from analyzer.lab import needs
from analyzer.lab.needs import NEEDS, demand
from analyzer.lab.scenarios import SCENARIOS


@pytest.mark.parametrize("name", NEEDS)
def test_what_is_missing_is_one_sentence_with_a_way_out(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(needs, "NEEDS", {name: NEEDS[name]._replace(there=lambda: False)})
    with pytest.raises(UsageError, match=r"^this scenario .*, or play its recording with --replay$"):
        demand(name)


def test_scapy_is_installed_into_the_python_that_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(needs, "NEEDS", {"scapy": NEEDS["scapy"]._replace(there=lambda: False)})
    with pytest.raises(UsageError) as raised:
        demand("scapy")
    assert f"run '{sys.executable} -m pip install scapy'" in str(raised.value)


@pytest.mark.parametrize("name", NEEDS)
def test_what_is_there_is_no_matter(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(needs, "NEEDS", {name: NEEDS[name]._replace(there=lambda: True)})
    demand(name)


def test_whether_networks_can_be_made_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise UsageError("not root")

    monkeypatch.setattr(needs, "own_network", refuse)
    assert not NEEDS["own network"].there()


def test_scenarios_need_nothing_else() -> None:
    assert {need for scenario in SCENARIOS.values() for need in scenario.needs} == set(NEEDS)
