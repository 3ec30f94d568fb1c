"""The explanation of a segment as it is printed.

What is printed of captures/echo.pcap is kept in tests/report/explained. After an intended change, from the
top of the checkout:

    for frame in 1 4 9; do for width in 80 100; do
        COLUMNS=$width ./tcpanalyze explain captures/echo.pcap $frame --no-dissection \
            > tests/report/explained/echo-$frame-$width.txt
    done; done
"""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path

import pytest

from analyzer.explain.one_frame import explain
from analyzer.report.explanation_text import dissection_lines, explanation_lines
from analyzer.report.terminal import Style, columns
from analyzer.tcp.labels import LABELS
from analyzer.tcp.notes import NOTES
from tests.report.builders import text_of

ROOT = Path(__file__).resolve().parent.parent.parent
WIDE = Style(160)


@pytest.mark.parametrize("frame", [1, 4, 9])
@pytest.mark.parametrize("width", [80, 100])
def test_the_echo_recording(frame: int, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    kept = (ROOT / "tests" / "report" / "explained" / f"echo-{frame}-{width}.txt").read_text("utf-8")
    lines = explanation_lines(explain("captures/echo.pcap", frame), Style(width))
    assert "".join(f"{line}\n" for line in lines) == kept


# Captures made by hand: raw IP, so that a frame is its IP packet.


def pcap(*frames: bytes, snap: int = 65535) -> bytes:
    records = [
        struct.pack("<IIII", 0, number, min(len(frame), snap), len(frame)) + frame[:snap]
        for number, frame in enumerate(frames)
    ]
    return struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101) + b"".join(records)


def tcp(
    flags: int, options: bytes = b"", payload: bytes = b"", *, urgent: int = 0, reserved: int = 0
) -> bytes:
    offset = (20 + len(options)) // 4 << 4 | reserved << 1
    return struct.pack(">HHIIBBHHH", 1000, 2000, 7, 9, offset, flags, 5, 0, urgent) + options + payload


def ipv4(segment: bytes) -> bytes:
    header = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(segment), 1, 0, 64, 6, 0)
    return header + bytes([192, 0, 2, 1, 198, 51, 100, 7]) + segment


def ipv6(segment: bytes) -> bytes:
    return (
        struct.pack(">IHBB", 6 << 28, len(segment), 6, 64) + bytes(15) + b"\1" + bytes(15) + b"\2" + segment
    )


def shown(tmp_path: Path, *frames: bytes, style: Style = WIDE, snap: int = 65535, frame: int = 1) -> str:
    path = tmp_path / "made.pcap"
    path.write_bytes(pcap(*frames, snap=snap))
    return text_of(list(explanation_lines(explain(path, frame), style)))


def test_ipv6(tmp_path: Path) -> None:
    text = shown(tmp_path, ipv6(tcp(0x02)))
    assert "IPv6    ::1 → ::2 · hop limit 64" in text
    assert "[::1]:1000 → [::2]:2000" in text


def test_a_hostile_payload_is_inert(tmp_path: Path) -> None:
    payload = b"\x1b[2J\x07\r\n\x9b\xe2\x80\xaeevil</script>"
    text = shown(tmp_path, ipv4(tcp(0x18, payload=payload)))
    assert all(line.isprintable() for line in text.split("\n"))
    assert "0000  1b 5b 32 4a 07 0d 0a 9b e2 80 ae 65 76 69 6c 3c" in text
    assert " .[2J.......evil<" in text


def test_a_snapped_frame(tmp_path: Path) -> None:
    segment = ipv4(tcp(0x18, payload=bytes(100)))
    text = shown(tmp_path, segment, snap=60)
    assert "140 bytes on the wire · only the first 60 were captured" in text
    assert "not checked: the capture does not hold the whole segment" in text
    assert "Payload: 100 bytes, the first 20 shown" in text
    text = shown(tmp_path, segment, snap=40)
    assert "Payload: 100 bytes, none captured" in text


def test_options_that_were_cut_off(tmp_path: Path) -> None:
    segment = ipv4(tcp(0x02, options=bytes.fromhex("020405b4 0402080a 0000000100000000 01030307")))
    text = shown(tmp_path, segment, snap=50)
    assert "TCP header: 40 bytes, 30 captured" in text
    assert "malformed: cut off by the capture" in text
    text = shown(tmp_path, segment, snap=40)
    assert "Options: 20 bytes" in text
    assert "not captured" in text


def test_malformed_options(tmp_path: Path) -> None:
    text = shown(tmp_path, ipv4(tcp(0x02, options=bytes.fromhex("02090000"))))
    assert "Maximum Segment Size  malformed: its length of 9 runs past the end of the header" in text
    assert "note bad_options" in text


def test_every_flag_and_odd_fields(tmp_path: Path) -> None:
    text = shown(tmp_path, ipv4(tcp(0xFF, urgent=3, reserved=5)))
    for word in ("CWR", "ECE", "URG", "ACK", "PSH", "RST", "SYN", "FIN"):
        assert f"{word}  " in text
    assert "5: should be 0" in text
    assert "urgent data ends before sequence number" in text
    text = shown(tmp_path, ipv4(tcp(0x02, urgent=3)))
    assert "3: has no meaning, because URG is not set" in text
    assert "9: has no meaning, because ACK is not set" in text
    assert shown(tmp_path, ipv4(tcp(0)))


def test_a_window_whose_scale_was_not_captured(tmp_path: Path) -> None:
    assert "so the window scale is not known" in shown(tmp_path, ipv4(tcp(0x10)))


def test_a_wrong_checksum_is_said_with_care(tmp_path: Path) -> None:
    segment = tcp(0x10)
    segment = segment[:16] + b"\x12\x34" + segment[18:]
    assert "0x1234 · incorrect: it should be 0x" in shown(tmp_path, ipv4(segment))


def test_no_answer(tmp_path: Path) -> None:
    assert "answered by    no segment in this capture" in shown(tmp_path, ipv4(tcp(0x02)))
    assert "nothing: it takes no sequence number" in shown(tmp_path, ipv4(tcp(0x10)))


@pytest.mark.parametrize("width", [40, 60, 61, 79, 120, 300])
def test_it_fits(width: int) -> None:
    for frame in range(1, 11):
        for line in explanation_lines(explain(ROOT / "captures" / "echo.pcap", frame), Style(width)):
            assert columns(line) <= min(width, 160)


def test_colour_only_where_the_style_says_so() -> None:
    explanation = explain(ROOT / "captures" / "echo.pcap", 4)
    plain = list(explanation_lines(explanation, Style(80)))
    coloured = list(explanation_lines(explanation, Style(80, colour=True)))
    assert not any("\x1b" in line for line in plain)
    assert any("\x1b[1m" in line for line in coloured)


def test_many_acknowledged_frames_are_counted() -> None:
    explanation = explain(ROOT / "captures" / "echo.pcap", 5)
    one = explanation.neighbours.acknowledged[0]
    many = explanation.neighbours._replace(
        acknowledged=tuple(replace(one, frame=number) for number in range(1, 21))
    )
    text = text_of(list(explanation_lines(replace(explanation, neighbours=many), WIDE)))
    assert "frames 13, 14, 15, 16, 17, 18, 19, 20 and 12 earlier ones; the last one was sent" in text


def test_every_label_has_its_reason_and_every_note_its_meaning() -> None:
    assert all(label.reason for label in LABELS)
    assert all(note.meaning for note in NOTES)


def test_dissection() -> None:
    layers = [("tcp", ["Source Port: 1"]), ("HTTP", [f"field {number}" for number in range(300)])]
    lines = list(dissection_lines(layers, "http", Style(80)))
    assert lines[:4] == ["", "Dissected by Wireshark (tshark): http", "  tcp", "    Source Port: 1"]
    assert lines[-1] == "    … and 100 more fields"
    hostile = list(dissection_lines([("x\x1b", ["a\x1b[2J\u202e" + "b" * 300])], "e\x1b", Style(60)))
    assert all(line.isprintable() and columns(line) <= 60 for line in hostile)
