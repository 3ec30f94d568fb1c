"""Makes the values of `values.py` from the numbers of the machine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, cast, overload
from weakref import WeakValueDictionary

from analyzer.tcp import states, verdict
from analyzer.tcp.endpoint import Endpoint
from analyzer.tcp.machine import HeardError, Machine
from analyzer.tcp.notes import NOTES, REUSED_PORTS, NoteName
from analyzer.tcp.sequence import difference
from analyzer.trace.confidence import doubts
from analyzer.trace.outline import Outline, Survey
from analyzer.trace.segments import side
from analyzer.trace.values import (
    Close,
    Connection,
    Direction,
    EndpointAddress,
    EndpointOptions,
    Handshake,
    IcmpError,
    Side,
    Source,
)
from analyzer.wire import header as flag

__all__ = ["Judged", "build_connection", "glance", "last_error", "picked", "survey"]


class Judged(Sequence[Connection]):
    """The connections of a capture, each made on access.

    Most connections of a large capture are never used. As long as a connection is in use, each access returns the
    same object.
    """

    def __init__(
        self,
        machines: list[Machine],
        source: Source,
        lost_frames: int | None,
        wireshark: bool = False,
    ) -> None:
        """Make no connection yet. The arguments are those of `build_connection`."""
        self._machines = machines
        self._source = source
        self._lost_frames = lost_frames
        self._wireshark = wireshark
        self._held: WeakValueDictionary[int, Connection] = WeakValueDictionary()

    def __len__(self) -> int:
        return len(self._machines)

    @overload
    def __getitem__(self, index: int) -> Connection: ...

    @overload
    def __getitem__(self, index: slice) -> list[Connection]: ...

    def __getitem__(self, index: int | slice) -> Connection | list[Connection]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        machine = self._machines[index]
        number = int(machine.number)
        connection = self._held.get(number)
        if connection is None:
            connection = build_connection(machine, self._source, self._lost_frames, self._wireshark)
            self._held[number] = connection
        return connection

    def glance(self, place: int) -> Connection:
        """See the function `glance`."""
        glance = _Glance(self._machines[place], self._wireshark, lambda: self[place])
        return cast(Connection, glance)

    def picked(self, places: Sequence[int]) -> Judged:
        """See the function `picked`."""
        machines = [self._machines[place] for place in places]
        return Judged(machines, self._source, self._lost_frames, self._wireshark)

    def look_at_all(self, found: Survey) -> None:
        """Add every connection to a survey, without making it."""
        found.look_at_all(self._machines, self._wireshark)


def survey(connections: Sequence[Connection], most: int) -> Survey:
    """Count the outcomes of connections, and rank the worst ones.

    Args:
        connections: The connections. Those of a stored capture are not made for this.
        most: How many of the worst to keep.

    Returns:
        The counts and the ranking.
    """
    found = Survey(most)
    if isinstance(connections, Judged):
        connections.look_at_all(found)
    else:
        for connection in connections:
            found.look_at(_outline(connection))
    found.end()
    return found


def _outline(connection: Connection) -> Outline:
    client, server, handshake = connection.client_data, connection.server_data, connection.handshake
    repeated = client.retransmitted_segments + server.retransmitted_segments
    return Outline(
        handshake.outcome,
        connection.close.outcome,
        connection.close.data_lost,
        "zero_window" in connection.notes,
        connection.segment_count,
        max(repeated, handshake.syn_retries + handshake.syn_ack_retries),
        client.bytes + server.bytes,
    )


_Make = Callable[[Machine, int, bool], Any]


def _sides(machine: Machine, client: int) -> tuple[Endpoint, Endpoint]:
    return (machine.first, machine.second) if client == 0 else (machine.second, machine.first)


def _end(machine: Machine, endpoint: int) -> EndpointAddress:
    if endpoint == 0:
        high, low, port = machine.first_high, machine.first_low, machine.first_port
    else:
        high, low, port = machine.second_high, machine.second_low, machine.second_port
    return EndpointAddress(_address(machine.ip_version, high, low), int(port))


def _data(machine: Machine, sender: int) -> Direction:
    return _direction(*_sides(machine, sender))


def _state(machine: Machine, endpoint: int) -> str:
    return states.state_name(verdict.final_state(machine, _sides(machine, endpoint)[0]))


_MEMBERS: Final[Mapping[str, _Make]] = {
    "id": lambda machine, client, wireshark: int(machine.number),
    "client": lambda machine, client, wireshark: _end(machine, client),
    "server": lambda machine, client, wireshark: _end(machine, 1 - client),
    "first_frame": lambda machine, client, wireshark: int(machine.first_frame),
    "last_frame": lambda machine, client, wireshark: int(machine.last_frame),
    "first_time_ns": lambda machine, client, wireshark: int(machine.first_time),
    "last_time_ns": lambda machine, client, wireshark: int(machine.last_time),
    "handshake": lambda machine, client, wireshark: _handshake(machine, *_sides(machine, client)),
    "client_data": lambda machine, client, wireshark: _data(machine, client),
    "server_data": lambda machine, client, wireshark: _data(machine, 1 - client),
    "close": lambda machine, client, wireshark: _close(machine, client),
    "client_state": lambda machine, client, wireshark: _state(machine, client),
    "server_state": lambda machine, client, wireshark: _state(machine, 1 - client),
    "completeness": lambda machine, client, wireshark: verdict.completeness(machine),
    "conn_state": lambda machine, client, wireshark: machine.conn_state(),
    "history": lambda machine, client, wireshark: machine.history(),
    "notes": lambda machine, client, wireshark: _count_notes(machine, wireshark),
    "segment_count": lambda machine, client, wireshark: int(machine.first.segments + machine.second.segments),
    "icmp_error_count": lambda machine, client, wireshark: int(machine.error_count),
}
"""Member of a connection -> the function that makes it, from the machine, the client (0 or 1) and `wireshark`."""


def build_connection(
    machine: Machine, source: Source, lost_frames: int | None = None, wireshark: bool = False
) -> Connection:
    """Make a connection from the machine that has seen all its segments.

    Args:
        machine: The machine.
        source: Gives the segments.
        lost_frames: How many frames the capture lost, which may lower the confidence; None if unknown.
        wireshark: Count the notes that Wireshark gives.

    Returns:
        The connection.
    """
    client, rule = verdict.roles(machine)
    made = {name: make(machine, client, wireshark) for name, make in _MEMBERS.items()}
    data = made["client_data"], made["server_data"]
    return Connection(
        roles=rule,
        source=source,
        doubts=doubts(lost_frames, made["handshake"], data, made["close"], made["notes"]),
        errors_heard=tuple(_error(machine, heard, client) for heard in machine.errors or ()),
        **made,
    )


class _Glance:
    """Replaces a connection and makes a member on access. A whole connection takes ten times as long."""

    def __init__(self, machine: Machine, wireshark: bool, whole: Callable[[], Connection]) -> None:
        self._machine = machine
        self._wireshark = wireshark
        self._whole = whole

    def __getattr__(self, name: str) -> Any:
        make = _MEMBERS.get(name)
        if make is None:
            return getattr(self._whole(), name)
        return make(self._machine, verdict.roles(self._machine)[0], self._wireshark)


def picked(connections: Sequence[Connection], places: Sequence[int]) -> Sequence[Connection]:
    """The connections at these places, in that order. Those of a stored capture are not made for this."""
    if isinstance(connections, Judged):
        return connections.picked(places)
    return [connections[place] for place in places]


def glance(connections: Sequence[Connection], place: int) -> Connection:
    """One of the connections, for a caller that needs few members. Only these members are made."""
    return connections.glance(place) if isinstance(connections, Judged) else connections[place]


def last_error(machine: Machine) -> IcmpError:
    """The last ICMP error of a connection.

    Raises:
        IndexError: The error is not one of those that are kept.
    """
    client, _ = verdict.roles(machine)
    return _error(machine, (machine.errors or [])[int(machine.error_count) - 1], client)


def _error(machine: Machine, heard: HeardError, client: int) -> IcmpError:
    base = int((machine.first if heard.direction == 0 else machine.second).base)
    return IcmpError(
        frame=heard.frame,
        time_ns=heard.time_ns,
        sender=_address(machine.ip_version, heard.sender_high, heard.sender_low),
        error=heard.kind,
        number=heard.number,
        about=side(heard.direction, client),
        seq=None if base < 0 else int(difference(heard.seq, base)) & 0xFFFFFFFF,
        answers=heard.answers or None,
    )


def _handshake(machine: Machine, client: Endpoint, server: Endpoint) -> Handshake:
    syn_frame = int(client.syn_frame) or None
    syn_ack_frame = int(server.syn_ack_frame) or None
    ack_frame = int(machine.handshake_ack_frame) or None
    syn_rtt = ack_rtt = None
    # Karn's algorithm: after a retransmission it is unknown which copy was answered (RFC 6298 3).
    if syn_frame and syn_ack_frame and not client.syn_repeats:
        syn_rtt = int(server.syn_ack_time - client.syn_time)
    if syn_ack_frame and ack_frame and ack_frame != syn_ack_frame and not server.syn_ack_repeats:
        ack_rtt = int(machine.handshake_ack_time - server.syn_ack_time)
    client_options = _options(client)
    server_options = _options(server)
    both = client_options is not None and server_options is not None
    effective_mss = None
    if client_options and server_options:
        announced = [
            options.maximum_segment_size
            for options in (client_options, server_options)
            if options.maximum_segment_size is not None
        ]
        effective_mss = min(announced) if announced else None
    outcome = verdict.handshake_outcome(machine)
    reset_by: Side | None = None
    if outcome in ("refused", "aborted"):
        resetter = machine.first if machine.resetter == 0 else machine.second
        reset_by = "client" if resetter is client else "server"
    return Handshake(
        outcome=outcome,
        syn_frame=syn_frame,
        syn_ack_frame=syn_ack_frame,
        ack_frame=ack_frame,
        syn_rtt_ns=syn_rtt,
        ack_rtt_ns=ack_rtt,
        syn_retries=int(client.syn_repeats),
        syn_ack_retries=int(server.syn_ack_repeats),
        syn_retry_delays_ns=_delays(client),
        syn_ack_retry_delays_ns=_delays(server),
        client_options=client_options,
        server_options=server_options,
        effective_mss=effective_mss,
        sack=bool(client.sack_permitted and server.sack_permitted) if both else None,
        timestamps=bool(client.timestamps and server.timestamps) if both else None,
        window_scaling=bool(client.window_scale >= 0 and server.window_scale >= 0) if both else None,
        ecn=verdict.ecn_agreed(machine),
        fast_open=verdict.fast_open(machine),
        reset_by=reset_by,
    )


def _delays(endpoint: Endpoint) -> tuple[int, ...]:
    return tuple(int(delay) for delay in endpoint.disorder_seen().retry_delays or ())


def _options(endpoint: Endpoint) -> EndpointOptions | None:
    if not endpoint.syn_frame and not endpoint.syn_ack_frame:
        return None
    return EndpointOptions(
        maximum_segment_size=_known(endpoint.maximum_segment_size),
        window_scale=_known(endpoint.window_scale),
        sack_permitted=bool(endpoint.sack_permitted),
        timestamps=bool(endpoint.timestamps),
        ecn=endpoint.syn_flags & flag.ECE != 0,
        fast_open_cookie=_known(endpoint.fast_open_cookie),
    )


def _known(number: int) -> int | None:
    return None if number < 0 else int(number)


def _direction(sender: Endpoint, receiver: Endpoint) -> Direction:
    disorder = sender.disorder_seen()
    return Direction(
        segments=int(sender.segments),
        data_segments=int(sender.data_segments),
        bytes=int(sender.bytes),
        retransmitted_segments=int(disorder.retransmitted_segments),
        retransmitted_bytes=int(disorder.retransmitted_bytes),
        out_of_order_segments=int(disorder.out_of_order_segments),
        unacknowledged_bytes=verdict.unacknowledged_bytes(sender, receiver),
    )


def _close(machine: Machine, client: int) -> Close:
    active = verdict.close_active(machine)
    ends = (machine.first, machine.second)
    return Close(
        outcome=verdict.close_outcome(machine),
        active=None if active is None else "both" if active == 2 else side(active, client),
        frames=verdict.close_frames(machine),
        time_wait=tuple(
            side(endpoint, client)
            for endpoint in (client, 1 - client)
            if ends[endpoint].state == states.TIME_WAIT
        ),
        data_lost=verdict.data_lost(machine),
    )


def _count_notes(machine: Machine, wireshark: bool) -> dict[NoteName, int]:
    counts: Counter[int] = Counter()
    place = 1 if wireshark else 0
    triples = machine.note_counts or []
    for mask, times in zip(triples[place::3], triples[2::3], strict=True):
        for note in NOTES:
            if mask & note.bit:
                counts[note.bit] += times
    if wireshark:
        counts[REUSED_PORTS] += len(verdict.newly_reused_in_hindsight(machine))
    return {note.name: counts[note.bit] for note in NOTES if counts[note.bit]}


def _address(version: int, high: int, low: int) -> str:
    if version == 4:
        return f"{low >> 24 & 255}.{low >> 16 & 255}.{low >> 8 & 255}.{low & 255}"
    from socket import AF_INET6, inet_ntop

    data = (high & 0xFFFFFFFFFFFFFFFF).to_bytes(8, "big") + (low & 0xFFFFFFFFFFFFFFFF).to_bytes(8, "big")
    return inet_ntop(AF_INET6, data)
