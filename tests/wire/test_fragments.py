"""Fragments in every order, overlapping, lying, too many; and those that never come."""

from __future__ import annotations

import random
import struct
import subprocess
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.analysis.stored import analyze
from analyzer.trace.columns import PAYLOAD_KEPT
from analyzer.wire import fragments as module
from analyzer.wire.fragments import LIFETIME_NS, Fragments
from analyzer.wire.header import Header
from analyzer.wire.link_types import RAW
from analyzer.wire.skips import FRAGMENT
from tests.capture.builders import pcap
from tests.wire.wrappings import ip4, ip6

PAYLOAD = bytes(range(1, 101))


def piece4(offset: int, data: bytes, more: bool = True, number: int = 7) -> bytes:
    return ip4(17, data, number, offset >> 3 | (0x2000 if more else 0))


def piece6(offset: int, data: bytes, more: bool = True, number: int = 7, options: bytes = b"") -> bytes:
    fragment = struct.pack("!BBHI", 17, 0, offset | more, number) + data
    if not options:
        return ip6(44, fragment)
    return ip6(60, b"\x2c" + options[1:] + fragment)


def take(fragments: Fragments, packet: bytes, time_ns: int = 0, captured: int | None = None) -> bytes:
    header = Header()
    captured = len(packet) if captured is None else captured
    assert header.decode(packet[:captured], 0, captured, len(packet), RAW) == FRAGMENT
    return fragments.take(header, captured, time_ns)


def takes(packets: Sequence[bytes]) -> list[bytes]:
    fragments = Fragments()
    return [take(fragments, packet) for packet in packets]


WHOLE_4 = ip4(17, PAYLOAD, 7)
WHOLE_6 = ip6(17, PAYLOAD)


def same(packet: bytes, whole: bytes) -> bool:
    """Whether the packets are equal but for the checksum of an IPv4 header, which is not computed again."""
    return packet[:10] + packet[12:] == whole[:10] + whole[12:]


@given(st.permutations(range(4)), st.sampled_from([(piece4, WHOLE_4), (piece6, WHOLE_6)]))
def test_in_every_order(order: list[int], kind: tuple[type, bytes]) -> None:
    piece, whole = kind
    pieces = [piece(at, PAYLOAD[at : at + 32], at + 32 < len(PAYLOAD)) for at in range(0, 128, 32)]
    fragments = Fragments()
    answers = [take(fragments, pieces[index]) for index in order]
    assert answers[:3] == [b"", b"", b""]
    assert same(answers[3], whole)
    assert fragments.joined == 3


def test_a_header_before_the_fragment_header_stays() -> None:
    options = b"\x2c\0\1\4\0\0\0\0"
    whole = takes(
        [piece6(0, PAYLOAD[:64], options=options), piece6(64, PAYLOAD[64:], False, options=options)]
    )[1]
    assert whole == ip6(60, b"\x11" + options[1:] + PAYLOAD)


def test_datagrams_are_told_apart() -> None:
    pieces = [piece4(0, PAYLOAD[:64]), piece4(64, PAYLOAD[64:], False, number=8)]
    assert takes(pieces) == [b"", b""]
    assert takes([piece6(0, PAYLOAD[:64]), piece6(64, PAYLOAD[64:], False, number=8)]) == [b"", b""]
    udp, tcp = ip4(17, PAYLOAD[:64], 7, 0x2000), ip4(6, PAYLOAD[64:], 7, 8)
    assert takes([udp, tcp]) == [b"", b""]


def test_overlapping_bytes_of_ipv4_come_from_the_earlier_fragment() -> None:
    pieces = [
        piece4(0, b"a" * 40),
        piece4(24, b"b" * 32),
        piece4(24, b"c" * 40),
        piece4(64, b"d" * 8, False),
    ]
    assert takes(pieces)[3][20:] == b"a" * 40 + b"b" * 16 + b"c" * 8 + b"d" * 8


def test_overlapping_fragments_of_ipv6_are_the_end_of_the_datagram() -> None:
    bad = [piece6(0, b"a" * 40), piece6(32, b"b" * 32), piece6(40, b"c" * 40), piece6(80, b"d" * 8, False)]
    assert takes(bad) == [b""] * 4
    again = [piece6(0, PAYLOAD[:64]), piece6(0, PAYLOAD[:64]), piece6(64, PAYLOAD[64:], False)]
    assert takes(again) == [b"", b"", WHOLE_6]


def test_a_gap_is_never_filled_by_a_broken_unit() -> None:
    assert takes([piece4(0, PAYLOAD[:60]), piece4(64, PAYLOAD[64:], False)]) == [b"", b""]
    assert takes([piece4(0, PAYLOAD[:56]), piece4(64, PAYLOAD[64:], False)]) == [b"", b""]


def test_a_packet_cannot_be_longer_than_its_length_can_say() -> None:
    late = piece4(65528, PAYLOAD, False)
    fragments = Fragments()
    assert take(fragments, late) == b""
    assert take(fragments, piece4(0, bytes(8))) == b""
    assert takes([piece4(65528, b"x" * 7, False), piece4(0, bytes(8))])[1] == b""


def test_what_comes_too_late_belongs_to_another_datagram() -> None:
    fragments = Fragments()
    take(fragments, piece4(0, b"old" + PAYLOAD[3:64]))
    assert take(fragments, piece4(64, PAYLOAD[64:], False), LIFETIME_NS + 1) == b""
    assert same(take(fragments, piece4(0, PAYLOAD[:64]), LIFETIME_NS + 2), WHOLE_4)


def test_a_datagram_begins_anew_once_it_is_complete() -> None:
    pieces = [piece4(0, PAYLOAD[:64]), piece4(64, PAYLOAD[64:], False)]
    answers = takes([*pieces, *pieces])
    assert [bool(answer) for answer in answers] == [False, True, False, True]


def test_the_first_fragment_alone_where_the_capture_cut_it() -> None:
    fragments = Fragments()
    cut = take(fragments, piece4(0, PAYLOAD[:64]), captured=60)
    assert same(cut, ip4(17, PAYLOAD[:64], 7)[:60])
    assert take(fragments, piece4(64, PAYLOAD[64:]), captured=40) == b""


@pytest.mark.parametrize("size", [8, 1400])
def test_a_flood_is_bounded_and_the_oldest_goes_first(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 100_000)
    fragments = Fragments()
    for number in range(2000):
        take(fragments, piece4(0, bytes(size), number=number))
        assert fragments._cost <= 100_000
    assert len(fragments._waiting) < 300
    assert take(fragments, piece4(size, bytes(8), False, number=0)) == b""
    assert take(fragments, piece4(size, bytes(8), False, number=1999)) != b""


@given(
    st.lists(
        st.tuples(st.integers(0, 12), st.integers(0, 40), st.booleans(), st.booleans(), st.integers(0, 1)),
        max_size=30,
    )
)
def test_whatever_fragments_come(pieces: list[tuple[int, int, bool, bool, int]]) -> None:
    fragments = Fragments()
    for offset, length, more, sixth, number in pieces:
        if offset == 0 and not more:
            continue
        piece = piece6 if sixth else piece4
        whole = take(fragments, piece(offset * 8, bytes(length), more, number))
        if whole:
            header = Header()
            assert header.decode(whole, 0, len(whole), len(whole), RAW) != FRAGMENT
    assert fragments._cost >= 0


@pytest.mark.slow
def test_overlaps_are_resolved_as_tshark_does(tshark: str, tmp_path: Path) -> None:
    """Segments in fragments that overlap with other bytes, in any order: whose bytes stand in the payload."""
    choice = random.Random(9293)
    packets = []
    for number in range(1, 101):
        pieces = []
        bounds = [0, *sorted(choice.sample(range(8, 88, 8), choice.randint(1, 4))), 88]
        for start, end in pairwise(bounds):
            pieces.append((start, end, b"A"))
        for letter in (b"B", b"C", b"D")[: choice.randint(0, 3)]:
            start = choice.randrange(24, 80, 8)
            pieces.append((start, choice.randrange(start + 8, 89, 8), letter))
        choice.shuffle(pieces)
        for start, end, letter in pieces:
            segment = struct.pack("!HHIIBBHHH", number, 80, 100, 5, 0x50, 0x18, 500, 0, 0) + letter * 68
            packets.append(ip4(6, segment[start:end], number, start >> 3 | (0x2000 if end < 88 else 0)))
    path = tmp_path / "overlaps.pcap"
    path.write_bytes(pcap(packets, link_type=RAW))
    fields = ("-e", "frame.number", "-e", "tcp.srcport", "-e", "tcp.payload")
    told = subprocess.run(
        [tshark, "-n", "-r", str(path), "-Y", "tcp", "-T", "fields", *fields],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    theirs = [
        (int(frame), int(port), payload) for frame, port, payload in (line.split("\t") for line in told)
    ]
    trace = analyze(path)
    ours = [
        (segment.frame, connection.client.port, segment.payload)
        for connection in trace
        for segment in connection.segments
    ]
    assert len(ours) == 100
    assert sorted(ours) == sorted(
        (frame, port, bytes.fromhex(payload)[:PAYLOAD_KEPT]) for frame, port, payload in theirs
    )
