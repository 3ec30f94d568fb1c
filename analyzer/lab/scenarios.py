"""The scenarios: a real server and a real client each, written with the socket module as in a course.

Only sockets are used here; who captures the traffic, and whether anybody does, is not known. Server and
client are two threads. Events between them fix the order of what is seen on the wire: without them the
scheduler would decide, for instance, who closes first.
"""

from __future__ import annotations

import errno
import socket
import socketserver
import struct
import sys
import threading
from types import MappingProxyType
from typing import Any

from analyzer.errors import UsageError
from analyzer.lab.stage import (
    HOST,
    PATIENCE,
    Exchange,
    Scenario,
    accept,
    bound,
    connect,
    in_background,
    listening,
    taking,
    wait_for,
)
from analyzer.text import inert, say

__all__ = ["SCENARIOS", "find_scenario"]

ANY_AMOUNT = 1024  # octets that one recv may return; more than any message here has


class _EchoHandler(socketserver.BaseRequestHandler):
    request: socket.socket
    server: _EchoServer

    def handle(self) -> None:
        self.request.settimeout(PATIENCE)
        while message := self.request.recv(ANY_AMOUNT):
            self.server.received += message
            self.request.sendall(message)


class _EchoServer(socketserver.TCPServer):
    allow_reuse_address = True
    timeout = PATIENCE

    def __init__(self, port: int) -> None:
        self.received = b""
        with taking(port):
            super().__init__((HOST, port), _EchoHandler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        self.shutdown_request(request)
        error = sys.exception()
        assert error is not None
        raise error  # the base class would print it and carry on


def _echo(port: int) -> Exchange:
    with _EchoServer(port) as server:
        port = server.server_address[1]
        with in_background(server.handle_request) as serving:
            with connect(port) as client:
                client.sendall(b"AB")
                answer = client.recv(ANY_AMOUNT)
            serving.result()
        return Exchange(port, server.received, answer)


def _hello(port: int) -> Exchange:
    received = threading.Event()
    client_closed = threading.Event()

    with listening(port) as listener:

        def serve() -> bytes:
            with accept(listener) as connection:
                message = connection.recv(ANY_AMOUNT)
                received.set()
                wait_for(client_closed)
                return message

        port = listener.getsockname()[1]
        with in_background(serve) as serving:
            with connect(port) as client:
                client.sendall(b"hello my name is tony")
                wait_for(received)
            client_closed.set()
            return Exchange(port, server_received=serving.result())


def _thanks(port: int) -> Exchange:
    answered = threading.Event()

    with listening(port) as listener:

        def serve() -> bytes:
            with accept(listener) as connection:
                message = connection.recv(ANY_AMOUNT)
                connection.sendall(b"thank you !")
                wait_for(answered)
                return message

        port = listener.getsockname()[1]
        with in_background(serve) as serving, connect(port) as client:
            client.sendall(b"a present for you")
            answer = client.recv(ANY_AMOUNT)
            answered.set()
            while more := client.recv(ANY_AMOUNT):  # an empty recv: the server has closed
                answer += more
            return Exchange(port, serving.result(), answer)


def _refused(port: int) -> Exchange:
    # Bound and not listening: certainly nobody accepts, and no other program can begin to meanwhile.
    with bound(port) as holder:
        port = holder.getsockname()[1]
        try:
            connect(port).close()
        except ConnectionRefusedError as error:
            return Exchange(port, client_error=_error_name(error))
        raise ConnectionError(say("somebody answered where nobody listens"))


def _reset(port: int) -> Exchange:
    with listening(port) as listener:

        def serve() -> tuple[bytes, str]:
            with accept(listener) as connection:
                message = connection.recv(ANY_AMOUNT)
                connection.sendall(b"pong")
                try:
                    while more := connection.recv(ANY_AMOUNT):
                        message += more
                except ConnectionResetError as error:
                    return message, _error_name(error)
                return message, ""

        port = listener.getsockname()[1]
        with in_background(serve) as serving:
            with connect(port) as client:
                client.sendall(b"ping")
                answer = client.recv(ANY_AMOUNT)
                # Linger on, for no time at all: close() throws the connection away with a RST.
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            message, server_error = serving.result()
            return Exchange(port, message, answer, server_error=server_error)


def _half_close(port: int) -> Exchange:
    pieces = (b"one, ", b"two, ", b"three, ", b"four")
    taken = threading.Event()

    with listening(port) as listener:

        def serve() -> bytes:
            with accept(listener) as connection:
                request = b""
                while more := connection.recv(ANY_AMOUNT):
                    request += more
                for piece in pieces:
                    taken.clear()
                    connection.sendall(piece)
                    wait_for(taken)  # else two pieces could travel in one segment
                return request

        port = listener.getsockname()[1]
        with in_background(serve) as serving, connect(port) as client:
            client.sendall(b"count to four")
            client.shutdown(socket.SHUT_WR)
            answer = b""
            while more := client.recv(ANY_AMOUNT):
                answer += more
                taken.set()
            return Exchange(port, serving.result(), answer)


def _error_name(error: OSError) -> str:
    return errno.errorcode.get(error.errno or 0, "")


_ALL = (
    Scenario(
        name="echo",
        port=20000,
        shows="A socketserver echo server gets two octets and sends them back, then the client closes first: "
        "handshake, data and close of a whole connection.",
        perform=_echo,
        handshake="complete",
        closes=("three-segment", "four-segment"),
        fewest_segments=9,
    ),
    Scenario(
        name="hello",
        port=8888,
        shows="The client says one sentence to a server that accepts once and receives once, "
        "then both close, the client first.",
        perform=_hello,
        handshake="complete",
        closes=("four-segment", "three-segment"),
        fewest_segments=8,
    ),
    Scenario(
        name="thanks",
        port=7788,
        shows='The server receives, answers "thank you !" and closes first, so it is the server '
        "that is left in TIME-WAIT.",
        perform=_thanks,
        handshake="complete",
        closes=("three-segment", "four-segment"),
        fewest_segments=9,
    ),
    Scenario(
        name="refused",
        port=20001,
        shows="The client connects to a port where nobody listens: a SYN, answered by a reset.",
        perform=_refused,
        handshake="refused",
        closes=("none",),
        fewest_segments=2,
    ),
    Scenario(
        name="reset",
        port=20002,
        shows="After a question and an answer the client closes with SO_LINGER 0: "
        "a reset in place of the four segments of an orderly close.",
        perform=_reset,
        handshake="complete",
        closes=("reset",),
        fewest_segments=6,
    ),
    Scenario(
        name="half-close",
        port=20003,
        shows="The client asks and shuts down its sending side only, and the server goes on sending "
        "four pieces of data before it closes as well.",
        perform=_half_close,
        handshake="complete",
        closes=("four-segment",),
        fewest_segments=11,
        file_format="pcapng",
    ),
)

SCENARIOS = MappingProxyType({scenario.name: scenario for scenario in _ALL})
"""Every scenario by its name, in the order in which they are shown."""


def find_scenario(name: str) -> Scenario:
    """The scenario called `name`. Raises UsageError, with the names there are, when there is none."""
    try:
        return SCENARIOS[name]
    except KeyError:
        raise UsageError(
            say(
                "There is no scenario {name}; there are: {names}.",
                name=inert(name),
                names=", ".join(SCENARIOS),
            )
        ) from None
