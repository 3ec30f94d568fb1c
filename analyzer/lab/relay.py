"""Two machines and the network between them, which can delay, reorder and lose chosen segments.

Each machine is a network namespace with one TUN device. A thread carries every packet from one device to the other:
late, out of order, or never. This needs no kernel module for bad networks, and a fault hits exactly the chosen segment.
"""

from __future__ import annotations

import heapq
import os
import selectors
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final, NamedTuple

from analyzer.lab.namespace import Namespace, own_network

__all__ = [
    "CLIENT_ADDRESS",
    "DELAY",
    "INTERFACE",
    "LOST",
    "SERVER_ADDRESS",
    "SYN",
    "Packet",
    "Relay",
    "Rule",
    "relay",
]

CLIENT_ADDRESS: Final = "10.0.0.1"
SERVER_ADDRESS: Final = "10.0.0.2"
_NETMASK: Final = "255.0.0.0"
INTERFACE: Final = "tun0"
DELAY: Final = 0.01  # seconds from one machine to the other
LOST: Final = None

SYN: Final = 0x02

_TCP: Final = 6
_BIGGEST: Final = 65536  # bytes of an IP packet
_ENDS = struct.Struct("!HHLL")  # ports, sequence number, acknowledgement number


class Packet(NamedTuple):
    """A TCP segment on its way.

    Attributes:
        from_client: Whether the client sent it.
        client_port: The port of the client.
        flags: The low eight flags of its header.
        seq: Its sequence number.
        length: The length of its payload in bytes.
        data: The IP packet that carries it.
    """

    from_client: bool
    client_port: int
    flags: int
    seq: int
    length: int
    data: bytes = b""


Rule = Callable[[Packet], float | None]
"""Returns the delay of a packet in seconds, or `LOST`."""


class Relay:
    """The network between a client machine and a server machine, made by `relay`."""

    def __init__(self, client: Namespace, server: Namespace) -> None:
        self.client = client
        self.server = server
        self.rule: Rule = lambda packet: DELAY
        self.rewrite: Callable[[bytes, bool], bytes] = lambda data, from_client: data
        """Changes an IP packet with a TCP segment on its way, e.g. like a router that translates addresses."""
        self.instead_of_client: Callable[[bytes], None] | None = None
        """Takes the packets for the client, whose kernel then never receives them."""
        self._devices: list[int] = []  # the client's, the server's
        self._wake: tuple[int, int] = (-1, -1)
        self._under_way: list[tuple[float, int, int, bytes]] = []  # due, count, device, bytes
        self._count = 0

    def deliver(self, packet: bytes, *, to_client: bool) -> None:
        """Give one machine an IP packet that the other machine has not sent."""
        os.write(self._devices[0 if to_client else 1], packet)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Make the devices and start the thread. Both are gone when the `with` block is left."""
        self._wake = os.pipe()
        thread = threading.Thread(target=self._carry, name="lab-relay", daemon=True)
        try:
            for namespace, address in ((self.client, CLIENT_ADDRESS), (self.server, SERVER_ADDRESS)):
                namespace.set(
                    tcp_syn_linear_timeouts=0
                )  # the intervals between SYNs grow from the first on, as in RFC 6298
                self._devices.append(namespace.make_tun(INTERFACE, address, _NETMASK))
            thread.start()
            try:
                yield
            finally:
                os.write(self._wake[1], b"x")
                thread.join()
        finally:
            for descriptor in (*self._devices, *self._wake):
                os.close(descriptor)
            self._devices.clear()

    def _carry(self) -> None:
        with selectors.DefaultSelector() as selector:
            for descriptor in (*self._devices, self._wake[0]):
                selector.register(descriptor, selectors.EVENT_READ)
            while True:
                now = time.monotonic()
                while self._under_way and self._under_way[0][0] <= now:
                    _, _, device, data = heapq.heappop(self._under_way)
                    with suppress(OSError):  # a device without room may refuse a packet, like a real network
                        os.write(device, data)
                wait = self._under_way[0][0] - now if self._under_way else None
                for key, _ in selector.select(wait):
                    if key.fd == self._wake[0]:
                        return
                    self._take(key.fd)

    def _take(self, device: int) -> None:
        with suppress(BlockingIOError):
            while True:
                data = os.read(device, _BIGGEST)
                from_client = device == self._devices[0]
                if self.instead_of_client and not from_client:
                    self.instead_of_client(data)
                    continue
                packet = _parse(data, from_client)
                delay = self.rule(packet) if packet else LOST
                if delay is not None:
                    self._count += 1
                    other = self._devices[1 if from_client else 0]
                    data = self.rewrite(data, from_client)
                    heapq.heappush(self._under_way, (time.monotonic() + delay, self._count, other, data))


@contextmanager
def relay() -> Iterator[Relay]:
    """Make two new machines that are connected. Raises UsageError if they cannot be made."""
    with own_network() as client, own_network() as server:
        way = Relay(client, server)
        with way.running():
            yield way


def _parse(data: bytes, from_client: bool) -> Packet | None:
    """Read the TCP segment in an IPv4 packet; None for any other packet."""
    if len(data) < 40 or data[0] >> 4 != 4 or data[9] != _TCP:
        return None
    start = data[0] % 16 * 4
    source, destination, seq, _ = _ENDS.unpack_from(data, start)
    header = data[start + 12] >> 4 << 2
    total = int.from_bytes(data[2:4], "big")
    client_port = source if from_client else destination
    return Packet(from_client, client_port, data[start + 13], seq, total - start - header, data)
