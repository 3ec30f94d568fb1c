"""The TCP header as a table: the place, the name and the meaning of each field and flag.

It is for showing a header to a person. The packet path does not read it: `header.py` decodes by itself.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from analyzer.wire.flags import Flags

__all__ = ["FLAGS", "TCP_FIELDS", "Field", "Flag"]


class Field(NamedTuple):
    """One field of the header.

    Attributes:
        name: Its name.
        offset: Its first byte, from 0.
        bit: Its first bit within that byte, from the left, from 0.
        width: Its width in bits.
        section: The section of RFC 9293 that defines it.
        meaning: What it means.
    """

    name: str
    offset: int
    bit: int
    width: int
    section: str
    meaning: str

    @property
    def size(self) -> int:
        """The number of bytes that hold a part of the field."""
        return (self.bit + self.width + 7) // 8

    def read(self, segment: bytes) -> int | None:
        """Return the value of the field in a segment that begins with its header; None if it was not captured."""
        touched = segment[self.offset : self.offset + self.size]
        if len(touched) < self.size:
            return None
        rest = 8 * self.size - self.bit - self.width
        return (int.from_bytes(touched, "big") >> rest) & ((1 << self.width) - 1)


class Flag(NamedTuple):
    """One control bit.

    Attributes:
        bit: The bit.
        meaning: What it means if it is set.
    """

    bit: Flags
    meaning: str

    @property
    def name(self) -> str:
        """The bit's name."""
        return str(self.bit)


TCP_FIELDS: Final = (
    Field("source port", 0, 0, 16, "3.1", "the sender's port"),
    Field("destination port", 2, 0, 16, "3.1", "the receiver's port"),
    Field("sequence number", 4, 0, 32, "3.4", "the number of the first byte of this segment"),
    Field("acknowledgement number", 8, 0, 32, "3.4", "the next sequence number that the sender expects"),
    Field("data offset", 12, 0, 4, "3.1", "the length of the header in words of 4 bytes"),
    Field("reserved", 12, 4, 3, "3.1", "has to be 0"),
    Field("flags", 12, 7, 9, "3.1", "the control bits"),
    Field("window", 14, 0, 16, "3.8.6", "how many bytes the sender can receive"),
    Field("checksum", 16, 0, 16, "3.1", "a sum over the pseudo header, the header and the payload"),
    Field("urgent pointer", 18, 0, 16, "3.8.5", "where urgent data ends, if URG is set"),
)
"""In the order of the header."""

FLAGS: Final = (
    Flag(Flags.AE, "accurate ECN: part of a counter of congestion marks (RFC 9768)"),
    Flag(Flags.CWR, "congestion window reduced: the sender has slowed down (RFC 3168)"),
    Flag(
        Flags.ECE,
        "ECN echo: a packet arrived with a congestion mark; in a SYN: the sender supports ECN (RFC 3168)",
    ),
    Flag(Flags.URG, "the urgent pointer is valid"),
    Flag(Flags.ACK, "the acknowledgement number is valid"),
    Flag(Flags.PSH, "deliver the data to the application without waiting for more"),
    Flag(Flags.RST, "the connection is refused or aborted"),
    Flag(Flags.SYN, "synchronize: the sequence number is the initial one"),
    Flag(Flags.FIN, "the sender will send no more data"),
)
"""In the order of the header, the most significant bit first."""
