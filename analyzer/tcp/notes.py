"""Notes: what is odd or notable about a segment.

The first fifteen bear the names of Wireshark's `tcp.analysis.*` fields; `wireshark.py` decides them by
the definitions of Wireshark 4.0.17. The others are ours and say what Wireshark cannot.
"""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["NOTES", "WIRESHARK_NOTES", "Note", "note_names"]

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

RETRANSMISSIONS: Final = (
    RETRANSMISSION
    | FAST_RETRANSMISSION
    | SPURIOUS_RETRANSMISSION
    | SYN_RETRANSMISSION
    | SYN_ACK_RETRANSMISSION
    | FIN_RETRANSMISSION
)


class Note(NamedTuple):
    """One note: its bit in a segment's note mask, its name, how it is shown, and what it means."""

    bit: int
    name: str
    shown: str
    meaning: str


NOTES: Final = (
    Note(RETRANSMISSION, "retransmission", "repeated", "octets below the highest sent so far, sent again"),
    Note(
        FAST_RETRANSMISSION,
        "fast_retransmission",
        "repeated, fast",
        "sent again within 20 ms after two or more duplicate acknowledgements asked for it",
    ),
    Note(
        SPURIOUS_RETRANSMISSION,
        "spurious_retransmission",
        "repeated, needlessly",
        "octets sent again although they had been acknowledged",
    ),
    Note(
        OUT_OF_ORDER,
        "out_of_order",
        "out of order",
        "octets below the highest seen, too soon after it for a retransmission",
    ),
    Note(
        DUPLICATE_ACK,
        "duplicate_ack",
        "duplicate ACK",
        "the same acknowledgement again, nothing else changed",
    ),
    Note(LOST_SEGMENT, "lost_segment", "gap before", "octets before this segment were not captured"),
    Note(
        ACK_LOST_SEGMENT,
        "ack_lost_segment",
        "ACK of uncaptured",
        "acknowledges octets that were not captured",
    ),
    Note(ZERO_WINDOW, "zero_window", "zero window", "the sender of this segment has no room to receive"),
    Note(
        ZERO_WINDOW_PROBE,
        "zero_window_probe",
        "window probe",
        "asks whether a closed window has opened, with one octet or none",
    ),
    Note(
        ZERO_WINDOW_PROBE_ACK,
        "zero_window_probe_ack",
        "probe answer",
        "the answer: the window is still closed",
    ),
    Note(WINDOW_UPDATE, "window_update", "window update", "only the window changed"),
    Note(
        WINDOW_FULL,
        "window_full",
        "window full",
        "this segment fills the receiver's window to the last octet",
    ),
    Note(KEEP_ALIVE, "keep_alive", "keep-alive", "asks whether the peer is still there"),
    Note(KEEP_ALIVE_ACK, "keep_alive_ack", "keep-alive answer", "the answer to a keep-alive"),
    Note(
        REUSED_PORTS, "reused_ports", "ports reused", "a new connection between the same addresses and ports"
    ),
    Note(SYN_RETRANSMISSION, "syn_retransmission", "SYN again", "the same SYN, sent again"),
    Note(SYN_ACK_RETRANSMISSION, "syn_ack_retransmission", "SYN-ACK again", "the same SYN-ACK, sent again"),
    Note(FIN_RETRANSMISSION, "fin_retransmission", "FIN again", "the same FIN, sent again"),
    Note(
        HANDSHAKE_ACK_AGAIN, "handshake_ack_again", "ACK 3/3 again", "answers a SYN-ACK that was sent again"
    ),
    Note(CLOSE_ACK_AGAIN, "close_ack_again", "ACK again", "answers a FIN that was sent again"),
    Note(
        SIMULTANEOUS_OPEN,
        "simultaneous_open",
        "simultaneous open",
        "both sides sent a SYN before the other's came",
    ),
    Note(DATA_IN_SYN, "data_in_syn", "data in SYN", "the SYN carries payload"),
    Note(FAST_OPEN, "fast_open", "Fast Open", "the SYN asks for TCP Fast Open or uses it (RFC 7413)"),
    Note(BAD_SYN_ACK, "bad_syn_ack", "bad SYN-ACK", "a SYN-ACK that does not fit the SYN it should answer"),
    Note(DATA_AFTER_CLOSE, "data_after_close", "data after FIN", "payload beyond the sender's own FIN"),
    Note(DATA_AFTER_RESET, "data_after_reset", "data after RST", "payload after the connection was reset"),
    Note(
        CHALLENGE_ACK,
        "challenge_ack",
        "challenge ACK",
        "answers a segment that would end a connection if believed",
    ),
    Note(UNACCEPTABLE_RESET, "unacceptable_reset", "RST not believed", "a RST the receiver must not act on"),
    Note(HALF_CLOSE, "half_close", "half-close", "data goes on although the other side has closed its half"),
    Note(
        OFFLOAD, "offload", "offload", "longer than the agreed MSS: joined by the network card or the kernel"
    ),
    Note(CAPTURED_TWICE, "captured_twice", "captured twice", "the same frame again: seen twice, sent once"),
    Note(SNAPPED, "snapped", "cut", "the capture kept only the beginning of the frame"),
    Note(BAD_OPTIONS, "bad_options", "bad options", "the TCP options do not parse"),
    Note(BAD_FLAGS, "bad_flags", "bad flags", "a combination of flags that TCP never sends"),
    Note(
        BAD_HEADER,
        "bad_header",
        "bad header",
        "the data offset is below 5 or runs past the packet: no TCP reads on",
    ),
)


def note_names(mask: int) -> list[str]:
    """The names of the notes in a mask, in the order of the table."""
    return [note.name for note in NOTES if mask & note.bit]
