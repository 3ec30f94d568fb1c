"""What is kept of a connection whatever its segments mean: who takes part, counts, notes, errors, letters for Zeek.

`Machine` (machine.py) inherits it and adds what the segments mean. Nothing here moves a state.
"""

from __future__ import annotations

from sys import intern
from typing import Final, NamedTuple

from mypy_extensions import i16, i32, i64, mypyc_attr

from analyzer.tcp import corrections, labels, notes, zeek
from analyzer.tcp.completeness import RST, SYN, completeness_bits
from analyzer.tcp.endpoint import Endpoint
from analyzer.tcp.sequence import advance
from analyzer.tcp.step import FIRST, NOBODY, SECOND, Step
from analyzer.tcp.wireshark import WiresharkView
from analyzer.wire import header as flag
from analyzer.wire.header import Header
from analyzer.wire.icmp import ErrorKind, ErrorMessage
from analyzer.wire.options import Options

__all__ = ["ERRORS_KEPT", "HeardError", "Ledger"]

HISTORY_KEPT: Final = 128
"""A hostile capture can write a letter with every segment; no real history is so long."""

ERRORS_KEPT: Final = 16
"""So many ICMP errors of a connection are kept; all are counted."""


class HeardError(NamedTuple):
    """An ICMP error about a segment of the connection, without what is known of the connection anyway.

    kind, number, sender_high, sender_low: as in `ErrorMessage`. seq: that of the segment.
    direction: 0 where the first endpoint sent that segment, 1 for the second.
    answers: the frame of that segment where it is the last one its endpoint had sent; else 0.
    """

    kind: ErrorKind
    number: int
    sender_high: int
    sender_low: int
    seq: int
    frame: int
    time_ns: int
    direction: int
    answers: int


@mypyc_attr(acyclic=True)
class Ledger(WiresharkView):
    """The part of a connection that counts.

    It inherits Wireshark's view, and `Machine` inherits both, although neither is a kind of the other: as objects of
    their own they would cost each of a million connections two headers and two pointers, and it would not stay below
    a kibibyte. The prefixes `wireshark_` and `zeek_` say whose a field is.

    note_counts: triples of a mask of notes, the mask of those that Wireshark gives, and the number of segments
    that have exactly these; None: no segment has any. errors: the first `ERRORS_KEPT`
    of `error_count`. superseded, departed: of the table, which writes them: a newer connection has these addresses and
    ports; this one has left the table.
    """

    __slots__ = (
        "completeness",
        "departed",
        "error_count",
        "errors",
        "first",
        "first_frame",
        "first_high",
        "first_low",
        "first_port",
        "first_time",
        "ip_version",
        "last_frame",
        "last_time",
        "note_counts",
        "number",
        "reuses_ports",
        "second",
        "second_high",
        "second_low",
        "second_port",
        "superseded",
        "zeek_history_begun",
        "zeek_history_length",
        "zeek_history_rest",
        "zeek_second_originates",
    )

    def __init__(self, number: i64, header: Header, frame: i64, time_ns: i64, reuses_ports: bool) -> None:
        super().__init__()
        starts_with_syn_ack = header.flags & (flag.SYN | flag.ACK | flag.RST) == flag.SYN | flag.ACK
        self.number: i64 = number
        self.first_high: i64 = header.source_high
        self.first_low: i64 = header.source_low
        self.second_high: i64 = header.destination_high
        self.second_low: i64 = header.destination_low
        self.first: Endpoint = Endpoint()
        self.second: Endpoint = Endpoint()
        self.first_frame: i64 = frame
        self.first_time: i64 = time_ns
        self.last_frame: i64 = frame
        self.last_time: i64 = time_ns
        # Zeek's longer word: the letters spelled already, and those after them as numbers.
        self.zeek_history_begun: str = ""
        self.zeek_history_rest: i64 = zeek.AS_RESPONDER if starts_with_syn_ack else 0
        self.note_counts: list[int] | None = None
        self.errors: list[HeardError] | None = None

        # What is small comes last, because an object has its fields in the order of these lines.
        self.first_port: i32 = i32(header.source_port)
        self.second_port: i32 = i32(header.destination_port)
        self.error_count: i32 = 0
        self.zeek_history_length: i32 = 1 if starts_with_syn_ack else 0
        self.ip_version: i16 = i16(header.ip_version)
        self.completeness: i16 = 0
        self.superseded: bool = False
        self.departed: bool = False
        self.reuses_ports: bool = reuses_ports
        # To Zeek the originator is the first endpoint, unless that begins with a SYN-ACK.
        self.zeek_second_originates: bool = starts_with_syn_ack

    def direction_of(self, header: Header) -> i64:
        """The endpoint that sent this segment, `NOBODY` where neither could have."""
        if header.ip_version != i64(self.ip_version):
            return NOBODY
        first_port, second_port = i64(self.first_port), i64(self.second_port)
        if (
            header.source_low == self.first_low
            and header.source_port == first_port
            and header.destination_low == self.second_low
            and header.destination_port == second_port
            and header.source_high == self.first_high
            and header.destination_high == self.second_high
        ):
            return FIRST
        if (
            header.source_low == self.second_low
            and header.source_port == second_port
            and header.destination_low == self.first_low
            and header.destination_port == first_port
            and header.source_high == self.second_high
            and header.destination_high == self.first_high
        ):
            return SECOND
        return NOBODY

    def hear(self, message: ErrorMessage, frame: i64, time_ns: i64) -> None:
        """Take an ICMP error about a segment of this connection.

        No state changes by it: what a stack makes of an error is its own affair (RFC 9293 3.9.2.2, RFC 5927), and
        anybody can forge one. What follows on the wire shows it.
        """
        direction = self.direction_of(message.quoted)
        sender = self.first if direction == FIRST else self.second
        self.error_count += 1
        if self.errors is None:
            self.errors = []
        if len(self.errors) < ERRORS_KEPT:
            kind, number, high, low, quoted = message
            answers = int(sender.last_frame) if sender.last_seq == quoted.seq else 0
            self.errors.append(
                HeardError(
                    kind,
                    number,
                    high,
                    low,
                    int(quoted.seq),
                    int(frame),
                    int(time_ns),
                    int(direction),
                    answers,
                )
            )

    def conn_state(self) -> str:
        """The connection in Zeek's shorter word."""
        if self.zeek_second_originates:
            return zeek.conn_state(self.second, self.first, self.history())
        return zeek.conn_state(self.first, self.second, self.history())

    def history(self) -> str:
        """The connection in Zeek's longer word, a letter for each kind of event."""
        return self.zeek_history_begun + zeek.spelled(self.zeek_history_rest)

    # In the order in which the machine calls them.

    def _number(self, sender: Endpoint, receiver: Endpoint, header: Header, step: Step) -> None:
        """Relative numbers: the base is the ISN, else one below the first number seen, as Wireshark has it."""
        flags = header.flags
        if sender.base < 0:
            sender.base = header.seq if flags & flag.SYN else advance(header.seq, -1)
        elif flags & (flag.SYN | flag.ACK) == flag.SYN | flag.ACK and header.seq != sender.base:
            # A SYN with another number begins a new connection (table.py); a SYN-ACK gives this one a new base.
            sender.base = header.seq
            step.notes |= notes.REUSED_PORTS
        if receiver.base < 0 and flags & flag.ACK:
            receiver.base = advance(header.ack, -1)
        step.relative_seq = advance(header.seq, -sender.base)
        step.relative_ack = 0
        if flags & flag.ACK:
            step.relative_ack = advance(header.ack, -receiver.base)
        step.window = header.window
        if not flags & flag.SYN and sender.scale > 0:
            # RFC 7323 2.2: the window of a SYN is never scaled.
            step.window = header.window << i64(sender.scale)
        if header.snapped:
            step.notes |= notes.SNAPPED

    def _parse_options(self, header: Header, options: Options, step: Step) -> None:
        length = header.options_length
        options.parse(header.block, header.tcp_offset + 20, length, length == header.header_length - 20)
        if not options.well_formed:
            step.notes |= notes.BAD_OPTIONS

    def _take_damaged(
        self, sender: Endpoint, receiver: Endpoint, header: Header, time_ns: i64, step: Step
    ) -> None:
        """A header no TCP reads on (RFC 9293 3.1, data offset): it is counted, and nothing follows from it."""
        step.labels = labels.STRAY
        step.notes = notes.BAD_HEADER | (notes.SNAPPED if header.snapped else 0)
        step.wireshark_notes = 0
        step.relative_seq = advance(header.seq, -sender.base) if sender.base >= 0 else 0
        step.relative_ack = 0
        if header.flags & flag.ACK and receiver.base >= 0:
            step.relative_ack = advance(header.ack, -receiver.base)
        step.window = header.window
        step.wireshark_window = header.window
        self.wireshark_analyse_unshown(sender, receiver, header, time_ns)
        self._count(sender, receiver, header, step)
        self._count_notes(step)

    def _count(self, sender: Endpoint, receiver: Endpoint, header: Header, step: Step) -> None:
        """Segments, and what Wireshark and Zeek make of flags alone."""
        flags = header.flags
        sender.segments += 1
        length = header.payload_length
        if header.sampled:
            length = 0
        bits = completeness_bits(flags, length)
        if flags & (flag.SYN | flag.ACK) == flag.SYN:
            # To Wireshark a SYN counts as the first segment alone. Of a later one only a RST beside the SYN counts,
            # and of the first one on reused ports its data does not.
            if self.first_frame != self.last_frame:
                bits &= RST
            elif self.reuses_ports:
                bits &= SYN | RST
        if header.header_length < 20:
            # Wireshark stops at a header shorter than any, and reads on in one longer than its packet.
            bits = SYN if self.reuses_ports and self.first_frame == self.last_frame else 0
        self.completeness |= i16(bits)
        originates = (step.direction == SECOND) == self.zeek_second_originates
        letters = zeek.letters_of(sender, receiver, header, originates)
        if letters != 0 and self.zeek_history_length < HISTORY_KEPT:
            self._add_to_history(letters)
        zeek.move(sender, receiver, header, originates)

    def _add_to_history(self, letters: i64) -> None:
        length = i64(self.zeek_history_length)
        while letters != 0:
            place = length % zeek.LETTERS_IN_A_NUMBER
            if place == 0 and length > 0:
                # Interned, because many connections begin alike.
                self.zeek_history_begun = intern(
                    self.zeek_history_begun + zeek.spelled(self.zeek_history_rest)
                )
                self.zeek_history_rest = 0
            self.zeek_history_rest |= (letters & 31) << (zeek.BITS * place)
            letters >>= zeek.BITS
            length += 1
        self.zeek_history_length = i32(length)

    def _account(self, sender: Endpoint, header: Header, options: Options, parsed: bool, step: Step) -> None:
        """Bytes, each counted once."""
        length = header.payload_length
        seq = header.seq
        if header.flags & flag.SYN:
            # RFC 9293 3.4: the SYN has the number before the first byte.
            seq = advance(seq, 1)
        before = sender.highest
        fresh = sender.take_payload(seq, length)
        timestamp = _timestamp(header, options, parsed)
        if sender.highest != before:
            sender.highest_timestamp = timestamp
        elif fresh == length:
            corrections.correct_sent_earlier(sender, timestamp, step)
        sender.bytes += fresh
        if fresh != length:
            sender.in_disorder().retransmitted_bytes += length - fresh
        if step.labels & labels.DATA:
            sender.data_segments += 1
            limit = self._agreed_segment_size()
            if limit > 0 and length > limit:
                # RFC 9293 3.7.1: none may be longer on the wire.
                step.notes |= notes.OFFLOAD

    def _agreed_segment_size(self) -> i64:
        """The smaller of both announcements, -1 where one of them is not known."""
        left, right = self.first.maximum_segment_size, self.second.maximum_segment_size
        if left < 0 or right < 0:
            return -1
        return i64(left if left < right else right)

    def _count_repetition(self, sender: Endpoint, step: Step) -> None:
        """What was sent again, or came late."""
        disorder = sender.in_disorder()
        if step.notes & notes.RETRANSMISSIONS:
            disorder.retransmitted_segments += 1
        if step.notes & notes.OUT_OF_ORDER:
            disorder.out_of_order_segments += 1

    def _count_notes(self, step: Step) -> None:
        """Count one segment with exactly these notes."""
        counts = self.note_counts
        if counts is None:
            self.note_counts = [step.notes, step.wireshark_notes, 1]
            return
        for place in range(0, len(counts), 3):
            if counts[place] == step.notes and counts[place + 1] == step.wireshark_notes:
                counts[place + 2] += 1
                return
        counts.append(step.notes)
        counts.append(step.wireshark_notes)
        counts.append(1)


def _timestamp(header: Header, options: Options, parsed: bool) -> i64:
    """When the sender sent this segment, by its own clock (RFC 7323 3.2); -1 where it does not say."""
    if parsed:
        return options.timestamp_value
    if header.options_length == 12:
        return header.timestamp()
    return -1
