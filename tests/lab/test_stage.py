"""The ground the scenarios stand on: ports, waiting, the second thread."""

from __future__ import annotations

import errno
import socket
import threading
from dataclasses import replace

import pytest

from analyzer.errors import AnalyzerError, UsageError
from analyzer.lab import stage
from analyzer.lab.scenarios import SCENARIOS
from analyzer.lab.stage import Exchange, Stage, bound, in_background, listening, taking, wait_for


def test_a_port_in_use_is_one_sentence_with_what_to_do() -> None:
    with listening(0) as listener:
        port = listener.getsockname()[1]
        sentence = rf"^port {port} is in use: .* choose another port with --port$"
        with pytest.raises(UsageError, match=sentence), listening(port):
            pass


def test_a_port_is_free_again_at_once() -> None:
    with bound(0) as holder:
        port = holder.getsockname()[1]
    with bound(port):
        pass


@pytest.mark.parametrize("port", [-1, 65536, 10**12])
def test_a_number_that_is_no_port(port: int) -> None:
    with pytest.raises(UsageError, match="from 1 to 65535"), bound(port):
        pass


def test_a_reserved_port_and_other_faults() -> None:
    with pytest.raises(UsageError, match="reserved for root"), taking(80):
        raise PermissionError(errno.EACCES, "no")
    with pytest.raises(OSError, match="no such address"), taking(80):
        raise OSError(errno.EADDRNOTAVAIL, "no such address")


def test_waiting_in_vain_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage, "PATIENCE", 0.01)
    with pytest.raises(TimeoutError, match="too long"):
        wait_for(threading.Event())


def test_what_the_second_thread_raises_is_raised_and_the_thread_is_gone() -> None:
    def fail() -> None:
        raise ValueError("of the server")

    with pytest.raises(ValueError, match="of the server"), in_background(fail) as failing:
        failing.result()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("lab")]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ConnectionResetError(errno.ECONNRESET, "Connection reset\x1b[2J"), r"Connection reset\\x1b\[2J"),
        (TimeoutError("timed out"), "timed out"),
        (TimeoutError(), "TimeoutError"),
    ],
)
def test_a_socket_that_fails_is_one_harmless_sentence(error: OSError, reason: str) -> None:
    def perform(ground: Stage) -> Exchange:
        raise error

    scenario = replace(SCENARIOS["echo"], perform=perform)
    with pytest.raises(AnalyzerError, match=rf"^the scenario echo failed: {reason}$"):
        scenario.run(Stage(0))


def test_programs_that_saw_something_else_are_told() -> None:
    scenario = replace(SCENARIOS["echo"], perform=lambda ground: Exchange(ground.port, b"\x1b[2J"))
    with pytest.raises(AnalyzerError, match=r"^the programs of the scenario echo did not see .*\\x1b\[2J"):
        scenario.run(Stage(0))


def test_the_default_port_and_another_one() -> None:
    ports: list[int] = []

    def perform(ground: Stage) -> Exchange:
        ports.append(ground.port)
        return Exchange(ground.port)

    scenario = replace(SCENARIOS["echo"], perform=perform, expected=Exchange(0))
    for port in (None, 0, 4711):
        with scenario.staged(port) as ground:
            scenario.run(ground)
    assert ports == [20000, 0, 4711]


def test_an_accepted_connection_does_not_wait_for_ever() -> None:
    with (
        listening(0) as listener,
        stage.connect(listener.getsockname()[1]) as client,
        stage.accept(listener) as connection,
    ):
        assert connection.gettimeout() == client.gettimeout() == stage.PATIENCE
        assert connection.family == socket.AF_INET
