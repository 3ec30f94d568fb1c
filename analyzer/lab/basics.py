"""Everyday sessions, as in a first course on sockets: from an echo to a file downloader."""

from __future__ import annotations

import hashlib
import os
import socket
import socketserver
import struct
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from analyzer.lab.promise import ConnectionPromise, Promise
from analyzer.lab.stage import (
    ANY_AMOUNT,
    PATIENCE,
    Exchange,
    Host,
    Scenario,
    Stage,
    accept,
    connect,
    in_background,
    listening,
    port_of,
    receive_all,
    receive_exactly,
    taking,
    wait_for,
)
from analyzer.text import say

__all__ = ["EITHER_ORDERLY_CLOSE", "SCENARIOS", "EchoServer", "echo"]

EITHER_ORDERLY_CLOSE: Final = ("three-segment", "four-segment")
"""Both outcomes are possible for a server that closes at once: the timing decides whether its FIN carries the ACK."""

SLOW_TO_CLOSE = 0.3  # seconds; longer than a kernel may delay an acknowledgement
CLIENTS = 3
MESSAGES = (b"good morning", b"how are you?", b"so am I", b"goodbye")
FILE_NAME, MISSING_NAME = "poem.txt", "nothing.txt"
FILE = b"".join(b"line %3d of a file that is sent in pieces\n" % number for number in range(1, 81))
PIECE = 1000  # bytes
WINDOW_OF_FRAMING = 4096  # bytes of the receiver's buffer: so small that one send does not fit in a segment
SHORT_MESSAGES = (b"one", b"two", b"three")
LONG_MESSAGE = 4000  # bytes


class _EchoHandler(socketserver.BaseRequestHandler):
    request: socket.socket
    server: EchoServer

    def handle(self) -> None:
        self.request.settimeout(PATIENCE)
        while message := self.request.recv(ANY_AMOUNT):
            self.server.received += message
            self.request.sendall(message)


class EchoServer(socketserver.TCPServer):
    """Sends back what it receives, on a host's address."""

    allow_reuse_address = True
    timeout = PATIENCE

    def __init__(self, port: int, host: Host) -> None:
        self.received = b""
        self.address_family = host.family
        with taking(port), host.inside():
            super().__init__((host.address, port), _EchoHandler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Close the connection and raise the error again."""
        self.shutdown_request(request)
        error = sys.exception()
        assert error is not None
        raise error  # the base class would print it and carry on


def echo(stage: Stage) -> Exchange:
    """Send `AB` to a socketserver echo server, which sends it back. The client closes first."""
    with EchoServer(stage.port, stage.server) as server:
        port = server.server_address[1]
        with in_background(server.handle_request) as serving:
            with connect(port, stage.server, stage.client) as client:
                client.sendall(b"AB")
                answer = client.recv(ANY_AMOUNT)
            serving.result()
        return Exchange(port, server.received, answer)


def _four_way(stage: Stage) -> Exchange:
    with listening(stage.port) as listener:

        def serve() -> bytes:
            with accept(listener) as connection:
                message = connection.recv(ANY_AMOUNT)
                connection.sendall(message)
                while more := connection.recv(ANY_AMOUNT):
                    message += more
                time.sleep(SLOW_TO_CLOSE)
                return message

        port = port_of(listener)
        with in_background(serve) as serving:
            with connect(port) as client:
                client.sendall(b"AB")
                answer = client.recv(ANY_AMOUNT)
            return Exchange(port, serving.result(), answer)


def _hello(stage: Stage) -> Exchange:
    received = threading.Event()
    client_closed = threading.Event()

    with listening(stage.port) as listener:

        def serve() -> bytes:
            with accept(listener) as connection:
                message = connection.recv(ANY_AMOUNT)
                received.set()
                wait_for(client_closed)
                return message

        port = port_of(listener)
        with in_background(serve) as serving:
            with connect(port) as client:
                client.sendall(b"hello my name is tony")
                wait_for(received)
            client_closed.set()
            return Exchange(port, server_received=serving.result())


def _thanks(stage: Stage) -> Exchange:
    answered = threading.Event()

    with listening(stage.port) as listener:

        def serve() -> bytes:
            with accept(listener) as connection:
                message = connection.recv(ANY_AMOUNT)
                connection.sendall(b"thank you !")
                wait_for(answered)
                return message

        port = port_of(listener)
        with in_background(serve) as serving, connect(port) as client:
            client.sendall(b"a present for you")
            answer = client.recv(ANY_AMOUNT)
            answered.set()
            answer += receive_all(client)
            return Exchange(port, serving.result(), answer)


def _answer_loudly(connection: socket.socket) -> bytes:
    """Answer every message in capitals until the peer closes. Return what was received."""
    received = b""
    with connection:
        while message := connection.recv(ANY_AMOUNT):  # an empty recv: the peer has closed
            received += message
            connection.sendall(message.upper())
    return received


def _messages(stage: Stage) -> Exchange:
    with listening(stage.port) as listener:
        port = port_of(listener)
        with in_background(lambda: _answer_loudly(accept(listener))) as serving:
            answers = b""
            with connect(port) as client:
                for message in MESSAGES:
                    client.sendall(message)
                    answers += receive_exactly(client, len(message))
            return Exchange(port, serving.result(), answers)


def _clients(stage: Stage) -> Exchange:
    received: list[bytes] = []
    answers: list[bytes] = []

    def ask(client: socket.socket, name: bytes) -> None:
        client.sendall(name)
        answers.append(client.recv(ANY_AMOUNT))

    with listening(stage.port) as listener:
        port = port_of(listener)

        stage.tell(say("One after the other: each client is accepted after the one before has closed."))
        for number in range(CLIENTS):
            with in_background(lambda: _answer_loudly(accept(listener))) as serving:
                with connect(port) as client:
                    ask(client, b"client %d" % number)
                received.append(serving.result())

        stage.tell(say("With a thread for each: all clients connect before the first one sends."))
        with ThreadPoolExecutor(CLIENTS, thread_name_prefix="lab") as pool:
            clients: list[socket.socket] = []
            threads = []
            try:
                for _ in range(CLIENTS):
                    clients.append(connect(port))
                    threads.append(pool.submit(_answer_loudly, accept(listener)))
                for number, client in enumerate(clients, CLIENTS):
                    ask(client, b"client %d" % number)
            finally:
                for client in clients:
                    client.close()
            received += [thread.result() for thread in threads]
    return Exchange(port, b", ".join(received), b", ".join(answers))


def _serve_file(listener: socket.socket, folder: str) -> bytes:
    """Serve one request, a line with a name. The answer is a line with the size, then the file, then the end."""
    with accept(listener) as connection, connection.makefile("rb") as requests:
        name = requests.readline().rstrip(b"\n")
        path = Path(folder, os.path.basename(os.fsdecode(name)))  # never out of the folder
        if not path.is_file():
            connection.sendall(b"missing\n")
            return name
        with path.open("rb") as file:
            connection.sendall(b"%d\n" % path.stat().st_size)
            while piece := file.read(PIECE):
                connection.sendall(piece)
        return name


def _fetch_file(port: int, name: str, folder: str) -> bytes:
    """Ask for a file and save it in the folder. Return the first line of the answer."""
    with connect(port) as client, client.makefile("rb") as answers:
        client.sendall(name.encode() + b"\n")
        answer = answers.readline().rstrip(b"\n")
        if answer != b"missing":
            Path(folder, name).write_bytes(answers.read())
        answers.read()  # up to the end: the server closes first
        return answer


def _download(stage: Stage) -> Exchange:
    with (
        tempfile.TemporaryDirectory() as theirs,
        tempfile.TemporaryDirectory() as ours,
        listening(stage.port) as listener,
    ):
        Path(theirs, FILE_NAME).write_bytes(FILE)
        port = port_of(listener)
        asked, answers = [], []
        for name in (FILE_NAME, MISSING_NAME):
            with in_background(lambda: _serve_file(listener, theirs)) as serving:
                answers.append(_fetch_file(port, name, ours))
                asked.append(serving.result())
        fetched = hashlib.sha256(Path(ours, FILE_NAME).read_bytes()).hexdigest()
        if fetched != hashlib.sha256(FILE).hexdigest() or Path(ours, MISSING_NAME).exists():
            raise ConnectionError(say("the downloaded file differs from the file on the server"))
        return Exchange(port, b", ".join(asked), b", ".join(answers))


def _framing(stage: Stage) -> Exchange:
    long = bytes(ord("a") + number % 26 for number in range(LONG_MESSAGE))

    def framed(message: bytes) -> bytes:
        return struct.pack("!I", len(message)) + message

    def receive_message(connection: socket.socket) -> bytes:
        (length,) = struct.unpack("!I", receive_exactly(connection, 4))
        return receive_exactly(connection, length)

    with listening(stage.port) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WINDOW_OF_FRAMING)

        def serve() -> bytes:
            with accept(listener) as connection:
                messages = []
                for _ in (*SHORT_MESSAGES, long):
                    messages.append(receive_message(connection))
                    connection.sendall(b"%d\n" % len(messages[-1]))
                rest = connection.recv(ANY_AMOUNT)
                return b"".join(messages) + rest

        port = port_of(listener)
        with in_background(serve) as serving:
            with connect(port) as client, client.makefile("rb") as answers:
                stage.tell(say("Three messages, three calls of send(), one segment."))
                client.setsockopt(socket.IPPROTO_TCP, _HOLD_BACK, 1)
                for message in SHORT_MESSAGES:
                    client.sendall(framed(message))
                client.setsockopt(socket.IPPROTO_TCP, _HOLD_BACK, 0)
                lengths = b"".join(answers.readline() for _ in SHORT_MESSAGES)
                stage.tell(say("One message, one call of send(), several segments."))
                client.sendall(framed(long))
                lengths += answers.readline()
            return Exchange(port, serving.result(), lengths)


_HOLD_BACK: Final[int] = getattr(socket, "TCP_CORK", 4)  # 4 is what BSD and macOS call TCP_NOPUSH

_BY_THE_CLIENT = ConnectionPromise(
    ("complete",), EITHER_ORDERLY_CLOSE, "client", ("client",), frozenset({"data"})
)
_BY_THE_SERVER = ConnectionPromise(
    ("complete",), EITHER_ORDERLY_CLOSE, "server", ("server",), frozenset({"data"})
)

SCENARIOS = (
    Scenario(
        name="echo",
        port=20000,
        shows="A socketserver echo server receives two bytes and sends them back. Then the client closes first: "
        "handshake, data and close of a whole connection.",
        look="Three segments open the connection, and the first data segment follows at once. Each side "
        "acknowledges the data of the other side. The close takes three segments, not the four of the "
        "textbooks. On loopback the server reads the end of the data and closes before its kernel sends an "
        "acknowledgement of the client's FIN, so the server's own FIN carries it.",
        perform=echo,
        expected=Exchange(0, b"AB", b"AB"),
        promise=Promise((_BY_THE_CLIENT,)),
        fewest_segments=9,
    ),
    Scenario(
        name="four-way",
        port=20004,
        shows="The same echo with a server that waits before it closes: all four closing segments.",
        look="The server's kernel acknowledges the client's FIN at once, with a pure ACK, and the client goes from "
        "FIN-WAIT-1 to FIN-WAIT-2. The server stays in CLOSE-WAIT until its program closes the socket. Its FIN "
        "comes a third of a second later. This is the usual picture in textbooks.",
        perform=_four_way,
        expected=Exchange(0, b"AB", b"AB"),
        promise=Promise((ConnectionPromise(("complete",), ("four-segment",), "client", ("client",)),)),
        fewest_segments=10,
    ),
    Scenario(
        name="hello",
        port=8888,
        shows="The client sends one sentence to a server that accepts once and receives once. Then both close, the "
        "client first.",
        look="Data goes only one way. The server sends no data, but it does send segments: an acknowledgement of "
        "the data, and its FIN.",
        perform=_hello,
        expected=Exchange(0, server_received=b"hello my name is tony"),
        promise=Promise((_BY_THE_CLIENT,)),
        fewest_segments=8,
    ),
    Scenario(
        name="thanks",
        port=7788,
        shows='The server receives, answers "thank you !" and closes first, so the server is left in TIME-WAIT.',
        look="The first FIN comes from the server. The side that closes first ends in TIME-WAIT. Here this is the "
        "server, with its well-known port. The scenario address-in-use shows the consequence.",
        perform=_thanks,
        expected=Exchange(0, b"a present for you", b"thank you !"),
        promise=Promise((_BY_THE_SERVER,)),
        fewest_segments=9,
    ),
    Scenario(
        name="messages",
        port=20005,
        shows="One client sends many messages over one connection, and the server answers each of them: recv() in a "
        "loop, until an empty result shows that the peer has closed.",
        look="There is one handshake and one close, for any number of messages. The sequence numbers continue from "
        "message to message, because for TCP they are one stream of bytes. Each answer acknowledges the question "
        "too, so pure ACKs are rare.",
        perform=_messages,
        expected=Exchange(0, b"".join(MESSAGES), b"".join(MESSAGES).upper()),
        promise=Promise((_BY_THE_CLIENT,)),
        fewest_segments=14,
    ),
    Scenario(
        name="clients",
        port=20006,
        shows="Three clients use one server, one after the other. Then three more use it at once, with a thread for "
        "each.",
        look="There are six connections to one port. They differ in the client's port. The first three follow one "
        "after the other. For the last three, all handshakes come first: the segments of these connections are "
        "mixed in the capture, but each connection has its own ladder here.",
        perform=_clients,
        expected=Exchange(
            0,
            b", ".join(b"client %d" % number for number in range(2 * CLIENTS)),
            b", ".join(b"CLIENT %d" % number for number in range(2 * CLIENTS)),
        ),
        promise=Promise(
            (
                ConnectionPromise(
                    ("complete",), EITHER_ORDERLY_CLOSE, "client", ("client",), frozenset({"data"}), times=6
                ),
            )
        ),
        fewest_segments=54,
    ),
    Scenario(
        name="download",
        port=20007,
        shows="A file downloader: the client sends a name, and the server answers with the size and the file in "
        "pieces. Then the client asks for a file that does not exist.",
        look="The first connection carries little data one way and much the other way. The client cannot see where "
        "one piece ends and the next begins. It reads until the server closes. For TCP the answer about the "
        "missing file is an answer like any other, on a connection that opens and closes in order.",
        perform=_download,
        expected=Exchange(0, f"{FILE_NAME}, {MISSING_NAME}".encode(), b"%d, missing" % len(FILE)),
        promise=Promise(
            (
                ConnectionPromise(
                    ("complete",), EITHER_ORDERLY_CLOSE, "server", ("server",), frozenset({"data"}), times=2
                ),
            )
        ),
        fewest_segments=18,
    ),
    Scenario(
        name="framing",
        port=20009,
        shows="Each message begins with its length. Several calls of send() travel in one segment, and one call of "
        "send() in several segments.",
        look="The first data segment holds three messages. The fourth message is split into several segments, "
        "because the receiver's window does not allow one segment of that size. TCP keeps the bytes and their "
        "order, but not the calls of send(). So the receiver needs the lengths to find the messages.",
        perform=_framing,
        expected=Exchange(
            0,
            b"onetwothree" + bytes(ord("a") + number % 26 for number in range(LONG_MESSAGE)),
            b"3\n3\n5\n%d\n" % LONG_MESSAGE,
        ),
        promise=Promise(
            (
                replace(
                    _BY_THE_CLIENT,
                    lengths=frozenset({sum(4 + len(message) for message in SHORT_MESSAGES)}),
                    longest=LONG_MESSAGE - 1,
                ),
            )
        ),
        fewest_segments=12,
    ),
)
