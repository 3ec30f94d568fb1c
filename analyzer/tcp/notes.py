"""Notes: what is odd or notable about a segment.

The first fifteen have the names of Wireshark's `tcp.analysis.*` fields; `wireshark.py` decides them by
the definitions of Wireshark 4.0.17. The rest are ours, for what Wireshark has no note for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

__all__ = ["NOTE", "NOTES", "WIRESHARK_NOTES", "Note", "NoteName", "names_about", "note_names"]

RETRANSMISSION: Final = 1 << 0
FAST_RETRANSMISSION: Final = 1 << 1
SPURIOUS_RETRANSMISSION: Final = 1 << 2
OUT_OF_ORDER: Final = 1 << 3
DUPLICATE_ACK: Final = 1 << 4
LOST_SEGMENT: Final = 1 << 5
ACK_LOST_SEGMENT: Final = 1 << 6
ZERO_WINDOW: Final = 1 << 7
ZERO_WINDOW_PROBE: Final = 1 << 8
ZERO_WINDOW_PROBE_ACK: Final = 1 << 9
WINDOW_UPDATE: Final = 1 << 10
WINDOW_FULL: Final = 1 << 11
KEEP_ALIVE: Final = 1 << 12
KEEP_ALIVE_ACK: Final = 1 << 13
REUSED_PORTS: Final = 1 << 14
WIRESHARK_NOTES: Final = (1 << 15) - 1

SYN_RETRANSMISSION: Final = 1 << 15
SYN_ACK_RETRANSMISSION: Final = 1 << 16
FIN_RETRANSMISSION: Final = 1 << 17
HANDSHAKE_ACK_AGAIN: Final = 1 << 18
CLOSE_ACK_AGAIN: Final = 1 << 19
SIMULTANEOUS_OPEN: Final = 1 << 20
DATA_IN_SYN: Final = 1 << 21
FAST_OPEN: Final = 1 << 22
BAD_SYN_ACK: Final = 1 << 23
DATA_AFTER_CLOSE: Final = 1 << 24
DATA_AFTER_RESET: Final = 1 << 25
CHALLENGE_ACK: Final = 1 << 26
UNACCEPTABLE_RESET: Final = 1 << 27
HALF_CLOSE: Final = 1 << 28
OFFLOAD: Final = 1 << 29
CAPTURED_TWICE: Final = 1 << 30
SNAPPED: Final = 1 << 31
BAD_OPTIONS: Final = 1 << 32
BAD_FLAGS: Final = 1 << 33
BAD_HEADER: Final = 1 << 34

# A number for the path of a packet: the notes whose topic is retransmission.
RETRANSMISSIONS: Final = (
    RETRANSMISSION
    | FAST_RETRANSMISSION
    | SPURIOUS_RETRANSMISSION
    | SYN_RETRANSMISSION
    | SYN_ACK_RETRANSMISSION
    | FIN_RETRANSMISSION
)


Kind = Literal["trouble", "calm"]
Topic = Literal[
    "retransmission", "order", "window", "keep-alive", "handshake", "close", "reset", "capture", "header"
]
NoteName = Literal[
    "retransmission",
    "fast_retransmission",
    "spurious_retransmission",
    "out_of_order",
    "duplicate_ack",
    "lost_segment",
    "ack_lost_segment",
    "zero_window",
    "zero_window_probe",
    "zero_window_probe_ack",
    "window_update",
    "window_full",
    "keep_alive",
    "keep_alive_ack",
    "reused_ports",
    "syn_retransmission",
    "syn_ack_retransmission",
    "fin_retransmission",
    "handshake_ack_again",
    "close_ack_again",
    "simultaneous_open",
    "data_in_syn",
    "fast_open",
    "bad_syn_ack",
    "data_after_close",
    "data_after_reset",
    "challenge_ack",
    "unacceptable_reset",
    "half_close",
    "offload",
    "captured_twice",
    "snapped",
    "bad_options",
    "bad_flags",
    "bad_header",
]


class Note(NamedTuple):
    """One note.

    bit:       in a segment's note mask
    shown:     how text and pictures name it; Wireshark's words, and ours in the same style
    kind:      trouble, or calm: about the capture or about normal TCP, so that it may be shown faintly or omitted
    topic:     what it is about
    wireshark: the rule of Wireshark's field of that name, in one sentence; empty if the note is ours
    doubt:     what is uncertain about it if the capture lost frames; empty if nothing is
    answer:    the note of the reply, if the note marks a probe that takes no sequence number
    """

    bit: int
    name: NoteName
    shown: str
    meaning: str
    kind: Kind
    topic: Topic
    wireshark: str = ""
    doubt: str = ""
    answer: NoteName | Literal[""] = ""


NOTES: Final = (
    Note(
        RETRANSMISSION,
        "retransmission",
        "retransmission",
        "bytes below the highest sent so far, sent again",
        "trouble",
        "retransmission",
        wireshark="it begins below the highest number sent, and none of the next three notes fits",
    ),
    Note(
        FAST_RETRANSMISSION,
        "fast_retransmission",
        "fast retransmission",
        "sent again within 20 ms after two or more duplicate ACKs asked for it",
        "trouble",
        "retransmission",
        wireshark="it begins where two or more duplicate ACKs point, within 20 ms of the last of them",
    ),
    Note(
        SPURIOUS_RETRANSMISSION,
        "spurious_retransmission",
        "spurious retransmission",
        "bytes sent again although they were already acknowledged",
        "trouble",
        "retransmission",
        wireshark="all of its payload lies below the last acknowledgement number",
    ),
    Note(
        OUT_OF_ORDER,
        "out_of_order",
        "out of order",
        "bytes below the highest seen, too soon after it for a retransmission",
        "trouble",
        "order",
        wireshark="it begins below the highest number sent, ends elsewhere, and that number was reached less than "
        "the initial round trip ago (3 ms where unknown)",
    ),
    Note(
        DUPLICATE_ACK,
        "duplicate_ack",
        "duplicate ACK",
        "the same acknowledgement again, with nothing else changed",
        "trouble",
        "order",
        wireshark="no payload, and sequence number, acknowledgement number and window all as before",
    ),
    Note(
        LOST_SEGMENT,
        "lost_segment",
        "previous segment not captured",
        "bytes before this segment were not captured",
        "trouble",
        "capture",
        wireshark="it begins beyond the highest number sent",
        doubt="bytes before a segment were not captured",
    ),
    Note(
        ACK_LOST_SEGMENT,
        "ack_lost_segment",
        "ACKs unseen segment",
        "acknowledges bytes that were not captured",
        "trouble",
        "capture",
        wireshark="it acknowledges bytes beyond those captured without a gap",
        doubt="bytes that were not captured were acknowledged",
    ),
    Note(
        ZERO_WINDOW,
        "zero_window",
        "zero window",
        "the sender of this segment cannot receive more data",
        "trouble",
        "window",
        wireshark="the window field is 0, without SYN, FIN or RST",
    ),
    Note(
        ZERO_WINDOW_PROBE,
        "zero_window_probe",
        "zero-window probe",
        "asks whether a zero window has opened, with one byte or none",
        "trouble",
        "window",
        wireshark="one byte at the next sequence number while the other side's window is 0",
        answer="zero_window_probe_ack",
    ),
    Note(
        ZERO_WINDOW_PROBE_ACK,
        "zero_window_probe_ack",
        "zero-window probe ACK",
        "answers a zero-window probe: the window is still zero",
        "trouble",
        "window",
        wireshark="it repeats the last ACK with a window of 0 right after a zero_window_probe",
    ),
    Note(
        WINDOW_UPDATE,
        "window_update",
        "window update",
        "only the window changed",
        "calm",
        "window",
        wireshark="no payload, and nothing but the window changed",
    ),
    Note(
        WINDOW_FULL,
        "window_full",
        "window full",
        "this segment fills the receiver's window to the last byte",
        "trouble",
        "window",
        wireshark="it ends exactly at the edge of the window that the other side announced",
    ),
    Note(
        KEEP_ALIVE,
        "keep_alive",
        "keep-alive",
        "asks whether the peer is still there",
        "trouble",
        "keep-alive",
        wireshark="no more than one byte, one below the next sequence number, without SYN, FIN or RST",
        answer="keep_alive_ack",
    ),
    Note(
        KEEP_ALIVE_ACK,
        "keep_alive_ack",
        "keep-alive ACK",
        "answers a keep-alive",
        "trouble",
        "keep-alive",
        wireshark="it repeats the last ACK right after a keep_alive",
    ),
    Note(
        REUSED_PORTS,
        "reused_ports",
        "port numbers reused",
        "a new connection between the same addresses and ports",
        "trouble",
        "handshake",
        wireshark="a SYN or SYN-ACK whose sequence number differs from the known one of these ports",
    ),
    Note(
        SYN_RETRANSMISSION,
        "syn_retransmission",
        "SYN retransmission",
        "the same SYN, sent again after a timeout",
        "trouble",
        "retransmission",
    ),
    Note(
        SYN_ACK_RETRANSMISSION,
        "syn_ack_retransmission",
        "SYN-ACK retransmission",
        "the same SYN-ACK, sent again",
        "trouble",
        "retransmission",
    ),
    Note(
        FIN_RETRANSMISSION,
        "fin_retransmission",
        "FIN retransmission",
        "the same FIN, sent again",
        "trouble",
        "retransmission",
    ),
    Note(
        HANDSHAKE_ACK_AGAIN,
        "handshake_ack_again",
        "ACK 3/3 resent",
        "answers a retransmitted SYN-ACK",
        "trouble",
        "handshake",
    ),
    Note(
        CLOSE_ACK_AGAIN,
        "close_ack_again",
        "ACK of FIN resent",
        "answers a retransmitted FIN",
        "trouble",
        "close",
    ),
    Note(
        SIMULTANEOUS_OPEN,
        "simultaneous_open",
        "simultaneous open",
        "both sides sent a SYN before they received the other one",
        "trouble",
        "handshake",
    ),
    Note(
        DATA_IN_SYN,
        "data_in_syn",
        "data in SYN",
        "the SYN carries payload",
        "trouble",
        "handshake",
    ),
    Note(
        FAST_OPEN,
        "fast_open",
        "Fast Open",
        "the SYN asks for TCP Fast Open or uses it (RFC 7413)",
        "calm",
        "handshake",
    ),
    Note(
        BAD_SYN_ACK,
        "bad_syn_ack",
        "bad SYN-ACK",
        "a SYN-ACK that does not fit the SYN that it answers",
        "trouble",
        "handshake",
    ),
    Note(
        DATA_AFTER_CLOSE,
        "data_after_close",
        "data after FIN",
        "payload beyond the sender's own FIN",
        "trouble",
        "close",
    ),
    Note(
        DATA_AFTER_RESET,
        "data_after_reset",
        "data after RST",
        "payload after the connection was reset",
        "trouble",
        "reset",
    ),
    Note(
        CHALLENGE_ACK,
        "challenge_ack",
        "challenge ACK",
        "answers a SYN or RST that the receiver does not accept",
        "trouble",
        "reset",
    ),
    Note(
        UNACCEPTABLE_RESET,
        "unacceptable_reset",
        "RST ignored",
        "a RST that the receiver must not act on",
        "trouble",
        "reset",
    ),
    Note(
        HALF_CLOSE,
        "half_close",
        "half-close",
        "a side still sends data after the other side has closed its half",
        "calm",
        "close",
    ),
    Note(
        OFFLOAD,
        "offload",
        "offload",
        "longer than the agreed MSS: the network card or the kernel joined several segments",
        "calm",
        "capture",
    ),
    Note(
        CAPTURED_TWICE,
        "captured_twice",
        "captured twice",
        "the same frame again: captured twice, sent once",
        "calm",
        "capture",
    ),
    Note(
        SNAPPED,
        "snapped",
        "truncated",
        "the capture holds only the beginning of the frame",
        "calm",
        "capture",
    ),
    Note(
        BAD_OPTIONS,
        "bad_options",
        "bad options",
        "the TCP options cannot be parsed",
        "trouble",
        "header",
    ),
    Note(
        BAD_FLAGS,
        "bad_flags",
        "bad flags",
        "a combination of flags that TCP never sends",
        "trouble",
        "header",
    ),
    Note(
        BAD_HEADER,
        "bad_header",
        "bad header",
        "the data offset is below 5 or points past the end of the packet: a TCP discards it",
        "trouble",
        "header",
    ),
)

NOTE: Final[Mapping[NoteName, Note]] = {note.name: note for note in NOTES}


def note_names(mask: int) -> list[NoteName]:
    """The names of the notes in a mask, in the order of the table."""
    return [note.name for note in NOTES if mask & note.bit]


def names_about(topic: Topic) -> frozenset[NoteName]:
    """The names of the notes on a topic."""
    return frozenset(note.name for note in NOTES if note.topic == topic)
