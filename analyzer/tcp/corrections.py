"""Deliberate differences from Wireshark: every rule with its reason and its condition.

`wireshark.py` computes Wireshark's fifteen notes exactly. They are the starting point. Each function below the table
checks whether a segment meets the condition of a rule, and `correct` applies the rule: it removes notes and adds
others. A note that differs from Wireshark's without a rule of this table is a bug.

The machine calls each function when its condition can be known: `correct_findings` at once, the rest when the
meaning of the segment is known. A function that returns a truth value returns whether the rule holds, because the
segment then has a label too.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from mypy_extensions import i64

from analyzer.tcp import labels, notes
from analyzer.tcp.endpoint import Endpoint
from analyzer.tcp.sequence import advance, is_after, is_before, segment_end
from analyzer.tcp.step import Step
from analyzer.tcp.wireshark import FAST_LIMIT_NS
from analyzer.wire import header as flag
from analyzer.wire.header import Header
from analyzer.wire.options import Options

__all__ = [
    "CORRECTIONS",
    "Correction",
    "correct",
    "correct_ack_of_syn_ack",
    "correct_captured_twice",
    "correct_challenge_ack",
    "correct_close_ack_again",
    "correct_findings",
    "correct_handshake_ack_again",
    "correct_linux_probe",
    "correct_probe_refused",
    "correct_sent_earlier",
    "correct_syn_ack",
    "correction_names",
    "explains",
]

FORGOTTEN_BYTE: Final = 0
NOTHING_MISSING: Final = 1
CAPTURED_TWICE: Final = 2
SIMULTANEOUS_OPEN: Final = 3
FIRST_SYN_ACK: Final = 4
SYN_ACK_ACKNOWLEDGED: Final = 5
HANDSHAKE_ACK_AGAIN: Final = 6
CLOSE_ACK_AGAIN: Final = 7
CHALLENGE_ACK: Final = 8
LINUX_PROBE: Final = 9
PROBE_REFUSED: Final = 10
OUTSTANDING_BYTE: Final = 11
SELECTIVE_DUPLICATE: Final = 12
ASKED_SELECTIVELY: Final = 13
NOT_ASKED: Final = 14
SENT_EARLIER: Final = 15
OPTIONS_BROKEN: Final = 16
SECOND_READING: Final = 17
NUMBER_ZERO: Final = 18
FIRST_SEGMENT: Final = 19
BAD_HEADER: Final = 20

PRESUPPOSES: Final = (
    notes.KEEP_ALIVE
    | notes.KEEP_ALIVE_ACK
    | notes.WINDOW_UPDATE
    | notes.DUPLICATE_ACK
    | notes.ZERO_WINDOW_PROBE
    | notes.ZERO_WINDOW_PROBE_ACK
)
"""Notes that refer to an earlier segment of the same side."""

RETRANSMITTED: Final = notes.RETRANSMISSION | notes.FAST_RETRANSMISSION | notes.OUT_OF_ORDER


class Correction(NamedTuple):
    """One deliberate difference.

    name: as in `tcpanalyze verify`. wireshark, ours: the note that each gives. why: the reason, one sentence. source:
    the document that supports it. removes, adds: the notes that it may remove and add.
    """

    name: str
    wireshark: str
    ours: str
    why: str
    source: str
    removes: int
    adds: int


CORRECTIONS: Final = (
    Correction(
        "forgotten-byte",
        "lost_segment",
        "no gap",
        "Wireshark does not count the byte of a zero-window probe as sent, so the data after an "
        "accepted probe looks like a gap",
        "RFC 9293 3.8.6.1",
        notes.LOST_SEGMENT,
        0,
    ),
    Correction(
        "nothing-missing",
        "ack_lost_segment",
        "no gap",
        "every byte up to this acknowledgement was captured; Wireshark extends the contiguous part only by segments "
        "that begin exactly at its end",
        "RFC 9293 3.4",
        notes.ACK_LOST_SEGMENT,
        0,
    ),
    Correction(
        "captured-twice",
        "a retransmission or duplicate",
        "captured_twice",
        "the packet was sent once and captured twice, on two interfaces or a mirrored port",
        "RFC 6864 4",
        notes.WIRESHARK_NOTES,
        notes.CAPTURED_TWICE,
    ),
    Correction(
        "simultaneous-open",
        "retransmission or out_of_order",
        "simultaneous_open",
        "in a simultaneous open the SYN-ACK has the sequence number of the SYN by design",
        "RFC 9293 3.5, figure 7",
        notes.RETRANSMISSIONS | notes.OUT_OF_ORDER,
        notes.SIMULTANEOUS_OPEN,
    ),
    Correction(
        "first-syn-ack",
        "lost_segment or reused_ports",
        "neither",
        "what came before the first SYN-ACK, e.g. a RST that was ignored, does not belong to its sequence numbers",
        "RFC 9293 3.10.7.3",
        notes.LOST_SEGMENT | notes.REUSED_PORTS,
        0,
    ),
    Correction(
        "syn-ack-acknowledged",
        "ack_lost_segment",
        "no gap",
        "it acknowledges a SYN-ACK that was captured",
        "RFC 9293 3.5",
        notes.ACK_LOST_SEGMENT,
        0,
    ),
    Correction(
        "handshake-ack-again",
        "duplicate_ack",
        "handshake_ack_again",
        "it answers a retransmitted SYN-ACK, so nothing is missing",
        "RFC 9293 3.10.7.4",
        notes.DUPLICATE_ACK,
        notes.HANDSHAKE_ACK_AGAIN,
    ),
    Correction(
        "close-ack-again",
        "duplicate_ack",
        "close_ack_again",
        "it answers a retransmitted FIN, so nothing is missing",
        "RFC 9293 3.10.7.4",
        notes.DUPLICATE_ACK,
        notes.CLOSE_ACK_AGAIN,
    ),
    Correction(
        "challenge-ack",
        "duplicate_ack",
        "challenge_ack",
        "it answers a SYN or RST that was not accepted, so nothing is missing",
        "RFC 5961 3 and 4",
        notes.DUPLICATE_ACK,
        notes.CHALLENGE_ACK,
    ),
    Correction(
        "linux-probe",
        "keep_alive",
        "zero_window_probe",
        "the receiver's window is zero: Linux probes it with one byte below SND.NXT, or with none",
        "RFC 9293 3.8.6.1",
        notes.KEEP_ALIVE,
        notes.ZERO_WINDOW_PROBE,
    ),
    Correction(
        "probe-refused",
        "duplicate_ack, or only zero_window",
        "zero_window_probe_ack",
        "it answers a zero-window probe, and the window is still zero",
        "RFC 9293 3.8.6.1",
        notes.DUPLICATE_ACK,
        notes.ZERO_WINDOW_PROBE_ACK,
    ),
    Correction(
        "outstanding-byte",
        "keep_alive",
        "retransmission",
        "its byte was not acknowledged before, and a keep-alive is sent only when no data is outstanding",
        "RFC 9293 3.8.4",
        notes.KEEP_ALIVE,
        notes.RETRANSMISSION,
    ),
    Correction(
        "selective-duplicate",
        "window_update",
        "duplicate_ack",
        "its SACK option reports bytes not reported before, so it is a duplicate ACK, even if the window changed",
        "RFC 6675 2",
        notes.WINDOW_UPDATE,
        notes.DUPLICATE_ACK,
    ),
    Correction(
        "asked-selectively",
        "retransmission or out_of_order",
        "fast_retransmission",
        "duplicate ACKs asked for it, and Wireshark took some of them for window updates",
        "RFC 6675 5",
        notes.RETRANSMISSION | notes.OUT_OF_ORDER,
        notes.FAST_RETRANSMISSION,
    ),
    Correction(
        "not-asked",
        "fast_retransmission",
        "retransmission",
        "no duplicate ACK asked for it: after an ack_lost_segment, Wireshark reads its counter of duplicates as a "
        "large number",
        "RFC 5681 3.2",
        notes.FAST_RETRANSMISSION,
        notes.RETRANSMISSION,
    ),
    Correction(
        "sent-earlier",
        "fast_retransmission or retransmission",
        "out_of_order",
        "its bytes were not captured before, and its timestamp shows that it was sent before the "
        "segment that overtook it",
        "RFC 7323 3",
        RETRANSMITTED,
        notes.OUT_OF_ORDER,
    ),
    Correction(
        "options-broken",
        "nothing",
        "the notes",
        "if the capture truncated the options, or a SACK or MPTCP option is too short, tshark stops before it shows "
        "its notes",
        "RFC 9293 3.1",
        0,
        notes.WIRESHARK_NOTES,
    ),
    Correction(
        "second-reading",
        "reused_ports",
        "nothing",
        "a later SYN-ACK had another number, and Wireshark applies it to the first one when it reads the capture again",
        "RFC 9293 3.4.1",
        notes.REUSED_PORTS,
        0,
    ),
    Correction(
        "number-zero",
        "nothing",
        "retransmission",
        "the next sequence number was 0, which Wireshark treats as unknown",
        "RFC 9293 3.4",
        0,
        notes.RETRANSMISSION,
    ),
    Correction(
        "first-segment",
        "keep_alive, window_update or another note about an earlier segment",
        "nothing",
        "it is the first segment of its side, and Wireshark compares its numbers with an initial 0",
        "RFC 9293 3.4",
        PRESUPPOSES,
        0,
    ),
    Correction(
        "bad-header",
        "a retransmission or out_of_order",
        "neither",
        "an earlier segment with these numbers had a bad header, so a TCP discards it; Wireshark counts it as sent",
        "RFC 9293 3.1",
        notes.RETRANSMISSIONS | notes.OUT_OF_ORDER,
        0,
    ),
)
"""In the order of the rules' numbers."""

_REMOVES: Final = [correction.removes for correction in CORRECTIONS]
_ADDS: Final = [correction.adds for correction in CORRECTIONS]


def correct(step: Step, rule: i64) -> None:
    """Apply a rule to the notes of a segment, and remember the rule if it changes one of Wireshark's notes."""
    before = step.notes
    step.notes = (before & ~_REMOVES[rule]) | _ADDS[rule]
    if (before ^ step.notes) & notes.WIRESHARK_NOTES:
        step.corrections |= 1 << rule


def correct_findings(
    sender: Endpoint,
    receiver: Endpoint,
    header: Header,
    options: Options,
    parsed: bool,
    misled: bool,
    time_ns: i64,
    step: Step,
) -> None:
    """The rules that need only numbers, before the segment is counted and its meaning is known.

    parsed: whether `options` holds those of this segment. misled: of `WiresharkView`.
    """
    if parsed and options.broken and step.notes != step.wireshark_notes:
        # The only rule without `correct`: the notes are all there, and Wireshark shows none of them.
        step.corrections |= 1 << OPTIONS_BROKEN
    if header.sampled:
        # A sampled frame: the view has found no notes.
        return
    if step.notes != 0:
        _correct_gaps(sender, receiver, header, misled, step)
    if parsed and options.sack_blocks > 0:
        _correct_by_sack(sender, header, options, step)
    if step.notes != 0 or sender.snd_nxt == 0:
        _correct_repetitions(sender, receiver, header, time_ns, step)


def _correct_gaps(sender: Endpoint, receiver: Endpoint, header: Header, misled: bool, step: Step) -> None:
    """Nothing is missing, or nothing came before."""
    if misled and sender.snd_nxt >= 0 and not is_before(header.seq, sender.snd_nxt):
        # It begins where the accepted data ends, so it is not a retransmission (RFC 9293 3.1, data offset).
        correct(step, BAD_HEADER)
    if step.notes & notes.LOST_SEGMENT and sender.snd_nxt >= 0:
        # SND.NXT includes the byte of an accepted probe (RFC 9293 3.8.6.1).
        if not is_after(header.seq, sender.snd_nxt):
            correct(step, FORGOTTEN_BYTE)
    if (
        step.notes & notes.ACK_LOST_SEGMENT
        and receiver.lowest >= 0
        and receiver.disorder_seen().holes is None
    ):
        # Without a hole, every byte from the lowest to the highest was captured. Only the SYN shows whether there
        # are bytes below the lowest: its number is the one before the first byte (RFC 9293 3.4).
        from_the_start = (
            receiver.isn < 0 or receiver.beginning_forgotten or receiver.lowest == advance(receiver.isn, 1)
        )
        if from_the_start and not is_after(header.ack, receiver.snd_nxt):
            correct(step, NOTHING_MISSING)


def _correct_by_sack(sender: Endpoint, header: Header, options: Options, step: Step) -> None:
    """RFC 6675 2: a SACK of bytes not reported before makes a duplicate, even of an ACK that moves the window."""
    disorder = sender.in_disorder()
    # The first block holds what arrived last (RFC 2018 4). A block below the acknowledgement is not new: it
    # reports what arrived twice (RFC 2883 4).
    news = options.sack_left != disorder.last_sack_left or options.sack_right != disorder.last_sack_right
    if step.notes & notes.WINDOW_UPDATE and news and is_after(options.sack_left, header.ack):
        correct(step, SELECTIVE_DUPLICATE)
    disorder.last_sack_left = options.sack_left
    disorder.last_sack_right = options.sack_right


def _correct_repetitions(
    sender: Endpoint, receiver: Endpoint, header: Header, time_ns: i64, step: Step
) -> None:
    """Duplicate ACKs, and the retransmissions that they ask for."""
    if sender.segments == 0 and step.notes & PRESUPPOSES:
        correct(step, FIRST_SEGMENT)
    if sender.snd_nxt == 0 and segment_end(header) != header.seq:
        # RFC 9293 3.4: 0 is a number like any other. A segment with numbers before it was sent before, unless
        # Wireshark has already noted that with another name.
        named = step.notes & (notes.RETRANSMISSIONS | notes.OUT_OF_ORDER | notes.KEEP_ALIVE)
        if not named and is_before(header.seq, sender.snd_nxt):
            correct(step, NUMBER_ZERO)
    found = step.notes
    if found & notes.DUPLICATE_ACK:
        sender.duplicates += 1
    if found & (notes.RETRANSMISSION | notes.OUT_OF_ORDER):
        # Wireshark's own rule of a fast retransmission, with all duplicates counted.
        asked = receiver.duplicates >= 2 and receiver.wireshark_ack == header.seq
        if asked and 0 <= time_ns - receiver.wireshark_ack_time < FAST_LIMIT_NS:
            correct(step, ASKED_SELECTIVELY)
    elif found & notes.FAST_RETRANSMISSION:
        if receiver.duplicates < 2:
            correct(step, NOT_ASKED)
    elif found & notes.KEEP_ALIVE and header.payload_length == 1 and receiver.wireshark_window > 0:
        # RFC 9293 3.8.4, MUST-26: no keep-alive while data is outstanding. If the window is zero, it may still be
        # a probe.
        if receiver.highest_ack >= 0 and not is_after(receiver.highest_ack, header.seq):
            correct(step, OUTSTANDING_BYTE)


def correct_captured_twice(sender: Endpoint, step: Step) -> None:
    """A second capture of the segment before, which already has the labels and the notes.

    The machine's own notes are removed too, or they would count twice. Only `snapped` is kept: it is about the frame.
    """
    step.labels = i64(sender.last_labels)
    snapped = step.notes & notes.SNAPPED
    correct(step, CAPTURED_TWICE)
    step.notes = notes.CAPTURED_TWICE | snapped


def correct_syn_ack(sender: Endpoint, header: Header, step: Step) -> None:
    """A SYN-ACK that is not a retransmission."""
    if sender.syn_frame != 0 and header.seq == sender.isn:
        # RFC 9293 3.5, figure 7: it has the number of its sender's own SYN.
        correct(step, SIMULTANEOUS_OPEN)
    if sender.syn_ack_frame == 0:
        # RFC 9293 3.10.7.3: a reset that does not acknowledge the SYN is dropped, and its number means nothing.
        correct(step, FIRST_SYN_ACK)


def correct_ack_of_syn_ack(receiver: Endpoint, header: Header, step: Step) -> None:
    """The ACK that completes the opening."""
    if receiver.syn_ack_frame != 0 and header.ack == advance(receiver.isn, 1):
        # RFC 9293 3.4: the SYN takes one number, and this acknowledges nothing beyond it.
        correct(step, SYN_ACK_ACKNOWLEDGED)


def correct_handshake_ack_again(sender: Endpoint, header: Header, step: Step) -> bool:
    """RFC 9293 3.10.7.4, first: a segment received before is not acceptable, and is answered with an ACK."""
    if not sender.answers_repeated_syn_ack or not _says_nothing_new(sender, header):
        return False
    correct(step, HANDSHAKE_ACK_AGAIN)
    return True


def correct_close_ack_again(sender: Endpoint, header: Header, ended: bool, step: Step) -> bool:
    """RFC 9293 3.10.7.4: a FIN received before is answered with an ACK, in TIME-WAIT too.

    ended: nothing new can come, so the numbers are not checked.
    """
    if not sender.answers_repeated_fin or not (ended or _says_nothing_new(sender, header)):
        return False
    correct(step, CLOSE_ACK_AGAIN)
    return True


def correct_challenge_ack(sender: Endpoint, header: Header, holds_older: bool, step: Step) -> None:
    """The next segment of an endpoint after a SYN or RST that it does not accept, if it is only an ACK.

    holds_older: the endpoint acknowledges what its peer never sent in this connection (RFC 9293 3.5.1, figure 9).
    """
    if (sender.challenge_due or holds_older) and step.labels == 0 and _is_pure(header):
        # RFC 5961 3.2 and 4.2; RFC 9293 3.10.7.4, second and fourth.
        correct(step, CHALLENGE_ACK)


def correct_linux_probe(receiver: Endpoint, step: Step) -> bool:
    """Whether a keep-alive is a probe: the window that its sender faces is closed (RFC 9293 3.8.6.1)."""
    if receiver.wireshark_window != 0:
        return False
    correct(step, LINUX_PROBE)
    return True


def correct_probe_refused(sender: Endpoint, receiver: Endpoint, header: Header, step: Step) -> bool:
    """RFC 9293 3.8.6.1: an endpoint answers a probe of its zero window with its current window."""
    answers = i64(receiver.last_labels) & labels.PROBE != 0 and header.seq == sender.snd_nxt
    if not answers or header.window != 0:
        return False
    correct(step, PROBE_REFUSED)
    return True


def correct_sent_earlier(sender: Endpoint, timestamp: i64, step: Step) -> None:
    """Bytes below the highest that were not captured before: out of order, if the sender's clock shows that.

    timestamp: of the segment, -1 without one. A retransmission has the time of its own sending, and the clock never
    goes back (RFC 7323 3.2 and 5.2).
    """
    if (
        step.notes & (notes.FAST_RETRANSMISSION | notes.RETRANSMISSION)
        and timestamp >= 0
        and sender.highest_timestamp >= 0
        and is_before(timestamp, sender.highest_timestamp)
    ):
        correct(step, SENT_EARLIER)


def _is_pure(header: Header) -> bool:
    """Whether a segment only acknowledges."""
    return header.payload_length == 0 and not header.flags & flag.FIN


def _says_nothing_new(sender: Endpoint, header: Header) -> bool:
    return _is_pure(header) and header.ack == sender.highest_ack


def correction_names(mask: int) -> list[str]:
    """The names of the rules in `Step.corrections`, in the order of the table."""
    return [correction.name for rule, correction in enumerate(CORRECTIONS) if mask >> rule & 1]


def explains(corrections: int, ours: int, wireshark: int) -> bool:
    """Whether these rules explain each of the fifteen notes in which two masks differ."""
    removed = wireshark & ~ours & notes.WIRESHARK_NOTES
    added = ours & ~wireshark & notes.WIRESHARK_NOTES
    for rule, correction in enumerate(CORRECTIONS):
        if corrections >> rule & 1:
            removed &= ~correction.removes
            added &= ~correction.adds
    return not removed and not added
