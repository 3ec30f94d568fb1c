"""Two files compared: what is read, paired, selected, refused."""

from __future__ import annotations

import struct
from collections.abc import Collection
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analyzer.compare import both_captures
from analyzer.compare.both_captures import compare_captures
from analyzer.errors import CaptureFormatError, InputError, UsageError

ROOT = Path(__file__).resolve().parent.parent.parent
CAPTURES = ROOT / "captures"
LOSS, CLIENTS, ECHO = (CAPTURES / f"{name}.pcap" for name in ("loss", "clients", "echo"))
BOTH_ENDS = CAPTURES / "both-ends"


def edited(
    path: Path, target: Path, drop: Collection[int] = (), later_ns: int = 0, snap: int = 65535
) -> Path:
    """A copy of a recording in another file: without some frames, at another time, cut."""
    octets = path.read_bytes()
    kept = [octets[:24]]
    at, frame = 24, 0
    while at < len(octets):
        seconds, fraction, captured, original = struct.unpack_from("<IIII", octets, at)
        frame += 1
        if frame not in drop:
            fraction += later_ns // 1000
            head = struct.pack(
                "<IIII", seconds + fraction // 10**6, fraction % 10**6, min(captured, snap), original
            )
            kept.append(head + octets[at + 16 : at + 16 + min(captured, snap)])
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
    assert all("changed" not in row.differences and "later" not in row.differences for row in rows)


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


def test_connections_are_selected_by_their_number_in_a(tmp_path: Path) -> None:
    found = compare_captures(CLIENTS, CLIENTS, selected={2})
    assert [(pair.pair.a, pair.pair.b) for pair in found] == [(2, 2)]
    with pytest.raises(UsageError, match="there is no connection 6 in"):
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
    with pytest.raises(UsageError, match="store them in files first"):
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
