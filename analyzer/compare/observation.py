"""A segment as one capture saw it, taken from the decoder while the frame is at hand."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from analyzer.compare.differences import Observation
from analyzer.tcp.step import Step
from analyzer.wire.header import Header

__all__ = ["content_of", "joined_content", "observe", "options_by_kind", "timestamps_of"]

# The greatest prime below 2**64. A payload is remembered as its remainder when read as one number: equal payloads
# have equal ones, and the remainder of two in a row follows from theirs, however the octets were cut.
MODULUS: Final = 2**64 - 59

PAYLOAD_KEPT: Final = 64
"""Bytes of a payload that are shown where it has changed."""

END: Final = 0
NO_OPERATION: Final = 1
TIMESTAMPS: Final = 8


def observe(header: Header, step: Step, frame: int, time_ns: int) -> Observation:
    """Keep the segment just decoded; `from_client` is whether the connection's first endpoint sent it."""
    block, at = header.block, int(header.ip_offset)
    start, captured = int(header.payload_offset), int(header.payload_captured)
    options = int(header.tcp_offset) + 20
    length = int(header.payload_length)
    if header.ip_version == 4:
        hops, traffic_class = block[at + 8], block[at + 1]
    else:
        hops, traffic_class = block[at + 7], (block[at] << 4 | block[at + 1] >> 4) & 0xFF
    return Observation(
        frame=frame,
        time_ns=time_ns,
        from_client=step.direction == 0,
        flags=int(header.flags),
        seq=int(header.seq),
        ack=int(header.ack),
        window=int(header.window),
        length=length,
        options=block[options : options + int(header.options_length)],
        hops=hops,
        traffic_class=traffic_class,
        identification=int(header.ip_id),
        payload=block[start : start + min(captured, PAYLOAD_KEPT)],
        content=content_of(block[start : start + captured]) if captured == length else None,
        labels=int(step.labels),
        notes=int(step.notes),
    )


def content_of(payload: bytes) -> int:
    """What is remembered of a payload to compare it with others."""
    return int.from_bytes(payload, "big") % MODULUS


def joined_content(pieces: Iterable[Observation]) -> int | None:
    """The content of payloads in a row; None where the capture cut one of them."""
    content = 0
    for piece in pieces:
        if piece.content is None:
            return None
        content = (content * pow(256, piece.length, MODULUS) + piece.content) % MODULUS
    return content


def options_by_kind(options: bytes) -> dict[int, bytes]:
    """The options of a header without their kinds and lengths; padding is left out, and so is what follows a fault."""
    found: dict[int, bytes] = {}
    at = 0
    while at < len(options) and options[at] != END:
        if options[at] == NO_OPERATION:
            at += 1
            continue
        size = options[at + 1] if at + 1 < len(options) else 0
        if size < 2 or at + size > len(options):
            break
        found[options[at]] = options[at + 2 : at + size]
        at += size
    return found


def timestamps_of(observation: Observation) -> tuple[int, int] | None:
    """Value and echo of the timestamps option (RFC 7323 3.2), None without it."""
    body = options_by_kind(observation.options).get(TIMESTAMPS, b"")
    return (int.from_bytes(body[:4], "big"), int.from_bytes(body[4:], "big")) if len(body) == 8 else None
