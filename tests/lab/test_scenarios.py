"""Every scenario, run for real over loopback without any capture."""

from __future__ import annotations

import socket
import struct
import threading

import pytest

from analyzer.errors import AnalyzerError, UsageError
from analyzer.lab import scenarios
from analyzer.lab.scenarios import SCENARIOS, find_scenario
from analyzer.lab.stage import Exchange, connect, in_background, listening

EXPECTED = {
    "echo": Exchange(0, server_received=b"AB", client_received=b"AB"),
    "hello": Exchange(0, server_received=b"hello my name is tony"),
    "thanks": Exchange(0, server_received=b"a present for you", client_received=b"thank you !"),
    "refused": Exchange(0, client_error="ECONNREFUSED"),
    "reset": Exchange(0, server_received=b"ping", client_received=b"pong", server_error="ECONNRESET"),
    "half-close": Exchange(0, server_received=b"count to four", client_received=b"one, two, three, four"),
}


def test_there_are_these_with_ports_of_their_own() -> None:
    assert list(SCENARIOS) == list(EXPECTED)
    assert {name: SCENARIOS[name].port for name in ("echo", "hello", "thanks")} == {
        "echo": 20000,
        "hello": 8888,
        "thanks": 7788,
    }
    assert len({scenario.port for scenario in SCENARIOS.values()}) == len(SCENARIOS)
    assert {scenario.file_format for scenario in SCENARIOS.values()} == {"pcap", "pcapng"}


@pytest.mark.parametrize("name", SCENARIOS)
def test_both_programs_see_what_they_should_twice_on_one_port(name: str) -> None:
    threads = threading.active_count()
    first = SCENARIOS[name].run(0)
    assert first.port > 0
    assert first == Exchange(
        first.port,
        EXPECTED[name].server_received,
        EXPECTED[name].client_received,
        EXPECTED[name].server_error,
        EXPECTED[name].client_error,
    )
    assert SCENARIOS[name].run(first.port) == first  # TIME-WAIT does not stand in the way
    assert threading.active_count() == threads


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_port_in_use_is_a_sentence(name: str) -> None:
    with listening(0) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(UsageError, match=f"Port {port} is in use"):
            SCENARIOS[name].run(port)


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_number_that_is_no_port_is_a_sentence(name: str) -> None:
    with pytest.raises(UsageError, match="65536 is not a port"):
        SCENARIOS[name].run(65536)


def test_an_unknown_name_is_answered_with_the_names() -> None:
    assert find_scenario("echo") is SCENARIOS["echo"]
    with pytest.raises(UsageError, match=r"no scenario \\x1becho; there are: echo, hello, .*half-close\."):
        find_scenario("\x1becho")


def test_an_echo_server_that_fails_says_so() -> None:
    with scenarios._EchoServer(0) as server, in_background(server.handle_request) as serving:
        with connect(server.server_address[1]) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        with pytest.raises(ConnectionResetError):
            serving.result()


def test_an_answer_where_nobody_should_listen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scenarios, "connect", lambda port: socket.socket())
    with pytest.raises(AnalyzerError, match="somebody answered where nobody listens"):
        SCENARIOS["refused"].run(0)


def test_a_reset_scenario_in_which_the_reset_does_not_come(monkeypatch: pytest.MonkeyPatch) -> None:
    no_linger = struct.Struct("ii").pack(0, 0)
    monkeypatch.setattr(struct, "pack", lambda *_: no_linger)
    assert SCENARIOS["reset"].run(0).server_error == ""
