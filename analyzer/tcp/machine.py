"""What the segments of one connection mean: the order in which a segment is put to its two endpoints.

The order is that of RFC 9293 3.10.7: reset, SYN, acknowledgement, data, FIN. Every check asks what the
capture has shown so far; none looks ahead. States change in `_move` alone, by the table in `states.py`. What is
counted whatever it means stands in `ledger.py`, and what Wireshark would say differently in `corrections.py`.

The endpoints are `first` (it sent the first segment captured) and `second`. Who is client and who is server is a
conclusion (`verdict.py`), never used here.
"""

from __future__ import annotations

from mypy_extensions import i16, i32, i64, mypyc_attr

from analyzer.tcp import corrections, labels, notes, states
from analyzer.tcp.endpoint import SCALE_UNUSED, Endpoint, fingerprint_of
from analyzer.tcp.ledger import ERRORS_KEPT, HeardError, Ledger
from analyzer.tcp.sequence import advance, difference, is_after, is_before, segment_end
from analyzer.tcp.step import FIRST, NOBODY, Step
from analyzer.wire import header as flag
from analyzer.wire.header import Header
from analyzer.wire.options import Options

__all__ = ["ERRORS_KEPT", "HeardError", "Machine"]


@mypyc_attr(acyclic=True)
class Machine(Ledger):
    """One incarnation of a connection, fed segment by segment with `observe`.

    It inherits what is counted and Wireshark's view so that a connection stays one object: see `Ledger`.

    opener, closer, resetter: the endpoint that sent the first SYN, FIN, or believed RST: `FIRST`, `SECOND` or `NOBODY`.
    """

    __slots__ = (
        "closer",
        "data_after_end",
        "fast_open_accepted",
        "fin_acknowledges_fin",
        "half_close_noted",
        "handshake_ack_frame",
        "handshake_ack_time",
        "opener",
        "reset_after_close",
        "reset_frame",
        "resetter",
        "simultaneous_close",
        "simultaneous_open",
    )

    def __init__(
        self, number: i64, header: Header, frame: i64, time_ns: i64, reuses_ports: bool = False
    ) -> None:
        """reuses_ports: an older connection had the same addresses and ports."""
        super().__init__(number, header, frame, time_ns, reuses_ports)
        self.handshake_ack_frame: i64 = 0
        self.handshake_ack_time: i64 = 0
        self.reset_frame: i64 = 0
        self.opener: i16 = NOBODY
        self.closer: i16 = NOBODY
        self.resetter: i16 = NOBODY
        self.simultaneous_open: bool = False
        self.fast_open_accepted: bool = False
        self.simultaneous_close: bool = False
        self.half_close_noted: bool = False
        self.fin_acknowledges_fin: bool = False
        self.reset_after_close: bool = False
        self.data_after_end: bool = False

        if header.flags & (flag.SYN | flag.ACK | flag.RST) == flag.SYN:
            # RFC 9293 3.5: a SYN is the first that a connection sends, so before it there was none.
            self.first.state = states.CLOSED
            self.second.state = states.LISTEN

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
        if direction == FIRST:
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
        fingerprint = fingerprint_of(header)
        # These two ask what the segment before was. Wireshark's view, which holds that, takes this one next.
        captured_twice = sender.captured_twice(header, fingerprint, time_ns)
        if header.ack != sender.wireshark_ack:
            # RFC 5681 2: a duplicate acknowledges the same as the one before, so another number ends the count.
            sender.duplicates = 0
        # Options are parsed where they matter, so not where they are the usual timestamps alone.
        parsed = header.flags & flag.SYN != 0 or (header.options_length != 0 and not header.only_timestamps())
        if parsed:
            self._parse_options(header, options, step)
        step.notes |= self.wireshark_analyse(sender, receiver, header, options, parsed, frame, time_ns, step)
        misled = self.wireshark_misled
        corrections.correct_findings(sender, receiver, header, options, parsed, misled, time_ns, step)
        self._count(sender, receiver, header, step)

        if captured_twice:
            # It was sent once, so it means nothing more.
            corrections.correct_captured_twice(sender, step)
        else:
            self._interpret(sender, receiver, header, options, step)
            if header.payload_length > 0:
                self._account(sender, header, options, parsed, step)
            if step.notes & (notes.RETRANSMISSIONS | notes.OUT_OF_ORDER):
                self._count_repetition(sender, step)

        sender.remember(header, frame, fingerprint, step.labels)
        if step.notes | step.wireshark_notes != 0:
            self._count_notes(step)

    def _interpret(
        self, sender: Endpoint, receiver: Endpoint, header: Header, options: Options, step: Step
    ) -> None:
        flags = header.flags
        if flags & flag.RST:
            # RFC 9293 3.10.7.4, second: the reset goes before everything but the numbers, and ends the processing.
            self._reset(sender, receiver, header, step)
            return
        if flags & flag.SYN:
            if flags & flag.FIN:
                # 3.10.7.4, eighth: a FIN is not processed where a SYN has yet to be, as its number cannot be validated.
                step.notes |= notes.BAD_FLAGS
            if flags & flag.ACK:
                self._syn_ack(sender, receiver, header, options, step)
            else:
                self._syn(sender, receiver, header, options, step)
            if step.notes & notes.BAD_SYN_ACK:
                # Its numbers are not of this connection, so they must not become SND.NXT or SND.UNA below.
                return
        elif not flags & flag.ACK:
            # 3.10.7.4, fifth: without ACK the segment is dropped.
            step.labels |= labels.STRAY
            step.notes |= notes.BAD_FLAGS
            return
        elif self.resetter != NOBODY or self._both_fins_acknowledged():
            self._after_the_end(sender, receiver, header, step)
        else:
            self._acknowledgement(sender, receiver, header, step)
            # The byte of a keep-alive (3.8.4) or probe (3.8.6.1) asks for an answer. It is not text in the sense of
            # 3.10.7.4, seventh.
            if header.payload_length > 0 and not step.notes & (notes.KEEP_ALIVE | notes.ZERO_WINDOW_PROBE):
                self._data(sender, receiver, header, step)
            if flags & flag.FIN:
                self._fin(sender, receiver, header, step)
            if step.labels == 0:
                step.labels = self._label_of_plain(sender, receiver, header, step)
        # Both only grow (3.4): an older segment that comes late does not take back what a newer one has shown.
        if flags & flag.ACK and (sender.highest_ack < 0 or is_after(header.ack, sender.highest_ack)):
            sender.highest_ack = header.ack
        end = segment_end(header)
        if sender.snd_nxt < 0 or is_after(end, sender.snd_nxt):
            sender.snd_nxt = end

    def _reset(self, sender: Endpoint, receiver: Endpoint, header: Header, step: Step) -> None:
        """RFC 9293 3.10.7: the reset bit comes first, and is believed only where its number fits."""
        step.labels |= labels.RESET
        if header.flags & (flag.SYN | flag.FIN):
            # All resets of 3.5.2 and 3.10.5 are RST or RST,ACK.
            step.notes |= notes.BAD_FLAGS
        # Whoever has sent a SYN, SYN-ACK or data has left CLOSED and LISTEN, so that it aborts and does not refuse.
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
            # 3.10.7.4, second, and RFC 5961 3.2: within the window it draws a challenge ACK.
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
        if self.resetter == NOBODY:
            # The first one ends the connection; those after it find none.
            self.resetter = i16(step.direction)
            self.reset_frame = self.last_frame
            self.reset_after_close = self._both_fins_acknowledged()
        self._move(step, sender, states.SEND_RST_REFUSING if answers_syn else states.SEND_RST)
        self._move_by_reset(step, receiver)

    def _move_by_reset(self, step: Step, receiver: Endpoint) -> None:
        """3.10.7.4, second: SYN-RECEIVED goes back to LISTEN if it came from there, every other state to CLOSED."""
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
        """RFC 9293 3.5 and 3.10.7.2; 3.10.7.4, fourth, where the receiver has long been open."""
        step.labels |= labels.HANDSHAKE_1
        if options.fast_open_cookie >= 0:
            step.notes |= notes.FAST_OPEN
        if header.payload_length > 0:
            step.labels |= labels.DATA
            step.notes |= notes.DATA_IN_SYN
        if sender.syn_frame != 0:
            # The same SYN: one with another number begins a new connection (table.py).
            sender.syn_repeats += 1
            step.notes |= notes.SYN_RETRANSMISSION
            sender.add_delay(self.last_time - sender.syn_time)
            if self.resetter != NOBODY and self.handshake_ack_frame == 0:
                # A refused connection is tried again with the same SYN.
                self.resetter = NOBODY
                self.reset_frame = 0
        else:
            if self.opener == NOBODY:
                # Until it sends a SYN itself, the receiver can only have done a passive OPEN (3.10.1).
                self.opener = i16(step.direction)
                receiver.passive = True
            elif (
                i64(self.opener) != step.direction
                and self.handshake_ack_frame == 0
                and sender.syn_ack_frame == 0
            ):
                # 3.5, figure 7. Had it got the other's SYN before it sent its own, it would have sent a SYN-ACK.
                self.simultaneous_open = True
                sender.passive = False
                step.notes |= notes.SIMULTANEOUS_OPEN
            sender.syn_frame = self.last_frame
            sender.syn_time = self.last_time
            sender.isn = header.seq
            sender.syn_length = i32(header.payload_length)
            self._take_offer(sender, receiver, header, options)
        self._expect_challenge(receiver)
        self._move(step, sender, states.SEND_SYN)
        self._move(step, receiver, states.RECEIVE_SYN)

    def _syn_ack(
        self, sender: Endpoint, receiver: Endpoint, header: Header, options: Options, step: Step
    ) -> None:
        """RFC 9293 3.10.7.3."""
        # First, check the ACK bit: ISS < SEG.ACK =< SND.NXT, and SND.NXT is behind the data in the SYN (RFC 7413 3).
        fits = receiver.syn_frame == 0 or (
            is_after(header.ack, receiver.isn)
            and not is_after(header.ack, advance(receiver.isn, i64(receiver.syn_length) + 1))
        )
        known = sender.syn_ack_frame != 0 or sender.syn_frame != 0
        if not fits or (known and header.seq != sender.isn and self.handshake_ack_frame != 0):
            # An acknowledgement of something never sent is answered with a reset. Another ISN than the one that was
            # acknowledged is not of this connection either (3.4.1).
            step.labels |= labels.STRAY
            step.notes |= notes.BAD_SYN_ACK
            return
        step.labels |= labels.HANDSHAKE_2
        if header.payload_length > 0:
            step.labels |= labels.DATA
        if sender.syn_ack_frame != 0 and header.seq == sender.isn:
            sender.syn_ack_repeats += 1
            step.notes |= notes.SYN_ACK_RETRANSMISSION
            sender.add_delay(self.last_time - sender.syn_ack_time)
            receiver.answers_repeated_syn_ack = True
        else:
            if self.opener == NOBODY:
                # It answers a SYN that the capture does not hold, so the other endpoint opened.
                self.opener = i16(1 - step.direction)
                sender.passive = True
            corrections.correct_syn_ack(sender, header, step)
            sender.syn_ack_frame = self.last_frame
            sender.syn_ack_time = self.last_time
            sender.isn = header.seq
            if receiver.syn_length > 0:
                # RFC 7413 3: who accepts the data of a SYN acknowledges more than the SYN.
                self.fast_open_accepted = difference(header.ack, receiver.isn) > 1
            self._take_offer(sender, receiver, header, options)
            # Whoever answers has a connection: a reset before it did not end this one.
            self.resetter = NOBODY
            self.reset_frame = 0
        self._expect_challenge(receiver)
        self._move(step, sender, states.SEND_SYN_ACK)
        self._move(step, receiver, states.RECEIVE_SYN_ACK)
        if self.simultaneous_open and self.first.syn_ack_frame != 0 and self.second.syn_ack_frame != 0:
            # 3.5, figure 7: the SYN-ACKs acknowledge both SYNs, and no third segment has to.
            self.handshake_ack_frame = self.last_frame
            self.handshake_ack_time = self.last_time

    def _take_offer(self, sender: Endpoint, receiver: Endpoint, header: Header, options: Options) -> None:
        sender.take_options(header, options)
        # RFC 7323 2.2: scaling is in use only where both SYNs carry the option.
        if options.window_scale < 0:
            sender.scale = SCALE_UNUSED
            receiver.scale = SCALE_UNUSED
        elif sender.scale != SCALE_UNUSED:
            sender.scale = i16(options.window_scale)

    def _expect_challenge(self, receiver: Endpoint) -> None:
        """3.10.7.4, fourth, and RFC 5961 4.2: a synchronized state answers any SYN with a challenge ACK."""
        if receiver.state >= states.ESTABLISHED:
            receiver.challenge_due = True

    def _acknowledgement(self, sender: Endpoint, receiver: Endpoint, header: Header, step: Step) -> None:
        """RFC 9293 3.10.7.4, fifth: check the ACK field."""
        opens = self.handshake_ack_frame == 0 and i64(self.opener) == step.direction
        # SND.UNA < SEG.ACK, where SND.UNA is the ISN. An ISN that was not captured cannot contradict.
        covers_syn = receiver.isn < 0 or is_after(header.ack, receiver.isn)
        if opens and covers_syn:
            step.labels |= labels.HANDSHAKE_3
            corrections.correct_ack_of_syn_ack(receiver, header, step)
            self.handshake_ack_frame = self.last_frame
            self.handshake_ack_time = self.last_time
            if sender.fin_frame == 0:
                # After a FIN it is in a later state, which no acknowledgement of its own moves.
                self._move(step, sender, states.SEND_ACK)
        else:
            if corrections.correct_handshake_ack_again(sender, header, step):
                step.labels |= labels.HANDSHAKE_3
            sender.answers_repeated_syn_ack = False
        if sender.state == states.SYN_SENT:
            # SYN-SENT acknowledges nothing before it has a SYN (3.10.7.3), so one came that was not captured.
            self._move(step, sender, states.SEND_ACK)
        if covers_syn:
            self._move(step, receiver, states.RECEIVE_ACK_OF_SYN)

        if receiver.fin_frame != 0 and not is_before(header.ack, receiver.fin_end):
            # FIN-WAIT-1, CLOSING, LAST-ACK: "if our FIN is now acknowledged".
            self._acknowledgement_of_fin(sender, receiver, header, step)
        # Whoever answers a SYN with the ACK of something else still holds an older connection (figure 9).
        holds_older = not covers_syn and sender.syn_frame == 0 and sender.syn_ack_frame == 0
        corrections.correct_challenge_ack(sender, header, holds_older, step)
        # Only the next segment can be the answer.
        sender.challenge_due = False
        if sender.state == states.UNKNOWN and receiver.highest >= 0 and is_after(header.ack, receiver.lowest):
            # It acknowledges captured data, so it takes part.
            self._move(step, sender, states.SEND_DATA)

    def _acknowledgement_of_fin(
        self, sender: Endpoint, receiver: Endpoint, header: Header, step: Step
    ) -> None:
        first_fin = self._closed_first(receiver)
        if receiver.fin_ack_frame == 0:
            receiver.fin_ack_frame = self.last_frame
            step.labels |= labels.CLOSE_2 if first_fin else labels.CLOSE_4
            self._move(step, receiver, states.RECEIVE_ACK_OF_FIN)
            if first_fin and header.flags & flag.FIN and sender.fin_frame == 0:
                self.fin_acknowledges_fin = True
        else:
            if corrections.correct_close_ack_again(sender, header, False, step):
                step.labels |= labels.CLOSE_2 if first_fin else labels.CLOSE_4
            sender.answers_repeated_fin = False

    def _closed_first(self, endpoint: Endpoint) -> bool:
        """Whose FIN is it: that of the endpoint which sent the first one? Asked only where somebody has sent one.

        Two FINs that cross keep their numbers (3.6, figure 13), so the order of arrival does not decide.
        """
        return (endpoint is self.first) == (self.closer == FIRST)

    def _data(self, sender: Endpoint, receiver: Endpoint, header: Header, step: Step) -> None:
        """RFC 9293 3.10.7.4, seventh: process the segment text."""
        step.labels |= labels.DATA
        end = advance(header.seq, header.payload_length)
        if sender.fin_frame != 0 and not is_before(end, sender.fin_end):
            # 3.6: a FIN is "I have no more data to send". The byte before `fin_end` is the FIN itself.
            step.notes |= notes.DATA_AFTER_CLOSE
            return
        # SYN-RECEIVED sends nothing before its SYN is acknowledged (3.10.2 queues it), so that ACK must have come.
        # With Fast Open the server may answer before it comes (RFC 7413 3), so its data proves nothing.
        if sender.state == states.UNKNOWN or (
            sender.state == states.SYN_RECEIVED and receiver.fast_open_cookie < 0 and receiver.syn_length == 0
        ):
            self._move(step, sender, states.SEND_DATA)
        # 3.6, case 2: whoever has acknowledged the peer's FIN may go on sending. With its own FIN it closes instead.
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
        if self.closer == NOBODY:
            self.closer = i16(step.direction)
        if sender.fin_frame != 0:
            self._fin_again(sender, receiver, step)
            return
        step.labels |= labels.CLOSE_1 if self._closed_first(sender) else labels.CLOSE_3
        sender.fin_frame = self.last_frame
        sender.fin_end = segment_end(header)
        # 3.6, figure 13: whoever has the peer's FIN acknowledges it with its own; without that, the two crossed.
        crossing = receiver.fin_frame != 0 and is_before(header.ack, receiver.fin_end)
        if crossing:
            self.simultaneous_close = True
        self._move(step, sender, states.SEND_FIN_CROSSING if crossing else states.SEND_FIN)
        self._move(step, receiver, states.RECEIVE_FIN)

    def _fin_again(self, sender: Endpoint, receiver: Endpoint, step: Step) -> None:
        """It has the label of the first time, and the receiver acknowledges it again (3.10.7.4, eighth)."""
        step.labels |= labels.CLOSE_1 if self._closed_first(sender) else labels.CLOSE_3
        step.notes |= notes.FIN_RETRANSMISSION
        receiver.answers_repeated_fin = True

    def _label_of_plain(self, sender: Endpoint, receiver: Endpoint, header: Header, step: Step) -> i64:
        """An acknowledgement without data and flags: a question, the answer to one, or just that."""
        if step.notes & (notes.ZERO_WINDOW_PROBE | notes.ZERO_WINDOW_PROBE_ACK):
            return labels.PROBE
        if step.notes & notes.KEEP_ALIVE:
            return labels.PROBE if corrections.correct_linux_probe(receiver, step) else labels.KEEP_ALIVE
        if corrections.correct_probe_refused(sender, receiver, header, step):
            return labels.PROBE
        if step.notes & notes.KEEP_ALIVE_ACK:
            return labels.KEEP_ALIVE
        return labels.ACK

    def _after_the_end(self, sender: Endpoint, receiver: Endpoint, header: Header, step: Step) -> None:
        """Nothing can move any more; a repetition keeps the label of what it repeats.

        3.10.7.1: CLOSED discards what comes. 3.10.7.4: only a FIN that is sent again can come in TIME-WAIT.
        """
        if header.flags & flag.FIN and sender.fin_frame != 0:
            self._fin_again(sender, receiver, step)
        repeated = not is_after(segment_end(header), sender.snd_nxt)
        if header.payload_length > 0:
            step.labels |= labels.DATA
            if self.resetter != NOBODY:
                # Even what is sent again: the reset has thrown the receiver's queue away (3.10.7.4, second).
                self.data_after_end = True
                step.notes |= notes.DATA_AFTER_RESET
            elif not repeated:
                # What lies before the FIN was acknowledged with it; what lies behind it nobody reads.
                self.data_after_end = True
                step.notes |= notes.DATA_AFTER_CLOSE
        if receiver.fin_ack_frame != 0 and step.labels == 0:
            if corrections.correct_close_ack_again(sender, header, True, step):
                step.labels |= labels.CLOSE_2 if self._closed_first(receiver) else labels.CLOSE_4
                sender.answers_repeated_fin = False
        if step.labels == 0 or (step.labels == labels.DATA and not repeated):
            step.labels |= labels.STRAY

    def _both_fins_acknowledged(self) -> bool:
        return self.first.fin_ack_frame != 0 and self.second.fin_ack_frame != 0

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
