"""Two files compared: what is read, paired, selected, refused."""

from __future__ import annotations

import struct
from collections.abc import Collection, Sequence
from ipaddress import ip_address
from pathlib import Path
from time import process_time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analyzer.analysis.loop import segments
from analyzer.analysis.reading import ORDINARY
from analyzer.capture import open_capture
from analyzer.compare import both_captures
from analyzer.compare.both_captures import compare_captures
from analyzer.errors import CaptureFormatError, InputError, UsageError
from analyzer.tcp.table import ConnectionTable
from analyzer.wire.header import Header
from tests.capture.builders import RAW, pcap
from tests.tcp.transcript import ip_packet, tcp_segment
from tests.wire.wrappings import netlink, nflog

ROOT = Path(__file__).resolve().parent.parent.parent
CAPTURES = ROOT / "captures"
LOSS, CLIENTS, ECHO = (CAPTURES / f"{name}.pcap" for name in ("loss", "clients", "echo"))
BOTH_ENDS = CAPTURES / "both-ends"


def edited(
    path: Path, target: Path, drop: Collection[int] = (), later_ns: int = 0, snap: int = 65535
) -> Path:
    """A copy of a recording in another file: without some frames, at another time, cut."""
    data = path.read_bytes()
    kept = [data[:24]]
    at, frame = 24, 0
    while at < len(data):
        seconds, fraction, captured, original = struct.unpack_from("<IIII", data, at)
        frame += 1
        if frame not in drop:
            fraction += later_ns // 1000
            head = struct.pack(
                "<IIII", seconds + fraction // 10**6, fraction % 10**6, min(captured, snap), original
            )
            kept.append(head + data[at + 16 : at + 16 + min(captured, snap)])
        at += 16 + captured
    target.write_bytes(b"".join(kept))
    return target


@pytest.mark.parametrize("path", sorted(CAPTURES.glob("*.pcap*")), ids=lambda path: path.name)
def test_no_recording_differs_from_itself(path: Path) -> None:
    found = compare_captures(path, path)
    assert found.mode == "two-places"
    assert (found.only_a, found.only_b) == ((), ())
    assert [(pair.a, pair.b) for pair in found.pairs] == [(number, number) for number in range(len(found.a))]
    for pair in found:
        assert (pair.counts, pair.facts) == ({}, ())


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sets(st.integers(2, 31), max_size=20), st.integers(0, 10**13))
def test_what_was_dropped_is_missing_and_nothing_else(tmp_path: Path, drop: set[int], later_ns: int) -> None:
    found = compare_captures(LOSS, edited(LOSS, tmp_path / "b.pcap", drop, later_ns))
    rows = [row for pair in found for row in pair.rows]
    assert {one.frame for row in rows if not row.b for one in row.a} == drop
    assert all(row.a for row in rows)
    assert all("changed" not in row.differences and "late" not in row.differences for row in rows)


def test_a_capture_that_cut_its_frames_differs_in_nothing(tmp_path: Path) -> None:
    cut = edited(LOSS, tmp_path / "cut.pcap", snap=100)
    assert [pair.counts for pair in compare_captures(LOSS, cut)] == [{}]


def test_both_ends_of_a_router() -> None:
    found = compare_captures(BOTH_ENDS / "client.pcap", BOTH_ENDS / "server.pcap")
    (pair,) = found
    assert (found.mode, found.mode_given, pair.pair.rule) == ("two-places", False, "isns")
    assert pair.counts == {"missing": 1, "changed": 2, "reordered": 1, "rewritten": 2}
    assert pair.clocks is not None
    # One machine has one clock.
    assert abs(pair.clocks.offset_ns or 0) <= pair.clocks.uncertainty_ns < 15_000_000
    assert pair.clocks.client_side == "a"


SERVER = ("10.0.0.9", 80)
CLIENTS_OF_THREE = [(f"10.0.0.{number}", 1000 * number) for number in (1, 2, 3)]
# Three connections: a SYN of each, and two segments with data.
THREE = [(client, SERVER, 100, 0, 0x02, b"") for client in CLIENTS_OF_THREE] + [
    (CLIENTS_OF_THREE[0], SERVER, 101, 1, 0x18, b"first"),
    (CLIENTS_OF_THREE[2], SERVER, 101, 1, 0x18, b"third"),
    (CLIENTS_OF_THREE[1], SERVER, 101, 1, 0x18, b"second"),
]


def together(packets: Sequence[bytes], path: Path) -> Path:
    """A capture whose frames hold two packets each."""
    pairs = [packets[place : place + 2] for place in range(0, len(packets), 2)]
    frames_of_two = [netlink(*[nflog(2, packet) for packet in pair]) for pair in pairs]
    path.write_bytes(pcap(frames_of_two, link_type=253))
    return path


def test_of_a_frame_every_segment_is_compared(tmp_path: Path) -> None:
    """The second segment of a frame opens a connection, so that whoever passes it over numbers wrongly."""
    packets = [
        ip_packet(source[0], target[0], tcp_segment(source, target, seq, ack, flags, payload=payload), number)
        for number, (source, target, seq, ack, flags, payload) in enumerate(THREE, 1)
    ]
    whole = together(packets, tmp_path / "whole.pcap")
    lossy = together([*packets[:4], packets[5]], tmp_path / "lossy.pcap")
    assert [(pair.pair.a, pair.pair.b, pair.counts) for pair in compare_captures(whole, whole)] == [
        (0, 0, {}), (1, 1, {}), (2, 2, {}),
    ]  # fmt: skip
    lost = {pair.pair.a: pair.counts.get("missing", 0) for pair in compare_captures(whole, lossy)}
    assert lost == {0: 0, 1: 0, 2: 1}


def test_chosen_addresses_take_no_longer(tmp_path: Path) -> None:
    """All have one key for whoever hashes without a secret: with one, they cost what any others cost."""
    count = 6_000
    # As ConnectionTable computes it with a seed of 0: one address for each port.
    factor, summand, prime = 0x2545F491, 0x1B873593, 0x7FFFFFFF
    inverse = pow(factor, -1, prime)
    chosen = [((12345 - summand - (port << 1)) * inverse % prime, port) for port in range(1, count)]
    ordinary = [(0x0A000000 + port, port) for port in range(1, count)]
    took = []
    for name, clients in (("ordinary", ordinary), ("chosen", chosen)):
        packets = []
        for low, port in clients:
            client = (str(ip_address(low)), port)
            packets.append(ip_packet(client[0], SERVER[0], tcp_segment(client, SERVER, 5, 0, 0x02)))
        path = tmp_path / f"{name}.pcap"
        path.write_bytes(pcap(packets, link_type=RAW))
        table = ConnectionTable(0, 0)
        keys = set()
        for packet in packets[:50]:
            header = Header()
            header.decode(packet, 0, len(packet), len(packet), RAW)
            keys.add(int(table.key(header)))
        assert len(keys) == (1 if name == "chosen" else 50)
        keeper = both_captures._Keeper(set(), None)
        start = process_time()
        with open_capture(path) as records:
            segments(records, ORDINARY, keeper).run()
        took.append(process_time() - start)
    assert took[1] < 2 * took[0] + 0.1


def test_connections_are_selected_by_their_number_in_a(tmp_path: Path) -> None:
    found = compare_captures(CLIENTS, CLIENTS, selected={2})
    assert [(pair.pair.a, pair.pair.b) for pair in found] == [(2, 2)]
    with pytest.raises(UsageError, match="has no connection 6"):
        compare_captures(CLIENTS, CLIENTS, selected={6})


def test_what_one_capture_lacks_is_named(tmp_path: Path) -> None:
    found = compare_captures(CLIENTS, ECHO)
    assert (found.mode, found.only_a, found.only_b) == ("two-runs", (0, 1, 2, 3, 4, 5), (0,))
    assert compare_captures(CLIENTS, ECHO, selected={3}).only_a == (3,)
    assert compare_captures(CLIENTS, ECHO, selected={3}).only_b == ()


def test_the_mode_can_be_given() -> None:
    found = compare_captures(ECHO, ECHO, mode="two-runs")
    assert (found.mode, found.mode_given) == ("two-runs", True)
    assert [pair.clocks for pair in found] == [None]


def test_a_large_capture_is_read_in_portions_and_says_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = list(compare_captures(CLIENTS, CLIENTS))
    monkeypatch.setattr(both_captures, "OBSERVATIONS_KEPT", 25)
    reads: list[set[int]] = []
    read = both_captures._Capture._read

    def watched(self: both_captures._Capture, wanted: set[int] | None, most: int | None) -> object:
        reads.append(set() if wanted is None else wanted)
        return read(self, wanted, most)

    monkeypatch.setattr(both_captures._Capture, "_read", watched)
    parts = list(compare_captures(CLIENTS, CLIENTS))
    assert [part.rows for part in parts] == [one.rows for one in whole]
    assert [len(wanted) for wanted in reads[2::2]] == [2, 2, 2]


def test_what_cannot_be_compared(tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("no capture")
    with pytest.raises(UsageError, match="store it in a file first"):
        compare_captures("-", ECHO)
    with pytest.raises(InputError):
        compare_captures(ECHO, tmp_path / "nowhere.pcap")
    with pytest.raises(CaptureFormatError):
        compare_captures(text, ECHO)


@pytest.mark.slow
def test_a_capture_of_the_corpus_does_not_differ_from_itself(corpus_capture: Path) -> None:
    try:
        found = compare_captures(corpus_capture, corpus_capture)
    except InputError:
        return
    pairs = {(pair.a, pair.b) for pair in found.pairs}
    assert pairs == {(number, number) for number in range(len(found.a))}
    for pair in found:
        assert (pair.counts, pair.facts) == ({}, ()), pair.pair
