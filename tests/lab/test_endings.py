from __future__ import annotations

import socket

import pytest

from analyzer.errors import AnalyzerError
from analyzer.lab import endings
from analyzer.lab.scenarios import SCENARIOS


def test_an_answer_where_nobody_should_listen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endings, "connect", lambda port: socket.socket())
    scenario = SCENARIOS["refused"]
    with (
        scenario.staged(0) as stage,
        pytest.raises(AnalyzerError, match="a server answered on a port that should be closed"),
    ):
        scenario.run(stage)


def test_a_reset_that_does_not_come_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endings, "close_with_reset", socket.socket.close)
    scenario = SCENARIOS["reset"]
    with scenario.staged(0) as stage, pytest.raises(AnalyzerError, match=r"did not see .*server_error=''"):
        scenario.run(stage)
