"""Where frames cannot be kept, in either format."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from analyzer.capture import open_capture
from analyzer.capture.frame_writer import FrameWriter
from analyzer.capture.pcap_writer import PcapWriter
from analyzer.capture.pcapng_writer import PcapngWriter
from analyzer.errors import OutputError
from tests.capture.test_pcapng_writer import CAPTURES, frames

WRITERS: list[Callable[[str], FrameWriter]] = [PcapWriter, lambda path: PcapngWriter(path, "lo")]
each_writer = pytest.mark.parametrize("begin", WRITERS, ids=["pcap", "pcapng"])


@each_writer
def test_a_place_that_cannot_be_written_is_a_sentence(
    tmp_path: Path, begin: Callable[[str], FrameWriter]
) -> None:
    for place in (str(tmp_path), "a\0b"):
        with pytest.raises(OutputError, match=r"cannot write .*: choose another file with -w"):
            begin(place)


@each_writer
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full here")
def test_a_full_disk_is_a_sentence(begin: Callable[[str], FrameWriter]) -> None:
    def keep() -> None:
        writer = begin("/dev/full")
        try:
            with open_capture(CAPTURES / "echo.pcap") as records:
                assert records.advance()
                writer.add(records)
        finally:
            FrameWriter.close(writer)

    with pytest.raises(OutputError, match="No space left"):
        keep()


class _AlmostFull:
    """A disk that takes ten bytes of a frame, once."""

    def __init__(self, file: object) -> None:
        self._file = file

    def write(self, block: bytes) -> int:
        return int(self._file.write(block[:10]))  # type: ignore[attr-defined]

    def __getattr__(self, name: str) -> object:
        return getattr(self._file, name)


@each_writer
def test_a_frame_taken_in_part_is_taken_out_again(
    tmp_path: Path, begin: Callable[[str], FrameWriter], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "kept"
    writer = begin(str(kept))
    with open_capture(CAPTURES / "echo.pcap") as records:
        assert records.advance()
        writer.add(records)
        with monkeypatch.context() as disk:
            disk.setattr(writer, "_file", _AlmostFull(writer._file))
            with pytest.raises(OutputError, match="No space left"):
                writer.add(records)
    writer.close()
    assert len(frames(kept)) == 1
