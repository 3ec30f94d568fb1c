"""A client without a kernel. Each of its segments is built by hand, with Scapy."""

from __future__ import annotations

import queue
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from analyzer.lab.basics import EITHER_ORDERLY_CLOSE
from analyzer.lab.promise import ConnectionPromise, Promise
from analyzer.lab.stage import (
    ANY_AMOUNT,
    PATIENCE,
    Exchange,
    Scenario,
    Stage,
    accept,
    in_background,
    listening,
    receive_all,
    two_machines,
)
from analyzer.text import say

if TYPE_CHECKING:
    from analyzer.lab.relay import Relay

__all__ = ["SCENARIOS"]

CLIENT_PORT = 40000
ISN = 1000
PACE = 0.05  # seconds before each step, so that the ladder of the capture keeps up with the sentences
QUESTION = b"made by hand"
ANSWER = b"made by a kernel"


class _HandMadeClient:
    """Keeps the two numbers that a client needs, and shows every step."""

    def __init__(self, stage: Stage, way: Relay) -> None:
        self._stage = stage
        self._way = way
        self._arrived: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self.seq = ISN
        self.ack = 0
        self.received = b""
        way.instead_of_client = self._arrived.put

    def send(self, flags: str, payload: bytes = b"") -> None:
        """Send one segment. The next one begins where it ends. SYN and FIN count as one byte."""
        from scapy.layers.inet import IP, TCP

        stage = self._stage
        time.sleep(PACE)
        segment = IP(src=stage.client.address, dst=stage.server.address) / TCP(
            sport=CLIENT_PORT, dport=stage.port, flags=flags, seq=self.seq, ack=self.ack, window=65535
        )
        self._tell("→", segment, payload)
        self._way.deliver(bytes(segment / payload if payload else segment), to_client=False)
        self.seq += len(payload) + ("S" in flags) + ("F" in flags)

    def receive(self) -> str:
        """Receive the next segment: keep its payload, note what to acknowledge, and return its flags."""
        from scapy.layers.inet import IP, TCP

        try:
            data = self._arrived.get(timeout=PATIENCE)
        except queue.Empty:
            raise TimeoutError(say("the server sent nothing")) from None
        segment = IP(data)
        if TCP not in segment:  # a machine sends other packets too
            return self.receive()
        payload = bytes(segment[TCP].payload)
        self._tell("←", segment, payload)
        flags = str(segment[TCP].flags)
        self.received += payload
        self.ack = segment[TCP].seq + len(payload) + ("S" in flags) + ("F" in flags)
        return flags

    def receive_until(self, flag: str) -> None:
        """Receive segments up to one with this flag."""
        while flag not in self.receive():
            pass

    def _tell(self, arrow: str, segment: Any, payload: bytes) -> None:
        from scapy.layers.inet import TCP

        tcp = segment[TCP]
        self._stage.tell(
            say(
                "{arrow} flags={flags} seq={seq} ack={ack} payload={payload}",
                arrow=arrow,
                flags=str(tcp.flags),
                seq=tcp.seq,
                ack=tcp.ack,
                payload=repr(payload)[1:],
            )
        )


def _by_hand(stage: Stage) -> Exchange:
    assert stage.way is not None
    client = _HandMadeClient(stage, stage.way)
    with listening(stage.port, stage.server) as listener:

        def serve() -> bytes:
            with accept(listener) as connection:
                message = connection.recv(ANY_AMOUNT)
                connection.sendall(ANSWER)
                return message + receive_all(connection)

        with in_background(serve) as serving:
            stage.tell(say("Handshake:"))
            client.send("S")
            client.receive()
            client.send("A")
            stage.tell(say("Data:"))
            client.send("PA", QUESTION)
            client.receive_until("P")
            client.send("A")
            stage.tell(say("Close:"))
            client.send("FA")
            client.receive_until("F")
            client.send("A")
            return Exchange(stage.port, serving.result(), client.received)


SCENARIOS: Final = (
    Scenario(
        name="by-hand",
        port=20008,
        shows="A client that opens a connection, sends data and closes it with segments built by hand with Scapy. The "
        "server's kernel sees no difference.",
        look="This is captured at the server, in a separate network. The client's kernel receives nothing there: it "
        "does not know the connection, so it would answer the SYN-ACK with a reset. The client's segments have no "
        "options, begin with the sequence number 1000, and are exactly those that the program lists.",
        perform=_by_hand,
        expected=Exchange(0, QUESTION, ANSWER),
        promise=Promise(
            (
                ConnectionPromise(
                    ("complete",), EITHER_ORDERLY_CLOSE, "client", ("client",), frozenset({"data"})
                ),
            )
        ),
        fewest_segments=10,
        ground=partial(two_machines, "server"),
        needs=("own network", "scapy"),
    ),
)
