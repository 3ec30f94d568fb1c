"""Segments as one capture saw them, taken from the decoder while the frame is at hand."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from typing import Final

from analyzer.compare.differences import Observation
from analyzer.tcp.step import Step
from analyzer.trace.columns import Columns
from analyzer.wire.header import Header

__all__ = ["Observations", "content_of", "joined_content", "options_by_kind", "timestamps_of"]

# The greatest prime below 2**64. A payload is remembered as its remainder when read as one number: equal payloads
# have equal ones, and the remainder of two in a row follows from theirs, however the bytes were cut.
MODULUS: Final = 2**64 - 59

END: Final = 0
NO_OPERATION: Final = 1
TIMESTAMPS: Final = 8


class Observations:
    """Segments of a capture as it saw them: what `trace.columns` keeps of each, and beside it what a comparison needs.

    Some 150 bytes a segment; an `Observation` is made of them when a connection is compared.
    """

    def __init__(self) -> None:
        self._columns = Columns()
        self._seq = array("I")
        self._ack = array("I")
        self._window = array("H")
        self._hops = array("B")
        self._traffic_class = array("B")
        self._identification = array("H")
        self._whole = array("B")
        self._content = array("Q")
        self._options = bytearray()
        self._options_end = array("Q")
        self._turned: set[int] = set()

    def keep(self, number: int, header: Header, step: Step, frame: int, time_ns: int) -> None:
        """Keep the segment just decoded as one of connection `number`."""
        block, at = header.block, int(header.ip_offset)
        start, captured = int(header.payload_offset), int(header.payload_captured)
        options = int(header.tcp_offset) + 20
        if header.ip_version == 4:
            hops, traffic_class = block[at + 8], block[at + 1]
        else:
            hops, traffic_class = block[at + 7], (block[at] << 4 | block[at + 1] >> 4) & 0xFF
        whole = captured == header.payload_length
        self._columns.keep(number, header, step, frame, time_ns)
        self._seq.append(int(header.seq))
        self._ack.append(int(header.ack))
        self._window.append(int(header.window))
        self._hops.append(hops)
        self._traffic_class.append(traffic_class)
        self._identification.append(int(header.ip_id))
        self._whole.append(whole)
        self._content.append(content_of(block[start : start + captured]) if whole else 0)
        self._options += block[options : options + int(header.options_length)]
        self._options_end.append(len(self._options))

    def turn(self, number: int) -> None:
        """The first endpoint of this connection is its server."""
        self._turned.add(number)

    def of(self, number: int, most: int | None = None) -> list[Observation]:
        """Those of a connection, in the order of the capture: all, or the first `most`."""
        turned = number in self._turned
        return [self._observation(int(place), turned) for place in self._columns.places(number)[:most]]

    def _observation(self, place: int, turned: bool) -> Observation:
        columns = self._columns
        kind = columns.kind(place)
        options = self._options_end[place - 1] if place else 0
        return Observation(
            frame=columns.frame(place),
            time_ns=columns.time_ns(place),
            from_client=(kind.direction == 0) != turned,
            flags=int(kind.flags),
            seq=self._seq[place],
            ack=self._ack[place],
            window=self._window[place],
            length=columns.length(place),
            options=bytes(self._options[options : self._options_end[place]]),
            hops=self._hops[place],
            traffic_class=self._traffic_class[place],
            identification=self._identification[place],
            payload=columns.payload(place),
            content=self._content[place] if self._whole[place] else None,
            labels=int(kind.labels),
            notes=int(kind.notes),
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
