"""The words of a diagram: what its title, labels, notes and notices say."""

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
    """What stands over the diagram."""
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
    """Notes as they are shown ("repeated")."""
    return [say(NOTE[name].shown) for name in names]


def notice_text(error: IcmpError) -> str:
    """Who says what about which frame, in short."""
    text = say(
        "ICMP {sender}: {text}",
        sender=inert(error.sender),
        text=said(error_text(error.error, error.number)),
    )
    if error.answers is None:
        return text
    return say("{text} (about frame {frame})", text=text, frame=error.answers)


def carried(connection: Connection) -> str:
    """What went to the server and what came back."""
    out, back = connection.client_data.bytes, connection.server_data.bytes
    if not out and not back:
        return say("no data")
    if out == 1:
        return say("1 byte out, {back} back", back=f"{back:,}")
    return say("{out} bytes out, {back} back", out=f"{out:,}", back=f"{back:,}")
