"""What an explanation holds of a recorded segment, to the byte."""

from __future__ import annotations

from pathlib import Path

from analyzer.explain.one_frame import explain

ECHO = Path(__file__).resolve().parent.parent.parent / "captures" / "echo.pcap"


def test_data() -> None:
    explanation = explain(ECHO, 4)
    assert explanation.payload == b"AB"
    assert explanation.header_length == len(explanation.header) == 32
    assert explanation.captured == explanation.original == 68
    assert [option.kind for option in explanation.options] == [1, 1, 8]
    assert [layer.name for layer in explanation.layers] == ["Ethernet", "IPv4"]
    assert explanation.computed_checksum is not None


def test_connection_and_place() -> None:
    explanation = explain(ECHO, 9)
    assert explanation.connection.id == 0
    assert explanation.connection.segments[explanation.neighbours.place] == explanation.segment
    assert explanation.capture.frames == 10
