"""What is kept: the same frames when read again, and readable wherever the writing stops."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from analyzer.capture import open_capture, open_stream
from analyzer.capture.pcapng_writer import PcapngWriter

CAPTURES = Path(__file__).parents[2] / "captures"


def frames(path: Path) -> list[tuple[int, int, int, int, bytes]]:
    found = []
    with open_capture(path) as records:
        while records.advance():
            frame = records.block[records.offset : records.offset + records.captured]
            found.append((records.frame, records.time_ns, records.original, records.link_type, frame))
        assert not records.truncated
    return found


@pytest.mark.parametrize("name", ["echo.pcap", "half-close.pcapng"])
def test_the_frames_are_those_that_were_given(tmp_path: Path, name: str) -> None:
    kept = tmp_path / "kept.pcapng"
    writer = PcapngWriter(kept, "l o\udcff")
    with open_capture(CAPTURES / name) as records:
        while records.advance():
            writer.add(records)
            # Readable at every moment, without a close.
            assert len(frames(kept)) == records.frame
    writer.lost(3, 5)
    writer.close()
    assert frames(kept) == frames(CAPTURES / name)


def test_a_frame_torn_off_leaves_those_before_it(tmp_path: Path) -> None:
    kept = tmp_path / "kept.pcapng"
    writer = PcapngWriter(kept, "lo")
    with open_capture(CAPTURES / "echo.pcap") as records:
        while records.advance():
            writer.add(records)
    writer.close()
    data = kept.read_bytes()
    with open_stream(io.BytesIO(data[:-5]), "torn") as records:
        while records.advance():
            pass
        assert records.frame == 9
        assert records.truncated


def test_without_frames_it_is_an_empty_capture(tmp_path: Path) -> None:
    writer = PcapngWriter(tmp_path / "none.pcapng", "lo")
    writer.lost(1, 0)
    writer.close()
    assert frames(tmp_path / "none.pcapng") == []
