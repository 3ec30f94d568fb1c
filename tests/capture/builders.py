"""Captures built byte by byte, so that a test can say exactly what a file holds.

pcap: `pcap(frames)`, or `pcap_header() + pcap_record(frame) + ...` for the odd ones.
pcapng: `section() + interface() + enhanced(frame) + ...`; each block takes the `endian` of its section.
`endian` is "<" or ">", as `struct` writes it.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import lz4.frame
import zstandard

ETHERNET = 1
LOOPBACK = 0
RAW = 101

MICROSECONDS = 0xA1B2C3D4
NANOSECONDS = 0xA1B23C4D
MODIFIED = 0xA1B2CD34

START_NS = 1_700_000_000_000_000_000
"""When the first frame of a built capture is, unless told otherwise."""


def pcap_header(
    endian: str = "<",
    magic: int = MICROSECONDS,
    link_type: int = ETHERNET,
    snaplen: int = 262144,
    version: tuple[int, int] = (2, 4),
) -> bytes:
    """A pcap file header, 24 bytes."""
    return struct.pack(endian + "IHHiIII", magic, *version, 0, 0, snaplen, link_type)


def pcap_record(
    frame: bytes,
    time_ns: int = START_NS,
    endian: str = "<",
    nanosecond: bool = False,
    captured: int | None = None,
    original: int | None = None,
    extra: bytes = b"",
) -> bytes:
    """A pcap record. captured, original: what it claims, if not the truth; extra: goes before the frame."""
    seconds, fraction = divmod(time_ns, 1_000_000_000)
    if not nanosecond:
        fraction //= 1000
    captured = len(frame) if captured is None else captured
    original = len(frame) if original is None else original
    return struct.pack(endian + "IIII", seconds, fraction, captured, original) + extra + frame


def pcap(
    frames: Iterable[bytes],
    *,
    endian: str = "<",
    nanosecond: bool = False,
    link_type: int = ETHERNET,
    snaplen: int = 262144,
    step_ns: int = 1000,
) -> bytes:
    """A pcap file of whole frames, the first at START_NS and each `step_ns` after the one before."""
    magic = NANOSECONDS if nanosecond else MICROSECONDS
    return pcap_header(endian, magic, link_type, snaplen) + b"".join(
        pcap_record(frame, START_NS + number * step_ns, endian, nanosecond)
        for number, frame in enumerate(frames)
    )


def block(kind: int, body: bytes, endian: str = "<") -> bytes:
    """A pcapng block around a body, which is padded to 32 bits."""
    body += bytes(-len(body) % 4)
    length = len(body) + 12
    return struct.pack(endian + "II", kind, length) + body + struct.pack(endian + "I", length)


def option(code: int, value: bytes, endian: str = "<") -> bytes:
    """A pcapng option, padded; put `option(0, b"")` after the last."""
    return struct.pack(endian + "HH", code, len(value)) + value + bytes(-len(value) % 4)


def section(endian: str = "<", length: int = -1, major: int = 1, options: bytes = b"") -> bytes:
    """A section header block. length: the section length it claims, -1 for none."""
    return block(0x0A0D0D0A, struct.pack(endian + "IHHq", 0x1A2B3C4D, major, 0, length) + options, endian)


def interface(
    link_type: int = ETHERNET,
    snaplen: int = 0,
    endian: str = "<",
    resolution: int | None = None,
    offset_seconds: int | None = None,
) -> bytes:
    """An interface description block. resolution: if_tsresol; offset_seconds: if_tsoffset."""
    options = b""
    if resolution is not None:
        options += option(9, bytes([resolution]), endian)
    if offset_seconds is not None:
        options += option(14, struct.pack(endian + "q", offset_seconds), endian)
    if options:
        options += option(0, b"", endian)
    return block(1, struct.pack(endian + "HHI", link_type, 0, snaplen) + options, endian)


def enhanced(
    frame: bytes,
    ticks: int = START_NS // 1000,
    number: int = 0,
    endian: str = "<",
    captured: int | None = None,
    original: int | None = None,
    options: bytes = b"",
) -> bytes:
    """An enhanced packet block. ticks: its time in units of the interface; number: the interface."""
    captured = len(frame) if captured is None else captured
    original = len(frame) if original is None else original
    head = struct.pack(endian + "IIIII", number, ticks >> 32, ticks & 0xFFFFFFFF, captured, original)
    return block(6, head + frame + bytes(-len(frame) % 4) + options, endian)


def obsolete(frame: bytes, ticks: int = START_NS // 1000, number: int = 0, endian: str = "<") -> bytes:
    """The packet block of 2004 (type 2), with a count of drops beside its interface."""
    head = struct.pack(endian + "HHIIII", number, 7, ticks >> 32, ticks & 0xFFFFFFFF, len(frame), len(frame))
    return block(2, head + frame, endian)


def simple(frame: bytes, original: int | None = None, endian: str = "<") -> bytes:
    """A simple packet block. original: the length on the wire it claims."""
    original = len(frame) if original is None else original
    return block(3, struct.pack(endian + "I", original) + frame, endian)


def pcapng(frames: Iterable[bytes], *, endian: str = "<", link_type: int = ETHERNET) -> bytes:
    """A pcapng file of one section, one interface and whole frames a microsecond apart from START_NS on."""
    return (
        section(endian)
        + interface(link_type, endian=endian)
        + b"".join(
            enhanced(frame, START_NS // 1000 + number, endian=endian) for number, frame in enumerate(frames)
        )
    )


def snoop_header(version: int = 2, datalink: int = 4) -> bytes:
    """A snoop file header, 16 bytes."""
    return b"snoop\0\0\0" + struct.pack(">II", version, datalink)


def snoop_record(
    frame: bytes,
    time_ns: int = START_NS,
    *,
    drops: int = 0,
    padding: int | None = None,
    original: int | None = None,
) -> bytes:
    """A snoop record. padding: bytes behind the frame, if not up to 32 bits; drops: lost since the beginning."""
    padding = -len(frame) % 4 if padding is None else padding
    seconds, fraction = divmod(time_ns, 1_000_000_000)
    original = len(frame) if original is None else original
    length = 24 + len(frame) + padding
    head = struct.pack(">IIIIII", original, len(frame), length, drops, seconds, fraction // 1000)
    return head + frame + bytes(padding)


def snoop(frames: Iterable[bytes]) -> bytes:
    """A snoop file of whole Ethernet frames, a microsecond apart from START_NS on."""
    return snoop_header() + b"".join(
        snoop_record(frame, START_NS + number * 1000) for number, frame in enumerate(frames)
    )


RAW_BLOCK, RUN, COMPRESSED, RESERVED = range(4)
"""The types of the blocks of zstd (RFC 8878 3.1.1.2.2)."""
ZSTD_HEADER: Final = b"\x28\xb5\x2f\xfd" + bytes([0b0000_0000, 0b0011_1000])
"""The magic number; neither length nor checksum; a window of 128 KiB (RFC 8878 3.1.1.1)."""


def zstd_block(kind: int, content: bytes, size: int | None = None, *, last: bool = False) -> bytes:
    """A block of zstd (RFC 8878 3.1.1.2). size: what it claims, if not the length of its content."""
    header = (len(content) if size is None else size) << 3 | kind << 1 | last
    return header.to_bytes(3, "little") + content


def zstd_run(byte: bytes, size: int, *, last: bool = False) -> bytes:
    """A block of zstd that stands for an byte, so many times."""
    return zstd_block(RUN, byte, size, last=last)


COMPRESSORS: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "gzip": lambda content: gzip.compress(content, mtime=0),
    "zstd": zstandard.ZstdCompressor(write_checksum=True).compress,
    "lz4": lambda content: lz4.frame.compress(content, content_checksum=True),
    "xz": lzma.compress,
    "bzip2": bz2.compress,
}
"""Every compression that is read -> what makes it, with a checksum of the content."""

SKIPPABLE: Final = struct.pack("<II", 0x184D2A53, 5) + b"notes"
"""A skippable frame of zstd and lz4."""
