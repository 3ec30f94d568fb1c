"""Unusual openings: no answer, a lost ACK, a flood, two SYNs, data in the SYN."""

from __future__ import annotations

import selectors
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final

from analyzer.lab.basics import EITHER_ORDERLY_CLOSE
from analyzer.lab.namespace import Namespace
from analyzer.lab.packets import forged_syn, icmp_error
from analyzer.lab.promise import ConnectionPromise, Promise
from analyzer.lab.relay import DELAY, LOST, SERVER_ADDRESS, SYN, Packet
from analyzer.lab.stage import (
    ANY_AMOUNT,
    PATIENCE,
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
    own_machine,
    port_of,
    receive_all,
    receive_exactly,
    two_machines,
)
from analyzer.text import say

__all__ = ["SCENARIOS"]

GIVES_UP_AFTER = 7.3  # seconds: a SYN, and its retransmissions after 1, 3 and 7 seconds
SYN_ACKS_FOR = 3.2  # seconds: a SYN-ACK, and its retransmissions after 1 and 3 seconds
BACKLOG = 4
FORGED = 8  # SYNs without cookies; half of them fit in the backlog
FORGED_WITH_COOKIES = 4
LONG_WAY = 0.05  # seconds of delay, much longer than the time between two calls in a row
_TFO_CLIENT_AND_SERVER = 3
ROUTER = "10.0.0.254"
HOST_UNREACHABLE, FRAGMENTATION_NEEDED, PROHIBITED = 1, 4, 13  # RFC 792, RFC 1812 5.2.7.1
NARROW = 1000  # bytes of the longest packet on the link after the router
LONG_MESSAGE = b"0123456789" * 120


def _unanswered(stage: Stage) -> Exchange:
    assert stage.way is not None
    stage.way.rule = lambda packet: LOST
    with stage.client.new_socket() as client:
        client.settimeout(GIVES_UP_AFTER)
        try:
            client.connect((stage.server.address, stage.port))
        except OSError as error:
            return Exchange(stage.port, client_error=error_name(error))
    raise ConnectionError(say("the connection opened, although every segment is lost"))


class _Router:
    """Refuses the first client, the second for another reason, and every long packet of the third."""

    def __init__(self, stage: Stage) -> None:
        assert stage.way is not None
        self._way = stage.way
        self._clients: list[int] = []

    def __call__(self, packet: Packet) -> float | None:
        if not packet.from_client:
            return DELAY
        if packet.client_port not in self._clients:
            self._clients.append(packet.client_port)
        client = self._clients.index(packet.client_port)
        if client == 0:
            return self._refuse(packet, HOST_UNREACHABLE)
        if client == 1:
            return self._refuse(packet, PROHIBITED)
        return self._refuse(packet, FRAGMENTATION_NEEDED) if len(packet.data) > NARROW else DELAY

    def _refuse(self, packet: Packet, code: int) -> float | None:
        mtu = NARROW if code == FRAGMENTATION_NEEDED else 0
        self._way.deliver(icmp_error(ROUTER, code, packet.data, mtu), to_client=True)
        return LOST


def _unreachable(stage: Stage) -> Exchange:
    assert stage.way is not None
    stage.way.rule = _Router(stage)
    errors = []
    with listening(stage.port, stage.server) as listener:
        for reason in ("The router has no route to the server.", "The router forbids the connection."):
            stage.tell(say(reason))
            try:
                connect(stage.port, stage.server, stage.client).close()
            except OSError as error:
                errors.append(error_name(error))
        stage.tell(say("The router lets a client through, over a link with a small MTU."))
        with connect(stage.port, stage.server, stage.client) as client, accept(listener) as connection:
            client.sendall(LONG_MESSAGE)
            message = receive_exactly(connection, len(LONG_MESSAGE))
            client.shutdown(socket.SHUT_WR)
            message += receive_all(connection)
            connection.close()
            client.recv(ANY_AMOUNT)
    return Exchange(stage.port, message, client_error=", ".join(errors))


def _half_open(stage: Stage) -> Exchange:
    assert stage.way is not None
    server = stage.server.namespace
    assert server is not None

    stage.tell(say("The third segment of the handshake is lost, and every retransmission of it too."))
    stage.way.rule = _only_syns
    with listening(stage.port, stage.server), connect(stage.port, stage.server, stage.client) as client:
        time.sleep(SYN_ACKS_FOR)
        lonely = port_of(client)
        stage.way.rule = lambda packet: LOST if packet.client_port == lonely else DELAY
        close_with_reset(client)

    with listening(stage.port, stage.server, BACKLOG) as listener:
        stage.tell(say("A burst of SYNs from addresses without a host. The backlog has room for a few."))
        server.set(tcp_syncookies=0)
        _flood(stage, 1, FORGED)
        stage.tell(say("The same with SYN cookies: every SYN is answered, and a real client gets through."))
        server.set(tcp_syncookies=1)
        _flood(stage, 1 + FORGED, FORGED_WITH_COOKIES)
        with connect(stage.port, stage.server, stage.client) as client:
            with accept(listener) as connection:
                client.sendall(b"I am real")
                message = connection.recv(ANY_AMOUNT)
                client.shutdown(socket.SHUT_WR)
                message += receive_all(connection)
            client.recv(ANY_AMOUNT)
    return Exchange(stage.port, server_received=message)


def _only_syns(packet: Packet) -> float | None:
    return DELAY if packet.flags & SYN or not packet.from_client else LOST


def _flood(stage: Stage, first: int, count: int) -> None:
    """Send SYNs from 10.66.0.`first` and the addresses after it, one after the other."""
    assert stage.way is not None
    for number in range(first, first + count):
        stage.way.deliver(
            forged_syn(f"10.66.0.{number}", 40000 + number, SERVER_ADDRESS, stage.port), to_client=False
        )
        time.sleep(0.002)  # without this the order of the answers could change


def _simultaneous_open(stage: Stage) -> Exchange:
    assert stage.way is not None
    stage.way.rule = lambda packet: LONG_WAY
    with bound(stage.port, stage.client) as client, bound(stage.port, stage.server) as server:
        for end, peer in ((client, stage.server), (server, stage.client)):
            end.setblocking(False)
            end.connect_ex((peer.address, stage.port))
        for end in (client, server):
            _wait_until_connected(end)
            end.settimeout(PATIENCE)
        client.sendall(b"you too?")
        question = server.recv(ANY_AMOUNT)
        server.sendall(b"me too!")
        answer = client.recv(ANY_AMOUNT)
        client.shutdown(socket.SHUT_WR)
        question += receive_all(server)
        server.close()
        answer += receive_all(client)
        return Exchange(stage.port, question, answer)


def _wait_until_connected(end: socket.socket) -> None:
    with selectors.DefaultSelector() as selector:
        selector.register(end, selectors.EVENT_WRITE)
        if not selector.select(PATIENCE):
            raise TimeoutError(say("the two SYNs did not cross"))
    if error := end.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        raise OSError(error, say("the two SYNs did not cross"))


@contextmanager
def _machine_with_fast_open() -> Iterator[Stage]:
    with own_machine() as stage:
        assert isinstance(stage.server.namespace, Namespace)
        stage.server.namespace.set(tcp_fastopen=_TFO_CLIENT_AND_SERVER)
        yield stage


def _fast_open(stage: Stage) -> Exchange:
    questions, answers = [], []
    with listening(stage.port, stage.server) as listener:
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, 5)

        def serve() -> bytes:
            with accept(listener) as connection:
                message = connection.recv(ANY_AMOUNT)
                connection.sendall(message.upper())
                return message + receive_all(connection)

        for message in (b"may I?", b"in the SYN"):
            with in_background(serve) as serving:
                with stage.client.new_socket() as client:
                    # A Python socket with a timeout is non-blocking, but this call has to block: it connects.
                    client.settimeout(None)
                    client.setsockopt(
                        socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("@ll", int(PATIENCE), 0)
                    )
                    client.sendto(message, socket.MSG_FASTOPEN, (stage.server.address, stage.port))
                    client.settimeout(PATIENCE)
                    answers.append(client.recv(ANY_AMOUNT))
                questions.append(serving.result())
    return Exchange(stage.port, b", ".join(questions), b", ".join(answers))


SCENARIOS: Final = (
    Scenario(
        name="unanswered",
        port=20010,
        shows="Every SYN is lost on the way. It is retransmitted, at growing intervals, and nothing comes back.",
        look="The same SYN is sent four times, with the same sequence number. The intervals double: one second, two, "
        "four. In the scenario refused connect() fails at once. Here the client cannot know whether it only has "
        "to wait longer.",
        perform=_unanswered,
        expected=Exchange(0, client_error="ETIMEDOUT"),
        promise=Promise(
            (ConnectionPromise(("unanswered",), ("none",), None, notes=frozenset({"syn_retransmission"})),)
        ),
        fewest_segments=4,
        ground=two_machines,
        needs=("own network",),
    ),
    Scenario(
        name="unreachable",
        port=20023,
        shows="A router on the way answers instead of the server: host unreachable, then administratively prohibited. "
        "Then it lets a client through, but not its longest packets.",
        look="The router does not answer with a segment, but with an ICMP error, which quotes the segment that it is "
        "about. connect() fails at once, for another reason than in the scenario refused. In the third connection "
        "a segment of 1200 bytes does not fit on the next link and must not be fragmented. The router reports the "
        "MTU, and the client sends the same bytes again in two segments. This is path MTU discovery.",
        perform=_unreachable,
        expected=Exchange(0, LONG_MESSAGE, client_error="EHOSTUNREACH, EHOSTUNREACH"),
        promise=Promise(
            (
                ConnectionPromise(("unanswered",), ("none",), None, errors=frozenset({"host-unreachable"})),
                ConnectionPromise(
                    ("unanswered",), ("none",), None, errors=frozenset({"administratively-prohibited"})
                ),
                ConnectionPromise(
                    ("complete",),
                    EITHER_ORDERLY_CLOSE,
                    "client",
                    ("client",),
                    lengths=frozenset({len(LONG_MESSAGE)}),
                    errors=frozenset({"fragmentation-needed"}),
                ),
            ),
            skipped={"ICMP": 3},
        ),
        fewest_segments=15,
        ground=two_machines,
        needs=("own network",),
        capture_filter="tcp port {port} or icmp",
    ),
    Scenario(
        name="half-open",
        port=20011,
        shows="The third segment of the handshake is lost, so the SYN-ACK is retransmitted. Then comes a flood of SYNs "
        "from forged addresses, without and with SYN cookies.",
        look="This is captured at the server. In the first connection the server stays in SYN-RECEIVED and "
        "retransmits its SYN-ACK, while the client is already in ESTABLISHED. Then come SYNs from addresses "
        "without a host, like in a SYN flood. Each half-open connection takes a place in the backlog. When the "
        "backlog is full, the server does not answer. With SYN cookies the server keeps no state and answers "
        "each SYN, so the real client at the end gets its connection.",
        perform=_half_open,
        expected=Exchange(0, server_received=b"I am real"),
        promise=Promise(
            (
                ConnectionPromise(
                    ("half-open",), ("none",), None, notes=frozenset({"syn_ack_retransmission"})
                ),
                ConnectionPromise(("half-open",), ("none",), None, times=BACKLOG),
                ConnectionPromise(
                    ("half-open", "unanswered"), ("none",), None
                ),  # Linux takes one more since 6.12
                ConnectionPromise(("unanswered",), ("none",), None, times=FORGED - BACKLOG - 1),
                ConnectionPromise(("half-open",), ("none",), None, times=FORGED_WITH_COOKIES),
                ConnectionPromise(("complete",), EITHER_ORDERLY_CLOSE, "client", ("client",)),
            )
        ),
        fewest_segments=4 + 2 * FORGED + 2 * FORGED_WITH_COOKIES,
        ground=partial(two_machines, "server"),
        needs=("own network",),
    ),
    Scenario(
        name="simultaneous-open",
        port=20014,
        shows="Both sides connect to each other at the same moment: two SYNs cross, and there is no server.",
        look="Each side sends a SYN. When the other's SYN arrives, it goes from SYN-SENT to SYN-RECEIVED and "
        "acknowledges the SYN. Four segments open one connection, not two. The side seen first is called the "
        "client here.",
        perform=_simultaneous_open,
        expected=Exchange(0, b"you too?", b"me too!"),
        promise=Promise(
            (
                ConnectionPromise(
                    ("simultaneous",),
                    EITHER_ORDERLY_CLOSE,
                    "client",
                    ("client",),
                    notes=frozenset({"simultaneous_open"}),
                ),
            )
        ),
        fewest_segments=11,
        ground=two_machines,
        needs=("own network",),
    ),
    Scenario(
        name="fast-open",
        port=20018,
        shows="TCP Fast Open: the first connection gets a cookie, the second sends its data in the SYN.",
        look="In the first connection the SYN asks for a cookie, the SYN-ACK brings it, and the data waits for the "
        "handshake as usual. In the second connection the SYN carries the cookie and the data, and the SYN-ACK "
        "acknowledges SYN and data: the server's program gets the question one RTT earlier.",
        perform=_fast_open,
        expected=Exchange(0, b"may I?, in the SYN", b"MAY I?, IN THE SYN"),
        promise=Promise(
            (
                ConnectionPromise(
                    ("complete",), EITHER_ORDERLY_CLOSE, "client", ("client",), notes=frozenset({"fast_open"})
                ),
                ConnectionPromise(
                    ("complete",),
                    EITHER_ORDERLY_CLOSE,
                    "client",
                    ("client",),
                    notes=frozenset({"fast_open", "data_in_syn"}),
                ),
            )
        ),
        fewest_segments=16,
        ground=_machine_with_fast_open,
        needs=("own network",),
    ),
)
