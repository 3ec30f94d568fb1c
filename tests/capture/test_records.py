"""What holds for both formats: blocks, short reads, sources that fail, mutated files."""

from __future__ import annotations

import errno
import gzip
import io
import os
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.capture import open_stream
from analyzer.capture.records import MOST_WARNINGS, Records, most_captured
from analyzer.capture.source import BLOCK_BYTES, Bytes, SourceFault
from analyzer.errors import AnalyzerError
from tests.capture.builders import (
    block,
    enhanced,
    interface,
    obsolete,
    pcap,
    pcap_header,
    pcap_record,
    pcapng,
    section,
    simple,
)
from tests.capture.reading import failing, frames_of, in_pieces, opened

FRAMES = [bytes([number]) * (number * 37 % 101) for number in range(40)]
SAMPLES = [
    pcap(FRAMES),
    pcap(FRAMES, endian=">", nanosecond=True),
    pcapng(FRAMES),
    section(">")
    + interface(endian=">", resolution=0x94, offset_seconds=-5)
    + interface(link_type=101, endian=">", resolution=9)
    + enhanced(b"abc", number=1, endian=">")
    + block(0x55, bytes(80), ">")
    + section()
    + interface(snaplen=40)
    + simple(bytes(40), original=90)
    + obsolete(b"abcd")
    + enhanced(b"abcde"),
]


@pytest.mark.parametrize("content", SAMPLES)
@pytest.mark.parametrize("size", [1, 2, 13, 64, 1000])
def test_short_reads_change_nothing(content: bytes, size: int) -> None:
    whole = opened(content)
    pieces = open_stream(in_pieces(content, size), "test")
    assert frames_of(pieces) == frames_of(whole)
    assert not pieces.truncated
    assert pieces.warnings == []


@pytest.mark.parametrize("build", [pcap, pcapng])
def test_records_across_blocks(build: object) -> None:
    frames = [os.urandom(50_000 + number % 7) for number in range(100)]
    content = pcap(frames) if build is pcap else pcapng(frames)
    assert len(content) > 4 * BLOCK_BYTES
    assert [frame.data for frame in frames_of(opened(content))] == frames


def test_a_record_that_ends_with_its_block() -> None:
    first = bytes(BLOCK_BYTES // 4 - 24 - 16)
    others = [bytes(BLOCK_BYTES // 4 - 16)] * 7
    content = pcap([first, *others])
    assert len(content) == 2 * BLOCK_BYTES
    records = opened(content)
    assert len(frames_of(records)) == 8
    assert not records.truncated


@pytest.mark.parametrize("content", SAMPLES)
def test_a_file_cut_off_anywhere_gives_the_frames_before(content: bytes) -> None:
    whole = frames_of(opened(content))
    cut_off = 0
    for length in range(28, len(content)):
        records = opened(content[:length])
        frames = frames_of(records)
        assert frames == whole[: len(frames)]
        assert records.truncated == bool(records.warnings)
        assert all("capture truncated" in warning for warning in records.warnings)
        cut_off += records.truncated
    assert cut_off > len(content) // 2


@pytest.mark.parametrize("content", SAMPLES)
@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.EIO, "Input/output error"),
        SourceFault("it ends inside its gzip stream"),
    ],
)
def test_a_source_that_fails_in_the_middle(content: bytes, error: Exception) -> None:
    whole = frames_of(opened(content))
    records = open_stream(failing(content[:-1], error), "test")
    assert frames_of(records) == whole[:-1]
    assert records.truncated
    (warning,) = records.warnings
    assert warning.startswith("reading stopped: ")


def test_a_source_that_fails_between_two_records() -> None:
    records = open_stream(failing(pcap(FRAMES), OSError(errno.EIO, "Input/output error")), "test")
    assert len(frames_of(records)) == len(FRAMES)
    assert records.truncated
    assert records.warnings == ["reading stopped: Input/output error"]


def test_an_interruption_passes_through() -> None:
    records = open_stream(failing(pcap(FRAMES), KeyboardInterrupt()), "test")
    with pytest.raises(KeyboardInterrupt):
        frames_of(records)


def test_a_cut_off_gzip_gives_the_frames_before() -> None:
    frames = [os.urandom(1000) for _ in range(2000)]
    records = opened(gzip.compress(pcap(frames), 1)[:-1000])
    read = frames_of(records)
    assert 1990 <= len(read) < 2000
    assert records.truncated
    assert records.warnings == ["reading stopped: it ends inside its gzip stream"]


def test_leaving_the_context_ends_the_reading() -> None:
    with opened(pcap(FRAMES)) as records:
        assert records.advance()
    assert not records.advance()
    assert not records.truncated
    records.close()


def test_a_stream_that_was_given_stays_open() -> None:
    stream = io.BytesIO(pcap(FRAMES))
    with open_stream(stream, "test") as records:
        frames_of(records)
    assert not stream.closed


def test_the_base_class_reads_no_format() -> None:
    with pytest.raises(NotImplementedError):
        Records(Bytes(io.BytesIO(), "test", False), "none").advance()


def test_the_most_bytes_of_a_record() -> None:
    assert most_captured(1) == 262144
    assert most_captured(231) > 2**26


@pytest.mark.parametrize(
    "content",
    [
        pcap_header(link_type=231) + pcap_record(b"abc", captured=2**27),
        section() + interface() + block(6, b"")[:4] + (2**24).to_bytes(4, "little") + bytes(100),
        section() + interface() + block(0x77, b"")[:4] + (2**32 - 4).to_bytes(4, "little") + bytes(100),
    ],
)
def test_a_lying_length_allocates_nothing(content: bytes) -> None:
    tracemalloc.start()
    try:
        records = opened(content)
        assert frames_of(records) == []
        assert tracemalloc.get_traced_memory()[1] < 4 * BLOCK_BYTES
    finally:
        tracemalloc.stop()
    assert records.truncated


@pytest.mark.slow
def test_memory_does_not_follow_the_file() -> None:
    record = pcap_record(bytes(60_000))
    content = gzip.compress(pcap_header() + record * 1000, 1)
    tracemalloc.start()
    try:
        assert len(frames_of_nothing(opened(content))) == 1000
        assert tracemalloc.get_traced_memory()[1] < 6 * BLOCK_BYTES
    finally:
        tracemalloc.stop()


def frames_of_nothing(records: Records) -> list[int]:
    numbers = []
    while records.advance():
        numbers.append(int(records.frame))
    return numbers


def test_warnings_are_bounded() -> None:
    records = opened(section() + interface() + enhanced(b"abcd", captured=99) * 100 + b"cut")
    assert len(frames_of(records)) == 100
    assert len(records.warnings) == MOST_WARNINGS + 1
    assert "capture truncated" in records.warnings[-1]


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@given(
    sample=st.sampled_from([*SAMPLES, gzip.compress(SAMPLES[0], mtime=0)]),
    changes=st.lists(
        st.tuples(
            st.integers(0, 5000), st.sampled_from([0, 1, 3, 4, 0x7F, 0x80, 0xFF]) | st.integers(0, 255)
        ),
        max_size=12,
    ),
    size=st.sampled_from([1, 5, 1 << 20]),
    cut=st.integers(0, 5000) | st.none(),
)
def test_a_mutated_file_raises_only_our_errors_and_ends(
    sample: bytes, changes: list[tuple[int, int]], size: int, cut: int | None
) -> None:
    content = bytearray(sample)
    for place, byte in changes:
        content[place % len(content)] = byte
    try:
        records = open_stream(in_pieces(bytes(content[:cut]), size), "test")
    except AnalyzerError:
        return
    frames = frames_of(records)
    assert len(frames) <= len(content)
    assert records.truncated <= bool(records.warnings)
    assert all(warning.isprintable() for warning in records.warnings)
    assert all(-(2**63) <= frame.time_ns < 2**63 for frame in frames)


@settings(max_examples=100, deadline=None)
@given(
    head=st.sampled_from([pcap_header(), section(), section() + interface()]), tail=st.binary(max_size=300)
)
def test_anything_after_a_good_header_ends(head: bytes, tail: bytes) -> None:
    records = opened(head + bytes(4) + tail)
    frames_of(records)
    assert records.truncated <= bool(records.warnings)
