"""The checksum of a TCP segment (RFC 9293 3.1): is the one in the header correct?"""

from __future__ import annotations

from typing import Literal

__all__ = ["Verdict", "computed_checksum", "judge_checksum", "ones_complement_sum"]

Verdict = Literal["right", "partial", "wrong"]

PROTOCOL_TCP = 6


def computed_checksum(segment: bytes, source: bytes, destination: bytes) -> int:
    """Compute the correct checksum of a segment.

    Args:
        segment: The whole segment, header and payload.
        source: The IP address of the sender, 4 or 16 bytes.
        destination: The IP address of the receiver, 4 or 16 bytes.

    Returns:
        The checksum.
    """
    zeroed = segment[:16] + b"\0\0" + segment[18:]
    return ~ones_complement_sum(_pseudo_header(len(segment), source, destination) + zeroed) & 0xFFFF


def judge_checksum(segment: bytes, source: bytes, destination: bytes) -> Verdict:
    """Judge the checksum in a segment.

    Args:
        segment: The whole segment, header and payload.
        source: The IP address of the sender, 4 or 16 bytes.
        destination: The IP address of the receiver, 4 or 16 bytes.

    Returns:
        "right", "wrong", or "partial" for the sum over the pseudo header alone. The kernel leaves this sum in the
        field for the network card to complete. On a loopback interface nothing completes it.
    """
    found = int.from_bytes(segment[16:18], "big")
    if found == computed_checksum(segment, source, destination):
        return "right"
    # Some drivers of cards that split long segments themselves want the pseudo header without its length.
    if found in (
        ones_complement_sum(_pseudo_header(length, source, destination)) for length in (len(segment), 0)
    ):
        return "partial"
    return "wrong"


def _pseudo_header(length: int, source: bytes, destination: bytes) -> bytes:
    # The length has 16 bits in IPv4 and 32 in IPv6. If it fits in 16 bits, the sum is the same.
    return source + destination + length.to_bytes(4, "big") + PROTOCOL_TCP.to_bytes(4, "big")


def ones_complement_sum(data: bytes) -> int:
    """The sum of the 16-bit words in ones' complement (RFC 1071)."""
    if len(data) % 2:
        data += b"\0"
    total = sum(int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total
