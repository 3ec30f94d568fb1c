"""How TCP reacts to silence, to a slow reader, and to a network that loses and reorders segments."""

from __future__ import annotations

import socket
import time
from typing import Final

from analyzer.lab.basics import EITHER_ORDERLY_CLOSE
from analyzer.lab.promise import ConnectionPromise, Promise
from analyzer.lab.relay import DELAY, LOST, Packet
from analyzer.lab.stage import (
    ANY_AMOUNT,
    Exchange,
    Scenario,
    Stage,
    accept,
    connect,
    in_background,
    listening,
    port_of,
    receive_all,
    receive_exactly,
    two_machines,
)

__all__ = ["SCENARIOS"]

IDLE = 2.5  # seconds: two probes, one second apart
SMALL_BUFFER = 4096  # bytes
STOPS_READING_FOR = 1.0  # seconds: long enough for zero-window probes, whose intervals grow
FULL = b"0123456789abcdef" * 750
PIECE = 1000  # bytes
PIECES = 8
WORDS = (b", one", b", two", b", three")
OVERTAKEN = 3  # which data segment of the server is overtaken, counted from 1
LOST_PIECE = 3  # counted from 1
EXTRA_DELAY = 0.002  # seconds: too short for the server to assume a loss


def _keep_alive(stage: Stage) -> Exchange:
    with listening(stage.port) as listener:
        port = port_of(listener)
        with connect(port) as client, accept(listener) as connection:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            idle: int = getattr(socket, "TCP_KEEPIDLE", 0x10)  # 0x10 is what macOS calls TCP_KEEPALIVE
            for option, value in ((idle, 1), (socket.TCP_KEEPINTVL, 1), (socket.TCP_KEEPCNT, 3)):
                client.setsockopt(socket.IPPROTO_TCP, option, value)
            client.sendall(b"still there?")
            message = connection.recv(ANY_AMOUNT)
            connection.sendall(b"yes")
            answer = client.recv(ANY_AMOUNT)
            time.sleep(IDLE)
            client.shutdown(socket.SHUT_WR)
            message += receive_all(connection)
            connection.close()
            answer += receive_all(client)
        return Exchange(port, message, answer)


def _zero_window(stage: Stage) -> Exchange:
    with listening(stage.port) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
        port = port_of(listener)
        with connect(port) as client, accept(listener) as connection:

            def send() -> None:
                client.sendall(FULL)
                client.shutdown(socket.SHUT_WR)

            with in_background(send) as sending:
                time.sleep(STOPS_READING_FOR)
                message = receive_all(connection)
                sending.result()
            connection.close()
            client.recv(ANY_AMOUNT)
        return Exchange(port, message)


class _Faults:
    """Loses one of many pieces, then a single piece, then swaps two pieces of the answer."""

    def __init__(self) -> None:
        self._from_client: set[int] = set()
        self._from_server: set[int] = set()

    def __call__(self, packet: Packet) -> float | None:
        if not packet.length:
            return DELAY
        seen = self._from_client if packet.from_client else self._from_server
        again = packet.seq in seen
        seen.add(packet.seq)
        if again:
            return DELAY
        if packet.from_client:
            return LOST if len(seen) in (LOST_PIECE, PIECES + 1) else DELAY
        return DELAY + EXTRA_DELAY if len(seen) == OVERTAKEN else DELAY


def _loss(stage: Stage) -> Exchange:
    assert stage.way is not None
    stage.way.rule = _Faults()
    pieces = [bytes([ord("a") + number]) * PIECE for number in range(PIECES)]
    with (
        listening(stage.port, stage.server) as listener,
        connect(stage.port, stage.server, stage.client) as client,
        accept(listener) as connection,
    ):
        for end in (client, connection):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            client.sendall(piece)
        message = receive_exactly(connection, PIECE * PIECES)
        connection.sendall(b"first part")
        answer = receive_exactly(client, 10)
        client.sendall(b"that was all")
        message += connection.recv(ANY_AMOUNT)
        for word in WORDS:
            connection.sendall(word)
        answer += receive_exactly(client, len(b"".join(WORDS)))
        client.shutdown(socket.SHUT_WR)
        message += receive_all(connection)
        connection.close()
        answer += receive_all(client)
    return Exchange(stage.port, message, answer)


SCENARIOS: Final = (
    Scenario(
        name="keep-alive",
        port=20015,
        shows="An idle connection with keep-alive timers of one second.",
        look="A keep-alive probe has no data, and its sequence number is one too low. So the peer has to answer with "
        "the sequence number that it expects, which shows that it is still there. Without keep-alive an idle "
        "connection sends no segments at all, for hours. The usual timer is two hours.",
        perform=_keep_alive,
        expected=Exchange(0, b"still there?", b"yes"),
        promise=Promise(
            (
                ConnectionPromise(
                    ("complete",),
                    EITHER_ORDERLY_CLOSE,
                    "client",
                    ("client",),
                    frozenset({"keep-alive"}),
                    frozenset({"keep_alive", "keep_alive_ack"}),
                ),
            )
        ),
        fewest_segments=13,
    ),
    Scenario(
        name="zero-window",
        port=20016,
        shows="A program stops reading. Its window closes, the sender sends probes, and continues when the program "
        "reads again.",
        look="The window shrinks with every acknowledgement until it is 0: the receive buffer is full. The sender then "
        "sends zero-window probes, at growing intervals, to learn when there is room again. When the program "
        "reads, the window opens and the rest of the data follows.",
        perform=_zero_window,
        expected=Exchange(0, FULL),
        promise=Promise(
            (
                ConnectionPromise(
                    ("complete",),
                    EITHER_ORDERLY_CLOSE,
                    "client",
                    ("client",),
                    frozenset({"probe"}),
                    frozenset({"zero_window", "window_update"}),
                ),
            )
        ),
        fewest_segments=14,
    ),
    Scenario(
        name="loss",
        port=20017,
        shows="Chosen segments are lost or overtake each other, but all data arrives.",
        look="This is captured at the client. The third of eight pieces is lost. For each later piece the server "
        "sends a duplicate ACK, and the client retransmits the lost piece at once. Then the very last piece is "
        "lost. Nothing comes after it, so only the timeout can detect the loss. In the answer one segment overtakes "
        "another: the client sends a duplicate ACK, and soon receives the missing segment.",
        perform=_loss,
        expected=Exchange(
            0,
            b"".join(bytes([ord("a") + number]) * PIECE for number in range(PIECES)) + b"that was all",
            b"first part" + b"".join(WORDS),
        ),
        promise=Promise(
            (
                ConnectionPromise(
                    ("complete",),
                    EITHER_ORDERLY_CLOSE,
                    "client",
                    ("client",),
                    frozenset({"data"}),
                    frozenset({"duplicate_ack", "fast_retransmission", "retransmission", "out_of_order"}),
                ),
            )
        ),
        fewest_segments=24,
        ground=two_machines,
        needs=("own network",),
    ),
)
