"""The checksum of a TCP segment (RFC 9293 3.1): is the one in the header the one it should be?"""

from __future__ import annotations

from typing import Literal

__all__ = ["Verdict", "computed_checksum", "judge_checksum", "ones_complement_sum"]

Verdict = Literal["right", "partial", "wrong"]

PROTOCOL_TCP = 6


def computed_checksum(segment: bytes, source: bytes, destination: bytes) -> int:
    """The checksum that belongs into the header.

    segment: header and payload, all of it. source, destination: the IP addresses, 4 or 16 bytes each.
    """
    zeroed = segment[:16] + b"\0\0" + segment[18:]
    return ~ones_complement_sum(_pseudo_header(len(segment), source, destination) + zeroed) & 0xFFFF


def judge_checksum(segment: bytes, source: bytes, destination: bytes) -> Verdict:
    """Whether the checksum in `segment` is right.

    "partial" is the sum over the pseudo header alone, which is what the kernel leaves in the field for the
    network card to complete, and on a loopback interface for nobody.
    """
    found = int.from_bytes(segment[16:18], "big")
    if found == computed_checksum(segment, source, destination):
        return "right"
    # Some drivers of cards that cut a long segment themselves want the pseudo header without its length.
    if found in (
        ones_complement_sum(_pseudo_header(length, source, destination)) for length in (len(segment), 0)
    ):
        return "partial"
    return "wrong"


def _pseudo_header(length: int, source: bytes, destination: bytes) -> bytes:
    # IPv4 gives the length 16 bits and IPv6 32, which is the same sum as long as both fit.
    return source + destination + length.to_bytes(4, "big") + PROTOCOL_TCP.to_bytes(4, "big")


def ones_complement_sum(data: bytes) -> int:
    """The sum of the 16-bit words in ones' complement (RFC 1071)."""
    if len(data) % 2:
        data += b"\0"
    total = sum(int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total
