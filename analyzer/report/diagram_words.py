"""The words of a diagram: its title, labels, notes and notices."""

from __future__ import annotations

from collections.abc import Iterable

from analyzer.diagram.rows import Diagram
from analyzer.tcp.labels import LABEL, LabelName
from analyzer.tcp.notes import NOTE, NoteName
from analyzer.text import inert, said, say
from analyzer.trace.values import Connection, IcmpError
from analyzer.wire.icmp import error_text

__all__ = ["carried", "label_words", "note_words", "notice_text", "title"]


def title(diagram: Diagram) -> str:
    """The title of the diagram."""
    connection = diagram.connection
    return say(
        "Connection {number}: {client} → {server}",
        number=connection.id,
        client=inert(str(connection.client)),
        server=inert(str(connection.server)),
    )


def label_words(names: Iterable[LabelName]) -> list[str]:
    """Labels as they are shown ("SYN 1/3")."""
    return [say(LABEL[name].shown) for name in names]


def note_words(names: Iterable[NoteName]) -> list[str]:
    """Notes as they are shown ("retransmission")."""
    return [say(NOTE[name].shown) for name in names]


def notice_text(error: IcmpError) -> str:
    """Who reports what about which frame, in short."""
    text = say(
        "ICMP {sender}: {text}",
        sender=inert(error.sender),
        text=said(error_text(error.error, error.number)),
    )
    if error.answers is None:
        return text
    return say("{text} (about frame {frame})", text=text, frame=error.answers)


def carried(connection: Connection) -> str:
    """How many bytes each side sent."""
    sent, received = connection.client_data.bytes, connection.server_data.bytes
    if not sent and not received:
        return say("no data")
    if sent == 1:
        return say("the client sent 1 byte and received {received}", received=f"{received:,}")
    return say(
        "the client sent {sent} bytes and received {received}", sent=f"{sent:,}", received=f"{received:,}"
    )
