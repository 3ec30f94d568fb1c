from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import pytest

from analyzer.capture import open_capture
from analyzer.capture.pcapng import MOST_INTERFACES, Interface, PcapngRecords
from analyzer.capture.source import BLOCK_BYTES
from analyzer.errors import CaptureFormatError
from tests.capture.builders import (
    ETHERNET,
    LOOPBACK,
    RAW,
    START_NS,
    block,
    enhanced,
    interface,
    obsolete,
    option,
    pcapng,
    section,
    simple,
)
from tests.capture.reading import Frame, frames_of, opened

HEAD = section() + interface()


def bytes_and_warning(content: bytes) -> tuple[list[bytes], str]:
    """The frames read before something stopped the reading, and what it was."""
    records = opened(content)
    data = [frame.data for frame in frames_of(records)]
    assert records.truncated
    return data, records.warnings[-1]


@pytest.mark.parametrize("endian", ["<", ">"])
def test_enhanced_packets(endian: str) -> None:
    frames = [b"first", b"", b"the third"]
    records = opened(pcapng(frames, endian=endian))
    assert isinstance(records, PcapngRecords)
    assert records.format == "pcapng"
    assert frames_of(records) == [
        Frame(number + 1, frame, len(frame), START_NS + number * 1000, ETHERNET)
        for number, frame in enumerate(frames)
    ]
    assert records.link_types == [ETHERNET]
    assert not records.truncated
    assert records.warnings == []


def test_options_after_a_packet_are_no_part_of_it() -> None:
    records = opened(HEAD + enhanced(b"abcde", options=option(1, b"a comment") + option(0, b"")))
    assert frames_of(records)[0].data == b"abcde"


def test_no_packets() -> None:
    records = opened(section())
    assert frames_of(records) == []
    assert not records.truncated


@pytest.mark.parametrize("endian", ["<", ">"])
def test_the_obsolete_packet_block(endian: str) -> None:
    content = section(endian) + interface(endian=endian) + interface(RAW, endian=endian)
    records = opened(content + obsolete(b"abc", number=1, endian=endian))
    assert frames_of(records) == [Frame(1, b"abc", 3, START_NS, RAW)]


@pytest.mark.parametrize("endian", ["<", ">"])
def test_simple_packets(endian: str) -> None:
    content = section(endian) + interface(LOOPBACK, endian=endian) + interface(endian=endian)
    records = opened(content + simple(b"abcde", endian=endian))
    assert frames_of(records) == [Frame(1, b"abcde", 5, 0, LOOPBACK)]


def test_a_simple_packet_cut_by_the_snapshot_length() -> None:
    records = opened(section() + interface(snaplen=5) + simple(b"abcde", original=1500))
    assert frames_of(records) == [Frame(1, b"abcde", 1500, 0, ETHERNET)]
    assert records.warnings == []


def test_a_simple_packet_with_less_than_it_claims() -> None:
    records = opened(HEAD + simple(b"abcd", original=9))
    assert frames_of(records)[0].data == b"abcd"
    assert records.warnings == [
        "frame 1 has a length field of 9 bytes, but its block holds 4: only those are shown"
    ]
    assert not records.truncated


def test_interfaces_with_their_own_link_type_and_resolution() -> None:
    content = (
        section()
        + interface(ETHERNET)
        + interface(RAW, resolution=9)
        + enhanced(b"a", START_NS // 1000, 0)
        + interface(LOOPBACK, resolution=3)
        + enhanced(b"b", START_NS + 7, 1)
        + enhanced(b"c", START_NS // 1_000_000, 2)
        + enhanced(b"d", START_NS // 1000 + 1, 0)
    )
    records = opened(content)
    assert records.link_types == []
    assert [(frame.time_ns, frame.link_type) for frame in frames_of(records)] == [
        (START_NS, ETHERNET),
        (START_NS + 7, RAW),
        (START_NS, LOOPBACK),
        (START_NS + 1000, ETHERNET),
    ]
    assert records.link_types == [ETHERNET, RAW, LOOPBACK]


def test_sections_of_both_byte_orders_each_with_its_own_interfaces() -> None:
    content = (
        section("<", length=123456)
        + interface(ETHERNET)
        + enhanced(b"a")
        + section(">")
        + interface(RAW, endian=">", resolution=9)
        + enhanced(b"b", START_NS, endian=">")
        + section("<")
        + interface(ETHERNET)
        + simple(b"c")
    )
    records = opened(content)
    assert frames_of(records) == [
        Frame(1, b"a", 1, START_NS, ETHERNET),
        Frame(2, b"b", 1, START_NS, RAW),
        Frame(3, b"c", 1, 0, ETHERNET),
    ]
    assert records.link_types == [ETHERNET, RAW]
    assert not records.truncated


def test_an_interface_is_not_known_in_the_next_section() -> None:
    data, warning = bytes_and_warning(HEAD + enhanced(b"a") + section() + enhanced(b"b"))
    assert data == [b"a"]
    assert "names interface 0, which its section does not declare" in warning


@pytest.mark.parametrize("packet", [enhanced(b"b", number=1), obsolete(b"b", number=1)])
def test_a_packet_of_an_undeclared_interface(packet: bytes) -> None:
    data, warning = bytes_and_warning(HEAD + enhanced(b"a") + packet + enhanced(b"c"))
    assert data == [b"a"]
    assert "names interface 1, which its section does not declare" in warning


def test_a_simple_packet_without_any_interface() -> None:
    data, warning = bytes_and_warning(section() + simple(b"b"))
    assert data == []
    assert "names interface 0, which its section does not declare" in warning


@pytest.mark.parametrize(
    ("resolution", "offset", "ticks", "time_ns"),
    [
        (None, None, 1_700_000_000_123_456, 1_700_000_000_123_456_000),
        (0, None, 1_700_000_000, 1_700_000_000_000_000_000),
        (3, None, 1_700_000_000_123, 1_700_000_000_123_000_000),
        (9, None, 1_700_000_000_123_456_789, 1_700_000_000_123_456_789),
        (12, None, 1_700_000_123_456_789_999, 1_700_000_123_456_789),
        (127, None, 2**64 - 1, 0),
        (0x80, None, 1_700_000_000, 1_700_000_000_000_000_000),
        (0x94, None, 1_700_000_000 << 20 | 1 << 19, 1_700_000_000_500_000_000),
        (0xFF, None, 2**64 - 1, 0),
        (0x80 | 30, None, (1_700_000_000 << 30) + 1, 1_700_000_000_000_000_000),
        (6, 3600, 1_000_000, 3_601_000_000_000),
        (6, -3600, 0, -3_600_000_000_000),
        (9, 1_700_000_000, 5, 1_700_000_000_000_000_005),
        (0x94, -1, 3 << 19, 500_000_000),
        (9, -9_223_372_036, 2**63, 2**63 - 9_223_372_036_000_000_000),
    ],
)
@pytest.mark.parametrize("endian", ["<", ">"])
def test_times(resolution: int | None, offset: int | None, ticks: int, time_ns: int, endian: str) -> None:
    content = (
        section(endian)
        + interface(endian=endian, resolution=resolution, offset_seconds=offset)
        + enhanced(b"a", ticks, endian=endian)
    )
    records = opened(content)
    assert frames_of(records)[0].time_ns == time_ns
    assert records.warnings == []


@pytest.mark.parametrize(
    ("resolution", "offset", "ticks", "time_ns"),
    [
        (6, None, 2**64 - 1, 2**63 - 1),
        (0, None, 2**40, 2**63 - 1),
        (6, -(2**63), 0, -(2**63)),
        (6, 2**63 - 1, 0, 2**63 - 1),
    ],
)
def test_times_beyond_64_bits(resolution: int, offset: int | None, ticks: int, time_ns: int) -> None:
    content = section() + interface(resolution=resolution, offset_seconds=offset) + enhanced(b"a", ticks)
    records = opened(content)
    assert frames_of(records)[0].time_ns == time_ns
    (warning,) = records.warnings
    assert warning.startswith("frame 1 has a time that does not fit")


def test_plain_and_exact_times_agree() -> None:
    for resolution in range(10):
        for offset in (0, 7, -7, 4_000_000_000, -4_000_000_000):
            of = Interface(1, 0, resolution, offset)
            for ticks in (0, 1, of.most_plain_ticks):
                plain = ticks * of.plain_ticks_ns + of.plain_offset_ns
                assert plain == of.exact_time(ticks >> 32, ticks & 0xFFFFFFFF)


def test_options_of_an_interface_that_are_of_no_use() -> None:
    options = (
        option(2, b"eth0") + option(9, b"\x09\x09") + option(14, b"abc") + option(0, b"") + option(9, b"\3")
    )
    content = section() + block(1, struct.pack("<HHI", 1, 0, 0) + options) + enhanced(b"a")
    records = opened(content)
    assert frames_of(records)[0].time_ns == START_NS
    assert records.warnings == []


def test_an_option_longer_than_its_block() -> None:
    body = struct.pack("<HHI", 1, 0, 0) + struct.pack("<HH", 9, 60)
    records = opened(section() + block(1, body) + enhanced(b"a"))
    assert len(frames_of(records)) == 1
    (warning,) = records.warnings
    assert warning.startswith("option 9 of the interface at byte 28 is longer than its block")
    assert not records.truncated


def test_unknown_blocks_are_passed_over() -> None:
    content = HEAD
    for kind in (4, 5, 10, 0x7777, 0x80000001, 0xFFFFFFFF):
        content += block(kind, bytes(kind % 50)) + enhanced(b"a")
    records = opened(content)
    assert [frame.frame for frame in frames_of(records)] == [1, 2, 3, 4, 5, 6]


def test_an_unknown_block_longer_than_any_that_is_held() -> None:
    records = opened(HEAD + enhanced(b"a") + block(0x7777, bytes(20 * BLOCK_BYTES + 3)) + enhanced(b"b"))
    assert [frame.data for frame in frames_of(records)] == [b"a", b"b"]
    assert not records.truncated


@pytest.mark.parametrize("kind", [0x9, 0x204, 0x216, 0x221, 0xBAD, 0x40000BAD])
def test_blocks_that_wireshark_numbers_leave_a_gap(kind: int) -> None:
    records = opened(HEAD + enhanced(b"a") + block(kind, bytes(40)) + enhanced(b"b"))
    assert [frame.frame for frame in frames_of(records)] == [1, 3]


def test_a_packet_longer_than_its_block_is_clamped() -> None:
    records = opened(HEAD + enhanced(b"abcd", captured=80, original=90) + enhanced(b"b"))
    assert [(frame.data, frame.original) for frame in frames_of(records)] == [(b"abcd", 90), (b"b", 1)]
    assert records.warnings == [
        "frame 1 has a length field of 80 bytes, but its block holds 4: only those are shown"
    ]
    assert not records.truncated


@pytest.mark.parametrize("kind", [1, 2, 3, 6, 0x7777])
@pytest.mark.parametrize("length", [0, 4, 8, 11])
def test_a_block_length_that_cannot_be(kind: int, length: int) -> None:
    content = HEAD + enhanced(b"a") + struct.pack("<II", kind, length) + bytes(40)
    data, warning = bytes_and_warning(content)
    assert data == [b"a"]
    assert f"the block at byte 84 has a length field of {length} bytes" in warning


@pytest.mark.parametrize("packet", [enhanced(b"abcde"), obsolete(b"abcde"), simple(b"abcde")])
def test_a_length_without_the_padding(packet: bytes) -> None:
    length = struct.pack("<I", len(packet) - 3)
    unrounded = packet[:4] + length + packet[8:-4] + length
    records = opened(HEAD + unrounded + enhanced(b"f"))
    assert [frame.data for frame in frames_of(records)] == [b"abcde", b"f"]
    assert records.warnings == []


def test_a_block_without_its_padding() -> None:
    unpadded = struct.pack("<II", 0x7777, 15) + b"abc" + struct.pack("<I", 15)
    data, warning = bytes_and_warning(HEAD + enhanced(b"a") + unpadded + enhanced(b"b"))
    assert data == [b"a"]
    assert "the block at byte 84 has two lengths, 16 at its start" in warning


@pytest.mark.parametrize(("kind", "length"), [(1, 16), (2, 28), (3, 12), (6, 28), (6, 2**24 + 4)])
def test_a_block_length_that_its_type_cannot_have(kind: int, length: int) -> None:
    content = HEAD + enhanced(b"a") + struct.pack("<II", kind, length) + bytes(40)
    data, warning = bytes_and_warning(content)
    assert data == [b"a"]
    assert f"length field of {length} bytes" in warning


@pytest.mark.parametrize("damaged", [enhanced(b"b"), simple(b"b"), interface(), section(), block(77, b"b")])
def test_a_trailing_length_that_differs(damaged: bytes) -> None:
    content = HEAD + enhanced(b"a") + damaged[:-4] + b"\x40\0\0\0" + enhanced(b"c")
    data, warning = bytes_and_warning(content)
    assert data == [b"a"]
    assert f"the block at byte 84 has two lengths, {len(damaged)} at its start and 64 at its end" in warning


@pytest.mark.parametrize("cut", [enhanced(b"b"), simple(b"b"), interface(), section(), block(77, b"bcdef")])
def test_a_file_that_ends_inside_a_block(cut: bytes) -> None:
    for length in range(1, len(cut)):
        data, warning = bytes_and_warning(HEAD + enhanced(b"a") + cut[:length])
        assert data == [b"a"]
        assert "capture truncated at byte 84" in warning


def test_a_truncated_file_does_not_count_blocks_without_a_packet_as_frames() -> None:
    data, warning = bytes_and_warning(HEAD + enhanced(b"a") + block(9, b"journal!") + enhanced(b"b")[:-1])
    assert data == [b"a"]
    assert "showing the one complete frame before it" in warning


def test_a_later_section_without_a_byte_order() -> None:
    damaged = bytearray(section())
    damaged[8] = 0
    data, warning = bytes_and_warning(HEAD + enhanced(b"a") + damaged)
    assert data == [b"a"]
    assert "the section header at byte 84 has no byte-order magic" in warning


def test_a_later_section_of_another_version() -> None:
    data, warning = bytes_and_warning(HEAD + enhanced(b"a") + section(major=2))
    assert data == [b"a"]
    assert "the section at byte 84 has version 2" in warning


@pytest.mark.slow
def test_too_many_interfaces() -> None:
    content = section() + interface() * (MOST_INTERFACES + 1) + enhanced(b"a")
    data, warning = bytes_and_warning(content)
    assert data == []
    assert "declares more than 65536 interfaces" in warning


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (section()[:8] + bytes(20), "no byte-order magic"),
        (section(major=7), "has version 7"),
        (section()[:4] + struct.pack("<I", 16) + section()[8:], "length field of 16 bytes"),
        (
            section()[:4] + struct.pack("<I", 30) + section()[8:] + bytes(4),
            "two lengths, 32 at its start and 0",
        ),
        (section()[:4] + struct.pack("<I", 2**25) + section()[8:], "length field of 33554432 bytes"),
        (section()[:-4] + bytes(4), "two lengths, 28 at its start and 0 at its end"),
        (section(options=option(4, b"a program"))[:-1], "capture truncated"),
    ],
)
def test_a_first_section_that_cannot_be_read(content: bytes, fault: str) -> None:
    with pytest.raises(CaptureFormatError, match=fault) as caught:
        opened(content)
    assert str(caught.value).startswith("cannot read the pcapng file test: ")


def statistics(*options: tuple[int, bytes], number: int = 0, endian: str = "<") -> bytes:
    """An interface statistics block."""
    body = b"".join(option(code, value, endian) for code, value in options)
    return block(5, struct.pack(endian + "III", number, 0, 0) + body + option(0, b"", endian), endian)


def counter(value: int, endian: str = "<") -> bytes:
    return struct.pack(endian + "Q", value)


@pytest.mark.parametrize(
    ("blocks", "lost"),
    [
        ([], None),
        ([statistics()], None),
        ([statistics((4, counter(9)))], None),
        ([statistics((5, counter(0)))], 0),
        ([statistics((4, counter(9)), (5, counter(3)), (7, counter(4)))], 7),
        # The latest of an interface holds, and one that does not say changes nothing.
        ([statistics((5, counter(3))), statistics((5, counter(8))), statistics()], 8),
        ([statistics((5, counter(3))), statistics((7, counter(2)), number=1)], 5),
        # A section begins anew, and what the one before it lost stays lost.
        ([statistics((5, counter(3))), section(">"), interface(endian=">"),
          statistics((5, counter(2, ">")), endian=">")], 5),
        # Not known, of a wrong length, of no interface, cut off, and with an option beyond its end.
        ([statistics((5, counter(2**64 - 1)))], None),
        ([statistics((5, b"1234"))], None),
        ([statistics((5, counter(3)), number=2)], None),
        ([block(5, b"")], None),
        ([block(5, bytes(12) + struct.pack("<HH", 5, 8))], None),
    ],
)  # fmt: skip
def test_what_the_capture_lost(blocks: list[bytes], lost: int | None) -> None:
    records = opened(HEAD + interface() + enhanced(b"a") + b"".join(blocks) + section() + interface())
    assert len(frames_of(records)) == 1
    assert records.lost == lost
    assert not records.truncated
    assert records.warnings == []


def test_statistics_that_break_off_or_disagree() -> None:
    whole = statistics((5, counter(3)))
    assert "capture truncated" in bytes_and_warning(HEAD + whole[:-6])[1]
    assert "at its end" in bytes_and_warning(HEAD + whole[:-4] + struct.pack("<I", 64))[1]


def every_kind_of_block(endian: str) -> bytes:
    """A section with interfaces of several clocks and each block that one may meet, in one byte order."""
    frame = bytes(range(60))
    unread = [
        block(10, struct.pack(endian + "II", 0x544C534B, 8) + b"CLIENT_R", endian),  # decryption secrets
        block(4, struct.pack(endian + "HH", 0, 0), endian),  # name resolution
        block(0xBAD, struct.pack(endian + "I", 32473) + b"data", endian),  # custom
        block(9, b"__REALTIME_TIMESTAMP=1\n\n", endian),  # journal entry
        block(5, struct.pack(endian + "III", 0, 0, 0), endian),  # interface statistics
    ]
    return b"".join(
        [
            section(endian, length=12),
            interface(1, endian=endian, resolution=9),
            interface(101, endian=endian, resolution=0x80 | 20, offset_seconds=1000),
            interface(1, endian=endian, resolution=3),
            interface(1, endian=endian, offset_seconds=-5),
            enhanced(frame, 1_700_000_000_123_456_789, 0, endian),
            *unread,
            enhanced(frame, 123 << 20 | 77777, 1, endian),
            enhanced(frame, 1_700_000_000_123, 2, endian),
            enhanced(frame, 1_700_000_000_123_456, 3, endian),
            obsolete(frame, 1_700_000_000_123_456_789, 0, endian),
            *reversed(unread),
            enhanced(
                frame,
                5,
                0,
                endian,
                original=999,
                options=option(1, b"hello", endian) + option(0, b"", endian),
            ),
        ]
    )


def test_numbers_times_and_lengths_are_those_of_tshark(tmp_path: Path, tshark: str) -> None:
    path = tmp_path / "every.pcapng"
    path.write_bytes(every_kind_of_block("<") + every_kind_of_block(">"))
    fields = ("frame.number", "frame.time_epoch", "frame.cap_len", "frame.len")
    told = subprocess.run(
        [
            tshark,
            "-n",
            "-r",
            str(path),
            "-T",
            "fields",
            *(part for field in fields for part in ("-e", field)),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    rows = [line.split("\t") for line in told.stdout.splitlines()]
    with open_capture(path) as records:
        ours = {
            str(f.frame): [
                f"{f.time_ns // 10**9}.{f.time_ns % 10**9:09}",
                str(len(f.data)),
                str(f.original),
            ]
            for f in frames_of(records)
        }
        assert not records.truncated
    # tshark shows what has no packet in it too: the journal entry and the custom block.
    assert len(ours) == 12
    assert len(rows) == 20
    assert {row[0]: row[1:4] for row in rows if row[0] in ours} == ours
