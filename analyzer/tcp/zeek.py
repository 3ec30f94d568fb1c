"""Zeek's two words for a connection: `conn_state` and `history`, by the definitions of its conn.log.

Zeek follows each endpoint with states of its own, coarser than RFC 9293's: a responder's SYN establishes both
sides at once, and what counts at the end is who sent a SYN, a FIN or a RST. The originator is the sender
of the first segment, unless that was a SYN-ACK.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i32, i64

from analyzer.tcp.endpoint import Disorder, Endpoint
from analyzer.tcp.sequence import advance, is_after
from analyzer.wire import header as flag
from analyzer.wire.header import Header

__all__ = ["AS_RESPONDER", "BITS", "LETTERS_IN_A_NUMBER", "conn_state", "letters_of", "move", "spelled"]

# A history is made of numbers, because a string for each letter would be most of what a connection costs.
BITS: Final = 5
LETTERS_IN_A_NUMBER: Final = 12
_LETTERS: Final = " ADFGHIQRSTW^adfghiqrstw"
_A: Final = 1
_D: Final = 2
_F: Final = 3
_G: Final = 4
_H: Final = 5
_I: Final = 6
_Q: Final = 7
_R: Final = 8
_S: Final = 9
_T: Final = 10
_W: Final = 11
AS_RESPONDER: Final = 12
"""Added to the number of a letter it makes a capital a small one. By itself it is the sign for turned roles."""

INACTIVE: Final = 0
SYN_SENT: Final = 1
SYN_ACK_SENT: Final = 2
PARTIAL: Final = 3
ESTABLISHED: Final = 4
CLOSED: Final = 5
RESET: Final = 6

# `G`, `T` and `W` come on the 1st, 10th, 100th, ... occurrence.
_SCALED: Final = (1, 10, 100, 1000, 10_000, 100_000, 1_000_000)

BLOCKS_KEPT: Final = 64
"""Blocks above a gap; a hostile capture may have any number of them."""


def spelled(letters: int) -> str:
    """The letters in a number, the first in its lowest bits."""
    found = ""
    while letters:
        found += _LETTERS[letters & 31]
        letters >>= BITS
    return found


def letters_of(side: Endpoint, peer: Endpoint, header: Header, originates: bool) -> i64:
    """What a segment of `side` adds to the history, as `spelled` reads it: in capitals what the originator did."""
    flags = header.flags
    length = header.payload_length
    letters: i64 = 0
    end = advance(header.seq, length)
    plain = flags & (flag.SYN | flag.FIN | flag.RST) == 0
    if not plain:
        letters = _with(letters, _letter_of_flags(side, header, end), originates)
    syn = flags & flag.SYN != 0
    if syn:
        end = advance(end, 1)
    repeated = side.zeek_highest >= 0 and not is_after(end, side.zeek_highest)
    if not repeated:
        side.zeek_highest = end
    if length > 0:
        if repeated and not syn:
            disorder = side.in_disorder()
            disorder.zeek_repeats += 1
            if _scaled(disorder.zeek_repeats):
                letters = _with(letters, _T, originates)
        if plain and not side.zeek_data:
            side.zeek_data = True
            letters = _with(letters, _D, originates)
        side.zeek_bytes = True
    elif plain and not side.zeek_ack and flags & flag.ACK:
        side.zeek_ack = True
        letters = _with(letters, _A, originates)
    if syn and side.zeek_delivered < 0:
        side.zeek_delivered = advance(header.seq, 1)
    if flags & flag.ACK and peer.zeek_delivered >= 0 and is_after(header.ack, peer.zeek_delivered):
        if _gives_up(peer, header.ack):
            disorder = peer.in_disorder()
            disorder.zeek_gaps += 1
            if _scaled(disorder.zeek_gaps):
                letters = _with(letters, _G, not originates)
    if header.payload_captured > 0:
        start = advance(header.seq, 1) if syn else header.seq
        _deliver(side, start, advance(start, header.payload_captured))
    elif side.zeek_delivered < 0:
        side.zeek_delivered = header.seq
    if (
        header.window == 0
        and not flags & (flag.SYN | flag.RST)
        and peer.zeek_state != CLOSED
        and peer.zeek_state != RESET
    ):
        disorder = side.in_disorder()
        disorder.zeek_zero_windows += 1
        if _scaled(disorder.zeek_zero_windows):
            letters = _with(letters, _W, originates)
    return letters


def _with(letters: i64, capital: i64, originates: bool) -> i64:
    """The letters and one more behind them, which is none where its number is 0."""
    if capital == 0:
        return letters
    shift: i64 = 0
    while letters >> shift:
        shift += BITS
    if originates:
        return letters | capital << shift
    return letters | (capital + AS_RESPONDER) << shift


def _scaled(count: i32) -> bool:
    """Whether the letter of what has now come so often is due."""
    return count in _SCALED


def _letter_of_flags(side: Endpoint, header: Header, end: i64) -> i64:
    """The capital for a SYN, FIN or RST, or several of them; 0 for one that was there before."""
    flags = header.flags
    syn = flags & flag.SYN != 0
    fin = flags & flag.FIN != 0
    rst = flags & flag.RST != 0
    if syn and (fin or rst):
        if not side.zeek_syn_and_more:
            side.zeek_syn_and_more = True
            return _Q
    elif fin and rst:
        if not side.zeek_fin_and_reset:
            side.zeek_fin_and_reset = True
            return _I
    elif syn:
        if side.zeek_syn != header.seq:
            side.zeek_syn = header.seq
            return _H if flags & flag.ACK else _S
    elif fin:
        if side.zeek_fin != end:
            side.zeek_fin = end
            return _F
    elif side.zeek_reset != header.seq:
        side.zeek_reset = header.seq
        return _R
    return 0


def _deliver(side: Endpoint, start: i64, end: i64) -> None:
    """Take captured bytes."""
    if side.zeek_delivered < 0:
        side.zeek_delivered = start
    if is_after(start, side.zeek_delivered):
        disorder = side.in_disorder()
        if disorder.zeek_above is None:
            disorder.zeek_above = []
        if len(disorder.zeek_above) < 2 * BLOCKS_KEPT:
            disorder.zeek_above.append(start)
            disorder.zeek_above.append(end)
    elif is_after(end, side.zeek_delivered):
        side.zeek_delivered = end
        if side.disorder is not None:
            _join(side, side.disorder)


def _gives_up(side: Endpoint, ack: i64) -> bool:
    """Whether bytes below this number, which is beyond what was captured, are missing; they are given up then."""
    if side.zeek_fin >= 0 and ack == advance(side.zeek_fin, 1):
        ack = side.zeek_fin
        if ack == side.zeek_delivered:
            return False
    side.zeek_delivered = ack
    if side.disorder is not None:
        _join(side, side.disorder)
    return True


def _join(side: Endpoint, disorder: Disorder) -> None:
    """Blocks that no longer lie above a gap are delivered."""
    blocks = disorder.zeek_above
    joined = True
    while joined and blocks is not None:
        joined = False
        left: list[int] = []
        for place in range(0, len(blocks), 2):
            end: i64 = blocks[place + 1]
            if is_after(blocks[place], side.zeek_delivered):
                left.append(blocks[place])
                left.append(end)
            elif is_after(end, side.zeek_delivered):
                side.zeek_delivered = end
                joined = True
        blocks = left if left else None
    disorder.zeek_above = blocks


def move(side: Endpoint, peer: Endpoint, header: Header, originates: bool) -> None:
    """Change the states of both endpoints by a segment of `side`."""
    flags = header.flags
    if flags & flag.RST:
        if not (side.zeek_state == CLOSED and peer.zeek_state == CLOSED):
            side.zeek_state = RESET
        return
    if flags & flag.SYN:
        if side.zeek_state == INACTIVE or side.zeek_state == PARTIAL:
            if originates:
                side.zeek_state = SYN_ACK_SENT if flags & flag.ACK else SYN_SENT
            else:
                side.zeek_state = ESTABLISHED
                if peer.zeek_state != PARTIAL and peer.zeek_state != INACTIVE:
                    peer.zeek_state = ESTABLISHED
        return
    if flags & flag.FIN:
        if side.zeek_state != RESET:
            side.zeek_state = CLOSED
        if peer.zeek_state == RESET and peer.zeek_fin >= 0:
            peer.zeek_state = CLOSED
        return
    if side.zeek_state == INACTIVE:
        side.zeek_state = ESTABLISHED if originates and peer.zeek_state == ESTABLISHED else PARTIAL


def conn_state(originator: Endpoint, responder: Endpoint, history: str) -> str:
    """The connection in one word, as Zeek's conn.log documents them."""
    origin, response = originator.zeek_state, responder.zeek_state
    origin_inactive = origin == INACTIVE or origin == PARTIAL
    response_inactive = response == INACTIVE or response == PARTIAL
    if response == RESET:
        silent = not originator.zeek_bytes and not responder.zeek_bytes
        if origin == SYN_SENT or origin == SYN_ACK_SENT or (origin == RESET and silent):
            return "REJ"
        return "RSTRH" if origin_inactive else "RSTR"
    if origin == RESET:
        if not response_inactive:
            return "RSTO"
        return "RSTOS0" if _syn_then_reset(history) else "OTH"
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


def _syn_then_reset(history: str) -> bool:
    history = history.removeprefix("^")
    if not history.startswith("S"):
        return False
    before, found, _ = history.partition("R")
    return bool(found) and not any(letter in "HAFGIQ" for letter in before.upper())
