"""Notes: what is odd or notable about a segment.

The first fifteen bear the names of Wireshark's `tcp.analysis.*` fields; `wireshark.py` decides them by
the definitions of Wireshark 4.0.17. The others are ours and say what Wireshark cannot.
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
    shown:     how text and pictures name it
    kind:      trouble, or calm: about the capture or about TCP as it should be, nothing that has to be seen each time
    topic:     what it is about
    wireshark: the rule of the field of that name in Wireshark, in one sentence; empty where the note is ours
    doubt:     what a capture that lost frames leaves in doubt about it; empty where what was seen is certain
    answer:    the note of the answer, where the note marks a question that asks for no sequence number
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
        "repeated",
        "bytes below the highest sent so far, sent again",
        "trouble",
        "retransmission",
        wireshark="it begins below the highest number sent, and none of the three particular names fits",
    ),
    Note(
        FAST_RETRANSMISSION,
        "fast_retransmission",
        "repeated, fast",
        "sent again within 20 ms after two or more duplicate acknowledgements asked for it",
        "trouble",
        "retransmission",
        wireshark="it begins where two or more duplicate ACKs point, within 20 ms of the last of them",
    ),
    Note(
        SPURIOUS_RETRANSMISSION,
        "spurious_retransmission",
        "repeated, needlessly",
        "bytes sent again although they had been acknowledged",
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
        "the same acknowledgement again, nothing else changed",
        "trouble",
        "order",
        wireshark="no payload, and sequence number, acknowledgement number and window all as before",
    ),
    Note(
        LOST_SEGMENT,
        "lost_segment",
        "gap before",
        "bytes before this segment were not captured",
        "trouble",
        "capture",
        wireshark="it begins beyond the highest number sent",
        doubt="bytes before a segment were not captured",
    ),
    Note(
        ACK_LOST_SEGMENT,
        "ack_lost_segment",
        "ACK of uncaptured",
        "acknowledges bytes that were not captured",
        "trouble",
        "capture",
        wireshark="it acknowledges more than what was captured without a gap",
        doubt="bytes that were not captured are acknowledged",
    ),
    Note(
        ZERO_WINDOW,
        "zero_window",
        "zero window",
        "the sender of this segment has no room to receive",
        "trouble",
        "window",
        wireshark="the window field is 0, without SYN, FIN or RST",
    ),
    Note(
        ZERO_WINDOW_PROBE,
        "zero_window_probe",
        "window probe",
        "asks whether a closed window has opened, with one byte or none",
        "trouble",
        "window",
        wireshark="one byte at the next sequence number while the other side's window is 0",
        answer="zero_window_probe_ack",
    ),
    Note(
        ZERO_WINDOW_PROBE_ACK,
        "zero_window_probe_ack",
        "probe answer",
        "the answer: the window is still closed",
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
        "keep-alive answer",
        "the answer to a keep-alive",
        "trouble",
        "keep-alive",
        wireshark="it repeats the last ACK right after a keep_alive",
    ),
    Note(
        REUSED_PORTS,
        "reused_ports",
        "ports reused",
        "a new connection between the same addresses and ports",
        "trouble",
        "handshake",
        wireshark="a SYN or SYN-ACK with another sequence number than the one known for these ports",
    ),
    Note(
        SYN_RETRANSMISSION,
        "syn_retransmission",
        "SYN again",
        "the same SYN, sent again",
        "trouble",
        "retransmission",
    ),
    Note(
        SYN_ACK_RETRANSMISSION,
        "syn_ack_retransmission",
        "SYN-ACK again",
        "the same SYN-ACK, sent again",
        "trouble",
        "retransmission",
    ),
    Note(
        FIN_RETRANSMISSION,
        "fin_retransmission",
        "FIN again",
        "the same FIN, sent again",
        "trouble",
        "retransmission",
    ),
    Note(
        HANDSHAKE_ACK_AGAIN,
        "handshake_ack_again",
        "ACK 3/3 again",
        "answers a SYN-ACK that was sent again",
        "trouble",
        "handshake",
    ),
    Note(
        CLOSE_ACK_AGAIN,
        "close_ack_again",
        "ACK again",
        "answers a FIN that was sent again",
        "trouble",
        "close",
    ),
    Note(
        SIMULTANEOUS_OPEN,
        "simultaneous_open",
        "simultaneous open",
        "both sides sent a SYN before the other's came",
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
        "a SYN-ACK that does not fit the SYN it should answer",
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
        "answers a segment that would end a connection if believed",
        "trouble",
        "reset",
    ),
    Note(
        UNACCEPTABLE_RESET,
        "unacceptable_reset",
        "RST not believed",
        "a RST the receiver must not act on",
        "trouble",
        "reset",
    ),
    Note(
        HALF_CLOSE,
        "half_close",
        "half-close",
        "data goes on although the other side has closed its half",
        "calm",
        "close",
    ),
    Note(
        OFFLOAD,
        "offload",
        "offload",
        "longer than the agreed MSS: joined by the network card or the kernel",
        "calm",
        "capture",
    ),
    Note(
        CAPTURED_TWICE,
        "captured_twice",
        "captured twice",
        "the same frame again: seen twice, sent once",
        "calm",
        "capture",
    ),
    Note(
        SNAPPED,
        "snapped",
        "cut",
        "the capture kept only the beginning of the frame",
        "calm",
        "capture",
    ),
    Note(
        BAD_OPTIONS,
        "bad_options",
        "bad options",
        "the TCP options do not parse",
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
        "the data offset is below 5 or runs past the packet: no TCP reads on",
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
