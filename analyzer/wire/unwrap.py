"""Frames that the plain decoder refuses: removes the layers around a packet, one after the other.

`Unwrapper` follows the table of `encapsulations/` from where `Header.decode` stopped. Each IP packet inside goes
through that decoder, so lengths and options have only one set of rules. A frame may hold several packets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy_extensions import i64

from analyzer.wire.header import Header
from analyzer.wire.link_types import RAW
from analyzer.wire.skips import (
    BAD_IP_HEADER,
    BAD_TCP_HEADER,
    CUT_SHORT,
    ETHERTYPE,
    FRAGMENT,
    LINK_TYPE,
    NOT_IP,
    PROTOCOL,
    SEGMENT,
    TOO_DEEP,
    UDP_PORT,
)

if TYPE_CHECKING:
    from analyzer.wire.encapsulations import Span
    from analyzer.wire.fragments import Fragments

__all__ = ["DEEPEST", "MOST_PACKETS", "TUNNEL_PORTS", "Unwrapper"]

TUNNEL_PORTS: Final = (1701, 2152, 3544, 4341, 4754, 4789, 4790, 5072, 5247, 6081, 6343, 6635, 37008)
"""The UDP ports registered for a tunnel. A datagram from or to one of them is searched for packets."""

DEEPEST: Final = 24
"""The largest number of layers around a packet. A real frame has only a few."""

MOST_PACKETS: Final = 512
"""The largest number of layers looked at in one frame, side by side or nested."""

UDP: Final = PROTOCOL + 17
SFLOW: Final = 6343

# Most refused frames of real captures have these codes. For them the table is not even loaded.
_HOPELESS: Final = (
    CUT_SHORT,
    BAD_IP_HEADER,
    BAD_TCP_HEADER,
    NOT_IP,
    ETHERTYPE + 0x0806,
    PROTOCOL + 1,
    PROTOCOL + 2,
    PROTOCOL + 58,
)


class Unwrapper:
    """Continues where `Header.decode` stopped.

    Attributes:
        joined: The number of earlier frames with fragments of the packets completed in the latest frame.
        found: The layer that held the latest segment. Its `outer` leads to the layers around it.
    """

    def __init__(self) -> None:
        self.joined: i64 = 0
        self.found: Span | None = None
        self._left: list[Span] = []
        self._budget: i64 = 0
        self._time_ns: i64 = 0
        self._fragments: Fragments | None = None

    def unwrap(self, header: Header, code: i64, end: i64, time_ns: i64) -> i64:
        """Look for a segment in a refused frame. No content of the bytes makes this raise an error.

        Args:
            header: The header that refused it. It is filled if there is a segment. If not, it shows how far the decoder
                came in the last packet looked at.
            code: Why it refused the frame.
            end: Where the captured bytes end in `header.block`.
            time_ns: When the frame was captured.

        Returns:
            `skips.SEGMENT`, or the code of the reason why there is no segment.
        """
        self.joined = 0
        if code in _HOPELESS or (code == UDP and not self._may_be_tunnel(header, end)):
            return code
        from analyzer.wire.encapsulations import Span

        at, wire_end = int(header.inner_offset), int(header.inner_end)
        captured = min(int(end), wire_end)
        self._left = [Span(int(code), header.block, at, captured, wire_end, int(header.ip_offset))]
        self._budget = MOST_PACKETS
        self._time_ns = time_ns
        return self._walk(header)

    def more(self, header: Header) -> i64:
        """Look for the next segment of the same frame, as `unwrap` does for the first."""
        return self._walk(header) if self._left else NOT_IP

    def _may_be_tunnel(self, header: Header, end: i64) -> bool:
        at = header.inner_offset
        if at + 8 > end:
            return False
        block = header.block
        source: i64 = (block[at] << 8) | block[at + 1]
        destination: i64 = (block[at + 2] << 8) | block[at + 3]
        return destination in TUNNEL_PORTS or source in TUNNEL_PORTS

    def _walk(self, header: Header) -> i64:
        from analyzer.wire.encapsulations import ENCAPSULATIONS, CutError

        code: i64 = NOT_IP
        left = self._left
        while left:
            span = left.pop()
            if self._budget == 0 or span.depth > DEEPEST:
                left.clear()
                return TOO_DEEP
            self._budget -= 1
            key = span.key
            if key == FRAGMENT:
                code = self._join(header, span)
            elif span.decoded:
                code = self._decode(header, span)
            else:
                code = key
                row = ENCAPSULATIONS.get(key)
                if row is None:
                    continue
                try:
                    left.extend(reversed(row.read(span)))
                except CutError:
                    if span.end < span.wire_end:
                        code = CUT_SHORT
                if code >= UDP_PORT and code < UDP_PORT + (1 << 32):
                    code = UDP
            if code == SEGMENT:
                self.found = span
                header.sampled = self._is_sampled(span)
                return SEGMENT
        return code

    def _is_sampled(self, span: Span) -> bool:
        around: Span | None = span
        while around is not None:
            if around.key == UDP_PORT + SFLOW:
                return True
            around = around.outer
        return False

    def _decode(self, header: Header, span: Span) -> i64:
        """Give the packet to the plain decoder. If it refuses it, the inside is looked at next."""
        length = span.end - span.at
        code = header.decode(span.block, span.at, length, span.wire_end - span.at, span.link_type)
        if code != SEGMENT and code not in _HOPELESS:
            at, wire_end = int(header.inner_offset), int(header.inner_end)
            self._left.append(span.rest(int(code), at, wire_end, int(header.ip_offset)))
        return code

    def _join(self, header: Header, span: Span) -> i64:
        if self._fragments is None:
            from analyzer.wire.fragments import Fragments

            self._fragments = Fragments()
        whole = self._fragments.take(header, span.end, self._time_ns)
        if not whole:
            return FRAGMENT
        self.joined += self._fragments.joined
        # The length in its header limits it. The captured part may be shorter.
        self._left.append(span.made(LINK_TYPE + RAW, whole))
        return FRAGMENT
