"""One side of a connection, as far as the capture shows it. Numbers and counts only; what they mean is elsewhere.

There are two for each connection of a capture, so what is small is stored small, and nothing is stored twice.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i16, i32, i64, mypyc_attr

from analyzer.tcp import states
from analyzer.tcp.sequence import advance, difference, is_after, is_before
from analyzer.wire import header as flag
from analyzer.wire.header import Header
from analyzer.wire.options import Options

__all__ = ["Disorder", "Endpoint", "fingerprint_of"]

SCALE_UNKNOWN: Final = -1
SCALE_UNUSED: Final = -2

# A real sender leaves a handful of holes; a hostile capture may leave one a segment.
HOLES_KEPT: Final = 256

# Two numbers further apart than 2**31 have no order (RFC 9293 3.4), so a long transfer forgets its beginning.
REMEMBERED: Final = 1 << 30
FORGOTTEN_AT_ONCE: Final = 1 << 29

DELAYS_KEPT: Final = 16
"""A hostile capture can repeat a SYN without end. A real sender doubles the delay each time (RFC 6298 5.5): it reaches
the three minutes that RFC 9293 3.8.3 asks for with the eighth."""

CAPTURED_TWICE_NS: Final = 1_000_000
"""Two equal frames closer than this, with equal checksum and timestamps, were sent once: no
retransmission timer is that short, and a timestamp clock ticks every millisecond at most (RFC 7323 5.4)."""

FINGERPRINT_LENGTH: Final = 0x3FFFFF
"""Checksum, IPv4 identification and flags take 41 bits of a fingerprint. The length gets the 22 that are left below the
sign, because -1 stands for no segment; they hold 4 MiB, and an IP packet other than a jumbogram has 64 KiB."""


@mypyc_attr(acyclic=True)
class Disorder:
    """Extra state of an endpoint that retransmits or loses segments, made when it is first needed.

    holes: pairs of sequence numbers between which payload is missing. The lists are None while they are empty.
    """

    __slots__ = (
        "holes",
        "last_sack_left",
        "last_sack_right",
        "out_of_order_segments",
        "retransmitted_bytes",
        "retransmitted_segments",
        "retry_delays",
        "wireshark_heaps",
        "zeek_above",
        "zeek_gaps",
        "zeek_repeats",
        "zeek_zero_windows",
    )

    def __init__(self) -> None:
        self.retry_delays: list[int] | None = None
        self.holes: list[int] | None = None
        self.wireshark_heaps: list[int] | None = None
        # What could be delivered beyond the bytes before `zeek_delivered`: pairs of numbers.
        self.zeek_above: list[int] | None = None
        self.last_sack_left: i64 = -1
        self.last_sack_right: i64 = -1
        self.retransmitted_bytes: i64 = 0
        self.retransmitted_segments: i32 = 0
        self.out_of_order_segments: i32 = 0
        self.zeek_gaps: i32 = 0
        self.zeek_repeats: i32 = 0
        self.zeek_zero_windows: i32 = 0


_NONE: Final[Disorder] = Disorder()


@mypyc_attr(acyclic=True)
class Endpoint:
    """What one endpoint has sent. Sequence numbers are absolute, frames count from 1 (0: not seen).

    `wireshark_...` and `zeek_...` are what those programs would hold of it, right or wrong.
    """

    __slots__ = (
        "answers_repeated_fin",
        "answers_repeated_syn_ack",
        "base",
        "beginning_forgotten",
        "bytes",
        "challenge_due",
        "data_segments",
        "disorder",
        "duplicates",
        "fast_open_cookie",
        "fin_ack_frame",
        "fin_end",
        "fin_frame",
        "highest",
        "highest_ack",
        "highest_timestamp",
        "isn",
        "last_fingerprint",
        "last_frame",
        "last_labels",
        "last_seq",
        "lowest",
        "maximum_segment_size",
        "passive",
        "sack_permitted",
        "scale",
        "segments",
        "snd_nxt",
        "state",
        "syn_ack_frame",
        "syn_ack_repeats",
        "syn_ack_time",
        "syn_flags",
        "syn_frame",
        "syn_length",
        "syn_repeats",
        "syn_time",
        "timestamps",
        "window_scale",
        "wireshark_ack",
        "wireshark_ack_time",
        "wireshark_contiguous",
        "wireshark_duplicates",
        "wireshark_first_ack",
        "wireshark_heap_end",
        "wireshark_multipath",
        "wireshark_next",
        "wireshark_next_time",
        "wireshark_notes",
        "wireshark_scale",
        "wireshark_syn_ack",
        "wireshark_syn_ack_frame",
        "wireshark_syn_ack_reused",
        "wireshark_unacked",
        "wireshark_window",
        "zeek_ack",
        "zeek_bytes",
        "zeek_data",
        "zeek_delivered",
        "zeek_fin",
        "zeek_fin_and_reset",
        "zeek_highest",
        "zeek_reset",
        "zeek_state",
        "zeek_syn",
        "zeek_syn_and_more",
    )

    def __init__(self) -> None:
        self.disorder: Disorder | None = None

        # Numbering: `base` is the ISN, or one below the first number seen.
        self.base: i64 = -1
        self.isn: i64 = -1
        self.snd_nxt: i64 = -1
        self.highest_ack: i64 = -1

        # Opening.
        self.syn_frame: i64 = 0
        self.syn_time: i64 = 0
        self.syn_ack_frame: i64 = 0
        self.syn_ack_time: i64 = 0

        # Closing.
        self.fin_frame: i64 = 0
        self.fin_end: i64 = 0
        self.fin_ack_frame: i64 = 0

        # What was sent.
        self.bytes: i64 = 0
        self.lowest: i64 = -1
        self.highest: i64 = -1
        self.highest_timestamp: i64 = -1

        # The segment sent last, to recognise a frame that was captured twice and an error that answers it; its
        # acknowledgement, window and time are those kept for Wireshark's view below.
        self.last_frame: i64 = 0
        self.last_seq: i64 = -1
        self.last_fingerprint: i64 = -1

        # What Wireshark keeps for its analysis (`wireshark.py`); 0 stands for "not set" as there, although it is
        # a sequence number as well, and a window of -1 for its all ones.
        self.wireshark_next: i64 = 0
        self.wireshark_next_time: i64 = 0
        self.wireshark_contiguous: i64 = 0
        self.wireshark_ack: i64 = 0
        self.wireshark_ack_time: i64 = 0
        self.wireshark_syn_ack: i64 = -1
        self.wireshark_syn_ack_frame: i64 = 0
        self.wireshark_heap_end: i64 = 0

        # What Zeek keeps for its two words (`zeek.py`).
        self.zeek_syn: i64 = -1
        self.zeek_fin: i64 = -1
        self.zeek_reset: i64 = -1
        self.zeek_highest: i64 = -1
        self.zeek_delivered: i64 = -1

        # What is small comes last, because an object has its fields in the order of these lines.
        self.segments: i32 = 0
        self.syn_repeats: i32 = 0
        self.syn_length: i32 = 0
        self.syn_ack_repeats: i32 = 0
        self.maximum_segment_size: i32 = -1
        self.data_segments: i32 = 0
        self.duplicates: i32 = 0
        self.wireshark_window: i32 = -1
        self.wireshark_duplicates: i32 = 0

        self.state: i16 = states.UNKNOWN
        self.syn_flags: i16 = 0
        self.window_scale: i16 = -1
        self.scale: i16 = SCALE_UNKNOWN
        self.fast_open_cookie: i16 = -1
        self.last_labels: i16 = 0
        self.wireshark_scale: i16 = SCALE_UNKNOWN
        self.wireshark_notes: i16 = 0
        self.wireshark_multipath: i16 = 0
        self.wireshark_unacked: i16 = 0
        self.zeek_state: i16 = 0

        self.sack_permitted: bool = False
        self.timestamps: bool = False
        self.passive: bool = False
        self.answers_repeated_syn_ack: bool = False
        self.answers_repeated_fin: bool = False
        self.challenge_due: bool = False
        self.beginning_forgotten: bool = False
        self.wireshark_first_ack: bool = False
        self.wireshark_syn_ack_reused: bool = False
        self.zeek_bytes: bool = False
        self.zeek_data: bool = False
        self.zeek_ack: bool = False
        self.zeek_fin_and_reset: bool = False
        self.zeek_syn_and_more: bool = False

    def in_disorder(self) -> Disorder:
        """Its `disorder`, made where there is none yet."""
        disorder = self.disorder
        if disorder is None:
            disorder = Disorder()
            self.disorder = disorder
        return disorder

    def disorder_seen(self) -> Disorder:
        """Its `disorder` for reading: a shared empty one where there is none."""
        return self.disorder if self.disorder is not None else _NONE

    def captured_twice(self, header: Header, fingerprint: i64, time_ns: i64) -> bool:
        """Whether this is the frame of the segment sent last, seen again and not sent again.

        Everything in the TCP header is equal and so is its checksum, which covers the payload and the timestamps.
        That alone would also fit a retransmission by a stack without timestamps; an equal
        IPv4 identification that is not 0 (RFC 6864: unique for a while) or the short time decides.
        """
        if (
            header.seq != self.last_seq
            or fingerprint != self.last_fingerprint
            or header.ack != self.wireshark_ack
            or header.window != self.wireshark_window
        ):
            return False
        if header.ip_id != 0:
            return True
        # Duplicate ACKs are equal by definition (RFC 5681 2), and a burst of lost segments draws many within the time.
        pure_ack = header.payload_length == 0 and not header.flags & (flag.SYN | flag.FIN | flag.RST)
        return not pure_ack and time_ns - self.wireshark_ack_time < CAPTURED_TWICE_NS

    def remember(self, header: Header, frame: i64, fingerprint: i64, segment_labels: i64) -> None:
        """This is the segment sent last. The view of Wireshark has its acknowledgement, window and time already."""
        self.last_frame = frame
        self.last_seq = header.seq
        self.last_fingerprint = fingerprint
        self.last_labels = i16(segment_labels)

    def take_options(self, header: Header, options: Options) -> None:
        """What a SYN or SYN-ACK offers; what both sides agree on is the machine's matter."""
        self.syn_flags = i16(header.flags)
        self.maximum_segment_size = i32(options.maximum_segment_size)
        self.window_scale = i16(options.window_scale)
        self.sack_permitted = options.sack_permitted
        self.timestamps = options.timestamp_value >= 0
        self.fast_open_cookie = i16(options.fast_open_cookie)

    def add_delay(self, delay: i64) -> None:
        """A SYN or SYN-ACK was sent again this much later."""
        disorder = self.in_disorder()
        if disorder.retry_delays is None:
            disorder.retry_delays = []
        if len(disorder.retry_delays) < DELAYS_KEPT:
            disorder.retry_delays.append(delay)

    def take_payload(self, seq: i64, length: i64) -> i64:
        """Count payload `[seq, seq + length)` and return how many of its bytes had not been seen before."""
        if length > REMEMBERED:
            return length
        end = advance(seq, length)
        if self.highest < 0:
            self.lowest = seq
            self.highest = end
            return length
        distance = difference(seq, self.highest)
        if distance >= 0:
            if distance > 0:
                self._add_hole(self.highest, seq)
            self._raise_highest(distance + length)
            return length
        fresh: i64 = 0
        stop = end
        if distance + length > 0:
            fresh = distance + length
            stop = self.highest
            self._raise_highest(fresh)
        start = seq
        before = difference(self.lowest, start)
        if before > 0:
            # Before what was forgotten nothing is new; too far before everything it is new but not remembered.
            known = before + difference(self.highest, self.lowest) <= REMEMBERED
            if is_before(stop, self.lowest):
                if self.beginning_forgotten:
                    return fresh
                if known:
                    self._add_hole(stop, self.lowest)
                    self.lowest = start
                return fresh + difference(stop, start)
            start = self.lowest
            if not self.beginning_forgotten:
                fresh += before
                if known:
                    self.lowest = seq
        if self.disorder is not None:
            fresh += self._fill(start, stop)
        return fresh

    def _raise_highest(self, length: i64) -> None:
        span = difference(self.highest, self.lowest) + length
        self.highest = advance(self.highest, length)
        if span > REMEMBERED:
            self.beginning_forgotten = True
            begin = advance(self.highest, -FORGOTTEN_AT_ONCE)
            self._forget_holes(span, begin)
            self.lowest = begin

    def _forget_holes(self, span: i64, begin: i64) -> None:
        """Let go of what lies before `begin`; `span` bytes lie between the lowest number known and the highest."""
        holes = self.disorder_seen().holes
        if holes is None:
            return
        left: list[int] = []
        for position in range(0, len(holes), 2):
            # The place of a hole, counted from the lowest number: the numbers themselves may be too far apart.
            hole_end: i64 = holes[position + 1]
            length = (hole_end - holes[position]) & 0xFFFFFFFF
            end_place: i64 = (hole_end - self.lowest) & 0xFFFFFFFF
            begin_place = span - FORGOTTEN_AT_ONCE
            if end_place <= begin_place:
                continue
            left.append(begin if end_place - length < begin_place else holes[position])
            left.append(hole_end)
        self.in_disorder().holes = left if left else None

    def _add_hole(self, start: i64, end: i64) -> None:
        disorder = self.in_disorder()
        if disorder.holes is None:
            disorder.holes = []
        if len(disorder.holes) < 2 * HOLES_KEPT:
            disorder.holes.append(start)
            disorder.holes.append(end)

    def _fill(self, start: i64, end: i64) -> i64:
        """Close holes with `[start, end)`; returns the bytes that fell into one."""
        holes = self.disorder_seen().holes
        if holes is None:
            return 0
        filled: i64 = 0
        left: list[int] = []
        for position in range(0, len(holes), 2):
            hole_start: i64 = holes[position]
            hole_end: i64 = holes[position + 1]
            first = start if is_after(start, hole_start) else hole_start
            last = end if is_before(end, hole_end) else hole_end
            if not is_after(last, first):
                left.append(hole_start)
                left.append(hole_end)
                continue
            filled += difference(last, first)
            if is_after(first, hole_start):
                left.append(hole_start)
                left.append(first)
            if is_after(hole_end, last):
                left.append(last)
                left.append(hole_end)
        self.in_disorder().holes = left if left else None
        return filled


def fingerprint_of(header: Header) -> i64:
    """What tells a segment from others with the same sequence number, in 63 bits."""
    small = header.checksum | (header.ip_id << 16) | (header.flags << 32)
    return small | ((header.payload_length & FINGERPRINT_LENGTH) << 41)
