"""One connection: its two endpoints, and the order in which a segment is put to them.

The order is that of RFC 9293 3.10.7: reset, SYN, acknowledgement, data, FIN. Every check asks what the
capture has shown so far; none looks ahead. States change in `_move` alone, by the table in `states.py`.

The endpoints are `first` (it sent the first segment captured) and `second`. Who is client and who is server is a
conclusion (`verdict.py`), never used here.
"""

from __future__ import annotations

from sys import intern
from typing import Final, NamedTuple

from mypy_extensions import i16, i32, i64, mypyc_attr

from analyzer.tcp import corrections, labels, notes, states, zeek
from analyzer.tcp.completeness import RST, SYN, completeness_bits
from analyzer.tcp.corrections import correct
from analyzer.tcp.endpoint import SCALE_UNUSED, Endpoint
from analyzer.tcp.sequence import advance, difference, is_after, is_before
from analyzer.tcp.step import Step
from analyzer.tcp.wireshark import FAST_LIMIT_NS, WiresharkView
from analyzer.wire import header as flag
from analyzer.wire.header import Header
from analyzer.wire.icmp import ErrorKind, ErrorMessage
from analyzer.wire.options import Options

__all__ = ["ERRORS_KEPT", "HeardError", "Machine"]

CAPTURED_TWICE_NS: Final = 1_000_000
"""Two equal frames closer than this, with equal checksum and timestamps, were sent once: no
retransmission timer is that short, and a timestamp clock ticks every millisecond at most (RFC 7323 5.4)."""

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
class Machine(WiresharkView):
    """One incarnation of a connection, fed segment by segment with `observe`.

    note_counts: triples of a mask of notes, the mask of those that Wireshark gives, and the number of segments
    that have exactly these; None: no segment has any. errors: the first `ERRORS_KEPT`
    of `error_count`. superseded: of the table, which writes it: a newer connection has these addresses and ports.
    """

    __slots__ = (
        "closer",
        "completeness",
        "data_after_end",
        "error_count",
        "errors",
        "fast_open_accepted",
        "fin_acknowledges_fin",
        "first",
        "first_frame",
        "first_high",
        "first_low",
        "first_port",
        "first_time",
        "half_close_noted",
        "handshake_ack_frame",
        "handshake_ack_time",
        "history_begun",
        "history_length",
        "history_rest",
        "ip_version",
        "last_frame",
        "last_time",
        "note_counts",
        "number",
        "opener",
        "reset_after_close",
        "reset_frame",
        "resetter",
        "reuses_ports",
        "second",
        "second_high",
        "second_low",
        "second_originates",
        "second_port",
        "simultaneous_close",
        "simultaneous_open",
        "superseded",
    )

    def __init__(
        self, number: i64, header: Header, frame: i64, time_ns: i64, reuses_ports: bool = False
    ) -> None:
        """reuses_ports: an older connection had the same addresses and ports."""
        super().__init__()
        starts_with_syn = header.flags & (flag.SYN | flag.ACK | flag.RST) == flag.SYN
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
        # Zeek's word for it: the letters spelled already, and those after them as numbers.
        self.history_begun: str = ""
        self.history_rest: i64 = zeek.AS_RESPONDER if starts_with_syn_ack else 0
        self.note_counts: list[int] | None = None
        self.errors: list[HeardError] | None = None
        self.handshake_ack_frame: i64 = 0
        self.handshake_ack_time: i64 = 0
        self.reset_frame: i64 = 0

        # What is small comes last, because an object has its fields in the order of these lines.
        self.first_port: i32 = i32(header.source_port)
        self.second_port: i32 = i32(header.destination_port)
        self.error_count: i32 = 0
        self.history_length: i32 = 1 if starts_with_syn_ack else 0
        self.ip_version: i16 = i16(header.ip_version)
        self.completeness: i16 = 0
        # The first endpoint is 0, the second 1; -1: nobody yet.
        self.opener: i16 = -1
        self.closer: i16 = -1
        self.resetter: i16 = -1
        self.superseded: bool = False
        self.reuses_ports: bool = reuses_ports
        self.simultaneous_open: bool = False
        self.fast_open_accepted: bool = False
        self.simultaneous_close: bool = False
        self.half_close_noted: bool = False
        self.fin_acknowledges_fin: bool = False
        self.reset_after_close: bool = False
        self.data_after_end: bool = False
        # To Zeek the originator is the first endpoint, unless that begins with a SYN-ACK.
        self.second_originates: bool = starts_with_syn_ack

        if starts_with_syn:
            self.first.state = states.CLOSED
            self.second.state = states.LISTEN

    def direction_of(self, header: Header) -> i64:
        """0 where the first endpoint sent this segment, 1 where the second did, -1 where neither could have."""
        if header.ip_version != i64(self.ip_version):
            return -1
        first_port, second_port = i64(self.first_port), i64(self.second_port)
        if (
            header.source_low == self.first_low
            and header.source_port == first_port
            and header.destination_low == self.second_low
            and header.destination_port == second_port
            and header.source_high == self.first_high
            and header.destination_high == self.second_high
        ):
            return 0
        if (
            header.source_low == self.second_low
            and header.source_port == second_port
            and header.destination_low == self.first_low
            and header.destination_port == first_port
            and header.source_high == self.second_high
            and header.destination_high == self.first_high
        ):
            return 1
        return -1

    def over(self) -> bool:
        """Whether neither endpoint will send anything more: all closed, refused or reset."""
        first, second = self.first.state, self.second.state
        return (first == states.CLOSED or first == states.TIME_WAIT) and (
            second == states.CLOSED or second == states.TIME_WAIT
        )

    def observe(
        self, header: Header, options: Options, direction: i64, frame: i64, time_ns: i64, step: Step
    ) -> None:
        """Take one segment of this connection and write what it does into `step`.

        options: scratch space of the caller. direction: from `direction_of`. time_ns: when it was captured.
        """
        if direction == 0:
            sender, receiver = self.first, self.second
        else:
            sender, receiver = self.second, self.first
        step.direction = direction
        step.labels = 0
        step.corrections = 0
        step.notes = 0
        if self.reuses_ports and frame == self.first_frame:
            step.notes = notes.REUSED_PORTS
        step.first_before = step.first_after = i64(self.first.state)
        step.second_before = step.second_after = i64(self.second.state)
        step.first_path = 0
        step.second_path = 0
        self.last_frame = frame
        self.last_time = time_ns

        if header.damaged:
            self._take_damaged(sender, receiver, header, time_ns, step)
            return
        self._number(sender, receiver, header, step)
        fingerprint = self._fingerprint(header)
        captured_twice = self._captured_twice(sender, header, fingerprint, time_ns)
        if header.ack != sender.wireshark_ack:
            sender.duplicates = 0
        # Options are parsed where they matter, so not where they are the usual timestamps alone.
        parsed = header.flags & flag.SYN != 0 or (header.options_length != 0 and not header.only_timestamps())
        if parsed:
            self._parse_options(header, options, step)
        step.notes |= self.wireshark_analyse(sender, receiver, header, options, parsed, frame, time_ns, step)
        if step.notes != step.wireshark_notes and parsed and options.broken:
            step.corrections |= 1 << corrections.OPTIONS_BROKEN
        if not header.sampled:
            if step.notes != 0 or self.wireshark_misled:
                self._correct_gaps(sender, receiver, header, step)
            if parsed and options.sack_blocks > 0:
                self._correct_by_sack(sender, header, options, step)
            if step.notes != 0 or sender.snd_nxt == 0:
                self._correct_repetitions(sender, receiver, header, step)
        self._count(sender, receiver, header, step)

        if captured_twice:
            step.labels = i64(sender.last_labels)
            snapped = step.notes & notes.SNAPPED
            correct(step, corrections.CAPTURED_TWICE)
            step.notes = notes.CAPTURED_TWICE | snapped
        else:
            self._interpret(sender, receiver, header, options, step)
            if header.payload_length > 0:
                self._account(sender, header, options, parsed, step)
            if step.notes & (notes.RETRANSMISSIONS | notes.OUT_OF_ORDER):
                self._count_repetition(sender, step)

        self._remember(sender, header, fingerprint, step)

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

    def hear(self, message: ErrorMessage, frame: i64, time_ns: i64) -> None:
        """Take an ICMP error about a segment of this connection.

        No state changes by it: what a stack makes of an error is its own affair (RFC 9293 3.9.2.2, RFC 5927), and
        anybody can forge one. What follows on the wire shows it.
        """
        direction = self.direction_of(message.quoted)
        sender = self.first if direction == 0 else self.second
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
        """The connection in Zeek's other word."""
        if self.second_originates:
            return zeek.conn_state(self.second, self.first, self.history())
        return zeek.conn_state(self.first, self.second, self.history())

    def history(self) -> str:
        """The connection in Zeek's longer word, a letter for each kind of event."""
        return self.history_begun + zeek.spelled(self.history_rest)

    # What comes before any meaning: numbers, options, counts.

    def _number(self, sender: Endpoint, receiver: Endpoint, header: Header, step: Step) -> None:
        """Relative numbers: the base is the ISN, else one below the first number seen, as Wireshark has it."""
        flags = header.flags
        if sender.base < 0:
            sender.base = header.seq if flags & flag.SYN else advance(header.seq, -1)
        elif flags & (flag.SYN | flag.ACK) == flag.SYN | flag.ACK and header.seq != sender.base:
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
            step.window = header.window << i64(sender.scale)
        if header.snapped:
            step.notes |= notes.SNAPPED

    def _parse_options(self, header: Header, options: Options, step: Step) -> None:
        length = header.options_length
        options.parse(header.block, header.tcp_offset + 20, length, length == header.header_length - 20)
        if not options.well_formed:
            step.notes |= notes.BAD_OPTIONS

    def _count(self, sender: Endpoint, receiver: Endpoint, header: Header, step: Step) -> None:
        flags = header.flags
        sender.segments += 1
        length = header.payload_length
        if header.sampled:
            length = 0
        bits = completeness_bits(flags, length)
        if flags & (flag.SYN | flag.ACK) == flag.SYN:
            if self.first_frame != self.last_frame:
                bits &= RST
            elif self.reuses_ports:
                bits &= SYN | RST
        if header.header_length < 20:
            # Wireshark stops at a header shorter than any, and reads on in one longer than its packet.
            bits = SYN if self.reuses_ports and self.first_frame == self.last_frame else 0
        self.completeness |= i16(bits)
        originates = (step.direction == 1) == self.second_originates
        letters = zeek.letters_of(sender, receiver, header, originates)
        if letters != 0 and self.history_length < HISTORY_KEPT:
            self._add_to_history(letters)
        zeek.move(sender, receiver, header, originates)

    def _add_to_history(self, letters: i64) -> None:
        length = i64(self.history_length)
        while letters != 0:
            place = length % zeek.LETTERS_IN_A_NUMBER
            if place == 0 and length > 0:
                # Interned, because many connections begin alike.
                self.history_begun = intern(self.history_begun + zeek.spelled(self.history_rest))
                self.history_rest = 0
            self.history_rest |= (letters & 31) << (zeek.BITS * place)
            letters >>= zeek.BITS
            length += 1
        self.history_length = i32(length)

    def _fingerprint(self, header: Header) -> i64:
        """What tells a segment from others with the same sequence number, in 63 bits."""
        small = header.checksum | (header.ip_id << 16) | (header.flags << 32)
        return small | ((header.payload_length & 0x3FFFFF) << 41)

    def _captured_twice(self, sender: Endpoint, header: Header, fingerprint: i64, time_ns: i64) -> bool:
        """The same frame seen again, not sent again.

        Everything in the TCP header is equal and so is its checksum, which covers the payload and the timestamps.
        That alone would also fit a retransmission by a stack without timestamps; an equal
        IPv4 identification that is not 0 (RFC 6864: unique for a while) or the short time decides.
        """
        if (
            header.seq != sender.last_seq
            or fingerprint != sender.last_fingerprint
            or header.ack != sender.wireshark_ack
            or header.window != sender.wireshark_window
        ):
            return False
        if header.ip_id != 0:
            return True
        pure_ack = header.payload_length == 0 and not header.flags & (flag.SYN | flag.FIN | flag.RST)
        return not pure_ack and time_ns - sender.wireshark_ack_time < CAPTURED_TWICE_NS

    def _remember(self, sender: Endpoint, header: Header, fingerprint: i64, step: Step) -> None:
        sender.last_frame = self.last_frame
        sender.last_seq = header.seq
        sender.last_fingerprint = fingerprint
        sender.last_labels = i16(step.labels)
        if step.notes | step.wireshark_notes != 0:
            self._count_notes(step)

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

    def _correct_gaps(self, sender: Endpoint, receiver: Endpoint, header: Header, step: Step) -> None:
        if self.wireshark_misled and sender.snd_nxt >= 0 and not is_before(header.seq, sender.snd_nxt):
            correct(step, corrections.BAD_HEADER)
        if step.notes & notes.LOST_SEGMENT and sender.snd_nxt >= 0:
            if not is_after(header.seq, sender.snd_nxt):
                correct(step, corrections.FORGOTTEN_OCTET)
        if (
            step.notes & notes.ACK_LOST_SEGMENT
            and receiver.lowest >= 0
            and receiver.disorder_seen().holes is None
        ):
            from_the_start = (
                receiver.isn < 0
                or receiver.beginning_forgotten
                or receiver.lowest == advance(receiver.isn, 1)
            )
            if from_the_start and not is_after(header.ack, receiver.snd_nxt):
                correct(step, corrections.NOTHING_MISSING)

    def _correct_by_sack(self, sender: Endpoint, header: Header, options: Options, step: Step) -> None:
        """Duplicates that also move the window."""
        disorder = sender.in_disorder()
        news = options.sack_left != disorder.last_sack_left or options.sack_right != disorder.last_sack_right
        if step.notes & notes.WINDOW_UPDATE and news and is_after(options.sack_left, header.ack):
            correct(step, corrections.SELECTIVE_DUPLICATE)
        disorder.last_sack_left = options.sack_left
        disorder.last_sack_right = options.sack_right

    def _correct_repetitions(self, sender: Endpoint, receiver: Endpoint, header: Header, step: Step) -> None:
        """Who asked for what: the retransmissions that follow duplicates."""
        if sender.segments == 0 and step.notes & corrections.PRESUPPOSES:
            correct(step, corrections.FIRST_SEGMENT)
        if sender.snd_nxt == 0 and self._end(header) != header.seq:
            named = step.notes & (notes.RETRANSMISSIONS | notes.OUT_OF_ORDER | notes.KEEP_ALIVE)
            if not named and is_before(header.seq, sender.snd_nxt):
                correct(step, corrections.NUMBER_ZERO)
        found = step.notes
        if found & notes.DUPLICATE_ACK:
            sender.duplicates += 1
        if found & (notes.RETRANSMISSION | notes.OUT_OF_ORDER):
            asked = receiver.duplicates >= 2 and receiver.wireshark_ack == header.seq
            if asked and 0 <= self.last_time - receiver.wireshark_ack_time < FAST_LIMIT_NS:
                correct(step, corrections.ASKED_SELECTIVELY)
        elif found & notes.FAST_RETRANSMISSION:
            if receiver.duplicates < 2:
                correct(step, corrections.NOT_ASKED)
        elif found & notes.KEEP_ALIVE and header.payload_length == 1 and receiver.wireshark_window > 0:
            if receiver.highest_ack >= 0 and not is_after(receiver.highest_ack, header.seq):
                correct(step, corrections.OUTSTANDING_OCTET)

    # What the segment means.

    def _interpret(
        self, sender: Endpoint, receiver: Endpoint, header: Header, options: Options, step: Step
    ) -> None:
        flags = header.flags
        if flags & flag.RST:
            self._reset(sender, receiver, header, step)
            return
        if flags & flag.SYN:
            if flags & flag.FIN:
                step.notes |= notes.BAD_FLAGS
            if flags & flag.ACK:
                self._syn_ack(sender, receiver, header, options, step)
            else:
                self._syn(sender, receiver, header, options, step)
            if step.notes & notes.BAD_SYN_ACK:
                return
        elif not flags & flag.ACK:
            # RFC 9293 3.10.7.4, fifth: without ACK the segment is dropped.
            step.labels |= labels.STRAY
            step.notes |= notes.BAD_FLAGS
            return
        elif self.resetter >= 0 or self._both_fins_acknowledged():
            self._after_the_end(sender, receiver, header, step)
        else:
            self._acknowledgement(sender, receiver, header, step)
            if header.payload_length > 0 and not step.notes & (notes.KEEP_ALIVE | notes.ZERO_WINDOW_PROBE):
                self._data(sender, receiver, header, step)
            if flags & flag.FIN:
                self._fin(sender, receiver, header, step)
            if step.labels == 0:
                step.labels = self._label_of_plain(sender, receiver, header, step)
        if flags & flag.ACK and (sender.highest_ack < 0 or is_after(header.ack, sender.highest_ack)):
            sender.highest_ack = header.ack
        end = self._end(header)
        if sender.snd_nxt < 0 or is_after(end, sender.snd_nxt):
            sender.snd_nxt = end

    def _end(self, header: Header) -> i64:
        """The sequence number after this segment: SYN and FIN take one each (RFC 9293 3.4)."""
        length = header.payload_length
        if header.flags & flag.SYN:
            length += 1
        if header.flags & flag.FIN:
            length += 1
        return advance(header.seq, length)

    def _reset(self, sender: Endpoint, receiver: Endpoint, header: Header, step: Step) -> None:
        """RFC 9293 3.10.7: the reset bit comes first, and is believed only where its number fits."""
        step.labels |= labels.RESET
        if header.flags & (flag.SYN | flag.FIN):
            step.notes |= notes.BAD_FLAGS
        answers_syn = (
            receiver.syn_frame != 0
            and sender.syn_frame == 0
            and sender.syn_ack_frame == 0
            and sender.data_segments == 0
            and self.handshake_ack_frame == 0
        )
        if answers_syn:
            # 3.10.7.3: in SYN-SENT a reset is acceptable if its ACK field acknowledges the SYN.
            acceptable = (
                header.flags & flag.ACK != 0
                and is_after(header.ack, receiver.isn)
                and not is_after(header.ack, receiver.snd_nxt)
            )
        else:
            acceptable = self._reset_in_window(sender, receiver, header)
        if not acceptable:
            step.notes |= notes.UNACCEPTABLE_RESET
            receiver.challenge_due = True
            return
        answers_bad_ack = (
            sender.state == states.SYN_SENT
            and sender.syn_frame != 0
            and (not is_after(header.seq, sender.isn) or is_after(header.seq, sender.snd_nxt))
        )
        if answers_bad_ack:
            # 3.10.7.3: SYN-SENT answers the ACK of something it never sent with a reset that bears that number, and
            # stays as it is. What ends is an older connection of the peer's (figures 8 and 9).
            self._move_by_reset(step, receiver)
            return
        if self.resetter < 0:
            self.resetter = i16(step.direction)
            self.reset_frame = self.last_frame
            self.reset_after_close = self._both_fins_acknowledged()
        self._move(step, sender, states.SEND_RST_REFUSING if answers_syn else states.SEND_RST)
        self._move_by_reset(step, receiver)

    def _move_by_reset(self, step: Step, receiver: Endpoint) -> None:
        if receiver.state == states.SYN_RECEIVED and receiver.passive:
            self._move(step, receiver, states.RECEIVE_RST_AFTER_LISTEN)
        else:
            self._move(step, receiver, states.RECEIVE_RST)

    def _reset_in_window(self, sender: Endpoint, receiver: Endpoint, header: Header) -> bool:
        """RFC 9293 3.10.7.4: a reset must bear exactly RCV.NXT; anything else in the window draws a challenge ACK.

        A capture cannot know how far the receiver has got, only between which numbers: what it last
        acknowledged, and what was sent to it.
        """
        if receiver.highest_ack < 0:
            return True
        distance = difference(header.seq, receiver.highest_ack)
        if distance == 0:
            return True
        if sender.snd_nxt < 0:
            return False
        return distance > 0 and not is_after(header.seq, sender.snd_nxt)

    def _syn(
        self, sender: Endpoint, receiver: Endpoint, header: Header, options: Options, step: Step
    ) -> None:
        step.labels |= labels.HANDSHAKE_1
        if options.fast_open_cookie >= 0:
            step.notes |= notes.FAST_OPEN
        if header.payload_length > 0:
            step.labels |= labels.DATA
            step.notes |= notes.DATA_IN_SYN
        if sender.syn_frame != 0:
            sender.syn_repeats += 1
            step.notes |= notes.SYN_RETRANSMISSION
            self._add_delay(sender, self.last_time - sender.syn_time)
            if self.resetter >= 0 and self.handshake_ack_frame == 0:
                # A refused connection is tried again with the same SYN.
                self.resetter = -1
                self.reset_frame = 0
        else:
            if self.opener < 0:
                self.opener = i16(step.direction)
                receiver.passive = True
            elif (
                i64(self.opener) != step.direction
                and self.handshake_ack_frame == 0
                and sender.syn_ack_frame == 0
            ):
                self.simultaneous_open = True
                sender.passive = False
                step.notes |= notes.SIMULTANEOUS_OPEN
            sender.syn_frame = self.last_frame
            sender.syn_time = self.last_time
            sender.isn = header.seq
            sender.syn_length = i32(header.payload_length)
            self._keep_options(sender, receiver, header, options)
        if receiver.state >= states.ESTABLISHED:
            receiver.challenge_due = True
        self._move(step, sender, states.SEND_SYN)
        self._move(step, receiver, states.RECEIVE_SYN)

    def _syn_ack(
        self, sender: Endpoint, receiver: Endpoint, header: Header, options: Options, step: Step
    ) -> None:
        fits = receiver.syn_frame == 0 or (
            is_after(header.ack, receiver.isn)
            and not is_after(header.ack, advance(receiver.isn, i64(receiver.syn_length) + 1))
        )
        known = sender.syn_ack_frame != 0 or sender.syn_frame != 0
        if not fits or (known and header.seq != sender.isn and self.handshake_ack_frame != 0):
            # RFC 9293 3.10.7.3: an acknowledgement of something never sent is answered with a reset.
            step.labels |= labels.STRAY
            step.notes |= notes.BAD_SYN_ACK
            return
        step.labels |= labels.HANDSHAKE_2
        if header.payload_length > 0:
            step.labels |= labels.DATA
        if sender.syn_ack_frame != 0 and header.seq == sender.isn:
            sender.syn_ack_repeats += 1
            step.notes |= notes.SYN_ACK_RETRANSMISSION
            self._add_delay(sender, self.last_time - sender.syn_ack_time)
            receiver.answers_repeated_syn_ack = True
        else:
            if self.opener < 0:
                self.opener = i16(1 - step.direction)
                sender.passive = True
            if sender.syn_frame != 0 and header.seq == sender.isn:
                # The SYN-ACK of a simultaneous open repeats the SYN by design (RFC 9293 figure 7).
                correct(step, corrections.SIMULTANEOUS_OPEN)
            if sender.syn_ack_frame == 0:
                # What came before it (a reset that was not believed) was no part of this numbering.
                correct(step, corrections.FIRST_SYN_ACK)
            sender.syn_ack_frame = self.last_frame
            sender.syn_ack_time = self.last_time
            sender.isn = header.seq
            if receiver.syn_length > 0:
                self.fast_open_accepted = difference(header.ack, receiver.isn) > 1
            self._keep_options(sender, receiver, header, options)
            self.resetter = -1
            self.reset_frame = 0
        if receiver.state >= states.ESTABLISHED:
            receiver.challenge_due = True
        self._move(step, sender, states.SEND_SYN_ACK)
        self._move(step, receiver, states.RECEIVE_SYN_ACK)
        if self.simultaneous_open and self.first.syn_ack_frame != 0 and self.second.syn_ack_frame != 0:
            self.handshake_ack_frame = self.last_frame
            self.handshake_ack_time = self.last_time

    def _add_delay(self, sender: Endpoint, delay: i64) -> None:
        disorder = sender.in_disorder()
        if disorder.retry_delays is None:
            disorder.retry_delays = []
        if len(disorder.retry_delays) < 16:
            disorder.retry_delays.append(delay)

    def _keep_options(self, sender: Endpoint, receiver: Endpoint, header: Header, options: Options) -> None:
        sender.syn_flags = i16(header.flags)
        sender.maximum_segment_size = i32(options.maximum_segment_size)
        sender.window_scale = i16(options.window_scale)
        sender.sack_permitted = options.sack_permitted
        sender.timestamps = options.timestamp_value >= 0
        sender.fast_open_cookie = i16(options.fast_open_cookie)
        # RFC 7323 2.2: scaling is in use only where both SYNs carry the option.
        if options.window_scale < 0:
            sender.scale = SCALE_UNUSED
            receiver.scale = SCALE_UNUSED
        elif sender.scale != SCALE_UNUSED:
            sender.scale = i16(options.window_scale)

    def _acknowledgement(self, sender: Endpoint, receiver: Endpoint, header: Header, step: Step) -> None:
        """RFC 9293 3.10.7.4, fifth: check the ACK field."""
        opens = self.handshake_ack_frame == 0 and i64(self.opener) == step.direction
        covers_syn = receiver.isn < 0 or is_after(header.ack, receiver.isn)
        if opens and covers_syn:
            step.labels |= labels.HANDSHAKE_3
            if receiver.syn_ack_frame != 0 and header.ack == advance(receiver.isn, 1):
                correct(step, corrections.SYN_ACK_ACKNOWLEDGED)
            self.handshake_ack_frame = self.last_frame
            self.handshake_ack_time = self.last_time
            if sender.fin_frame == 0:
                self._move(step, sender, states.SEND_ACK)
        else:
            if sender.answers_repeated_syn_ack and self._says_nothing_new(sender, header):
                step.labels |= labels.HANDSHAKE_3
                correct(step, corrections.HANDSHAKE_ACK_AGAIN)
            sender.answers_repeated_syn_ack = False
        if sender.state == states.SYN_SENT:
            self._move(step, sender, states.SEND_ACK)
        if covers_syn:
            self._move(step, receiver, states.RECEIVE_ACK_OF_SYN)

        if receiver.fin_frame != 0 and not is_before(header.ack, receiver.fin_end):
            label: i64 = labels.CLOSE_2 if self._is_first(receiver) == (self.closer == 0) else labels.CLOSE_4
            if receiver.fin_ack_frame == 0:
                receiver.fin_ack_frame = self.last_frame
                step.labels |= label
                self._move(step, receiver, states.RECEIVE_ACK_OF_FIN)
                if label == labels.CLOSE_2 and header.flags & flag.FIN and sender.fin_frame == 0:
                    self.fin_acknowledges_fin = True
            else:
                if sender.answers_repeated_fin and self._says_nothing_new(sender, header):
                    step.labels |= label
                    correct(step, corrections.CLOSE_ACK_AGAIN)
                sender.answers_repeated_fin = False
        # Whoever answers a SYN with the ACK of something else still holds an older connection (figure 9).
        holds_older = not covers_syn and sender.syn_frame == 0 and sender.syn_ack_frame == 0
        if (sender.challenge_due or holds_older) and self._is_pure(header) and step.labels == 0:
            correct(step, corrections.CHALLENGE_ACK)
        sender.challenge_due = False
        if sender.state == states.UNKNOWN and receiver.highest >= 0 and is_after(header.ack, receiver.lowest):
            # It acknowledges captured data, so it takes part.
            self._move(step, sender, states.SEND_DATA)

    def _is_pure(self, header: Header) -> bool:
        """Whether a segment that acknowledges does nothing else."""
        return header.payload_length == 0 and not header.flags & flag.FIN

    def _says_nothing_new(self, sender: Endpoint, header: Header) -> bool:
        return self._is_pure(header) and header.ack == sender.highest_ack

    def _is_first(self, endpoint: Endpoint) -> bool:
        return endpoint is self.first

    def _data(self, sender: Endpoint, receiver: Endpoint, header: Header, step: Step) -> None:
        step.labels |= labels.DATA
        end = advance(header.seq, header.payload_length)
        if sender.fin_frame != 0 and not is_before(end, sender.fin_end):
            step.notes |= notes.DATA_AFTER_CLOSE
            return
        if sender.state == states.UNKNOWN or (
            sender.state == states.SYN_RECEIVED and receiver.fast_open_cookie < 0 and receiver.syn_length == 0
        ):
            self._move(step, sender, states.SEND_DATA)
        if (
            receiver.fin_ack_frame != 0
            and sender.fin_frame == 0
            and not header.flags & flag.FIN
            and not self.half_close_noted
        ):
            self.half_close_noted = True
            step.notes |= notes.HALF_CLOSE

    def _fin(self, sender: Endpoint, receiver: Endpoint, header: Header, step: Step) -> None:
        """RFC 9293 3.10.7.4, eighth: check the FIN bit."""
        if self.closer < 0:
            self.closer = i16(step.direction)
        step.labels |= labels.CLOSE_1 if i64(self.closer) == step.direction else labels.CLOSE_3
        if sender.fin_frame != 0:
            step.notes |= notes.FIN_RETRANSMISSION
            receiver.answers_repeated_fin = True
            return
        sender.fin_frame = self.last_frame
        sender.fin_end = self._end(header)
        crossing = receiver.fin_frame != 0 and is_before(header.ack, receiver.fin_end)
        if crossing:
            self.simultaneous_close = True
        self._move(step, sender, states.SEND_FIN_CROSSING if crossing else states.SEND_FIN)
        self._move(step, receiver, states.RECEIVE_FIN)

    def _label_of_plain(self, sender: Endpoint, receiver: Endpoint, header: Header, step: Step) -> i64:
        if step.notes & (notes.ZERO_WINDOW_PROBE | notes.ZERO_WINDOW_PROBE_ACK):
            return labels.PROBE
        if step.notes & notes.KEEP_ALIVE:
            if receiver.wireshark_window != 0:
                return labels.KEEP_ALIVE
            # Linux probes a closed window with an octet below SND.NXT, or none: to Wireshark a keep-alive.
            correct(step, corrections.LINUX_PROBE)
            return labels.PROBE
        if i64(receiver.last_labels) & labels.PROBE and header.seq == sender.snd_nxt:
            if header.window == 0:
                correct(step, corrections.PROBE_REFUSED)
                return labels.PROBE
        if step.notes & notes.KEEP_ALIVE_ACK:
            return labels.KEEP_ALIVE
        return labels.ACK

    def _after_the_end(self, sender: Endpoint, receiver: Endpoint, header: Header, step: Step) -> None:
        """Nothing can move any more; a repetition keeps the label of what it repeats."""
        if header.flags & flag.FIN and sender.fin_frame != 0:
            step.labels |= labels.CLOSE_1 if self._is_first(sender) == (self.closer == 0) else labels.CLOSE_3
            step.notes |= notes.FIN_RETRANSMISSION
            receiver.answers_repeated_fin = True
        repeated = not is_after(self._end(header), sender.snd_nxt)
        if header.payload_length > 0:
            step.labels |= labels.DATA
            if self.resetter >= 0:
                self.data_after_end = True
                step.notes |= notes.DATA_AFTER_RESET
            elif not repeated:
                self.data_after_end = True
                step.notes |= notes.DATA_AFTER_CLOSE
        if sender.answers_repeated_fin and receiver.fin_ack_frame != 0 and step.labels == 0:
            step.labels |= (
                labels.CLOSE_2 if self._is_first(receiver) == (self.closer == 0) else labels.CLOSE_4
            )
            correct(step, corrections.CLOSE_ACK_AGAIN)
            sender.answers_repeated_fin = False
        if step.labels == 0 or (step.labels == labels.DATA and not repeated):
            step.labels |= labels.STRAY

    def _both_fins_acknowledged(self) -> bool:
        return self.first.fin_ack_frame != 0 and self.second.fin_ack_frame != 0

    def _account(self, sender: Endpoint, header: Header, options: Options, parsed: bool, step: Step) -> None:
        """Octets, each counted once."""
        length = header.payload_length
        seq = header.seq
        if header.flags & flag.SYN:
            seq = advance(seq, 1)
        before = sender.highest
        fresh = sender.take_payload(seq, length)
        timestamp = self._timestamp(header, options, parsed)
        if sender.highest != before:
            sender.highest_timestamp = timestamp
        elif (
            step.notes & (notes.FAST_RETRANSMISSION | notes.RETRANSMISSION)
            and fresh == length
            and timestamp >= 0
            and sender.highest_timestamp >= 0
            and is_before(timestamp, sender.highest_timestamp)
        ):
            correct(step, corrections.SENT_EARLIER)
        sender.octets += fresh
        if fresh != length:
            sender.in_disorder().retransmitted_octets += length - fresh
        if step.labels & labels.DATA:
            sender.data_segments += 1
            limit = self._agreed_segment_size()
            if limit > 0 and length > limit:
                step.notes |= notes.OFFLOAD

    def _count_repetition(self, sender: Endpoint, step: Step) -> None:
        """What was sent again, or came late."""
        disorder = sender.in_disorder()
        if step.notes & notes.RETRANSMISSIONS:
            disorder.retransmitted_segments += 1
        if step.notes & notes.OUT_OF_ORDER:
            disorder.out_of_order_segments += 1

    def _timestamp(self, header: Header, options: Options, parsed: bool) -> i64:
        """When the sender sent this segment, by its own clock (RFC 7323 3.2); -1 where it does not say."""
        if parsed:
            return options.timestamp_value
        if header.options_length == 12:
            return header.timestamp()
        return -1

    def _agreed_segment_size(self) -> i64:
        """The smaller of both announcements, -1 where one of them is not known."""
        left, right = self.first.maximum_segment_size, self.second.maximum_segment_size
        if left < 0 or right < 0:
            return -1
        return i64(left if left < right else right)

    def _move(self, step: Step, endpoint: Endpoint, given: i64) -> None:
        """The only place that changes a state: by the table, or not at all."""
        row: i64 = states.ROWS[i64(endpoint.state) << states.INPUT_BITS | given]
        if row == 0:
            return
        target: i64 = states.TARGETS[row]
        endpoint.state = i16(target)
        if endpoint is self.first:
            step.first_path = self._append(step.first_path, row)
            step.first_after = target
        else:
            step.second_path = self._append(step.second_path, row)
            step.second_after = target

    def _append(self, path: i64, row: i64) -> i64:
        shift: i64 = 0
        while (path >> shift) & 0xFF:
            shift += 8
        return path | (row << shift)
