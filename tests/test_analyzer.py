"""What the package offers its users."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

import analyzer
from analyzer.trace import values

ECHO = Path(__file__).resolve().parent.parent / "captures" / "echo.pcap"


@pytest.mark.parametrize("name", analyzer.__all__)
def test_each_name_is_that_of_its_home(name: str) -> None:
    offered = getattr(analyzer, name)
    assert getattr(importlib.import_module(offered.__module__), name) is offered


def test_flags_of_a_segment_are_those_offered() -> None:
    segment = analyzer.analyze(ECHO)[0].segments[1]
    assert segment.flags == analyzer.Flags.SYN | analyzer.Flags.ACK


def test_values_speak_for_whoever_comes_by_the_front_door(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(values, "_presenters", [])
    connection = analyzer.analyze(ECHO)[0]
    assert connection.verdict.startswith("opened, ")
    assert repr(connection).endswith(f"{connection.verdict}>")
    assert str(connection.segments[0].why[0]).startswith("the client opens the connection with a SYN: ")
