from __future__ import annotations

import pytest

from analyzer.passes import Pass
from analyzer.tcp import notes
from analyzer.trace.build import build_segments
from analyzer.wire import skips
from analyzer.wire.link_types import ETHERNET
from tests.capture.builders import START_NS, pcap, pcap_header, pcap_record
from tests.capture.reading import opened
from tests.tcp.transcript import FIRST_WRAPS, frames, read

TRANSCRIPT = """
    > S 0:0(0)              ; handshake-1
    < S. 0:0(0) ack 1       ; handshake-2
    > . 1:1(0) ack 1        ; handshake-3
    > S 0:0(0) isn +70000   ; handshake-1
    < S. 0:0(0) ack 1       ; handshake-2
"""

assert FIRST_WRAPS.link_type == ETHERNET
FRAMES = [frame for frame, _, _ in frames(read(TRANSCRIPT), FIRST_WRAPS)]
ARP = bytes(12) + b"\x08\x06" + bytes(46)
MPLS = FRAMES[0][:12] + b"\x88\x47" + b"\0\x06\x41\x40" + FRAMES[0][14:]


def run(content: bytes, budget: int = 100, selected: set[int] | None = None) -> Pass:
    done = Pass(budget, selected)
    with opened(content) as records:
        done.run(records)
    return done


def test_every_segment_is_kept_with_its_frame() -> None:
    done = run(pcap([ARP, *FRAMES[:2], ARP, *FRAMES[2:]]))
    assert (done.frames, done.segments) == (7, 5)
    assert done.skipped == {skips.ETHERTYPE + 0x0806: 2}
    assert {number: [row.frame for row in rows] for number, rows in done.rows.items()} == {
        0: [2, 3, 5],
        1: [6, 7],
    }
    assert (done.first_time, done.last_time) == (START_NS, START_NS + 6000)
    assert not done.overflowed


def test_only_the_selected_are_kept() -> None:
    done = run(pcap(FRAMES), selected={1})
    assert list(done.rows) == [1]
    assert len(done.table.connections) == 2


def test_the_budget_is_for_what_is_kept() -> None:
    assert not run(pcap(FRAMES), budget=5).overflowed
    assert not run(pcap(FRAMES), budget=2, selected={1}).overflowed
    done = run(pcap(FRAMES), budget=4)
    assert done.overflowed
    assert done.rows == {}
    assert done.segments == 5
    assert done.table.connections[1].first.segments == 1


def test_the_earliest_and_the_latest_time_wherever_they_stand() -> None:
    times = [5_000_000, 2_000_000, 9_000_000, 3_000_000]
    content = pcap_header() + b"".join(pcap_record(ARP, time_ns) for time_ns in times)
    done = run(content)
    assert (done.first_time, done.last_time) == (2_000_000, 9_000_000)


def test_what_the_decoder_refuses_goes_to_dpkt() -> None:
    done = run(pcap([MPLS]))
    assert (done.segments, done.skipped) == (1, {})
    assert done.table.connections[0].first_port == 40000


def test_the_first_reason_stands_where_dpkt_finds_nothing_either() -> None:
    assert run(pcap([MPLS[:30]])).skipped == {skips.ETHERTYPE + 0x8847: 1}


def test_a_pass_can_stop_on_the_way() -> None:
    done = Pass(100, None)
    with opened(pcap(FRAMES)) as records:
        assert done.run(records, 2)
        assert (done.frames, len(done.table.connections)) == (2, 1)
        assert done.run(records, 3)
        assert not done.run(records, 1)
        assert done.frames == 5


def test_what_leaves_the_table_can_be_had() -> None:
    done = Pass(100, None, limit=2)
    with opened(pcap(FRAMES[:1] + [swapped_port(FRAMES[0], port) for port in range(5)])) as records:
        done.run(records)
    assert [connection.number for connection in done.table.departed] == [0, 1, 2, 3]
    assert done.table.begun == 6


def swapped_port(frame: bytes, port: int) -> bytes:
    """The same frame from another port."""
    return frame[:34] + port.to_bytes(2, "big") + frame[36:]


@pytest.mark.parametrize("wanted", [[0], [1], [0, 1]])
def test_a_second_pass_observes_those_wanted_as_the_first_did(wanted: list[int]) -> None:
    stray = [swapped_port(frame, 7) for frame in FRAMES]
    content = pcap([frame for pair in zip(FRAMES, stray, strict=True) for frame in pair] + [ARP])
    first = run(content)
    machines = [machine for machine in first.table.connections if machine.first_frame % 2]
    assert len(machines) == 2
    again = Pass(100, None, seed=99, again=[machines[number] for number in wanted])
    with opened(content) as records:
        assert not again.run(records)
        # It ends with the last segment of the last of them.
        assert records.frame == machines[wanted[-1]].last_frame
    numbers = [int(machines[number].number) for number in wanted]
    assert list(again.rows) == numbers
    for number in numbers:
        before = build_segments(first.table.connections[number], first.rows[number])
        assert build_segments(again.observed[number], again.rows[number]) == before
    assert list(again.observed) == numbers
    assert [connection.note_counts for connection in again.observed.values()] == [
        machines[number].note_counts for number in wanted
    ]
    # The second one uses the ports of the first again, and that is known also where the first is not observed.
    assert (machines[1].note_counts or [])[:1] == [notes.REUSED_PORTS]


def test_an_empty_capture() -> None:
    done = run(pcap([]))
    assert (done.frames, done.segments, done.rows, done.skipped) == (0, 0, {}, {})
