"""The octets of a capture that this machine is writing or has just written.

Only what the laboratory needs while it records: how many frames are complete so far, and a pcapng without
the description of the recording machine. Reading captures in general is the business of `capture`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

__all__ = ["count_frames", "without_machine"]

# The capture program runs on this machine, so everything is in its own byte order.
_UNSIGNED_32 = struct.Struct("=I")
_BLOCK_START = struct.Struct("=II")  # type, total length
_OPTION_START = struct.Struct("=HH")  # code, length without padding
_PCAP_HEADER_SIZE = 24
_PCAP_RECORD = struct.Struct("=8xII")  # captured length, length on the wire
_SECTION, _INTERFACE, _SIMPLE, _ENHANCED = 0x0A0D0D0A, 1, 3, 6

# Block type -> octets before its options, and the options that describe the machine
# (shb_hardware and shb_os; if_hardware and if_os).
_DESCRIBED: dict[int, tuple[int, frozenset[int]]] = {
    _SECTION: (24, frozenset({2, 3})),
    _INTERFACE: (16, frozenset({12, 15})),
}


def count_frames(octets: bytes) -> int:
    """How many whole frames there are so far in a pcap or pcapng of this machine's byte order."""
    if octets[:4] == _UNSIGNED_32.pack(_SECTION):
        return sum(kind in (_SIMPLE, _ENHANCED) for kind, _ in _blocks(octets))
    frames = 0
    position = _PCAP_HEADER_SIZE
    while position + _PCAP_RECORD.size <= len(octets):
        captured, _ = _PCAP_RECORD.unpack_from(octets, position)
        position += _PCAP_RECORD.size + captured
        frames += position <= len(octets)
    return frames


def without_machine(octets: bytes) -> bytes:
    """The same pcapng without the processor, operating system and network card it was recorded with.

    A sample is for others: what it was recorded on is none of their business, and would make two
    recordings of one scenario differ. Anything but a pcapng comes back as it is.
    """
    if octets[:4] != _UNSIGNED_32.pack(_SECTION):
        return octets
    return b"".join(_undescribed(kind, block) for kind, block in _blocks(octets))


def _blocks(octets: bytes) -> Iterator[tuple[int, bytes]]:
    position = 0
    while position + _BLOCK_START.size <= len(octets):
        kind, length = _BLOCK_START.unpack_from(octets, position)
        if length < _BLOCK_START.size or position + length > len(octets):
            return
        yield kind, octets[position : position + length]
        position += length


def _undescribed(kind: int, block: bytes) -> bytes:
    if kind not in _DESCRIBED:
        return block
    options_start, unwanted = _DESCRIBED[kind]
    kept = block[_BLOCK_START.size : options_start]
    position = options_start
    while position + _OPTION_START.size <= len(block) - _UNSIGNED_32.size:
        code, length = _OPTION_START.unpack_from(block, position)
        following = position + _OPTION_START.size + (length + 3) // 4 * 4
        if code not in unwanted:
            kept += block[position:following]
        position = following
    total = _BLOCK_START.size + len(kept) + _UNSIGNED_32.size
    return _BLOCK_START.pack(kind, total) + kept + _UNSIGNED_32.pack(total)
