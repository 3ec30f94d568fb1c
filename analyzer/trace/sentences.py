"""Sentences about a connection, for people: the same ones in every report."""

from __future__ import annotations

from typing import Final

from analyzer.text import say
from analyzer.trace.model import Connection

__all__ = ["CLOSE_WORDS", "HANDSHAKE_WORDS", "verdict"]

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


def verdict(connection: Connection) -> str:
    """One sentence: how it opened, what it carried, how it ended."""
    handshake = connection.handshake
    parts = [say(HANDSHAKE_WORDS[handshake.outcome], port=connection.server.port)]
    if handshake.outcome == "unanswered" and handshake.syn_retries:
        parts.append(say("sent {times} times", times=handshake.syn_retries + 1))
    close = connection.close
    if close.outcome != "none":
        parts.append(_data(connection))
        active = say(close.active) if close.active else ""
        parts.append(say(CLOSE_WORDS[close.outcome], active=active, resetter=active))
        if close.data_lost:
            parts.append(say("data was lost"))
    return ", ".join(parts)


def _data(connection: Connection) -> str:
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
