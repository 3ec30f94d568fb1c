"""Sentences about a connection, for people: the same ones in every report.

What a document has to be the same in every language takes them with `in_english` for `say`.
"""

from __future__ import annotations

from typing import Final

from analyzer.text import Say, said, say
from analyzer.trace.values import Capture, Connection, IcmpError, Reason, Segment
from analyzer.wire.flags import Flags
from analyzer.wire.icmp import error_text

__all__ = [
    "CLOSE_WORDS",
    "HANDSHAKE_WORDS",
    "LABEL_REASONS",
    "error_sentence",
    "label_reason",
    "losses",
    "reason_sentence",
    "verdict",
]

HANDSHAKE_WORDS: Final = {
    "complete": "opened",
    "simultaneous": "opened by both sides at once",
    "refused": "refused: nobody listens on port {port}",
    "unanswered": "no answer to its SYN",
    "half-open": "half open: the SYN-ACK was never acknowledged",
    "aborted": "given up before it was open",
    "partial": "opened, but not all of the handshake was captured",
    "not-captured": "already open when the capture began",
}
"""The outcome of a handshake in the words of a verdict."""

CLOSE_WORDS: Final = {
    "four-segment": "closed by the {active}",
    "three-segment": "closed by the {active}",
    "simultaneous": "closed by both sides at once",
    "half-closed": "half closed: only the {active} has closed",
    "unacknowledged": "closing: a FIN was never acknowledged",
    "reset": "reset by the {resetter}",
    "reset-after-fin": "reset while closing",
    "open": "still open",
}
"""The outcome of a close in the words of a verdict; `none` has none."""

LABEL_REASONS: Final = {
    "handshake-1": "SYN is set and ACK is not: the {me} asks for a connection and names its first "
    "sequence number",
    "handshake-2": "SYN and ACK are set: ack {ack} covers the {peer}'s SYN, and the {me} names its own first "
    "sequence number",
    "handshake-3": "ack {ack} covers the {peer}'s SYN, which completes the opening",
    "data": "there is payload: {length}, the sequence numbers {seq} to {last}",
    "close-1": "FIN is set, the first FIN of the connection: the {me} will send nothing after sequence "
    "number {fin}",
    "close-2": "ack {ack} covers the {peer}'s FIN, the first one of the connection",
    "close-3": "FIN is set, the second FIN of the connection: the {me} will send nothing after sequence "
    "number {fin}",
    "close-4": "ack {ack} covers the {peer}'s FIN, the second one of the connection",
    "reset": "RST is set: the {me} refuses the connection or ends it at once",
    "keep-alive": "no new octet: the {me} asks whether the {peer} is still there, or answers such a question",
    "probe": "the receiver's window is closed: the {me} asks whether it has opened, or answers that question",
    "ack": "ACK is set and there is neither payload nor SYN, FIN or RST: it only acknowledges",
    "stray": "it belongs to the two endpoints but fits no phase: after the end, before any opening, or "
    "without ACK",
}
"""Why a segment bears a label. `{me}` sent the segment, `{peer}` is the other side; numbers are relative."""


def label_reason(label: str, segment: Segment) -> str:
    """The sentence why `segment` bears `label`."""
    me, peer = ("client", "server") if segment.sender == "client" else ("server", "client")
    # A SYN takes the sequence number before the first octet of the payload.
    first = segment.seq + (Flags.SYN in segment.flags)
    octets = say("1 octet") if segment.length == 1 else say("{count:,} octets", count=segment.length)
    return say(
        LABEL_REASONS[label],
        me=say(me),
        peer=say(peer),
        ack=segment.ack,
        length=octets,
        seq=first,
        last=first + segment.length - 1,
        fin=first + segment.length,
    )


def reason_sentence(reason: Reason, say: Say = say) -> str:
    """Why an endpoint changed its state: "…: the client moves from A to B [RFC 9293 3.10.1]"."""
    before, after = reason.states
    me = say(reason.me)
    why = say(
        reason.transition.why,
        me=me,
        peer=say(reason.peer),
        seq=reason.seq,
        ack=reason.ack,
        before_ack=reason.ack - 1,
        fin=reason.fin,
    )
    return say(
        "{reason}: the {me} moves from {before} to {after} [RFC 9293 {section}]",
        reason=why,
        me=me,
        before=before,
        after=after,
        section=reason.transition.section,
    )


def verdict(connection: Connection, say: Say = say) -> str:
    """One sentence: how it opened, what it carried, how it ended, and whether that is certain."""
    handshake = connection.handshake
    parts = [say(HANDSHAKE_WORDS[handshake.outcome], port=connection.server.port)]
    if handshake.outcome == "unanswered" and handshake.syn_retries:
        parts.append(say("sent {times} times", times=handshake.syn_retries + 1))
    close = connection.close
    if close.outcome != "none":
        parts.append(_data(connection, say))
        active = say(close.active) if close.active else ""
        parts.append(say(CLOSE_WORDS[close.outcome], active=active, resetter=active))
        if close.data_lost:
            parts.append(say("data was lost"))
    if connection.doubts:
        parts.append(say("if the capture lost nothing of it"))
    sentence = ", ".join(parts)
    if close.outcome == "none" and connection.errors_heard:
        # As known when it came: nothing follows a SYN that is in vain, so no segment has to be looked for.
        error = error_sentence(connection, connection.errors_heard[0], say)
        return say("{sentence}; {error}", sentence=sentence, error=error)
    return sentence


def error_sentence(connection: Connection, error: IcmpError, say: Say = say) -> str:
    """Who says what about which segment: "the router at 10.0.0.1 says: host unreachable, in answer to frame 7"."""
    peer = "server" if error.about == "client" else "client"
    addresses = {"client": connection.client.address, "server": connection.server.address}
    who = say("the router at {address}", address=error.sender)
    if error.sender in addresses.values():
        # Where both have one address, the segment went to the other side.
        side = peer if addresses[peer] == error.sender else error.about
        who = say("the {side}", side=say(side))
    about = say("in answer to frame {frame}", frame=error.answers)
    if error.answers is None and error.seq is None:
        about = say("about a segment of the {side} that was not captured", side=say(error.about))
    elif error.answers is None:
        about = say("about sequence number {seq} of the {side}", seq=error.seq, side=say(error.about))
    return say(
        "{who} says: {text}, {about}",
        who=who,
        text=said(error_text(error.error, error.number), say),
        about=about,
    )


def losses(capture: Capture) -> str:
    """The sentence about the frames that the capture lost; nothing where it is not known to have lost any.

    The number is a bound: libpcap counts a lost frame of loopback twice.
    """
    if not capture.lost_frames:
        return ""
    if capture.lost_frames == 1:
        return say("up to 1 frame was lost by the capture: what seems missing below may have been there")
    return say(
        "up to {count:,} frames were lost by the capture: what seems missing below may have been there",
        count=capture.lost_frames,
    )


def _data(connection: Connection, say: Say) -> str:
    out, back = connection.client_data.octets, connection.server_data.octets
    if not out and not back:
        return say("no data")
    if not back:
        return say("1 octet out") if out == 1 else say("{out:,} octets out", out=out)
    if not out:
        return say("1 octet back") if back == 1 else say("{back:,} octets back", back=back)
    if out == 1:
        return say("1 octet out and {back:,} back", back=back)
    return say("{out:,} octets out and {back:,} back", out=out, back=back)
