"""The wiring: a frame found, its segment explained; whatever a capture holds, only an AnalyzerError."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer import analyze
from analyzer.capture import open_capture
from analyzer.errors import AnalyzerError, InputError, UsageError
from analyzer.explain.one_frame import dissect, explain, summarize
from analyzer.report.explanation_text import explanation_lines
from analyzer.report.terminal import Style, columns
from analyzer.wire.flags import Flags
from tests.wire.frames import PACKET_4, PACKET_6
from tests.wire.wrappings import WRAPPED, ip4, netlink, nflog

ROOT = Path(__file__).resolve().parent.parent.parent
CAPTURES = sorted(path for path in (ROOT / "captures").iterdir() if path.suffix in {".pcap", ".pcapng"})
ECHO = ROOT / "captures" / "echo.pcap"

FRAMES_SAMPLED = 6
"""Frames of each capture of the corpus, spread over it."""


def frames_of(path: Path, most: int = 10_000) -> list[int]:
    numbers: list[int] = []
    with open_capture(path) as records:
        while records.advance() and len(numbers) < most:
            numbers.append(int(records.frame))
    return numbers


def check(path: Path, frame: int) -> None:
    """Explain one frame: text that fits, or one sentence."""
    try:
        explanation = explain(path, frame)
    except AnalyzerError:
        return
    for width in (60, 160):
        for line in explanation_lines(explanation, Style(width)):
            assert columns(line) <= width
            assert line.isprintable()
    for line in explanation_lines(explanation, Style(72, ascii=True)):
        assert line.isascii()


UNREACHABLE = ROOT / "captures" / "unreachable.pcap"


def test_an_icmp_error_is_explained_with_the_segment_that_it_is_about() -> None:
    explanation = explain(UNREACHABLE, 2)
    assert (explanation.segment.frame, explanation.segment.flags) == (1, Flags.SYN)
    assert explanation.error is not None
    assert (explanation.error.frame, explanation.error.kind) == (2, "host-unreachable")
    text = "\n".join(explanation_lines(explanation, Style(160)))
    assert "The ICMP error in frame 2" in text
    assert "a soft error" in text
    assert "unchanged: a capture does not show" in text
    # The segment itself names the error that answers it.
    explanation = explain(UNREACHABLE, 1)
    assert explanation.error is None
    text = "\n".join(explanation_lines(explanation, Style(160)))
    assert "The ICMP error in frame" not in text
    assert "later: the router at 10.0.0.254 reports: host unreachable, about frame 1" in text


def test_an_icmp_error_about_nothing_in_the_capture(tmp_path: Path) -> None:
    data = UNREACHABLE.read_bytes()
    first = int.from_bytes(data[32:36], "little")
    path = tmp_path / "later.pcap"
    path.write_bytes(data[:24] + data[40 + first :])
    with pytest.raises(
        UsageError, match=r"frame 1 is an ICMP error \(host unreachable\) about .* to port 20023"
    ):
        explain(path, 1)
    assert analyze(path).capture.icmp_errors_elsewhere == {"host-unreachable": 1}


@pytest.mark.slow
@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.name)
def test_every_frame_of_every_recording(path: Path) -> None:
    frames = frames_of(path)
    explained = 0
    for frame in frames:
        check(path, frame)
        explained += 1
    assert explained == len(frames) > 0


@pytest.mark.slow
def test_a_sample_of_the_corpus(corpus_capture: Path) -> None:
    try:
        frames = frames_of(corpus_capture, 2_000)
    except AnalyzerError:
        return
    for frame in frames[:: max(len(frames) // FRAMES_SAMPLED, 1)][:FRAMES_SAMPLED]:
        check(corpus_capture, frame)


@given(st.integers(0, len(ECHO.read_bytes()) - 1), st.binary(min_size=1, max_size=8), st.integers(1, 11))
def test_damaged_captures(tmp_path_factory: pytest.TempPathFactory, at: int, data: bytes, frame: int) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.pcap"
    whole = ECHO.read_bytes()
    path.write_bytes(whole[:at] + data + whole[at + len(data) :])
    check(path, frame)


def test_the_segment_is_the_one_of_the_analysis() -> None:
    for segment in analyze(ECHO)[0].segments:
        explanation = explain(ECHO, segment.frame)
        assert explanation.segment == segment
        assert len(explanation.header) == explanation.header_length
        assert explanation.checksum == "partial"


def test_frames_that_are_not_there() -> None:
    with pytest.raises(UsageError, match=r"^there is no frame 11: the last one is frame 10$"):
        explain(ECHO, 11)
    with pytest.raises(UsageError, match=r"^there is no frame 0"):
        explain(ECHO, 0)
    with pytest.raises(UsageError, match="read"):
        explain("-", 1)
    with pytest.raises(InputError, match="does not exist"):
        explain(ROOT / "nowhere.pcap", 1)


def pcap(*frames: bytes, link_type: int = 101) -> bytes:
    records = [struct.pack("<IIII", 0, 0, len(frame), len(frame)) + frame for frame in frames]
    return struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, link_type) + b"".join(records)


def test_what_is_no_tcp_is_named(tmp_path: Path) -> None:
    path = tmp_path / "udp.pcap"
    path.write_bytes(pcap(bytes.fromhex("4500001c0000000040110000c0000201c6336407") + bytes(8)))
    with pytest.raises(UsageError, match=r"^frame 1 has no TCP segment \(UDP\)$"):
        explain(path, 1)
    path.write_bytes(pcap())
    with pytest.raises(UsageError, match=r"^there is no frame 1: the capture is empty$"):
        explain(path, 1)


def test_the_right_one_of_several_connections_between_the_same_ports(tmp_path: Path) -> None:
    recording = ECHO.read_bytes()
    again = bytearray(recording[24:])
    # The client's number of the second SYN differs, so that it begins a second connection.
    again[16 + 14 + 20 + 4] ^= 0xFF
    path = tmp_path / "twice.pcap"
    path.write_bytes(recording + bytes(again))
    assert explain(path, 1).connection.id == 0
    assert explain(path, 11).connection.id == 1


@pytest.mark.slow
def test_dissect_and_summarize(tshark: str, corpus: Path) -> None:
    assert [layer.name for layer in dissect(explain(ECHO, 4), ECHO).layers][:3] == ["eth", "ip", "tcp"]
    capture = corpus / "PcapPlusPlus__four_ipv6_http_streams.pcap"
    told = summarize(analyze(capture).connections, capture)
    assert told[4] == "HTTP GET / HTTP/1.1"
    assert summarize(analyze(ECHO).connections, ECHO) == {}


def told(path: Path, frame: int) -> str:
    return "\n".join(explanation_lines(explain(path, frame), Style(160)))


def test_the_layers_around_a_segment(tmp_path: Path) -> None:
    path = tmp_path / "tunnel.pcap"
    path.write_bytes(pcap(WRAPPED["GTP-U in GRE in MPLS"].frame, link_type=1))
    text = told(path, 1)
    assert [name for name in ("label 100, 200", "type 0x0800", "tunnel 0x00001234") if name not in text] == []
    assert explain(path, 1).checksum == "right"


def test_a_frame_with_several_segments(tmp_path: Path) -> None:
    path = tmp_path / "several.pcap"
    packets = [nflog(2, PACKET_4), nflog(10, PACKET_6), nflog(2, ip4(1, bytes(8)))]
    path.write_bytes(pcap(netlink(*packets), link_type=253))
    assert "1 more TCP segment" in told(path, 1)
    assert explain(path, 1).segment.length == 7


def test_a_segment_in_fragments(tmp_path: Path) -> None:
    path = tmp_path / "fragments.pcap"
    parts = [ip4(6, PACKET_4[20:28], 9, 0x2000), ip4(6, PACKET_4[28:], 9, 1)]
    path.write_bytes(pcap(*parts))
    with pytest.raises(UsageError, match="frame 1 has no TCP segment \\(IP fragment, never completed\\)"):
        explain(path, 1)
    explanation = explain(path, 2)
    assert (explanation.payload, len(explanation.header)) == (b"payload", 32)


@pytest.mark.parametrize("offset", [0, 4, 15])
def test_a_header_that_does_not_say_where_it_ends(tmp_path: Path, offset: int) -> None:
    path = tmp_path / "damaged.pcap"
    path.write_bytes(pcap(PACKET_4[:32] + bytes((offset << 4,)) + PACKET_4[33:]))
    check(path, 1)
    explanation = explain(path, 1)
    assert (len(explanation.header), explanation.options, explanation.checksum) == (20, (), None)
