"""The TCP header as a table: where each field stands, what it is called, and what its bits mean.

Nothing on the path of a packet reads it; `header.py` decodes by itself. It is for whoever shows a header to a
person.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from analyzer.wire.flags import Flags

__all__ = ["FLAGS", "TCP_FIELDS", "Field", "Flag"]


class Field(NamedTuple):
    """One field of the header. `offset` counts octets and `bit` bits from the left within that octet; `width`
    is in bits; `section` is where RFC 9293 defines it."""

    name: str
    offset: int
    bit: int
    width: int
    section: str
    meaning: str

    @property
    def octets(self) -> int:
        """How many octets the field touches."""
        return (self.bit + self.width + 7) // 8

    def read(self, segment: bytes) -> int | None:
        """The field's value in a segment that begins with its header; None where it was not captured."""
        touched = segment[self.offset : self.offset + self.octets]
        if len(touched) < self.octets:
            return None
        rest = 8 * self.octets - self.bit - self.width
        return (int.from_bytes(touched, "big") >> rest) & ((1 << self.width) - 1)


class Flag(NamedTuple):
    """One control bit, and what it says where it is set."""

    bit: Flags
    meaning: str

    @property
    def name(self) -> str:
        """The bit's name."""
        return str(self.bit)


TCP_FIELDS: Final = (
    Field("source port", 0, 0, 16, "3.1", "the sender's port"),
    Field("destination port", 2, 0, 16, "3.1", "the receiver's port"),
    Field("sequence number", 4, 0, 32, "3.4", "the number of the first octet of this segment"),
    Field("acknowledgement number", 8, 0, 32, "3.4", "the next number the sender expects"),
    Field("data offset", 12, 0, 4, "3.1", "the length of the header in words of 4 octets"),
    Field("reserved", 12, 4, 3, "3.1", "has to be 0"),
    Field("flags", 12, 7, 9, "3.1", "the control bits"),
    Field("window", 14, 0, 16, "3.8.6", "how many octets the sender has room for"),
    Field("checksum", 16, 0, 16, "3.1", "a sum over the pseudo header, the header and the payload"),
    Field("urgent pointer", 18, 0, 16, "3.8.5", "where urgent data ends, if URG is set"),
)
"""In the order of the wire."""

FLAGS: Final = (
    Flag(Flags.AE, "accurate ECN: part of a counter of congestion marks (RFC 9768)"),
    Flag(Flags.CWR, "congestion window reduced: the sender has slowed down (RFC 3168)"),
    Flag(
        Flags.ECE,
        "ECN echo: a packet came in marked for congestion; in a SYN: ECN is wanted (RFC 3168)",
    ),
    Flag(Flags.URG, "the urgent pointer counts"),
    Flag(Flags.ACK, "the acknowledgement number counts"),
    Flag(Flags.PSH, "hand the data to the application without waiting for more"),
    Flag(Flags.RST, "the connection ends at once, or is refused"),
    Flag(Flags.SYN, "synchronize: the sequence number is the initial one"),
    Flag(Flags.FIN, "the sender will send no more data"),
)
"""In the order of the wire, the most significant bit first."""
