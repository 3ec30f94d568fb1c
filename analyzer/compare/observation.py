"""Keeps the segments of one capture for a comparison, while the decoder has the frame."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from typing import Final

from analyzer.compare.differences import Observation
from analyzer.tcp.step import Step
from analyzer.trace.columns import Columns
from analyzer.wire.header import Header

__all__ = ["Observations", "content_of", "joined_content", "options_by_kind", "timestamps_of"]

# The greatest prime below 2**64. The hash of a payload is its remainder, read as one number. Equal payloads have equal
# remainders, and the remainder of joined payloads follows from theirs, no matter how the bytes are divided.
MODULUS: Final = 2**64 - 59

END: Final = 0
NO_OPERATION: Final = 1
TIMESTAMPS: Final = 8


class Observations:
    """The segments of a capture, as columns: those of `trace.columns`, and what a comparison needs in addition.

    A segment takes about 150 bytes. An `Observation` is made when a connection is compared.
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
        """Note that the first endpoint of this connection is the server."""
        self._turned.add(number)

    def of(self, number: int, most: int | None = None) -> list[Observation]:
        """The segments of a connection in the order of the capture: all of them, or the first `most`."""
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
    """A hash of a payload."""
    return int.from_bytes(payload, "big") % MODULUS


def joined_content(pieces: Iterable[Observation]) -> int | None:
    """The hash of joined payloads; None if the capture cut one of them."""
    content = 0
    for piece in pieces:
        if piece.content is None:
            return None
        content = (content * pow(256, piece.length, MODULUS) + piece.content) % MODULUS
    return content


def options_by_kind(options: bytes) -> dict[int, bytes]:
    """Kind -> value of the options of a header, without padding. It ends at the first malformed option."""
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
    """Value and echo of the timestamps option (RFC 7323 3.2); None if the segment does not have it."""
    body = options_by_kind(observation.options).get(TIMESTAMPS, b"")
    return (int.from_bytes(body[:4], "big"), int.from_bytes(body[4:], "big")) if len(body) == 8 else None
