from __future__ import annotations

import socket
from pathlib import Path

import pytest

from analyzer.errors import AnalyzerError
from analyzer.lab import basics
from analyzer.lab.basics import EchoServer
from analyzer.lab.scenarios import SCENARIOS
from analyzer.lab.stage import HERE, close_with_reset, connect, in_background


def test_an_echo_server_that_fails_says_so() -> None:
    with EchoServer(0, HERE) as server, in_background(server.handle_request) as serving:
        client = connect(server.server_address[1])
        close_with_reset(client)
        with pytest.raises(ConnectionResetError):
            serving.result()


def test_a_download_that_went_wrong_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    fetch = basics._fetch_file

    def fetch_badly(port: int, name: str, folder: str) -> bytes:
        answer = fetch(port, name, folder)
        Path(folder, name).write_bytes(b"something else")
        return answer

    monkeypatch.setattr(basics, "_fetch_file", fetch_badly)
    scenario = SCENARIOS["download"]
    with (
        scenario.staged(0) as stage,
        pytest.raises(AnalyzerError, match="the downloaded file differs from the file on the server"),
    ):
        scenario.run(stage)


def test_a_download_never_leaves_its_folder(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "served").mkdir()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(5)
        with in_background(lambda: basics._serve_file(listener, str(tmp_path / "served"))) as serving:
            with connect(listener.getsockname()[1]) as client:
                client.sendall(b"../secret\n")
                assert client.recv(100) == b"missing\n"
            assert serving.result() == b"../secret"
