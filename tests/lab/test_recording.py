"""Counting the frames of a capture that grows, and removing the description of the machine."""

from __future__ import annotations

import struct

import pytest

from analyzer.lab.recording import count_frames, without_machine


def pcap(*frames: bytes) -> bytes:
    header = struct.pack("=IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1)
    return header + b"".join(struct.pack("=IIII", 1, 2, len(frame), 99) + frame for frame in frames)


def option(code: int, value: bytes) -> bytes:
    return struct.pack("=HH", code, len(value)) + value + b"\0" * (-len(value) % 4)


def block(kind: int, body: bytes) -> bytes:
    length = struct.pack("=I", len(body) + 12)
    return struct.pack("=I", kind) + length + body + length


SECTION_BODY = struct.pack("=IHHq", 0x1A2B3C4D, 1, 0, -1)
INTERFACE_BODY = struct.pack("=HHI", 1, 0, 262144)
END = option(0, b"")
FRAMES = block(6, bytes(20) + b"abcd") + block(3, b"\4\0\0\0abcd")


def test_only_whole_frames_of_a_pcap_count() -> None:
    octets = pcap(b"one", b"", b"three")
    counts = [count_frames(octets[:length]) for length in range(len(octets) + 1)]
    assert counts == [0] * 43 + [1] * 16 + [2] * 21 + [3]


def test_only_whole_frames_of_a_pcapng_count() -> None:
    start = block(0x0A0D0D0A, SECTION_BODY) + block(1, INTERFACE_BODY)
    octets = start + FRAMES + block(5, bytes(12))
    assert count_frames(octets) == 2
    assert count_frames(start + FRAMES[:-1]) == 1
    assert [count_frames(octets[:length]) for length in range(len(start) + 1)] == [0] * (len(start) + 1)


def test_a_length_that_leads_nowhere_ends_the_count() -> None:
    assert count_frames(block(0x0A0D0D0A, SECTION_BODY) + struct.pack("=II", 6, 0) + FRAMES) == 0


def test_processor_system_and_card_are_removed_and_nothing_else() -> None:
    described = (
        block(
            0x0A0D0D0A,
            SECTION_BODY + option(2, b"processor") + option(3, b"system") + option(4, b"program") + END,
        )
        + block(1, INTERFACE_BODY + option(2, b"lo") + option(12, b"system") + option(15, b"card") + END)
        + FRAMES
    )
    assert without_machine(described) == (
        block(0x0A0D0D0A, SECTION_BODY + option(4, b"program") + END)
        + block(1, INTERFACE_BODY + option(2, b"lo") + END)
        + FRAMES
    )


@pytest.mark.parametrize(
    "octets", [b"", pcap(b"one"), block(0x0A0D0D0A, SECTION_BODY) + block(1, INTERFACE_BODY) + FRAMES]
)
def test_where_nothing_is_described_nothing_changes(octets: bytes) -> None:
    assert without_machine(octets) == octets
