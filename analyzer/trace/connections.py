"""The connections of a large capture: each is built when it is asked for, and what many are sorted by is cheap."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, overload

from analyzer.tcp import notes, verdict
from analyzer.tcp.connection import Connection as Machine
from analyzer.trace.build import build_connection
from analyzer.trace.model import Connection, Source

__all__ = ["Brief", "BuiltWhenAsked", "brief_of", "briefs"]


class Brief(NamedTuple):
    """What a table of many connections sorts and counts by.

    repeated: repeated segments by all segments, the SYNs of a handshake included, 0.0 to 1.0. octets: of both sides.
    window_closed: whether one side closed its window.
    """

    id: int
    handshake: str
    close: str
    data_lost: bool
    repeated: float
    octets: int
    window_closed: bool


class BuiltWhenAsked(Sequence[Connection]):
    """The verdicts on connections, in the order of their numbers. Each is made anew when it is asked for."""

    def __init__(self, machines: Sequence[Machine], source: Source, lost_frames: int | None = None) -> None:
        """lost_frames: how many frames the capture lost; None if unknown."""
        self._machines = machines
        self._source = source
        self._lost_frames = lost_frames

    def __len__(self) -> int:
        return len(self._machines)

    @overload
    def __getitem__(self, place: int) -> Connection: ...

    @overload
    def __getitem__(self, place: slice) -> list[Connection]: ...

    def __getitem__(self, place: int | slice) -> Connection | list[Connection]:
        if isinstance(place, slice):
            return [self._build(machine) for machine in self._machines[place]]
        return self._build(self._machines[place])

    def __iter__(self) -> Iterator[Connection]:
        return map(self._build, self._machines)

    def briefs(self) -> Iterator[Brief]:
        """Of each connection, without building it."""
        return map(_brief_of_machine, self._machines)

    def _build(self, machine: Machine) -> Connection:
        return build_connection(machine, self._source, self._lost_frames)


def briefs(connections: Iterable[Connection]) -> Iterator[Brief]:
    """What is to be sorted and counted of each connection."""
    if isinstance(connections, BuiltWhenAsked):
        return connections.briefs()
    return map(brief_of, connections)


def brief_of(connection: Connection) -> Brief:
    """What is to be sorted and counted of one connection."""
    client, server, handshake = connection.client_data, connection.server_data, connection.handshake
    return Brief(
        connection.id,
        handshake.outcome,
        connection.close.outcome,
        connection.close.data_lost,
        _share(
            client.retransmitted_segments + server.retransmitted_segments,
            handshake.syn_retries + handshake.syn_ack_retries,
            connection.segment_count,
        ),
        client.octets + server.octets,
        "zero_window" in connection.notes,
    )


def _brief_of_machine(machine: Machine) -> Brief:
    first, second = machine.first, machine.second
    client, server = (first, second) if verdict.roles(machine)[0] == 0 else (second, first)
    return Brief(
        int(machine.number),
        verdict.handshake_outcome(machine),
        verdict.close_outcome(machine),
        verdict.data_lost(machine),
        _share(
            int(first.retransmitted_segments + second.retransmitted_segments),
            int(client.syn_repeats + server.syn_ack_repeats),
            int(first.segments + second.segments),
        ),
        int(first.octets + second.octets),
        any(mask & notes.ZERO_WINDOW for mask in (machine.note_counts or ())[::2]),
    )


def _share(repeated: int, repeated_in_handshake: int, segments: int) -> float:
    return max(repeated, repeated_in_handshake) / max(segments, 1)
