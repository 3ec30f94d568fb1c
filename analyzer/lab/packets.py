"""Packets made by hand: forged SYNs, and the ICMP errors of a router."""

from __future__ import annotations

import socket
import struct
from typing import Final

__all__ = ["forged_syn", "icmp_error"]

_SYN: Final = 0x02
_QUOTED: Final = 548
"""The number of bytes that an error quotes of a packet. With all headers it has at most 576 (RFC 1812 4.3.2.3)."""


def forged_syn(source: str, source_port: int, destination: str, port: int) -> bytes:
    """Make an IPv4 packet with a SYN and correct checksums."""
    addresses = socket.inet_aton(source) + socket.inet_aton(destination)
    options = struct.pack("!BBH", 2, 4, 1460)
    segment = (
        struct.pack("!HHLLBBHHH", source_port, port, 1000 * source_port, 0, 6 << 4, _SYN, 65535, 0, 0)
        + options
    )
    pseudo_header = addresses + struct.pack("!HH", socket.IPPROTO_TCP, len(segment))
    segment = segment[:16] + struct.pack("!H", _checksum(pseudo_header + segment)) + segment[18:]
    return _ipv4(addresses, socket.IPPROTO_TCP, segment)


def icmp_error(router: str, code: int, packet: bytes, mtu: int = 0) -> bytes:
    """Make an IPv4 packet in which a router reports to the sender why it did not deliver a packet (RFC 792).

    Args:
        router: The address of the router.
        code: The code of "destination unreachable".
        packet: The packet.
        mtu: The MTU of the next link, for "fragmentation needed" (RFC 1191).

    Returns:
        The packet with the error.
    """
    message = struct.pack("!BBHHH", 3, code, 0, 0, mtu) + packet[:_QUOTED]
    message = message[:2] + struct.pack("!H", _checksum(message)) + message[4:]
    return _ipv4(socket.inet_aton(router) + packet[12:16], socket.IPPROTO_ICMP, message)


def _ipv4(addresses: bytes, protocol: int, payload: bytes) -> bytes:
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0x4000, 64, protocol, 0) + addresses
    return header[:10] + struct.pack("!H", _checksum(header)) + header[12:] + payload


def _checksum(data: bytes) -> int:
    data += bytes(len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
