"""Where we say something else than Wireshark on purpose: every rule with its reason and its condition.

`wireshark.py` computes Wireshark's fifteen notes to the letter. What is reported begins with them. Each function below
the table asks whether a segment meets the condition of a rule, and `correct` applies the rule: it takes notes away and
gives others. A note that differs without a rule of this table is a fault.

The machine calls the functions where the conditions can be known: `correct_findings` at once, the others where the
meaning of the segment has been found. Those that return a truth value say whether the rule holds, because the segment
then has a label too.
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
"""Notes that speak of an earlier segment of the same side."""

RETRANSMITTED: Final = notes.RETRANSMISSION | notes.FAST_RETRANSMISSION | notes.OUT_OF_ORDER


class Correction(NamedTuple):
    """One deliberate difference.

    name: as in `tcpanalyze verify`. wireshark, ours: what each says. why: the reason, one sentence. source: where the
    reason stands. removes, adds: the notes it may take away and give.
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
        "Wireshark does not count the byte of a window probe as sent, so that what follows an "
        "accepted one looks like a gap",
        "RFC 9293 3.8.6.1",
        notes.LOST_SEGMENT,
        0,
    ),
    Correction(
        "nothing-missing",
        "ack_lost_segment",
        "no gap",
        "every byte up to this acknowledgement was captured; Wireshark follows the end of what is contiguous only "
        "by segments that begin exactly there",
        "RFC 9293 3.4",
        notes.ACK_LOST_SEGMENT,
        0,
    ),
    Correction(
        "captured-twice",
        "a retransmission or duplicate",
        "captured_twice",
        "the same packet passed the capture twice, on two interfaces or a mirrored port, and was sent once",
        "RFC 6864 4",
        notes.WIRESHARK_NOTES,
        notes.CAPTURED_TWICE,
    ),
    Correction(
        "simultaneous-open",
        "retransmission or out_of_order",
        "simultaneous_open",
        "in a simultaneous open the SYN-ACK bears the number of the SYN by design",
        "RFC 9293 3.5, figure 7",
        notes.RETRANSMISSIONS | notes.OUT_OF_ORDER,
        notes.SIMULTANEOUS_OPEN,
    ),
    Correction(
        "first-syn-ack",
        "lost_segment or reused_ports",
        "neither",
        "what came before the first SYN-ACK, such as a reset that was not believed, is no part of its numbering",
        "RFC 9293 3.10.7.3",
        notes.LOST_SEGMENT | notes.REUSED_PORTS,
        0,
    ),
    Correction(
        "syn-ack-acknowledged",
        "ack_lost_segment",
        "no gap",
        "the acknowledgement is that of the SYN-ACK that was captured",
        "RFC 9293 3.5",
        notes.ACK_LOST_SEGMENT,
        0,
    ),
    Correction(
        "handshake-ack-again",
        "duplicate_ack",
        "handshake_ack_again",
        "it answers a SYN-ACK that was sent again, so nothing is missing",
        "RFC 9293 3.10.7.4",
        notes.DUPLICATE_ACK,
        notes.HANDSHAKE_ACK_AGAIN,
    ),
    Correction(
        "close-ack-again",
        "duplicate_ack",
        "close_ack_again",
        "it answers a FIN that was sent again, so nothing is missing",
        "RFC 9293 3.10.7.4",
        notes.DUPLICATE_ACK,
        notes.CLOSE_ACK_AGAIN,
    ),
    Correction(
        "challenge-ack",
        "duplicate_ack",
        "challenge_ack",
        "it answers a SYN or RST that was not believed, so nothing is missing",
        "RFC 5961 3 and 4",
        notes.DUPLICATE_ACK,
        notes.CHALLENGE_ACK,
    ),
    Correction(
        "linux-probe",
        "keep_alive",
        "zero_window_probe",
        "the receiver's window is closed: Linux probes it with an byte below SND.NXT, or with none",
        "RFC 9293 3.8.6.1",
        notes.KEEP_ALIVE,
        notes.ZERO_WINDOW_PROBE,
    ),
    Correction(
        "probe-refused",
        "duplicate_ack, or nothing beside zero_window",
        "zero_window_probe_ack",
        "it answers a window probe, and the window is still closed",
        "RFC 9293 3.8.6.1",
        notes.DUPLICATE_ACK,
        notes.ZERO_WINDOW_PROBE_ACK,
    ),
    Correction(
        "outstanding-byte",
        "keep_alive",
        "retransmission",
        "its byte had not been acknowledged, and a keep-alive is sent only where nothing is outstanding",
        "RFC 9293 3.8.4",
        notes.KEEP_ALIVE,
        notes.RETRANSMISSION,
    ),
    Correction(
        "selective-duplicate",
        "window_update",
        "duplicate_ack",
        "its SACK option reports bytes not reported before: a duplicate acknowledgement, whatever the window",
        "RFC 6675 2",
        notes.WINDOW_UPDATE,
        notes.DUPLICATE_ACK,
    ),
    Correction(
        "asked-selectively",
        "retransmission or out_of_order",
        "fast_retransmission",
        "duplicate acknowledgements asked for it, some of which Wireshark took for window updates",
        "RFC 6675 5",
        notes.RETRANSMISSION | notes.OUT_OF_ORDER,
        notes.FAST_RETRANSMISSION,
    ),
    Correction(
        "not-asked",
        "fast_retransmission",
        "retransmission",
        "no duplicate acknowledgement asked for it: after an ack_lost_segment Wireshark takes its counter of "
        "duplicates for a large one",
        "RFC 5681 3.2",
        notes.FAST_RETRANSMISSION,
        notes.RETRANSMISSION,
    ),
    Correction(
        "sent-earlier",
        "fast_retransmission or retransmission",
        "out_of_order",
        "its bytes were never seen before, and its timestamp shows that it was sent before the "
        "segment that overtook it",
        "RFC 7323 3",
        RETRANSMITTED,
        notes.OUT_OF_ORDER,
    ),
    Correction(
        "options-broken",
        "nothing",
        "what was found",
        "where the capture cut the options, or one of SACK or MPTCP is too short, tshark stops before it shows "
        "what it found",
        "RFC 9293 3.1",
        0,
        notes.WIRESHARK_NOTES,
    ),
    Correction(
        "second-reading",
        "reused_ports",
        "nothing",
        "a later SYN-ACK had another number, and Wireshark applies it to the first when it reads the capture again",
        "RFC 9293 3.4.1",
        notes.REUSED_PORTS,
        0,
    ),
    Correction(
        "number-zero",
        "nothing",
        "retransmission",
        "the next sequence number was 0, which Wireshark takes for none at all",
        "RFC 9293 3.4",
        0,
        notes.RETRANSMISSION,
    ),
    Correction(
        "first-segment",
        "keep_alive, window_update or another note that compares",
        "nothing",
        "it is the first segment of its side, and Wireshark compares its numbers with the 0 of nothing seen yet",
        "RFC 9293 3.4",
        PRESUPPOSES,
        0,
    ),
    Correction(
        "bad-header",
        "a retransmission or out_of_order",
        "neither",
        "what came before with these numbers had a header that no TCP reads on; Wireshark counts it as sent",
        "RFC 9293 3.1",
        notes.RETRANSMISSIONS | notes.OUT_OF_ORDER,
        0,
    ),
)
"""By number of the rule."""

_REMOVES: Final = [correction.removes for correction in CORRECTIONS]
_ADDS: Final = [correction.adds for correction in CORRECTIONS]


def correct(step: Step, rule: i64) -> None:
    """Apply a rule to the notes of a segment, and remember it where one of Wireshark's notes changes by it."""
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
    """The rules on numbers alone, before the segment is counted or understood.

    parsed: whether `options` holds those of this segment. misled: of `WiresharkView`.
    """
    if parsed and options.broken and step.notes != step.wireshark_notes:
        # The one rule without `correct`: the notes are all there, and Wireshark shows none of them.
        step.corrections |= 1 << OPTIONS_BROKEN
    if header.sampled:
        # One frame of many: the view has found nothing in it.
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
        # It begins where everything that a TCP could read ends, so it repeats nothing (RFC 9293 3.1, data offset).
        correct(step, BAD_HEADER)
    if step.notes & notes.LOST_SEGMENT and sender.snd_nxt >= 0:
        # SND.NXT counts the byte of a probe that was accepted (RFC 9293 3.8.6.1).
        if not is_after(header.seq, sender.snd_nxt):
            correct(step, FORGOTTEN_BYTE)
    if (
        step.notes & notes.ACK_LOST_SEGMENT
        and receiver.lowest >= 0
        and receiver.disorder_seen().holes is None
    ):
        # Without a hole all is there between the lowest and the highest byte. What is below the lowest is known
        # only from the SYN, whose number is the one before the first byte (RFC 9293 3.4).
        from_the_start = (
            receiver.isn < 0 or receiver.beginning_forgotten or receiver.lowest == advance(receiver.isn, 1)
        )
        if from_the_start and not is_after(header.ack, receiver.snd_nxt):
            correct(step, NOTHING_MISSING)


def _correct_by_sack(sender: Endpoint, header: Header, options: Options, step: Step) -> None:
    """RFC 6675 2: a SACK of bytes not reported before makes a duplicate, even of an ACK that moves the window."""
    disorder = sender.in_disorder()
    # The first block holds what arrived last (RFC 2018 4). One that lies below the acknowledgement is no news but
    # reports what arrived twice (RFC 2883 4).
    news = options.sack_left != disorder.last_sack_left or options.sack_right != disorder.last_sack_right
    if step.notes & notes.WINDOW_UPDATE and news and is_after(options.sack_left, header.ack):
        correct(step, SELECTIVE_DUPLICATE)
    disorder.last_sack_left = options.sack_left
    disorder.last_sack_right = options.sack_right


def _correct_repetitions(
    sender: Endpoint, receiver: Endpoint, header: Header, time_ns: i64, step: Step
) -> None:
    """Who asked for what: duplicates, and the retransmissions that follow them."""
    if sender.segments == 0 and step.notes & PRESUPPOSES:
        correct(step, FIRST_SEGMENT)
    if sender.snd_nxt == 0 and segment_end(header) != header.seq:
        # RFC 9293 3.4: 0 is a number like any other. What occupies numbers before it has been sent before, unless
        # Wireshark has said so in another way.
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
        # RFC 9293 3.8.4, MUST-26: no keep-alive while anything is outstanding. In front of a closed window it may
        # still be a probe.
        if receiver.highest_ack >= 0 and not is_after(receiver.highest_ack, header.seq):
            correct(step, OUTSTANDING_BYTE)


def correct_captured_twice(sender: Endpoint, step: Step) -> None:
    """The frame of the segment before, which has the label and the notes already.

    The machine's own notes go as well as Wireshark's, or they would count twice. That the capture cut a frame is
    said of each frame.
    """
    step.labels = i64(sender.last_labels)
    snapped = step.notes & notes.SNAPPED
    correct(step, CAPTURED_TWICE)
    step.notes = notes.CAPTURED_TWICE | snapped


def correct_syn_ack(sender: Endpoint, header: Header, step: Step) -> None:
    """A SYN-ACK that is not one sent again."""
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
    """RFC 9293 3.10.7.4, first: what was received before is not acceptable, and is answered with an ACK."""
    if not sender.answers_repeated_syn_ack or not _says_nothing_new(sender, header):
        return False
    correct(step, HANDSHAKE_ACK_AGAIN)
    return True


def correct_close_ack_again(sender: Endpoint, header: Header, ended: bool, step: Step) -> bool:
    """RFC 9293 3.10.7.4: a FIN received before is answered with an ACK, in TIME-WAIT too.

    ended: nothing can come that is new, so the numbers are not asked.
    """
    if not sender.answers_repeated_fin or not (ended or _says_nothing_new(sender, header)):
        return False
    correct(step, CLOSE_ACK_AGAIN)
    return True


def correct_challenge_ack(sender: Endpoint, header: Header, holds_older: bool, step: Step) -> None:
    """The next segment of an endpoint after a SYN or RST that it does not believe, if that does nothing else.

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
    """RFC 9293 3.8.6.1: whoever gets a probe into a closed window answers with the window as it is."""
    answers = i64(receiver.last_labels) & labels.PROBE != 0 and header.seq == sender.snd_nxt
    if not answers or header.window != 0:
        return False
    correct(step, PROBE_REFUSED)
    return True


def correct_sent_earlier(sender: Endpoint, timestamp: i64, step: Step) -> None:
    """Bytes that were never seen before, below the highest: late, where the sender's clock says so.

    timestamp: of the segment, -1 without one. A segment that is sent again has the time at which that happens, and the
    clock never goes back (RFC 7323 3.2 and 5.2).
    """
    if (
        step.notes & (notes.FAST_RETRANSMISSION | notes.RETRANSMISSION)
        and timestamp >= 0
        and sender.highest_timestamp >= 0
        and is_before(timestamp, sender.highest_timestamp)
    ):
        correct(step, SENT_EARLIER)


def _is_pure(header: Header) -> bool:
    """Whether a segment that acknowledges does nothing else."""
    return header.payload_length == 0 and not header.flags & flag.FIN


def _says_nothing_new(sender: Endpoint, header: Header) -> bool:
    return _is_pure(header) and header.ack == sender.highest_ack


def correction_names(mask: int) -> list[str]:
    """The names of the rules in `Step.corrections`, in the order of the table."""
    return [correction.name for rule, correction in enumerate(CORRECTIONS) if mask >> rule & 1]


def explains(corrections: int, ours: int, wireshark: int) -> bool:
    """Whether these rules account for every one of the fifteen notes in which two masks differ."""
    removed = wireshark & ~ours & notes.WIRESHARK_NOTES
    added = ours & ~wireshark & notes.WIRESHARK_NOTES
    for rule, correction in enumerate(CORRECTIONS):
        if corrections >> rule & 1:
            removed &= ~correction.removes
            added &= ~correction.adds
    return not removed and not added
