"""The table of connections: from a segment's addresses and ports to the connection it belongs to.

Connections are numbered from 0 in order of first appearance. A SYN with another initial sequence number on a
known pair starts a new one, whatever became of the old: the numbering of Wireshark's `tcp.stream`.
"""

from __future__ import annotations

from mypy_extensions import i64

from analyzer.tcp import notes
from analyzer.tcp.connection import Connection
from analyzer.tcp.step import Step
from analyzer.wire import header as flag
from analyzer.wire.header import Header
from analyzer.wire.options import Options

__all__ = ["ConnectionTable"]


class ConnectionTable:
    """Every connection of a capture. `step` holds what was found out about the segment observed last."""

    def __init__(self) -> None:
        self.connections: list[Connection] = []
        self.step: Step = Step()
        self._options: Options = Options()
        self._latest: dict[int, Connection] = {}

    def observe(self, header: Header, frame: i64, time_ns: i64) -> Connection:
        """Take one segment; returns its connection.

        frame: number in the capture, from 1. time_ns: since the epoch.
        """
        key = self._key(header)
        found = self._latest.get(key)
        direction: i64 = -1
        while found is not None:
            direction = found.direction_of(header)
            if direction >= 0:
                break
            found = found.collision
        reused = False
        if found is not None and header.flags & (flag.SYN | flag.ACK) == flag.SYN:
            base = found.first.base if direction == 0 else found.second.base
            if base >= 0 and base != header.seq:
                reused = True
        if found is None or reused:
            found = self._add(key, header, frame, time_ns)
            direction = 0
        found.observe(header, self._options, direction, frame, time_ns, self.step)
        if reused:
            self.step.notes |= notes.REUSED_PORTS
            self.step.wireshark_notes |= notes.REUSED_PORTS
            counts = found.note_counts
            counts[notes.REUSED_PORTS] = counts.get(notes.REUSED_PORTS, 0) + 1
        return found

    def latest(self, header: Header) -> Connection | None:
        """The last connection between the two ends that `header` names; None where there is none."""
        found = self._latest.get(self._key(header))
        while found is not None and found.direction_of(header) < 0:
            found = found.collision
        return found

    def _add(self, key: int, header: Header, frame: i64, time_ns: i64) -> Connection:
        connection = Connection(len(self.connections), header, frame, time_ns)
        connection.collision = self._latest.get(key)
        self._latest[key] = connection
        self.connections.append(connection)
        return connection

    def _key(self, header: Header) -> int:
        """A mix of both ends that does not depend on the direction, in 62 bits."""
        left = self._mix(header.source_high, header.source_low, header.source_port)
        right = self._mix(header.destination_high, header.destination_low, header.destination_port)
        return int((left ^ right ^ ((left & right) << 1)) & 0x3FFFFFFFFFFFFFFF)

    def _mix(self, high: i64, low: i64, port: i64) -> i64:
        """The multiplier keeps every product within 64 bits: it is below 2**31, its operand below 2**32."""
        mixed: i64 = (low & 0xFFFFFFFF) ^ ((low >> 32) & 0xFFFFFFFF) * 3 & 0xFFFFFFFF
        mixed ^= ((high & 0xFFFFFFFF) * 5 ^ ((high >> 32) & 0xFFFFFFFF) * 7) & 0xFFFFFFFF
        mixed = (mixed * 0x5BD1E995 + port * 0x9E3779B1) & 0x3FFFFFFFFFFFFFFF
        return mixed ^ (mixed >> 29)
