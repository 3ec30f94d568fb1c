"""The echo over IPv6, and next to UDP, a protocol without connections."""

from __future__ import annotations

import socket
from typing import Final

from analyzer.lab.basics import EITHER_ORDERLY_CLOSE, echo
from analyzer.lab.promise import ConnectionPromise, Promise
from analyzer.lab.stage import (
    ANY_AMOUNT,
    Exchange,
    Scenario,
    Stage,
    bound,
    in_background,
    port_of,
    this_machine_ipv6,
)
from analyzer.text import say

__all__ = ["SCENARIOS"]

DATAGRAMS = (b"one", b"two")


def _udp(stage: Stage) -> Exchange:
    stage.tell(say("Two datagrams and their echoes:"))
    received, answers = [], []
    with bound(stage.port, stage.server, socket.SOCK_DGRAM) as server:
        port = port_of(server)

        def serve() -> None:
            for _ in DATAGRAMS:
                datagram, sender = server.recvfrom(ANY_AMOUNT)
                received.append(datagram)
                server.sendto(datagram, sender)

        with in_background(serve) as serving, stage.client.new_socket(socket.SOCK_DGRAM) as client:
            for datagram in DATAGRAMS:
                client.sendto(datagram, (stage.server.address, port))
                answers.append(client.recv(ANY_AMOUNT))
            serving.result()
    stage.tell(say("The same port, now with TCP:"))
    with_tcp = echo(Stage(port))
    return Exchange(
        port,
        b" ".join([*received, with_tcp.server_received]),
        b" ".join([*answers, with_tcp.client_received]),
    )


_AN_ECHO = ConnectionPromise(("complete",), EITHER_ORDERLY_CLOSE, "client", ("client",), frozenset({"data"}))

SCENARIOS: Final = (
    Scenario(
        name="ipv6",
        port=20019,
        shows="The echo over ::1: another network layer, the same TCP.",
        look="Every segment is the same as in the scenario echo. Only two things differ: the addresses, and the "
        "maximum segment size (MSS), which is 20 bytes smaller because the IP header is 20 bytes longer.",
        perform=echo,
        expected=Exchange(0, b"AB", b"AB"),
        promise=Promise((_AN_ECHO,)),
        fewest_segments=9,
        ground=this_machine_ipv6,
    ),
    Scenario(
        name="udp",
        port=20020,
        shows="An echo over UDP, and the same echo over TCP to compare.",
        look="The four datagrams are only counted, as skipped frames. UDP has no handshake, no acknowledgements and "
        "no close, so there is no connection and no state to show. A question and its answer take two frames; TCP "
        "needs nine or ten.",
        perform=_udp,
        expected=Exchange(0, b"one two AB", b"one two AB"),
        promise=Promise((_AN_ECHO,), {"UDP": 2 * len(DATAGRAMS)}),
        fewest_segments=13,
        capture_filter="port {port}",
    ),
)
