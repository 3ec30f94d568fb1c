"""Classic pcap that is kept: the same frames when read again, and readable wherever the writing stops."""

from __future__ import annotations

import io
from pathlib import Path

import dpkt
import pytest

from analyzer.capture import open_capture, open_stream
from analyzer.capture.pcap_writer import PcapWriter
from analyzer.errors import OutputError
from tests.capture.test_pcapng_writer import CAPTURES, frames


@pytest.mark.parametrize("name", ["echo.pcap", "half-close.pcapng"])
def test_the_frames_are_those_that_were_given(tmp_path: Path, name: str) -> None:
    kept = tmp_path / "kept.pcap"
    writer = PcapWriter(kept)
    with open_capture(CAPTURES / name) as records:
        while records.advance():
            writer.add(records)
            # Readable at every moment, without a close.
            assert len(frames(kept)) == records.frame
    writer.lost(3, 5)
    writer.close()
    writer.close()
    assert frames(kept) == frames(CAPTURES / name)
    with kept.open("rb") as file:
        assert len(list(dpkt.pcap.Reader(file))) == len(frames(kept))


def test_without_frames_it_is_an_empty_capture(tmp_path: Path) -> None:
    PcapWriter(tmp_path / "none.pcap").close()
    assert frames(tmp_path / "none.pcap") == []


def test_a_second_link_type_is_a_sentence(tmp_path: Path) -> None:
    kept = tmp_path / "kept.pcap"
    writer = PcapWriter(kept)
    with open_capture(CAPTURES / "echo.pcap") as records:
        assert records.advance()
        writer.add(records)
        records.link_type = 113
        with pytest.raises(OutputError, match=r"kept\.pcap is a pcap file, .* ends in \.pcapng$"):
            writer.add(records)
    writer.close()
    assert len(frames(kept)) == 1


def test_a_frame_torn_off_leaves_those_before_it(tmp_path: Path) -> None:
    writer = PcapWriter(tmp_path / "kept.pcap")
    with open_capture(CAPTURES / "echo.pcap") as records:
        while records.advance():
            writer.add(records)
    writer.close()
    with open_stream(io.BytesIO((tmp_path / "kept.pcap").read_bytes()[:-5]), "torn") as records:
        while records.advance():
            pass
        assert records.frame == 9
        assert records.truncated
