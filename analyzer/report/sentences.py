"""Sentences about a connection, for people: every report uses the same ones.

A document that must be the same in every language passes `in_english` for `say`.
"""

from __future__ import annotations

from analyzer.tcp.labels import LABEL, LabelName
from analyzer.tcp.outcomes import CLOSE, HANDSHAKE
from analyzer.text import Say, said, say
from analyzer.trace.values import Capture, Connection, IcmpError, Reason, Segment
from analyzer.wire.flags import Flags
from analyzer.wire.icmp import error_text

__all__ = [
    "error_sentence",
    "handshake_words",
    "label_reason",
    "losses",
    "reason_sentence",
    "verdict",
]


def label_reason(label: LabelName, segment: Segment) -> str:
    """The sentence that explains why `segment` has `label`."""
    me, peer = ("client", "server") if segment.sender == "client" else ("server", "client")
    # A SYN takes the sequence number before the first byte of the payload.
    first = segment.seq + (Flags.SYN in segment.flags)
    amount = say("1 byte") if segment.length == 1 else say("{count:,} bytes", count=segment.length)
    return say(
        LABEL[label].reason,
        me=say(me),
        peer=say(peer),
        ack=segment.ack,
        length=amount,
        seq=first,
        last=first + segment.length - 1,
        fin=first + segment.length,
    )


def handshake_words(connection: Connection) -> tuple[str, str]:
    """The words for its handshake in a verdict, and the explanation of the outcome."""
    handshake = connection.handshake
    proof = handshake.ack_frame is not None or connection.server_data.data_segments > 0
    return HANDSHAKE[handshake.outcome].words(handshake.syn_ack_frame is not None, proof)


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
    """One sentence: how it opened, what it carried, how it ended, and whether that is certain.

    It is written from the client's point of view: the client sent what is "sent".
    """
    handshake = connection.handshake
    opened, _ = handshake_words(connection)
    parts = [say(opened, resetter=say(handshake.reset_by or ""))]
    if handshake.outcome == "unanswered" and handshake.syn_retries:
        parts.append(say("sent {times} times", times=handshake.syn_retries + 1))
    close = connection.close
    if close.outcome != "none":
        parts.append(_data(connection, say))
        active = say(close.active) if close.active else ""
        parts.append(say(CLOSE[close.outcome].verdict, active=active, resetter=active))
        if close.data_lost:
            parts.append(say("data was lost"))
    if connection.doubts:
        parts.append(say("unless the capture lost some of its frames"))
    sentence = ", ".join(parts)
    if close.outcome == "none" and connection.errors_heard:
        # The error as known when it came: nothing follows an unanswered SYN, so there is no segment to look up.
        error = error_sentence(connection, connection.errors_heard[0], say)
        return say("{sentence}; {error}", sentence=sentence, error=error)
    return sentence


def error_sentence(connection: Connection, error: IcmpError, say: Say = say) -> str:
    """Who reports what about which segment: "the router at 10.0.0.1 reports: host unreachable, about frame 7"."""
    peer = "server" if error.about == "client" else "client"
    addresses = {"client": connection.client.address, "server": connection.server.address}
    who = say("the router at {address}", address=error.sender)
    if error.sender in addresses.values():
        # If both sides have the same address, the segment went to the other side.
        side = peer if addresses[peer] == error.sender else error.about
        who = say("the {side}", side=say(side))
    about = say("about frame {frame}", frame=error.answers)
    if error.answers is None and error.seq is None:
        about = say("about a segment of the {side} that was not captured", side=say(error.about))
    elif error.answers is None:
        about = say("about sequence number {seq} of the {side}", seq=error.seq, side=say(error.about))
    return say(
        "{who} reports: {text}, {about}",
        who=who,
        text=said(error_text(error.error, error.number), say),
        about=about,
    )


def losses(capture: Capture) -> str:
    """The sentence about the frames that the capture lost; empty if it is not known to have lost any.

    The number is an upper bound: libpcap counts a lost loopback frame twice.
    """
    if not capture.lost_frames:
        return ""
    if capture.lost_frames == 1:
        return say(
            "the capture lost up to 1 frame: a segment that seems to be missing below may have been sent"
        )
    return say(
        "the capture lost up to {count:,} frames: segments that seem to be missing below may have been sent",
        count=capture.lost_frames,
    )


def _data(connection: Connection, say: Say) -> str:
    sent, received = connection.client_data.bytes, connection.server_data.bytes
    if not sent and not received:
        return say("no data")
    if not received:
        return say("1 byte sent") if sent == 1 else say("{sent:,} bytes sent", sent=sent)
    if not sent:
        if received == 1:
            return say("1 byte received")
        return say("{received:,} bytes received", received=received)
    if sent == 1:
        return say("1 byte sent and {received:,} received", received=received)
    return say("{sent:,} bytes sent and {received:,} received", sent=sent, received=received)
