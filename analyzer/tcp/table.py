"""The table of connections: from a segment's addresses and ports to the connection it belongs to.

Connections are numbered from 0 in order of first appearance. A SYN with another initial sequence number on a
known pair starts a new one, whatever became of the old: the numbering of Wireshark's `tcp.stream`.

A table can be told how many connections it may hold. Then those that matter least leave it, in one sweep that
makes room for many. It can also let go of those that have ended, each as soon as the times of the capture say so; there
is no other clock. A late segment of a connection that has left begins a new one.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

from mypy_extensions import i64

from analyzer.tcp import states
from analyzer.tcp.key_index import KeyIndex
from analyzer.tcp.machine import Machine
from analyzer.tcp.step import FIRST, NOBODY, Step
from analyzer.wire import header as flag
from analyzer.wire.header import Header
from analyzer.wire.options import Options

__all__ = ["QUIET_ESTABLISHED_NS", "QUIET_NS", "ConnectionTable"]

QUIET_NS: Final = 240_000_000_000
"""A connection that is closed, or not yet or no longer open on both sides, has ended when it was quiet for so long:
2 MSL (RFC 9293 3.4.2, 3.6.1), and the least that RFC 5382 REQ-5 grants such a connection."""

QUIET_ESTABLISHED_NS: Final = 7_440_000_000_000
"""The same for one that is established: 2 hours and 4 minutes (RFC 5382 REQ-5), more than keep-alives take."""

SWEPT_AT_LEAST: Final = 1_000
"""What has left stays in the list until it is most of it, and at least this much: taking out each would take longer."""

# How the hash works: each endpoint is a polynomial in a secret number, plus another secret number, modulo a prime,
# and the two are multiplied, so that both directions have one key. Such products are equal for different
# pairs with a probability of about 2**-28, whoever chose the pairs, as long as the secrets are not known.
_PRIME: Final = 0x7FFFFFFF

# Who leaves first.
_OVER: Final = 0
_UNANSWERED: Final = 1
_LASTING: Final = 2


class ConnectionTable:
    """The connections of a capture. `step` holds what was found out about the segment observed last.

    connections: those held, in the order of their numbers; after `settle` only once `sweep` was called. begun: how
    many there have been. departed: those that have left, those that left together in the order of their numbers;
    the reader empties it.
    """

    def __init__(self, limit: i64, seed: i64, settling: bool = False) -> None:
        """
        limit: how many connections are held at most, at least 2; 0 for any number.
        seed: what an attacker must not know to slow the table down, 63 bits; no result depends on it.
        settling: `settle` is called before each segment is observed.
        """
        self.connections: list[Machine] = []
        self.departed: list[Machine] = []
        self.begun: i64 = 0
        self.step: Step = Step()
        self._options: Options = Options()
        self._limit: i64 = limit
        self._settling: bool = settling
        self._gone: i64 = 0  # how many of `connections` have left
        # A heap: when a connection may have ended, its number, and the connection.
        self._ends: list[tuple[int, int, Machine]] = []
        self._factor: i64 = (seed & 0x1FFFFFFF) ^ 0x2545F491
        self._summand: i64 = ((seed >> 32) & 0x3FFFFFFF) ^ 0x1B873593
        self._index: KeyIndex = KeyIndex()  # of the places of those not superseded in `connections`
        self._recent: Machine | None = None  # the one observed last, as long as it is held

    def observe(self, header: Header, frame: i64, time_ns: i64) -> Machine:
        """Take one segment; returns its connection.

        frame: number in the capture, from 1. time_ns: since the epoch.
        """
        # Most segments come shortly after another one of their connection.
        found = self._recent
        direction: i64 = NOBODY
        if found is not None:
            direction = found.direction_of(header)
        if found is None or direction == NOBODY:
            key = self.key(header)
            found = self._find(header, key)
            if found is None:
                found = self._begin(header, frame, time_ns, False)
                self._index.add(key, len(self.connections) - 1)
            direction = found.direction_of(header)
            self._recent = found
        if header.flags & (flag.SYN | flag.ACK) == flag.SYN:
            base = found.first.base if direction == FIRST else found.second.base
            if base >= 0 and base != header.seq:
                found = self._supersede(found, header, frame, time_ns)
                direction = FIRST
                self._recent = found
        self.put(found, header, direction, frame, time_ns)
        if self._settling:
            self._expect_end(found)
        return found

    def put(self, connection: Machine, header: Header, direction: i64, frame: i64, time_ns: i64) -> None:
        """Show a connection its next segment."""
        connection.observe(header, self._options, direction, frame, time_ns, self.step)

    def latest(self, header: Header) -> Machine | None:
        """The last connection between the two ends that `header` names; None where there is none."""
        return self._find(header, self.key(header))

    def _find(self, header: Header, key: i64) -> Machine | None:
        index = self._index
        slot = index.first(key)
        while slot >= 0:
            found = self.connections[index.place(slot)]
            if found.direction_of(header) != NOBODY and not found.departed:
                return found
            slot = index.next(key, slot)
        return None

    def _expect_end(self, connection: Machine) -> None:
        """Note when it will have ended, where the segment just observed made that earlier than was noted."""
        from heapq import heappush  # only where connections leave as they end

        step = self.step
        begins = connection.first.segments + connection.second.segments == 1
        was_established = step.first_before == states.ESTABLISHED and step.second_before == states.ESTABLISHED
        if begins or (was_established and _quiet(connection) == QUIET_NS):
            heappush(self._ends, (int(connection.last_time) + QUIET_NS, int(connection.number), connection))

    def settle(self, now: i64) -> None:
        """Let go of the connections that have ended by the time `now`, in the order in which they did."""
        from heapq import heappop, heappush

        ends = self._ends
        while ends:
            end, _, connection = ends[0]
            if end > now:
                return
            heappop(ends)
            if connection.departed:
                continue
            later: i64 = connection.last_time + _quiet(connection)
            if later > end:
                # It was not quiet since this was noted, or has become established.
                heappush(ends, (int(later), int(connection.number), connection))
            else:
                self._let_go(connection)

    def _let_go(self, connection: Machine) -> None:
        """Let one connection leave; its place in the list and in the index is given up by the next `sweep`."""
        connection.departed = True
        self.departed.append(connection)
        self._gone += 1
        if self._recent is connection:
            self._recent = None
        if 2 * self._gone > len(self.connections) + SWEPT_AT_LEAST:
            self.sweep()

    def sweep(self) -> None:
        """Take what has left out of `connections`."""
        if self._gone > 0:
            self._keep([connection for connection in self.connections if not connection.departed])
            self._gone = 0

    def _make_room(self) -> None:
        """Let go of half: what is over first, then what nobody answers, in each group what was quiet for longest."""
        surplus: i64 = len(self.connections) - self._limit // 2
        sizes = [0, 0, 0]
        for connection in self.connections:
            sizes[self._rank(connection)] += 1
        last: i64 = 0
        while surplus > sizes[last]:
            surplus -= sizes[last]
            last += 1
        times = sorted(
            [int(connection.last_time) for connection in self.connections if self._rank(connection) == last]
        )
        latest = times[surplus - 1]
        equal: i64 = surplus - bisect_left(times, latest)
        kept: list[Machine] = []
        for connection in self.connections:
            rank = self._rank(connection)
            leaves = rank < last
            if rank == last:
                leaves = connection.last_time < latest
                if connection.last_time == latest and equal > 0:
                    leaves = True
                    equal -= 1
            if leaves:
                connection.departed = True
                self.departed.append(connection)
            else:
                kept.append(connection)
        self._keep(kept)

    def _rank(self, connection: Machine) -> i64:
        if connection.superseded or connection.over():
            return _OVER
        if connection.first.segments == 0 or connection.second.segments == 0:
            return _UNANSWERED
        return _LASTING

    def _keep(self, kept: list[Machine]) -> None:
        if len(kept) < len(self.connections):
            self._recent = None
            self.connections[:] = kept
            self._index = KeyIndex(self._index.slots())
            for place in range(i64(len(kept))):
                connection = kept[place]
                if not connection.superseded:
                    self._index.add(self.key_of(connection), place)

    def _begin(self, header: Header, frame: i64, time_ns: i64, reused: bool) -> Machine:
        """Begin a connection, the last one in `connections`, which the index does not know yet."""
        if self._limit > 0 and len(self.connections) >= self._limit:
            self.sweep()
            if len(self.connections) >= self._limit:
                self._make_room()
        connection = Machine(self.begun, header, frame, time_ns, reused)
        self.begun += 1
        self.connections.append(connection)
        return connection

    def _supersede(self, older: Machine, header: Header, frame: i64, time_ns: i64) -> Machine:
        """Begin a connection where an older one has these addresses and ports: no segment is for that any more."""
        older.superseded = True
        connection = self._begin(header, frame, time_ns, True)
        place: i64 = len(self.connections) - 1
        key = self.key(header)
        slot = self._index.first(key)
        while slot >= 0 and self.connections[self._index.place(slot)] is not older:
            slot = self._index.next(key, slot)
        if slot >= 0:
            self._index.put(slot, place)
        else:  # it was in the way of the new one, and has left
            self._index.add(key, place)
        if self._settling:
            self._let_go(older)
        return connection

    def key(self, header: Header) -> i64:
        """A hash of both ends that does not depend on the direction, in 31 bits."""
        return self._join(
            self._end(header.ip_version, header.source_high, header.source_low, header.source_port),
            self._end(
                header.ip_version, header.destination_high, header.destination_low, header.destination_port
            ),
        )

    def key_of(self, connection: Machine) -> i64:
        """The `key` of a connection's segments."""
        version = i64(connection.ip_version)
        return self._join(
            self._end(version, connection.first_high, connection.first_low, i64(connection.first_port)),
            self._end(version, connection.second_high, connection.second_low, i64(connection.second_port)),
        )

    def _end(self, version: i64, high: i64, low: i64, port: i64) -> i64:
        """One end in at most 31 bits. No product is beyond 62 bits: the factor has 30, what it multiplies 32."""
        factor = self._factor
        if version == 4:
            mixed = (low & _PRIME) * factor + ((port << 1) | ((low >> 31) & 1)) + self._summand
        else:
            mixed = (low & _PRIME) * factor + ((low >> 31) & _PRIME)
            mixed = (mixed & _PRIME) + (mixed >> 31)
            mixed = mixed * factor + (((low >> 62) & 3) | ((high & 0x1FFFFFFF) << 2))
            mixed = (mixed & _PRIME) + (mixed >> 31)
            mixed = mixed * factor + ((high >> 29) & _PRIME)
            mixed = (mixed & _PRIME) + (mixed >> 31)
            mixed = mixed * factor + (((high >> 60) & 0xF) | (port << 4)) + self._summand
        mixed = (mixed & _PRIME) + (mixed >> 31)
        return (mixed & _PRIME) + (mixed >> 31)

    def _join(self, left: i64, right: i64) -> i64:
        mixed = left * right
        mixed = (mixed & _PRIME) + (mixed >> 31)
        mixed = (mixed & _PRIME) + (mixed >> 31)
        return mixed ^ (mixed >> 15)


def _quiet(connection: Machine) -> i64:
    """For how long a connection has to be quiet until it has ended."""
    if connection.first.state == states.ESTABLISHED and connection.second.state == states.ESTABLISHED:
        return QUIET_ESTABLISHED_NS
    return QUIET_NS
