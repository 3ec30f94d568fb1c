from __future__ import annotations

import struct

import pytest

from analyzer.errors import CaptureFormatError
from tests.capture.builders import START_NS, snoop, snoop_header, snoop_record
from tests.capture.reading import Frame, frames_of, opened


def test_every_record_with_its_time_and_lengths() -> None:
    records = opened(
        snoop_header() + snoop_record(b"abcde", START_NS + 7000, original=99) + snoop_record(b"")
    )
    assert frames_of(records) == [Frame(1, b"abcde", 99, START_NS + 7000, 1), Frame(2, b"", 0, START_NS, 1)]
    assert records.format == "snoop"
    assert records.link_types == [1]
    assert records.lost is None
    assert not records.truncated


def test_padding_is_what_the_record_says() -> None:
    assert [f.data for f in frames_of(opened(snoop_header() + snoop_record(b"a", padding=50) * 2))] == [
        b"a"
    ] * 2


def test_the_last_count_of_lost_frames_holds() -> None:
    records = opened(snoop_header() + snoop_record(b"a", drops=3) + snoop_record(b"a", drops=5))
    frames_of(records)
    assert records.lost == 5


@pytest.mark.parametrize(("datalink", "link_type"), [(0, 1), (2, 6), (4, 1), (8, 10), (18, 123), (26, 242)])
def test_link_types(datalink: int, link_type: int) -> None:
    records = opened(snoop_header(datalink=datalink) + snoop_record(b"a"))
    assert frames_of(records)[0].link_type == link_type


@pytest.mark.parametrize(("version", "datalink"), [(1, 4), (3, 4), (2, 1), (2, 9), (2, 2**32 - 1)])
def test_what_is_not_read(version: int, datalink: int) -> None:
    with pytest.raises(
        CaptureFormatError, match=f"version {version} and datalink type {datalink}, which are not supported"
    ):
        opened(snoop_header(version, datalink))


@pytest.mark.parametrize("left", range(1, 31))
def test_a_record_that_is_cut_off(left: int) -> None:
    whole = snoop([b"first", b"second"])
    records = opened(whole[: 16 + 32 + left])
    assert [frame.data for frame in frames_of(records)] == [b"first"]
    assert records.truncated
    assert "byte 48" in records.warnings[0]


@pytest.mark.parametrize(
    ("captured", "length"),
    [(300_000, 300_024), (8, 31), (8, 0), (8, 8 + 24 + 70_000), (2**32 - 1, 23)],
)
def test_a_record_that_cannot_be(captured: int, length: int) -> None:
    bad = struct.pack(">IIIIII", 8, captured, length, 0, 0, 0) + bytes(400_000)
    records = opened(snoop_header() + snoop_record(b"a") + bad)
    assert len(frames_of(records)) == 1
    assert records.truncated
    assert "record 2 at byte 44" in records.warnings[0]
