"""How connections end, or never begin: refused, reset, half-closed, closed from both sides, and TIME-WAIT."""

from __future__ import annotations

import socket
import threading

from analyzer.lab.basics import EITHER_ORDERLY_CLOSE
from analyzer.lab.promise import ConnectionPromise, Promise
from analyzer.lab.stage import (
    ANY_AMOUNT,
    Exchange,
    Scenario,
    Stage,
    accept,
    bound,
    close_with_reset,
    connect,
    error_name,
    in_background,
    listening,
    port_of,
    receive_all,
    two_machines,
    wait_for,
)
from analyzer.text import say

__all__ = ["SCENARIOS"]

LONG_WAY = 0.05  # seconds of delay, much longer than the time between two calls in a row


def _refused(stage: Stage) -> Exchange:
    # Bound but not listening: so nobody accepts, and no other program can take the port meanwhile.
    with bound(stage.port) as holder:
        port = port_of(holder)
        try:
            connect(port).close()
        except ConnectionRefusedError as error:
            return Exchange(port, client_error=error_name(error))
        raise ConnectionError(say("a server answered on a port that should be closed"))


def _reset(stage: Stage) -> Exchange:
    with listening(stage.port) as listener:

        def serve() -> tuple[bytes, str]:
            with accept(listener) as connection:
                message = connection.recv(ANY_AMOUNT)
                connection.sendall(b"pong")
                try:
                    message += receive_all(connection)
                except ConnectionResetError as error:
                    return message, error_name(error)
                return message, ""

        port = port_of(listener)
        with in_background(serve) as serving:
            with connect(port) as client:
                client.sendall(b"ping")
                answer = client.recv(ANY_AMOUNT)
                close_with_reset(client)
            message, server_error = serving.result()
            return Exchange(port, message, answer, server_error=server_error)


def _half_close(stage: Stage) -> Exchange:
    pieces = (b"one, ", b"two, ", b"three, ", b"four")
    taken = threading.Event()

    with listening(stage.port) as listener:

        def serve() -> bytes:
            with accept(listener) as connection:
                request = receive_all(connection)
                for piece in pieces:
                    taken.clear()
                    connection.sendall(piece)
                    wait_for(taken)  # without this two pieces could travel in one segment
                return request

        port = port_of(listener)
        with in_background(serve) as serving, connect(port) as client:
            client.sendall(b"count to four")
            client.shutdown(socket.SHUT_WR)
            answer = b""
            while more := client.recv(ANY_AMOUNT):
                answer += more
                taken.set()
            return Exchange(port, serving.result(), answer)


def _simultaneous_close(stage: Stage) -> Exchange:
    assert stage.way is not None
    stage.way.rule = lambda packet: LONG_WAY
    with listening(stage.port, stage.server) as listener:
        with connect(port_of(listener), stage.server, stage.client) as client, accept(listener) as connection:
            client.sendall(b"shall we?")
            question = connection.recv(ANY_AMOUNT)
            connection.sendall(b"together!")
            answer = client.recv(ANY_AMOUNT)
            client.shutdown(socket.SHUT_WR)
            connection.shutdown(socket.SHUT_WR)
            question += receive_all(connection)
            answer += receive_all(client)
        return Exchange(stage.port, question, answer)


def _address_in_use(stage: Stage) -> Exchange:
    with listening(stage.port) as listener:
        port = port_of(listener)
        with connect(port) as client:
            with accept(listener) as connection:
                connection.sendall(b"first")
            answer = receive_all(client)

    stage.tell(say("The server has closed first and ended. TIME-WAIT still holds its port. It starts again:"))
    refusal = ""
    with socket.socket() as hasty:
        try:
            hasty.bind((stage.server.address, port))
        except OSError as error:
            refusal = error_name(error)
            stage.tell(say("without SO_REUSEADDR: {error}", error=refusal))
    stage.tell(say("with SO_REUSEADDR it works."))
    with listening(port) as listener, connect(port) as client:
        with accept(listener) as connection:
            connection.sendall(b", second")
        answer += receive_all(client)
    return Exchange(port, client_received=answer, server_error=refusal)


SCENARIOS = (
    Scenario(
        name="refused",
        port=20001,
        shows="The client connects to a port on which no program listens: a SYN, answered by a reset.",
        look="There are only two segments. The reset acknowledges the SYN, so the client knows which attempt it "
        "answers, and connect() fails at once with ECONNREFUSED.",
        perform=_refused,
        expected=Exchange(0, client_error="ECONNREFUSED"),
        promise=Promise((ConnectionPromise(("refused",), ("none",), None, (), frozenset({"reset"})),)),
        fewest_segments=2,
    ),
    Scenario(
        name="address-in-use",
        port=20012,
        shows='The side that closes first ends in TIME-WAIT. A server that restarts then fails with "Address already '
        'in use", unless it sets SO_REUSEADDR.',
        look="In both connections the server closes first and stays in TIME-WAIT for a minute, so that late segments "
        "are not taken for those of a new connection. Between the two the server was started again. Without "
        "SO_REUSEADDR bind() failed with EADDRINUSE, which a capture cannot show. SO_REUSEADDR made the second "
        "connection possible.",
        perform=_address_in_use,
        expected=Exchange(0, client_received=b"first, second", server_error="EADDRINUSE"),
        promise=Promise(
            (ConnectionPromise(("complete",), EITHER_ORDERLY_CLOSE, "server", ("server",), times=2),)
        ),
        fewest_segments=14,
    ),
    Scenario(
        name="reset",
        port=20002,
        shows="After a question and an answer the client closes with SO_LINGER 0: a reset instead of the four segments "
        "of an orderly close.",
        look="One segment ends both directions at once, and it is not acknowledged. The server's next recv() fails "
        "with ECONNRESET, and neither side is left in TIME-WAIT.",
        perform=_reset,
        expected=Exchange(0, b"ping", b"pong", server_error="ECONNRESET"),
        promise=Promise((ConnectionPromise(("complete",), ("reset",), "client", (), frozenset({"reset"})),)),
        fewest_segments=6,
    ),
    Scenario(
        name="half-close",
        port=20003,
        shows="The client sends a request and closes only its sending side. The server sends four more pieces of data "
        "before it closes too.",
        look="After the client's FIN the server still sends data, and the client acknowledges it: only one direction "
        "is closed. Between FIN 1/4 and FIN 3/4 the client is in FIN-WAIT-2 and the server in CLOSE-WAIT.",
        perform=_half_close,
        expected=Exchange(0, b"count to four", b"one, two, three, four"),
        promise=Promise(
            (
                ConnectionPromise(
                    ("complete",), ("four-segment",), "client", ("client",), notes=frozenset({"half_close"})
                ),
            )
        ),
        fewest_segments=11,
        file_format="pcapng",
    ),
    Scenario(
        name="simultaneous-close",
        port=20013,
        shows="Both sides close at the same moment, and their FINs cross on the way.",
        look="Neither FIN acknowledges the other, because neither side had seen the other's FIN. When it arrives, "
        "each side goes from FIN-WAIT-1 to CLOSING. When its own FIN is acknowledged, it goes to TIME-WAIT. So here "
        "both sides end in TIME-WAIT.",
        perform=_simultaneous_close,
        expected=Exchange(0, b"shall we?", b"together!"),
        promise=Promise((ConnectionPromise(("complete",), ("simultaneous",), "both", ("client", "server")),)),
        fewest_segments=11,
        ground=two_machines,
        needs=("own network",),
    ),
)
