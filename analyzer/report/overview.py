"""Many connections in one table, worst first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Final, NamedTuple

from analyzer.report.terminal import READABLE_WIDTH, Span, Style, columns, cut, finish, flow, own, tail
from analyzer.report.wording import counted, counted_note, duration, grouped
from analyzer.tcp.outcomes import CLOSE, HANDSHAKE
from analyzer.text import say
from analyzer.trace.build import survey
from analyzer.trace.outline import RANKS
from analyzer.trace.values import Connection

__all__ = ["ROWS", "overview_lines"]

ROWS: Final = 40
"""How many rows of the table are shown: one screen."""

ENDPOINT: Final = 21
"""Columns of the longest IPv4 address with the longest port; an IPv6 address may be shortened to them."""


def _bytes(connection: Connection) -> int:
    return connection.client_data.bytes + connection.server_data.bytes


class _Column(NamedTuple):
    """One column: `least` is its minimum width, None if it must not shrink; `to_right` aligns numbers."""

    head: str
    cell: Callable[[Connection, Style], str]
    least: int | None
    to_right: bool


def _outcome(connection: Connection, style: Style) -> str:
    handshake, close = connection.handshake.outcome, connection.close.outcome
    opened = say(HANDSHAKE[handshake].shown)
    closed = say(CLOSE[close].shown)
    outcome = closed if handshake == "complete" else f"{opened}, {closed}"
    if close == "none":
        outcome = opened
    return say("{outcome}?", outcome=outcome) if connection.doubts else outcome


def _noted(connection: Connection, style: Style) -> str:
    notes = sorted(connection.notes.items(), key=lambda entry: -entry[1])
    return own(" · ".join(counted_note(name, count) for name, count in notes), style)


# In the order of the line.
_COLUMNS: Final = (
    _Column("#", lambda connection, style: str(connection.id), None, True),
    _Column("client", lambda connection, style: str(connection.client), ENDPOINT, False),
    _Column("server", lambda connection, style: str(connection.server), ENDPOINT, False),
    _Column("outcome", _outcome, None, False),
    _Column("bytes", lambda connection, style: grouped(_bytes(connection)), None, True),
    _Column("duration", lambda connection, style: own(duration(connection.duration_ns), style), None, True),
    _Column("notes", _noted, 12, False),
)
# Omitted in this order if the line is too short.
_DROPPED: Final = ("duration", "notes", "bytes", "client", "server")


def overview_lines(
    connections: Sequence[Connection],
    style: Style,
    *,
    worst_first: bool = True,
    everything: bool = False,
) -> Iterator[str]:
    """The outcomes of the connections, counted, and a table of `ROWS` of them, or of all with `everything`.

    worst_first: whether to sort them here; if false, they keep their order.
    """
    style = style.at_most(READABLE_WIDTH)
    most = len(connections) if everything else ROWS
    found = survey(connections, most if worst_first else 0)
    opened = {HANDSHAKE[name].shown: count for name, count in found.handshakes().items()}
    closed = {CLOSE[name].shown: count for name, count in found.closes().items()}
    yield from _tally(say("handshakes"), opened, style)
    yield from _tally(say("closes"), closed, style)
    if worst_first:
        order = ", ".join(say(rank) for rank in RANKS[:-1])
        sentence = say("Worst first: {ranks}; then by bytes.", ranks=order)
        yield ""
        for line in flow([sentence], style.width, style):
            yield finish([(line, "")], style)
        rows: Iterable[tuple[Connection, int]] = (
            (connections[ranking[-1]], ranking[0]) for ranking in found.worst
        )
    else:
        rows = ((connection, survey([connection], 1).worst[0][0]) for connection in islice(connections, most))
    yield ""
    yield from _table(rows, style)
    hidden = len(connections) - min(len(connections), most)
    closer = say("--connection N shows one connection as a ladder, --json writes all of them")
    yield ""
    if hidden:
        more = counted(
            hidden,
            "{count} more connection (--all lists it)",
            "{count} more connections (--all lists them)",
        )
        closer = f"{more}; {closer}"
    for line in flow([f"{closer}."], style.width, style):
        yield finish([(line, "")], style)


def _tally(name: str, counts: Mapping[str, int], style: Style) -> Iterator[str]:
    """The count of each outcome, the most frequent first."""
    ordered = sorted(counts.items(), key=lambda entry: -entry[1])
    items = [f"{grouped(count)} {say(shown)}" for shown, count in ordered]
    head = f"{name:<10}  "
    for line in flow(items, max(style.width - len(head), 1), style):
        yield finish([(head, "faint"), (line, "")], style)
        head = " " * len(head)


def _table(shown: Iterable[tuple[Connection, int]], style: Style) -> Iterator[str]:
    """A row for each connection, in the colour of its rank."""
    chosen = list(_COLUMNS)
    heads = [column.head for column in chosen]
    # Cells are kept instead of connections: in a large capture, each access makes the connection again.
    rows: list[tuple[tuple[str, ...], str]] = []
    for connection, rank in shown:
        rows.append((tuple(column.cell(connection, style) for column in chosen), _role(rank)))
    widths = {
        head: max(columns(say(head)), 1, *(columns(cells[at]) for cells, _ in rows))
        for at, head in enumerate(heads)
    }
    if not any(cells[heads.index("notes")] for cells, _ in rows):
        chosen = [column for column in chosen if column.head != "notes"]
    for name in _DROPPED:
        least = (
            sum(min(column.least or widths[column.head], widths[column.head]) + 2 for column in chosen) - 2
        )
        if least <= style.width:
            break
        chosen = [column for column in chosen if column.head != name]
    _shrink(widths, chosen, style.width - 2 * (len(chosen) - 1))
    yield finish(
        _cells(chosen, widths, {column.head: say(column.head) for column in chosen}, style, "faint"), style
    )
    for cells, role in rows:
        yield finish(_cells(chosen, widths, dict(zip(heads, cells, strict=True)), style, role), style)


def _shrink(widths: dict[str, int], chosen: Sequence[_Column], room: int) -> None:
    """Shrink the widest column that may still shrink, until the line fits."""
    while sum(widths[column.head] for column in chosen) > room:
        flexible = [column for column in chosen if column.least and widths[column.head] > column.least]
        if not flexible:
            return
        # Notes first: the beginning of the list is the most important part.
        widest = max(flexible, key=lambda column: (column.head == "notes", widths[column.head]))
        widths[widest.head] -= 1


def _role(rank: int) -> str:
    return "bad" if rank < 3 else "odd" if rank < len(RANKS) - 1 else ""


def _cells(
    chosen: Sequence[_Column], widths: Mapping[str, int], row: Mapping[str, str], style: Style, role: str
) -> list[Span]:
    spans: list[Span] = []
    for column in chosen:
        # The end of an endpoint is the more useful part: the port, and the host part of the address.
        shorten = tail if column.least == ENDPOINT else cut
        text = shorten(row[column.head], widths[column.head], style)
        padding = " " * (widths[column.head] - columns(text))
        coloured = role if column.head in {"outcome", "notes"} or role == "faint" else ""
        spans += [("  ", "")] if spans else []
        spans += [(padding, ""), (text, coloured)] if column.to_right else [(text, coloured), (padding, "")]
    return spans
