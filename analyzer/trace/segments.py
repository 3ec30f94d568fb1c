"""The segments of a connection as a sequence. Each one is made from the columns on access."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, overload

from analyzer.tcp import states, verdict
from analyzer.tcp.labels import label_names
from analyzer.tcp.machine import Machine
from analyzer.tcp.notes import NOTES, REUSED_PORTS, NoteName, note_names
from analyzer.trace.columns import Columns, Kind
from analyzer.trace.values import Reason, Segment, Side
from analyzer.wire.flags import Flags

__all__ = ["Segments", "side"]

MADE_KEPT: Final = 1_000
"""The segments of a connection with at most this many are kept, because a diagram reads them several times."""


class Segments(Sequence[Segment]):
    """The segments of one connection in the order of the capture, with client and server as sides."""

    def __init__(self, machine: Machine, columns: Columns, number: int, wireshark: bool = False) -> None:
        """Make no segment yet.

        Args:
            machine: The machine of the connection.
            columns: The kept segments.
            number: The number of the connection in `columns`.
            wireshark: Whether the columns have Wireshark's notes.
        """
        self._columns = columns
        self._places = columns.places(number)
        self._client, _ = verdict.roles(machine)
        self._reused = frozenset(verdict.reused_in_hindsight(machine)) if wireshark else frozenset()
        self._made: dict[int, Segment] | None = {} if len(self._places) <= MADE_KEPT else None
        self._common: dict[int, _Common] = {}

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, index: int) -> Segment: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Segment]: ...

    def __getitem__(self, index: int | slice) -> Segment | Sequence[Segment]:
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(len(self)))]
        if index < 0:
            index += len(self)
        if not 0 <= index < len(self):
            raise IndexError(index)
        made = self._made
        if made is None:
            return self._make(self._places[index])
        segment = made.get(index)
        if segment is None:
            segment = made[index] = self._make(self._places[index])
        return segment

    def __iter__(self) -> Iterator[Segment]:
        # What `Sequence` has for this asks for each index and for the length: twice the time.
        if self._made is None:
            for place in self._places:
                yield self._make(place)
        else:
            for index in range(len(self._places)):
                yield self[index]

    def _make(self, place: int) -> Segment:
        columns = self._columns
        code = int(columns.code(place))
        common = self._common.get(code)
        if common is None:
            common = self._common[code] = _Common(columns.kind(place), self._client)
        frame = columns.frame(place)
        seq, ack, length = columns.seq(place), columns.ack(place), columns.length(place)
        return Segment(
            frame=frame,
            time_ns=columns.time_ns(place),
            sender=common.sender,
            flags=common.flags,
            seq=seq,
            ack=ack if common.acknowledges else None,
            length=length,
            window=columns.window(place),
            labels=common.labels,
            notes=_with_reused_ports(common.notes) if frame in self._reused else common.notes,
            client_state=common.client_state,
            server_state=common.server_state,
            why=common.why(seq, ack, length) if common.moves else (),
            payload=columns.payload(place),
        )


class _Common:
    """What the segments of one kind have in common."""

    def __init__(self, kind: Kind, client: int) -> None:
        server = 1 - client
        self._kind = kind
        self._client = client
        self.sender = side(int(kind.direction), client)
        self.flags = Flags(int(kind.flags))
        self.acknowledges = Flags.ACK in self.flags
        self.moves = kind.paths != (0, 0)
        self.labels = tuple(label_names(int(kind.labels)))
        self.notes = tuple(note_names(int(kind.notes)))
        self.client_state = states.STATES[kind.before[client]], states.STATES[kind.after[client]]
        self.server_state = states.STATES[kind.before[server]], states.STATES[kind.after[server]]

    def why(self, seq: int, ack: int, length: int) -> tuple[Reason, ...]:
        """The reason for each change of state, the sender's first."""
        reasons = []
        # The sequence number of a FIN in this segment is that of its last byte.
        fin = seq + length
        direction = int(self._kind.direction)
        for endpoint in (direction, 1 - direction):
            path = self._kind.paths[endpoint]
            while path:
                transition = states.TRANSITIONS[(path & 0xFF) - 1]
                path >>= 8
                reasons.append(Reason(transition, side(endpoint, self._client), seq, ack, fin))
        return tuple(reasons)


def _with_reused_ports(names: Sequence[NoteName]) -> tuple[NoteName, ...]:
    """The notes and the one that Wireshark adds after it has read the whole capture, in the order of the table."""
    return tuple(note.name for note in NOTES if note.name in names or note.bit == REUSED_PORTS)


def side(endpoint: int, client: int) -> Side:
    """The side of an endpoint. Both arguments are 0 or 1: the first or the second endpoint."""
    return "client" if endpoint == client else "server"
