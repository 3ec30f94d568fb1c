"""What tests of running captures share: where they may run, and an exchange to capture."""

from __future__ import annotations

import os
import socket
import threading

import pytest

from tests import programs


def need(program: str) -> None:
    """Have a capture program and the right to use it, or skip the test."""
    programs.need(program)
    if os.geteuid() != 0:
        pytest.skip("only root may capture here")


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
