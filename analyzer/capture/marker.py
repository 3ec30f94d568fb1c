"""A datagram sent through the captured interface. Once it is captured, everything sent before it is captured too.

A capture program that is asked to end drops the frames that still wait in the kernel's buffer and in its own, without a
message. Waiting a while first is a guess. A marker is certain: it takes the same way as every other frame, through the
same buffers, so everything sent before it comes before it.

It goes to 224.0.0.254, a link-local group that RFC 4727 reserves for experiments, with a TTL of 1, so no router
forwards it. Its port is that of the discard service (RFC 863). `LiveRecords` removes it from the frames.
"""

from __future__ import annotations

import os
import socket
import struct
from typing import Final

from analyzer.capture.records import Records
from analyzer.errors import InputError
from analyzer.text import inert, say

__all__ = ["Marker"]

GROUP: Final = "224.0.0.254"
PORT: Final = 9
MOST_BYTES: Final = 256
"""A longer frame is not a marker. This leaves room for any link layer."""

_GROUP_BYTES: Final = socket.inet_aton(GROUP)
_PORT_BYTES: Final = PORT.to_bytes(2, "big")
_NAME: Final = b"tcpanalyze"
_RANDOM_BYTES: Final = 16
_NUMBER: Final = struct.Struct(">I")


class Marker:
    """The markers of one capture, numbered from 1. A random token makes them unique.

    If tests run side by side, each with a capture, every capture sees the markers of all of them.

    Attributes:
        sent: The number of markers sent so far.
    """

    def __init__(self, interface: str) -> None:
        self._interface = interface
        self._token = _NAME + os.urandom(_RANDOM_BYTES)
        self.sent: int = 0

    def with_filter(self, capture_filter: str) -> str:
        """Extend a capture filter so that it matches the markers too.

        The markers come first, because keywords like `vlan` change the meaning of everything after them.
        """
        own = f"udp and dst host {GROUP} and dst port {PORT}"
        return f"({own}) or ({capture_filter})" if capture_filter.strip() else ""

    def send(self) -> None:
        """Send the next marker. Raises InputError if it cannot be sent on the interface."""
        try:
            number = socket.if_nametoindex(self._sending_interface())
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                choice = struct.pack("=4s4si", bytes(4), bytes(4), number)
                sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, choice)
                sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 1)
                sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)
                sender.sendto(self._token + _NUMBER.pack(self.sent + 1), (GROUP, PORT))
        except OSError as error:
            raise InputError(
                say(
                    "{interface} does not accept a datagram ({reason}), so the last frames may be missing",
                    interface=inert(self._interface),
                    reason=inert(error.strerror or str(error)),
                )
            ) from error
        self.sent += 1

    def number_in(self, records: Records) -> int:
        """Return the number of the marker in the current frame; 0 if it is not a marker, -1 for another capture's."""
        captured = int(records.captured)
        if captured > MOST_BYTES:
            return 0
        start = int(records.offset)
        place = records.block.find(_NAME, start, start + captured)
        if place < 0 or place + len(self._token) + _NUMBER.size > start + captured:
            return 0
        if not records.block.startswith(self._token, place):
            # The end of the IPv4 header, and the UDP header without its length and checksum.
            group, port = records.block[place - 12 : place - 8], records.block[place - 6 : place - 4]
            return -1 if (group, port) == (_GROUP_BYTES, _PORT_BYTES) else 0
        number: int = _NUMBER.unpack_from(records.block, place + len(self._token))[0]
        return number

    def _sending_interface(self) -> str:
        """The captured interface itself; for "any", which means all of them, the loopback."""
        names = [name for _, name in socket.if_nameindex()]
        if self._interface in names:
            return self._interface
        return next((name for name in names if name.startswith("lo")), self._interface)
