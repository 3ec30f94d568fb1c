"""Every scenario: run for real, and captured for real."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from analyzer.errors import UsageError
from analyzer.lab.record import record
from analyzer.lab.scenarios import SCENARIOS, find_scenario
from analyzer.lab.stage import Exchange, Scenario, bound, listening

FAMILIAR = {"echo": 20000, "hello": 8888, "thanks": 7788}
ORDINARY = [scenario for scenario in SCENARIOS.values() if not scenario.needs]
QUICK = [scenario for scenario in ORDINARY if scenario.name != "keep-alive"]


def run(scenario: Scenario, port: int) -> Exchange:
    with scenario.staged(port) as stage:
        return scenario.run(stage)


def test_all_that_were_asked_for_are_there_with_ports_of_their_own() -> None:
    assert " ".join(SCENARIOS) == (
        "echo four-way hello thanks messages clients download by-hand framing refused unanswered "
        "unreachable half-open address-in-use reset half-close simultaneous-close simultaneous-open "
        "keep-alive zero-window loss fast-open ipv6 udp"
    )
    assert {name: SCENARIOS[name].port for name in FAMILIAR} == FAMILIAR
    assert len({scenario.port for scenario in SCENARIOS.values()}) == len(SCENARIOS)
    assert {scenario.file_format for scenario in SCENARIOS.values()} == {"pcap", "pcapng"}


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
def test_each_says_what_it_shows_and_what_to_look_at(scenario: Scenario) -> None:
    assert scenario.shows.endswith(".")
    assert len(scenario.look.split()) > 20
    assert scenario.look.endswith(".")


@pytest.mark.slow
@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
def test_captured_live_each_shows_what_it_promises(live_scenario: Scenario, tmp_path: Path) -> None:
    descriptors, threads = len(os.listdir("/dev/fd")), threading.active_count()
    with bound(0) as holder:
        port = int(holder.getsockname()[1])
    path = record(live_scenario, tmp_path, port=port)  # raises where a promise is broken
    assert sorted(os.listdir(tmp_path)) == sorted([path.name, f"{live_scenario.name}.json"])
    assert path.stat().st_size < 20_000
    assert len(os.listdir("/dev/fd")) == descriptors
    assert threading.active_count() == threads


@pytest.mark.slow
@pytest.mark.parametrize("scenario", QUICK, ids=lambda scenario: scenario.name)
def test_each_runs_twice_on_one_port(scenario: Scenario) -> None:
    threads = threading.active_count()
    first = run(scenario, 0)
    assert first.port > 0
    assert run(scenario, first.port) == first  # TIME-WAIT does not stand in the way
    assert threading.active_count() == threads


@pytest.mark.parametrize("scenario", ORDINARY, ids=lambda scenario: scenario.name)
def test_a_port_in_use_is_a_sentence(scenario: Scenario) -> None:
    with scenario.staged(0) as stage, listening(0, stage.server) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(UsageError, match=f"port {port} is in use"):
            run(scenario, port)


@pytest.mark.parametrize("scenario", ORDINARY, ids=lambda scenario: scenario.name)
def test_a_number_that_is_no_port_is_a_sentence(scenario: Scenario) -> None:
    with pytest.raises(UsageError, match="65536 is not a port"):
        run(scenario, 65536)


def test_an_unknown_name_is_answered_with_the_names() -> None:
    assert find_scenario("echo") is SCENARIOS["echo"]
    with pytest.raises(
        UsageError, match=r"scenario \\x1becho does not exist: choose one of echo, four-way, .*udp$"
    ):
        find_scenario("\x1becho")
