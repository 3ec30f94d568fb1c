"""The fifteen notes of Wireshark's `tcp.analysis.*`, by the definitions of version 4.0.17.

`WiresharkView.wireshark_analyse` runs once for each segment, in the order of the file, before anything else is
updated, and keeps what it needs in the `wireshark_...` fields of the connection and of its two endpoints. The steps
are in Wireshark's order: a step may hide those after it. Known errors of Wireshark are corrected in
`corrections.py`, not here.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i16, i32, i64, mypyc_attr

from analyzer.tcp import notes
from analyzer.tcp.endpoint import SCALE_UNKNOWN, SCALE_UNUSED, Endpoint
from analyzer.tcp.sequence import advance, is_after, is_before
from analyzer.tcp.step import Step
from analyzer.wire import header as flag
from analyzer.wire.header import Header
from analyzer.wire.options import Options

__all__ = ["WiresharkView"]

NOT_PLAIN: Final = flag.SYN | flag.FIN | flag.RST

FAST_LIMIT_NS: Final = 20_000_000
"""A retransmission this soon after the duplicate ACKs that asked for it is a fast one."""

REORDERING_NS: Final = 3_000_000
"""How late a segment may come and still be out of order, if the initial RTT is unknown."""

UNACKED_KEPT: Final = 10_000
"""Wireshark remembers this many unacknowledged segments; beyond it, a SYN or FIN no longer counts as one byte."""

HEAP: Final = 1_000
"""They are counted in heaps of this size, and a heap is forgotten when all of it is acknowledged. For a capture of
one direction that is exact enough, and it takes a few numbers instead of a list."""


@mypyc_attr(acyclic=True)
class WiresharkView:
    """Wireshark's state for a connection. Its state for each endpoint is in the `wireshark_...` fields of `Endpoint`.

    wireshark_initial_rtt: nanoseconds, 0 while unknown; negative if time ran backwards. wireshark_misled: whether
    it has counted a segment with a bad header, which a TCP discards. `Machine` inherits the fields, hence the prefix.
    """

    __slots__ = ("wireshark_initial_rtt", "wireshark_misled", "wireshark_multipath", "wireshark_syn_time")

    def __init__(self) -> None:
        self.wireshark_initial_rtt: i64 = 0
        self.wireshark_syn_time: i64 = 0
        self.wireshark_multipath: i16 = 0
        self.wireshark_misled: bool = False

    def wireshark_analyse(
        self,
        sender: Endpoint,
        receiver: Endpoint,
        header: Header,
        options: Options,
        parsed: bool,
        frame: i64,
        time_ns: i64,
        step: Step,
    ) -> i64:
        """Take one segment: put the notes that Wireshark shows into `step`, and return the mask of those it found.

        sender, receiver: the endpoints as they were before it, except for the base of their numbers.
        parsed: whether `options` holds those of this segment; if not, it has the usual timestamps or no options.
        step: has the note `reused_ports` if this segment reuses the ports.
        """
        flags = header.flags
        if header.sampled:
            # A sampled frame: a gap does not show a loss, and a repetition does not show a retransmission.
            step.wireshark_notes = step.notes & notes.REUSED_PORTS
            step.wireshark_window = header.window
            return step.wireshark_notes
        if flags & flag.SYN and not flags & flag.ACK:
            if header.seq == sender.base and sender.wireshark_contiguous != 0:
                # A retransmitted SYN undoes what a RST with another number moved.
                sender.wireshark_next = sender.wireshark_contiguous
        elif flags & flag.SYN and sender.wireshark_syn_ack_frame == 0:
            sender.wireshark_syn_ack = header.seq
            sender.wireshark_syn_ack_frame = frame
            sender.wireshark_syn_ack_reused = step.notes & notes.REUSED_PORTS != 0
        found = self._find(sender, receiver, header, time_ns) | (step.notes & notes.REUSED_PORTS)
        sender.wireshark_multipath = self.wireshark_multipath
        if parsed:
            self.wireshark_multipath |= i16(options.multipath)
        self._take_window(sender, receiver, header, options, parsed, step)
        self._take_flags(sender, header, time_ns)
        # Wireshark adds its analysis after it has dissected the options. If they do not parse, it adds none.
        step.wireshark_notes = found
        if parsed and options.broken:
            step.wireshark_notes = 0
        return found

    def _take_flags(self, sender: Endpoint, header: Header, time_ns: i64) -> None:
        """Whether this side has acknowledged anything yet, and how long the handshake took."""
        flags = header.flags
        if flags & flag.SYN:
            sender.wireshark_first_ack = True
            if not flags & flag.ACK:
                self.wireshark_syn_time = time_ns
        elif flags & flag.ACK:
            sender.wireshark_first_ack = False
            if self.wireshark_syn_time != 0 and self.wireshark_initial_rtt == 0:
                self.wireshark_initial_rtt = time_ns - self.wireshark_syn_time

    def wireshark_analyse_unshown(
        self, sender: Endpoint, receiver: Endpoint, header: Header, time_ns: i64
    ) -> None:
        """Take a segment with an impossible data offset: Wireshark shows no notes for it, but still remembers it.

        If the header length is too short, Wireshark takes everything after it as payload. If the header is longer
        than its packet, Wireshark ignores the sequence numbers.
        """
        if header.header_length < 20:
            header.payload_length = header.payload_offset - header.tcp_offset - header.header_length
            self._find(sender, receiver, header, time_ns)
            header.payload_length = 0
            self.wireshark_misled = True
        else:
            self._take_flags(sender, header, time_ns)

    def _take_window(
        self, sender: Endpoint, receiver: Endpoint, header: Header, options: Options, parsed: bool, step: Step
    ) -> None:
        """The window to show, with the scale known before this segment; then the scale that the segment announces."""
        step.wireshark_window = header.window
        if not header.flags & flag.SYN and sender.wireshark_scale > 0:
            step.wireshark_window = header.window << i64(sender.wireshark_scale)
        if parsed and options.window_scale >= 0:
            # In any segment, although RFC 7323 2.2 allows the option only in SYNs.
            sender.wireshark_scale = i16(options.window_scale)
        if header.flags & flag.SYN and not (parsed and options.broken):
            if sender.wireshark_scale == SCALE_UNKNOWN:
                sender.wireshark_scale = SCALE_UNUSED
                receiver.wireshark_scale = SCALE_UNUSED
            elif header.flags & flag.ACK and receiver.wireshark_scale == SCALE_UNUSED:
                sender.wireshark_scale = SCALE_UNUSED

    def _find(self, sender: Endpoint, receiver: Endpoint, header: Header, time_ns: i64) -> i64:
        """Steps 1 to 14."""
        found = _before_retransmission(sender, receiver, header)
        if found & notes.DUPLICATE_ACK:
            if sender.wireshark_multipath != self.wireshark_multipath:
                # MPTCP's operations may need the same ACK again (RFC 8684 4): ignored once for each kind.
                found &= ~notes.DUPLICATE_ACK
            else:
                sender.wireshark_duplicates += 1
                if sender.wireshark_duplicates == 0:
                    sender.wireshark_duplicates = 1
        ack = header.ack
        if ack != sender.wireshark_ack:
            sender.wireshark_duplicates = 0
        if (
            header.flags & flag.ACK
            and receiver.wireshark_contiguous != 0
            and _after(ack, receiver.wireshark_contiguous)
        ):
            if is_before(receiver.wireshark_contiguous, receiver.wireshark_next):
                found |= notes.ACK_LOST_SEGMENT
                receiver.wireshark_contiguous = receiver.wireshark_next
            else:
                if receiver.wireshark_duplicates == 0:
                    found |= notes.ACK_LOST_SEGMENT
                receiver.wireshark_duplicates = -1
        occupies = header.payload_length > 0 or header.flags & (flag.SYN | flag.FIN) != 0
        if occupies and not found & notes.KEEP_ALIVE:
            found |= _retransmission(sender, receiver, header, time_ns, self.wireshark_initial_rtt)
        _update(sender, header, time_ns, found)
        if receiver.wireshark_unacked != 0:
            _forget_acknowledged(receiver, ack)
        return found


def _after(left: i64, right: i64) -> bool:
    """Whether `left` comes after `right`. Two numbers 2**31 apart are each before and after the other for Wireshark."""
    return is_before(right, left)


def _before_retransmission(sender: Endpoint, receiver: Endpoint, header: Header) -> i64:
    """Steps 1 to 9."""
    length = header.payload_length
    seq = header.seq
    window = header.window
    latest = i64(sender.wireshark_window)
    plain = header.flags & NOT_PLAIN == 0
    expected = sender.wireshark_next
    if length == 1 and seq == expected and receiver.wireshark_window == 0:
        return notes.ZERO_WINDOW_PROBE
    found: i64 = 0
    if window == 0 and plain:
        found |= notes.ZERO_WINDOW
    if expected != 0 and _after(seq, expected) and not header.flags & flag.RST:
        found |= notes.LOST_SEGMENT
    if not plain:
        return found
    if length <= 1 and seq == advance(expected, -1):
        found |= notes.KEEP_ALIVE
    if length > 0:
        if receiver.wireshark_scale != SCALE_UNKNOWN:
            scale = i64(receiver.wireshark_scale)
            if receiver.wireshark_first_ack or scale == SCALE_UNUSED:
                scale = 0
            if advance(seq, length) == advance(
                receiver.wireshark_ack, i64(receiver.wireshark_window) << scale
            ):
                found |= notes.WINDOW_FULL
        return found
    if seq != expected or header.ack != sender.wireshark_ack:
        return found
    if window != 0 and window != latest:
        return found | notes.WINDOW_UPDATE
    if window == latest:
        if window != 0 and i64(receiver.wireshark_notes) & notes.KEEP_ALIVE:
            return found | notes.KEEP_ALIVE_ACK
        if window == 0 and i64(receiver.wireshark_notes) & notes.ZERO_WINDOW_PROBE:
            return found | notes.ZERO_WINDOW_PROBE_ACK
        if window != 0:
            return found | notes.DUPLICATE_ACK
    return found


def _retransmission(
    sender: Endpoint, receiver: Endpoint, header: Header, time_ns: i64, initial_rtt_ns: i64
) -> i64:
    """Step 12: the first that fits."""
    length = header.payload_length
    seq = header.seq
    expected = sender.wireshark_next
    end = advance(seq, length)
    if length > 0 and receiver.wireshark_ack != 0 and not is_after(end, receiver.wireshark_ack):
        return notes.SPURIOUS_RETRANSMISSION
    if expected == 0 or not is_before(seq, expected):
        return 0
    if length > 1 and seq == advance(expected, -1):
        return 0
    # Wireshark's counter is unsigned, so -1 ("already noted") is a large number.
    many = receiver.wireshark_duplicates >= 2 or receiver.wireshark_duplicates < 0
    if (
        many
        and receiver.wireshark_ack == seq
        and _sooner(time_ns - receiver.wireshark_ack_time, FAST_LIMIT_NS)
    ):
        return notes.FAST_RETRANSMISSION
    if header.flags & (flag.SYN | flag.FIN):
        end = advance(end, 1)
    limit = initial_rtt_ns if initial_rtt_ns != 0 else REORDERING_NS
    if _sooner(time_ns - sender.wireshark_next_time, limit) and end != expected:
        return notes.OUT_OF_ORDER
    return notes.RETRANSMISSION


def _sooner(passed_ns: i64, limit_ns: i64) -> bool:
    """Wireshark's times are unsigned: one that ran backwards is longer than any other."""
    if (passed_ns < 0) == (limit_ns < 0):
        return passed_ns < limit_ns
    return limit_ns < 0


def _update(sender: Endpoint, header: Header, time_ns: i64, found: i64) -> None:
    """Step 13."""
    end = advance(header.seq, header.payload_length)
    if header.payload_length > 0 or header.flags & (flag.SYN | flag.FIN):
        if sender.wireshark_unacked < UNACKED_KEPT:
            if header.flags & (flag.SYN | flag.FIN):
                end = advance(end, 1)
            _remember_unacknowledged(sender, end)
    if not found & notes.ZERO_WINDOW_PROBE:
        if sender.wireshark_next == 0 or _after(end, sender.wireshark_next):
            sender.wireshark_next = end
            sender.wireshark_next_time = time_ns
        if sender.wireshark_contiguous == 0 or header.seq == sender.wireshark_contiguous:
            sender.wireshark_contiguous = sender.wireshark_next
    sender.wireshark_window = i32(header.window)
    sender.wireshark_ack = header.ack
    sender.wireshark_ack_time = time_ns
    sender.wireshark_notes = i16(found)


def _remember_unacknowledged(sender: Endpoint, end: i64) -> None:
    """Count a segment of Wireshark's list of unacknowledged segments, in heaps of `HEAP` with one end each."""
    sender.wireshark_unacked += 1
    if sender.wireshark_heap_end == 0 or _after(end, sender.wireshark_heap_end):
        sender.wireshark_heap_end = end
    if sender.wireshark_unacked % HEAP == 0:
        disorder = sender.in_disorder()
        if disorder.wireshark_heaps is None:
            disorder.wireshark_heaps = []
        disorder.wireshark_heaps.append(sender.wireshark_heap_end)
        sender.wireshark_heap_end = 0


def _forget_acknowledged(receiver: Endpoint, ack: i64) -> None:
    """Step 14: acknowledged segments leave the list."""
    if not is_after(receiver.wireshark_next, ack):
        receiver.wireshark_unacked = 0
        receiver.wireshark_heap_end = 0
        if receiver.disorder is not None:
            receiver.disorder.wireshark_heaps = None
        return
    if receiver.disorder is None:
        return
    heaps = receiver.disorder.wireshark_heaps
    if heaps is None:
        return
    while heaps and not is_after(heaps[0], ack):
        del heaps[0]
        receiver.wireshark_unacked -= HEAP
    if not heaps:
        receiver.disorder.wireshark_heaps = None
