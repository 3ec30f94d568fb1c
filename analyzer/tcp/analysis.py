"""The fifteen notes of Wireshark's `tcp.analysis.*`, by the definitions of version 4.0.17.

`analyse` runs once for each segment, in the order of the file, before anything else is updated, and keeps what it
needs in the `analysed_...` fields of the two endpoints. The steps stand in Wireshark's order: a step may
hide those after it. What Wireshark is known to get wrong is put right where the notes of a segment are
put together (`connection.py`), not here.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from analyzer.tcp import notes
from analyzer.tcp.endpoint import SCALE_UNKNOWN, SCALE_UNUSED, Endpoint
from analyzer.tcp.sequence import advance, difference
from analyzer.wire import header as flag
from analyzer.wire.header import Header

__all__ = ["analyse"]

NOT_PLAIN: Final = flag.SYN | flag.FIN | flag.RST

FAST_LIMIT_NS: Final = 20_000_000
"""A retransmission this soon after the duplicate acknowledgements that asked for it is a fast one."""

REORDERING_NS: Final = 3_000_000
"""How late a segment may come and still be out of order, where the initial round-trip time is unknown."""

_NO_UPDATES_OF_NEXT: Final = notes.ZERO_WINDOW_PROBE


def analyse(sender: Endpoint, receiver: Endpoint, header: Header, time_ns: i64, initial_rtt_ns: i64) -> i64:
    """The mask of Wireshark's notes on this segment.

    sender, receiver: the endpoints as they were before it; their `analysed_...` fields are updated.
    initial_rtt_ns: the handshake's round-trip time, -1 while unknown.
    """
    found = _before_retransmission(sender, receiver, header)
    ack = header.ack
    if ack != sender.analysed_ack:
        sender.analysed_duplicates = 0
    if (
        header.flags & flag.ACK
        and receiver.analysed_contiguous >= 0
        and difference(ack, receiver.analysed_contiguous) > 0
    ):
        if difference(receiver.analysed_contiguous, receiver.analysed_next) < 0:
            found |= notes.ACK_LOST_SEGMENT
            receiver.analysed_contiguous = receiver.analysed_next
        elif receiver.analysed_duplicates == 0:
            found |= notes.ACK_LOST_SEGMENT
            receiver.analysed_duplicates = -1
    if (header.payload_length > 0 or header.flags & (flag.SYN | flag.FIN)) and not found & notes.KEEP_ALIVE:
        found |= _retransmission(sender, receiver, header, time_ns, initial_rtt_ns)
    _update(sender, header, time_ns, found)
    return found


def _before_retransmission(sender: Endpoint, receiver: Endpoint, header: Header) -> i64:
    """Steps 1 to 9."""
    length = header.payload_length
    seq = header.seq
    window = header.window
    plain = header.flags & NOT_PLAIN == 0
    expected = sender.analysed_next
    if length == 1 and seq == expected and receiver.analysed_window == 0:
        return notes.ZERO_WINDOW_PROBE
    found: i64 = 0
    if window == 0 and plain:
        found |= notes.ZERO_WINDOW
    if expected >= 0 and difference(seq, expected) > 0 and not header.flags & flag.RST:
        found |= notes.LOST_SEGMENT
    if not plain:
        return found
    if length <= 1 and expected >= 0 and seq == advance(expected, -1):
        found |= notes.KEEP_ALIVE
    if length > 0:
        if receiver.analysed_scale != SCALE_UNKNOWN:
            scale: i64 = receiver.analysed_scale
            if receiver.analysed_first_ack or scale == SCALE_UNUSED:
                scale = 0
            if advance(seq, length) == advance(receiver.analysed_ack, receiver.analysed_window << scale):
                found |= notes.WINDOW_FULL
        return found
    if seq != expected or header.ack != sender.analysed_ack:
        return found
    if window != 0 and window != sender.analysed_window:
        return found | notes.WINDOW_UPDATE
    if window == sender.analysed_window:
        if window != 0 and receiver.analysed_keep_alive:
            return found | notes.KEEP_ALIVE_ACK
        if window == 0 and receiver.analysed_probe:
            return found | notes.ZERO_WINDOW_PROBE_ACK
        if window != 0:
            sender.analysed_duplicates += 1
            if sender.analysed_duplicates == 0:
                sender.analysed_duplicates = 1
            return found | notes.DUPLICATE_ACK
    return found


def _retransmission(
    sender: Endpoint, receiver: Endpoint, header: Header, time_ns: i64, initial_rtt_ns: i64
) -> i64:
    """Step 12: the first that fits."""
    length = header.payload_length
    seq = header.seq
    expected = sender.analysed_next
    end = advance(seq, length)
    if length > 0 and receiver.analysed_ack > 0 and difference(end, receiver.analysed_ack) <= 0:
        return notes.SPURIOUS_RETRANSMISSION
    if expected < 0 or difference(seq, expected) >= 0:
        return 0
    if length > 1 and seq == advance(expected, -1):
        return 0
    if (
        receiver.analysed_duplicates >= 2
        and receiver.analysed_ack == seq
        and time_ns - receiver.analysed_ack_time < FAST_LIMIT_NS
    ):
        return notes.FAST_RETRANSMISSION
    if header.flags & (flag.SYN | flag.FIN):
        end = advance(end, 1)
    limit = initial_rtt_ns if initial_rtt_ns > 0 else REORDERING_NS
    if time_ns - sender.analysed_next_time < limit and end != expected:
        return notes.OUT_OF_ORDER
    return notes.RETRANSMISSION


def _update(sender: Endpoint, header: Header, time_ns: i64, found: i64) -> None:
    """Step 13."""
    if not found & _NO_UPDATES_OF_NEXT:
        end = advance(header.seq, header.payload_length)
        if header.flags & (flag.SYN | flag.FIN):
            end = advance(end, 1)
        if sender.analysed_next < 0 or difference(end, sender.analysed_next) > 0:
            sender.analysed_next = end
            sender.analysed_next_time = time_ns
        if sender.analysed_contiguous < 0 or header.seq == sender.analysed_contiguous:
            sender.analysed_contiguous = sender.analysed_next
    sender.analysed_window = header.window
    sender.analysed_ack = header.ack
    sender.analysed_ack_time = time_ns
    sender.analysed_keep_alive = found & notes.KEEP_ALIVE != 0
    sender.analysed_probe = found & notes.ZERO_WINDOW_PROBE != 0
    if header.flags & flag.SYN:
        sender.analysed_first_ack = True
    elif header.flags & flag.ACK:
        sender.analysed_first_ack = False
