"""Zeek's two words for a connection: `conn_state` and `history`, by the definitions of its conn.log.

Zeek follows each endpoint with states of its own, coarser than RFC 9293's: a responder's SYN establishes both
sides at once, and what counts at the end is who sent a SYN, a FIN or a RST. The originator is the sender
of the first segment, unless that was a SYN-ACK.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from analyzer.tcp.sequence import difference
from analyzer.wire import header as flag
from analyzer.wire.header import Header

__all__ = ["ZeekView"]

INACTIVE: Final = 0
SYN_SENT: Final = 1
SYN_ACK_SENT: Final = 2
PARTIAL: Final = 3
ESTABLISHED: Final = 4
CLOSED: Final = 5
RESET: Final = 6

# `T` and `W` come on the 1st, 10th, 100th, ... occurrence.
_SCALED: Final = (1, 10, 100, 1000, 10_000, 100_000, 1_000_000)


class ZeekSide:
    """One endpoint as Zeek keeps it."""

    # There is one of it for each connection; a dictionary each would be three times as large.
    __slots__ = (
        "highest", "last_fin", "last_rst", "last_syn", "octets", "repeats", "seen_ack", "seen_data",
        "seen_multi_fin", "seen_multi_syn", "state", "zero_windows",
    )  # fmt: skip

    def __init__(self) -> None:
        self.state: i64 = INACTIVE
        self.octets: bool = False
        self.last_syn: i64 = -1
        self.last_fin: i64 = -1
        self.last_rst: i64 = -1
        self.seen_data: bool = False
        self.seen_ack: bool = False
        self.seen_multi_fin: bool = False
        self.seen_multi_syn: bool = False
        self.highest: i64 = -1
        self.repeats: i64 = 0
        self.zero_windows: i64 = 0


class ZeekView:
    """A connection as Zeek sees it."""

    # There is one of it for each connection; a dictionary each would be three times as large.
    __slots__ = (
        "first", "letters", "originator", "second",
    )  # fmt: skip

    def __init__(self, starts_with_syn_ack: bool) -> None:
        self.first = ZeekSide()
        self.second = ZeekSide()
        self.originator: i64 = 1 if starts_with_syn_ack else 0
        self.letters = "^" if starts_with_syn_ack else ""

    def observe(self, header: Header, direction: i64) -> None:
        """Take one segment; `direction` is 0 for the connection's first endpoint."""
        side = self.first if direction == 0 else self.second
        peer = self.second if direction == 0 else self.first
        originates = direction == self.originator
        self._write_history(side, peer, header, originates)
        self._move(side, peer, header, originates)

    def _write(self, letter: str, originates: bool) -> None:
        self.letters += letter if originates else letter.lower()

    def _write_history(self, side: ZeekSide, peer: ZeekSide, header: Header, originates: bool) -> None:
        flags = header.flags
        syn = flags & flag.SYN != 0
        fin = flags & flag.FIN != 0
        rst = flags & flag.RST != 0
        if syn and (fin or rst):
            if not side.seen_multi_syn:
                side.seen_multi_syn = True
                self._write("Q", originates)
        elif fin and rst:
            if not side.seen_multi_fin:
                side.seen_multi_fin = True
                self._write("I", originates)
        elif syn:
            if side.last_syn != header.seq:
                side.last_syn = header.seq
                self._write("H" if flags & flag.ACK else "S", originates)
        elif fin:
            last = (header.seq + header.payload_length) & 0xFFFFFFFF
            if side.last_fin != last:
                side.last_fin = last
                self._write("F", originates)
        elif rst:
            if side.last_rst != header.seq:
                side.last_rst = header.seq
                self._write("R", originates)
        if header.payload_length > 0:
            end = (header.seq + header.payload_length) & 0xFFFFFFFF
            if side.highest >= 0 and difference(end, side.highest) <= 0 and not syn:
                side.repeats += 1
                if side.repeats in _SCALED:
                    self._write("T", originates)
            if not side.seen_data and not syn and not fin and not rst:
                side.seen_data = True
                self._write("D", originates)
            side.octets = True
        elif not syn and not fin and not rst and flags & flag.ACK and not side.seen_ack:
            side.seen_ack = True
            self._write("A", originates)
        if header.window == 0 and not rst and not syn and peer.state != CLOSED and peer.state != RESET:
            side.zero_windows += 1
            if side.zero_windows in _SCALED:
                self._write("W", originates)
        end = (header.seq + header.payload_length + (1 if syn else 0)) & 0xFFFFFFFF
        if side.highest < 0 or difference(end, side.highest) > 0:
            side.highest = end

    def _move(self, side: ZeekSide, peer: ZeekSide, header: Header, originates: bool) -> None:
        flags = header.flags
        if flags & flag.RST:
            if not (side.state == CLOSED and peer.state == CLOSED):
                side.state = RESET
            return
        if flags & flag.SYN:
            if side.state == INACTIVE or side.state == PARTIAL:
                if originates:
                    side.state = SYN_ACK_SENT if flags & flag.ACK else SYN_SENT
                else:
                    side.state = ESTABLISHED
                    if peer.state != PARTIAL and peer.state != INACTIVE:
                        peer.state = ESTABLISHED
            return
        if flags & flag.FIN:
            if side.state != RESET:
                side.state = CLOSED
            if peer.state == RESET and peer.last_fin >= 0:
                peer.state = CLOSED
            return
        if side.state == INACTIVE:
            side.state = ESTABLISHED if originates and peer.state == ESTABLISHED else PARTIAL

    def conn_state(self) -> str:
        """The connection in one word, as Zeek's conn.log documents them."""
        originator = self.first if self.originator == 0 else self.second
        responder = self.second if self.originator == 0 else self.first
        origin, response = originator.state, responder.state
        origin_inactive = origin == INACTIVE or origin == PARTIAL
        response_inactive = response == INACTIVE or response == PARTIAL
        if response == RESET:
            silent = not originator.octets and not responder.octets
            if origin == SYN_SENT or origin == SYN_ACK_SENT or (origin == RESET and silent):
                return "REJ"
            return "RSTRH" if origin_inactive else "RSTR"
        if origin == RESET:
            if not response_inactive:
                return "RSTO"
            return "RSTOS0" if self._syn_then_reset() else "OTH"
        if origin == CLOSED:
            if response == CLOSED:
                return "SF"
            return "SH" if response_inactive else "S2"
        if response == CLOSED:
            return "SHR" if origin_inactive else "S3"
        if origin == SYN_SENT and response == INACTIVE:
            return "S0"
        if origin == ESTABLISHED and response == ESTABLISHED:
            return "S1"
        return "OTH"

    def _syn_then_reset(self) -> bool:
        history = self.letters.removeprefix("^")
        if not history.startswith("S"):
            return False
        before, found, _ = history.partition("R")
        return bool(found) and not any(letter in "HAFGIQ" for letter in before.upper())
