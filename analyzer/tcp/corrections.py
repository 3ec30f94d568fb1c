"""Where we say something else than Wireshark on purpose: every rule with its reason, and the one place that applies it.

`wireshark.py` computes Wireshark's fifteen notes to the letter. What is reported begins with them; the machine
then calls `correct` with the rule that a segment meets, which takes notes away and gives others. A note that
differs without a rule of this table is a fault.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from mypy_extensions import i64

from analyzer.tcp import notes
from analyzer.tcp.step import Step

__all__ = ["CORRECTIONS", "Correction", "correct", "correction_names", "explains"]

FORGOTTEN_OCTET: Final = 0
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
OUTSTANDING_OCTET: Final = 11
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
        "forgotten-octet",
        "lost_segment",
        "no gap",
        "Wireshark does not count the octet of a window probe as sent, so that what follows an "
        "accepted one looks like a gap",
        "RFC 9293 3.8.6.1",
        notes.LOST_SEGMENT,
        0,
    ),
    Correction(
        "nothing-missing",
        "ack_lost_segment",
        "no gap",
        "every octet up to this acknowledgement was captured; Wireshark follows the end of what is contiguous only "
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
        "the receiver's window is closed: Linux probes it with an octet below SND.NXT, or with none",
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
        "outstanding-octet",
        "keep_alive",
        "retransmission",
        "its octet had not been acknowledged, and a keep-alive is sent only where nothing is outstanding",
        "RFC 9293 3.8.4",
        notes.KEEP_ALIVE,
        notes.RETRANSMISSION,
    ),
    Correction(
        "selective-duplicate",
        "window_update",
        "duplicate_ack",
        "its SACK option reports octets not reported before: a duplicate acknowledgement, whatever the window",
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
        "its octets were never seen before, and its timestamp shows that it was sent before the "
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
