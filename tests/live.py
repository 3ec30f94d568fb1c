"""What tests of running captures share: where they may run, and an exchange to capture."""

from __future__ import annotations

import os
import shutil
import socket
import threading

import pytest


def need(program: str) -> None:
    """Skip where capturing is not allowed; CI, where it has to be, fails instead."""
    reason = ""
    if shutil.which(program) is None:
        reason = f"{program} is not installed"
    elif os.geteuid() != 0:
        reason = "only root may capture here"
    if reason and os.environ.get("CI") and os.geteuid() == 0:
        pytest.fail(f"{reason}, and in CI live tests may not be skipped")
    if reason:
        pytest.skip(reason)


def exchange(server: socket.socket, payload: bytes = b"AB") -> None:
    """An echo through a listening server: ten segments, closed by the client in three."""

    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            connection.sendall(connection.recv(1000))
            connection.recv(1)

    thread = threading.Thread(target=serve)
    thread.start()
    with socket.create_connection(server.getsockname()[:2]) as client:
        client.sendall(payload)
        client.recv(1000)
    thread.join()
