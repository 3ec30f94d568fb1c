"""Wireshark's own notes, at the edges of their definitions; test_connection.py has the usual cases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from analyzer.capture.dissection import AnalysedFrame, analysed_frames
from analyzer.tcp.notes import note_names
from tests.tcp import random_traffic
from tests.tcp.random_traffic import (
    ACK,
    FIN,
    START_NS,
    SYN,
    Finding,
    Sent,
    compare,
    disagreements,
    masks_of,
    write_segments,
)
from tests.tcp.transcript import FIRST_WRAPS, SECOND_WRAPS, World, observe, read

OPENING = """
    > S 0:0(0) <wscale 2>                   ; handshake-1
    < S. 0:0(0) ack 1 <wscale 2>            ; handshake-2
    > . 1:1(0) ack 1                        ; handshake-3
"""

# What is expected is said of the last line of each transcript.
CASES = {
    "fast, 20 ms after the duplicates": (
        "fast_retransmission",
        """
        > . 1:11(10) ack 1 ; data
        > . 11:21(10) ack 1 ; data
        < . 1:1(0) ack 1 ; ack
        < . 1:1(0) ack 1 ; ack
        < . 1:1(0) ack 1 ; ack
        +0.0199 > . 1:11(10) ack 1 ; data
        """,
    ),
    "too late to be fast": (
        "retransmission",
        """
        > . 1:11(10) ack 1 ; data
        > . 11:21(10) ack 1 ; data
        < . 1:1(0) ack 1 ; ack
        < . 1:1(0) ack 1 ; ack
        < . 1:1(0) ack 1 ; ack
        +0.02 > . 1:11(10) ack 1 ; data
        """,
    ),
    "duplicates are counted from one after an acknowledgement of something unseen": (
        "fast_retransmission",
        """
        < . 1:1(0) ack 9 ; ack
        < . 1:11(10) ack 9 ; data
        < . 11:21(10) ack 9 ; data
        > . 1:1(0) ack 1 ; ack
        > . 1:1(0) ack 1 ; ack
        < . 1:11(10) ack 9 ; data
        """,
    ),
    "one duplicate is not enough": (
        "retransmission",
        """
        > . 1:11(10) ack 1 ; data
        > . 11:21(10) ack 1 ; data
        < . 1:1(0) ack 1 ; ack
        +0.03 > . 1:11(10) ack 1 ; data
        """,
    ),
    "out of order within the initial round trip": (
        "out_of_order",
        "> . 11:21(10) ack 1 ; data\n+0.0199 > . 1:11(10) ack 1 ; data",
    ),
    "repeated after the initial round trip": (
        "retransmission",
        "> . 11:21(10) ack 1 ; data\n+0.02 > . 1:11(10) ack 1 ; data",
    ),
    "the same end again is repeated, however soon": (
        "retransmission",
        "> . 1:11(10) ack 1 ; data\n+0.001 > . 1:11(10) ack 1 ; data",
    ),
    "old bytes all acknowledged": (
        "spurious_retransmission",
        "> . 1:11(10) ack 1 ; data\n< . 1:1(0) ack 11 ; ack\n+1 > . 2:11(9) ack 1 ; data",
    ),
    "old bytes partly acknowledged": (
        "retransmission",
        "> . 1:11(10) ack 1 ; data\n< . 1:1(0) ack 5 ; ack\n+1 > . 2:11(9) ack 1 ; data",
    ),
    "a repeated FIN is never needless": (
        "retransmission",
        "> F. 1:2(1) ack 1 ; data+close-1\n< . 1:1(0) ack 3 ; close-2\n+1 > F. 2:2(0) ack 1 ; close-1",
    ),
    "data after a probe byte that was dropped": (
        "",
        "> . 1:11(10) ack 1 ; data\n> . 10:20(10) ack 1 ; data",
    ),
    "keep-alive with its byte": ("keep_alive", "> . 1:11(10) ack 1 ; data\n> . 10:11(1) ack 1 ; keep-alive"),
    "two bytes are no keep-alive": ("retransmission", "> . 1:11(10) ack 1 ; data\n+1 > . 9:11(2) ack 1 ; data"),
    "keep-alive below an acknowledged byte": ("keep_alive", "> . 0:0(0) ack 1 ; keep-alive"),
    "window filled to the last byte": ("window_full", "< . 1:1(0) ack 1 win 5 ; ack\n> . 1:21(20) ack 1 ; data"),
    "window filled but for one": ("", "< . 1:1(0) ack 1 win 5 ; ack\n> . 1:20(19) ack 1 ; data"),
    "window overrun": ("", "< . 1:1(0) ack 1 win 5 ; ack\n> . 1:22(21) ack 1 ; data"),
    "window probed": ("zero_window_probe", "< . 1:1(0) ack 1 win 0 ; ack\n> . 1:2(1) ack 1 ; probe"),
    "two bytes are no probe": ("", "< . 1:1(0) ack 1 win 0 ; ack\n> . 1:3(2) ack 1 ; data"),
    "zero window in a FIN does not count": ("", "< F. 1:1(0) ack 1 win 0 ; close-1"),
    "zero window in a RST does not count": ("", "< R. 1:1(0) ack 1 win 0 ; reset"),
    "window changed": ("window_update", "> . 1:1(0) ack 1 win 9 ; ack"),
    "window changed and more acknowledged": (
        "",
        "< . 1:9(8) ack 1 ; data\n> . 1:1(0) ack 9 win 9 ; ack",
    ),
    "a gap": ("lost_segment", "> . 2:9(7) ack 1 ; data"),
    "no gap before a reset": ("", "> R. 2:2(0) ack 1 ; reset"),
    "acknowledged but not seen": ("ack_lost_segment", "< . 1:1(0) ack 9 ; ack"),
    "said once only": ("", "< . 1:1(0) ack 9 ; ack\n< . 1:1(0) ack 10 ; ack"),
    "keep-alive answered": ("keep_alive_ack", "> . 0:0(0) ack 1 ; keep-alive\n< . 1:1(0) ack 1 ; ack"),
}  # fmt: skip


@pytest.mark.parametrize("world", [FIRST_WRAPS, SECOND_WRAPS], ids=["first-wraps", "second-wraps"])
@pytest.mark.parametrize("name", CASES)
def test_at_the_edge(name: str, world: World) -> None:
    expected, transcript = CASES[name]
    _, found = observe(read(OPENING + transcript), world)
    assert note_names(found[-1].wireshark_notes) == ([expected] if expected else [])


@pytest.mark.parametrize("world", [FIRST_WRAPS, SECOND_WRAPS], ids=["first-wraps", "second-wraps"])
def test_without_a_handshake(world: World) -> None:
    """The window of a side not heard yet is unknown, the round trip is taken for 3 ms, nothing is a gap."""
    _, found = observe(
        read(
            """
            > . 100:101(1) ack 1 ; data
            > . 101:111(10) ack 1 ; data
            > . 121:131(10) ack 1 ; data
            +0.0029 > . 111:121(10) ack 1 ; data
            +0.003 > . 90:100(10) ack 1 ; data
            """
        ),
        world,
    )
    assert [note_names(item.wireshark_notes) for item in found] == [
        [],
        [],
        ["lost_segment"],
        ["out_of_order"],
        ["retransmission"],
    ]


@pytest.mark.slow
def test_random_traffic_frame_by_frame(tmp_path: Path, tshark: str) -> None:
    """Whatever a capture may hold; `python -m tests.tcp.random_traffic` goes on from here."""
    found: list[Finding] = []
    frames = 0
    for some, total in disagreements(range(800), tmp_path):
        found += some
        frames += total
    assert not found
    assert frames > 15_000


@pytest.mark.slow
def test_a_finding_would_be_found(tmp_path: Path, tshark: str, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = analysed_frames

    def lying(path: str, names: tuple[str, ...]) -> Iterator[AnalysedFrame]:
        for told in honest(path, names):
            yield told._replace(stream=3, notes=("window_full",)) if told.frame == 7 else told

    monkeypatch.setattr(random_traffic, "analysed_frames", lying)
    found, total = next(disagreements(range(100), tmp_path))
    assert [finding.seed for finding in found] == [6, 6]
    assert "tshark: ['window_full']" in found[0].what
    assert found[1].what == "connection 6, tshark: 3"
    assert total > 1000


@pytest.mark.slow
@pytest.mark.parametrize("segments", [9_998, 9_999, 12_000])
def test_the_list_of_unacknowledged_segments_is_full(segments: int, tmp_path: Path, tshark: str) -> None:
    """From the 10,000th on a FIN does not count as an byte, so that its acknowledgement is one of nothing seen."""
    sent = [Sent(START_NS, 0, SYN, 0, 0, 0, 500, b""), Sent(START_NS, 1, SYN | ACK, 0, 1, 0, 500, b"")]
    sent += [Sent(START_NS, 0, ACK, 1 + number, 1, 1, 500, b"") for number in range(segments)]
    sent += [
        Sent(START_NS, 0, FIN | ACK, 1 + segments, 1, 0, 500, b""),
        Sent(START_NS, 1, ACK, 1, 2 + segments, 0, 500, b""),
        Sent(START_NS, 0, ACK, 2 + segments, 1, 0, 500, b""),
    ]
    path = tmp_path / "full.pcap"
    write_segments(path, sent)
    found, total = compare(path, [(0, place) for place in range(1, len(sent) + 1)])
    assert not found
    assert total == len(sent)
    full = segments >= 10_000
    assert ("ack_lost_segment" in masks_of(path)[-2:][0]) == full
