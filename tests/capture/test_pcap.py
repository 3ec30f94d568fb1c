from __future__ import annotations

import pytest

from analyzer.capture.pcap import PcapRecords
from analyzer.errors import CaptureFormatError
from tests.capture.builders import MODIFIED, START_NS, pcap, pcap_header, pcap_record
from tests.capture.reading import Frame, frames_of, opened

FRAMES = [b"first", b"", b"the third"]


@pytest.mark.parametrize("endian", ["<", ">"])
@pytest.mark.parametrize(("nanosecond", "step"), [(False, 1000), (True, 1)])
def test_byte_orders_and_resolutions(endian: str, nanosecond: bool, step: int) -> None:
    records = opened(pcap(FRAMES, endian=endian, nanosecond=nanosecond, link_type=276, step_ns=step))
    assert isinstance(records, PcapRecords)
    assert records.format == "pcap"
    assert records.link_types == [276]
    assert frames_of(records) == [
        Frame(number + 1, frame, len(frame), START_NS + number * step, 276)
        for number, frame in enumerate(FRAMES)
    ]
    assert not records.truncated
    assert records.warnings == []


def test_no_records() -> None:
    records = opened(pcap([]))
    assert frames_of(records) == []
    assert records.frame == 0
    assert not records.truncated


@pytest.mark.parametrize("endian", ["<", ">"])
def test_the_modified_record_header(endian: str) -> None:
    content = pcap_header(endian, MODIFIED) + b"".join(
        pcap_record(frame, endian=endian, extra=b"\1\2\3\4\5\6\7\0") for frame in FRAMES
    )
    records = opened(content)
    assert [frame.data for frame in frames_of(records)] == FRAMES
    assert not records.truncated


@pytest.mark.parametrize("upper", [0x30000000, 0x04000000, 0x02240000, 0xFFFF0000])
def test_the_upper_bits_of_the_link_type_are_masked(upper: int) -> None:
    records = opened(pcap([b"abc"], link_type=upper | 132))
    assert records.link_types == [132]
    assert frames_of(records)[0].link_type == 132


def test_a_frame_cut_by_the_snapshot_length() -> None:
    records = opened(pcap_header(snaplen=4) + pcap_record(b"abcd", original=1500))
    assert frames_of(records) == [Frame(1, b"abcd", 1500, START_NS, 1)]


def test_more_captured_than_was_on_the_wire_is_taken_as_it_is() -> None:
    records = opened(pcap_header() + pcap_record(b"abcdef", original=4))
    assert frames_of(records) == [Frame(1, b"abcdef", 4, START_NS, 1)]
    assert records.warnings == []


@pytest.mark.parametrize(("version", "swapped"), [((2, 2), True), ((2, 3), True), ((2, 4), False)])
def test_the_order_of_the_lengths_before_version_2_4(version: tuple[int, int], swapped: bool) -> None:
    captured, original = (90, 3) if swapped else (3, 90)
    record = pcap_record(b"abc", captured=captured, original=original)
    records = opened(pcap_header(version=version) + record)
    assert frames_of(records) == [Frame(1, b"abc", 90, START_NS, 1)]


def test_version_2_3_with_the_lengths_in_order() -> None:
    records = opened(pcap_header(version=(2, 3)) + pcap_record(b"abc", original=90))
    assert frames_of(records) == [Frame(1, b"abc", 90, START_NS, 1)]


def test_the_last_second_of_the_unsigned_clock() -> None:
    last = (2**32 - 1) * 1_000_000_000
    assert frames_of(opened(pcap_header() + pcap_record(b"", last)))[0].time_ns == last


def test_a_fraction_of_more_than_a_second_is_added() -> None:
    record = bytearray(pcap_record(b"abc", START_NS))
    record[4:8] = (2_500_000).to_bytes(4, "little")
    assert frames_of(opened(pcap_header() + record))[0].time_ns == START_NS + 2_500_000_000


@pytest.mark.parametrize("snaplen", [0, 64, 2**31])
def test_a_length_beyond_what_a_record_can_hold(snaplen: int) -> None:
    content = pcap_header(snaplen=snaplen) + pcap_record(b"abc") + pcap_record(b"", captured=262145)
    records = opened(content + bytes(300_000))
    assert len(frames_of(records)) == 1
    assert records.truncated
    (warning,) = records.warnings
    assert warning.startswith(
        "record 2 at byte 43 is damaged: its length field is 262145 bytes, and the most is 262144"
    )


def test_a_long_record_of_the_ordinary_kind() -> None:
    records = opened(pcap([bytes(262144)], snaplen=64))
    assert len(frames_of(records)[0].data) == 262144


def test_a_long_record_of_a_link_type_with_long_messages() -> None:
    records = opened(pcap([bytes(3_000_000), b"abc"], link_type=249))
    assert [len(frame.data) for frame in frames_of(records)] == [3_000_000, 3]


@pytest.mark.parametrize("cut", [1, 2, 3, 4, 10, 18])
def test_a_file_that_ends_inside_a_record(cut: int) -> None:
    records = opened(pcap([b"abc", b"def"])[:-cut])
    assert [frame.data for frame in frames_of(records)] == [b"abc"]
    assert records.truncated
    assert records.warnings == ["capture truncated at byte 43; showing the one complete frame before it"]


@pytest.mark.parametrize(
    ("frames", "sentence"),
    [
        ([b"abc"], "capture truncated at byte 24, before the first complete frame"),
        ([b"abc", b"def", b"g"], "capture truncated at byte 62; showing the 2 complete frames before it"),
    ],
)
def test_a_truncated_file_reports_how_many_frames_are_complete(frames: list[bytes], sentence: str) -> None:
    records = opened(pcap(frames)[:-1])
    assert len(list(frames_of(records))) == len(frames) - 1
    assert records.warnings == [sentence]


def test_another_version() -> None:
    with pytest.raises(CaptureFormatError, match=r"test has pcap version 3\.1"):
        opened(pcap_header(version=(3, 1)))
