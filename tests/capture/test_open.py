from __future__ import annotations

import errno
import gzip
import io
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from analyzer.capture import open_capture, open_stream
from analyzer.errors import CaptureFormatError, InputError
from tests.capture.builders import COMPRESSORS, interface, pcap, pcap_header, pcapng, section, snoop
from tests.capture.reading import Frame, failing, frames_of, in_pieces

FRAMES = [b"first", b"second"]


@pytest.mark.parametrize("kind", ["pcap", "pcapng", "snoop"])
@pytest.mark.parametrize("name", ["a.pcap", "a.pcapng", "a.gz", "no ending"])
@pytest.mark.parametrize("pack", [bytes, *COMPRESSORS.values()], ids=["plain", *COMPRESSORS])
def test_the_kind_comes_from_the_bytes_and_not_the_name(
    tmp_path: Path, kind: str, name: str, pack: Callable[[bytes], bytes]
) -> None:
    content = {"pcap": pcap, "pcapng": pcapng, "snoop": snoop}[kind](FRAMES)
    path = tmp_path / name
    path.write_bytes(pack(content))
    for given in (path, str(path)):
        with open_capture(given) as records:
            assert [frame.data for frame in frames_of(records)] == FRAMES
            assert records.format == kind


def test_a_path_can_be_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "a.pcap"
    path.write_bytes(pcap(FRAMES))
    with open_capture(path) as first, open_capture(path) as second:
        assert frames_of(first) == frames_of(second)


def test_a_fifo(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(pcap(FRAMES),))
    writer.start()
    with open_capture(path) as records:
        assert len(frames_of(records)) == 2
    writer.join()


def test_standard_input_is_a_pipe() -> None:
    program = (
        "from analyzer.capture import open_capture\n"
        "records = open_capture('-')\n"
        "while records.advance(): print(records.frame, records.captured)\n"
    )
    finished = subprocess.run(
        [sys.executable, "-c", program],
        input=gzip.compress(pcapng(FRAMES)),
        stdout=subprocess.PIPE,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert finished.stdout.split() == [b"1", b"5", b"2", b"6"]


def test_frames_come_while_the_pipe_is_still_open() -> None:
    reader, writer = os.pipe()
    content = pcap(FRAMES)
    with open(reader, "rb") as stream:
        os.write(writer, content[:45])
        records = open_stream(stream, "pipe")
        assert records.advance()
        os.write(writer, content[45:])
        assert records.advance()
        assert records.captured == 6
        os.close(writer)
        assert not records.advance()
        assert not records.truncated


def test_what_cannot_be_opened_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        open_capture(tmp_path / "nowhere")
    with pytest.raises(InputError, match="is a directory"):
        open_capture(tmp_path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"just a note\n", "is a text file"),
        (b"\x7fELF\x02\x01\x01", "is not a pcap, pcapng or snoop file .first bytes: 7f 45 4c 46."),
        (gzip.compress(b"", mtime=0), "is empty"),
        (gzip.compress(b"just a note\n", mtime=0), "is a text file"),
        (
            gzip.compress(gzip.compress(pcap(FRAMES), mtime=0), mtime=0),
            "is compressed twice .gzip inside gzip.",
        ),
        (
            gzip.compress(pcap(FRAMES), mtime=0)[:12],
            "is a damaged gzip file .it ends inside its gzip stream.: copy",
        ),
        (b"\x1f\x8b" + bytes(100), "is a damaged gzip file"),
        (pcap_header()[:4], "is truncated: it ends after 4 bytes, inside its pcap file header"),
        (pcap_header()[:23], "is truncated: it ends after 23 bytes, inside its pcap file header"),
        (pcap_header(">")[:23], "is truncated: it ends after 23 bytes, inside its pcap file header"),
        (section()[:4], "is truncated: it ends after 4 bytes, inside its pcapng file header"),
        (section()[:27], "is truncated: it ends after 27 bytes, inside its pcapng file header"),
        (section(major=9) + interface(), ": the section at byte 0 has version 9"),
    ],
)
@pytest.mark.parametrize("size", [1, 1 << 20])
def test_what_is_no_capture(content: bytes, said: str, size: int) -> None:
    with pytest.raises(CaptureFormatError, match=f"test ?{said}") as caught:
        open_stream(in_pieces(content, size), "test")
    assert caught.value.exit_status == 2


def test_a_hostile_name_is_shown_harmless(tmp_path: Path) -> None:
    path = tmp_path / "a\x1b[31m\n\u202eb {path}"
    path.write_bytes(b"note")
    with pytest.raises(CaptureFormatError) as caught:
        open_capture(path)
    assert str(caught.value).isprintable()
    assert "a\\x1b[31m\\n\\u202eb {path} is a text file" in str(caught.value)


def test_a_source_that_fails_at_once() -> None:
    with pytest.raises(InputError, match=r"test cannot be read \(Input/output error\)"):
        open_stream(failing(b"\xd4\xc3", OSError(errno.EIO, "Input/output error")), "test")


def test_a_stream_that_is_no_capture_stays_open() -> None:
    stream = io.BytesIO(b"note")
    with pytest.raises(CaptureFormatError):
        open_stream(stream, "test")
    assert not stream.closed


@pytest.mark.filterwarnings("error::ResourceWarning", "error::pytest.PytestUnraisableExceptionWarning")
def test_a_file_that_is_no_capture_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "note"
    path.write_bytes(b"note")
    with pytest.raises(CaptureFormatError):
        open_capture(path)


@pytest.mark.slow
def test_a_capture_of_the_corpus(corpus_capture: Path) -> None:
    """Against what an independent reader of the container, and tshark, say of the same file."""
    truth = json.loads(corpus_capture.with_name(corpus_capture.name + ".truth.json").read_bytes())
    container = truth["container"]
    with open_capture(corpus_capture) as records:
        frames = frames_of(records)
    if container["format"] == "other":
        # The independent reader knows neither zstd nor snoop.
        assert len(frames) == truth["packets"]
        assert not records.truncated
        assert_times(frames, truth)
        return
    expected = container["records"]
    assert len(frames) == expected
    assert [frame.frame for frame in frames] == list(range(1, expected + 1))
    assert records.format == container["format"]
    assert sorted(records.link_types) == container["linktypes"]
    assert records.truncated == ("bad_record" in container or container.get("truncated_tail", False))
    assert bool(records.warnings) == records.truncated
    if truth["packets"] == expected:
        snapped = sum(len(frame.data) < frame.original for frame in frames)
        assert snapped == truth["frames_info"]["snapped"]
    assert_times(frames, truth)


def assert_times(frames: list[Frame], truth: dict[str, Any]) -> None:
    times = {frame.frame: frame.time_ns for frame in frames}
    for stream in truth["streams"]:
        for end in ("first", "last"):
            seconds, fraction = stream[end + "_time"].split(".")
            expected = int(seconds) * 1_000_000_000 + int(fraction)
            # One writer counted its microseconds in 32 bits and extended the sign.
            assert times[stream[end + "_frame"]] == min(expected, 2**63 - 1)


def test_the_limit_of_what_is_decompressed_reaches_the_reader(tmp_path: Path) -> None:
    path = tmp_path / "a.pcap.gz"
    path.write_bytes(gzip.compress(pcap(FRAMES)))
    with open_capture(path, 45) as records:
        assert [frame.data for frame in frames_of(records)] == FRAMES[:1]
        assert records.truncated
        assert "the limit of 45 bytes: raise --decompress-limit" in records.warnings[0]
    with open_capture(path, 0) as records:
        assert len(frames_of(records)) == 2
        assert not records.truncated
    with pytest.raises(
        CaptureFormatError, match=r"a\.pcap\.gz: its decompressed size exceeds the limit of 10"
    ):
        open_capture(path, 10)
