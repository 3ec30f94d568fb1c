"""Packets made by hand: what a forger sends, and what a router says."""

from __future__ import annotations

import socket
import struct
from typing import Final

__all__ = ["forged_syn", "icmp_error"]

_SYN: Final = 0x02
_QUOTED: Final = 548
"""Bytes of a packet that an error quotes: with all headers no more than 576 (RFC 1812 4.3.2.3)."""


def forged_syn(source: str, source_port: int, destination: str, port: int) -> bytes:
    """An IPv4 packet with a SYN, its checksums right."""
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
    """An IPv4 packet in which `router` tells whoever sent `packet` why it could not be delivered (RFC 792).

    code: of "destination unreachable". mtu: of the next link, for "fragmentation needed" (RFC 1191)
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
