from __future__ import annotations

import struct

import pytest

from analyzer.analysis.loop import Pass, segments
from analyzer.analysis.reading import ORDINARY, Reading
from analyzer.tcp import notes
from analyzer.tcp.machine import Machine
from analyzer.tcp.step import Step
from analyzer.trace.segments import Segments
from analyzer.wire import skips
from analyzer.wire.header import Header
from analyzer.wire.link_types import ETHERNET
from tests.capture.builders import START_NS, pcap, pcap_header, pcap_record
from tests.capture.reading import opened
from tests.tcp.transcript import FIRST_WRAPS, frames, read
from tests.wire.test_icmp import error
from tests.wire.wrappings import netlink, nflog

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


def run(content: bytes, budget: int = 100, reading: Reading = ORDINARY) -> Pass:
    with opened(content) as records:
        done = segments(records, reading, keep=budget)
        done.run()
    return done


def kept(done: Pass) -> dict[int, list[int]]:
    """The frames of the kept segments by connection."""
    columns = done.columns
    return {
        number: [columns.frame(int(place)) for place in columns.places(number)]
        for number in columns.numbers()
    }


def test_every_segment_is_kept_with_its_frame() -> None:
    done = run(pcap([ARP, *FRAMES[:2], ARP, *FRAMES[2:]]))
    assert (done.frames, done.segments) == (7, 5)
    assert done.skipped == {skips.ETHERTYPE + 0x0806: 2}
    assert kept(done) == {0: [2, 3, 5], 1: [6, 7]}
    assert (done.first_time, done.last_time) == (START_NS, START_NS + 6000)
    assert not done.overflowed


def test_the_budget_is_for_what_is_kept() -> None:
    assert not run(pcap(FRAMES), budget=5).overflowed
    done = run(pcap(FRAMES), budget=4)
    assert done.overflowed
    assert kept(done) == {}
    assert done.segments == 5
    assert done.table.connections[1].first.segments == 1


def test_the_earliest_and_the_latest_time_wherever_they_stand() -> None:
    times = [5_000_000, 2_000_000, 9_000_000, 3_000_000]
    content = pcap_header() + b"".join(pcap_record(ARP, time_ns) for time_ns in times)
    done = run(content)
    assert (done.first_time, done.last_time) == (2_000_000, 9_000_000)


def test_what_the_decoder_refuses_is_unwrapped() -> None:
    done = run(pcap([MPLS]))
    assert (done.segments, done.skipped) == (1, {})
    assert done.table.connections[0].first_port == 40000


def test_the_last_reason_stands_where_nothing_is_in_the_layers_either() -> None:
    assert run(pcap([MPLS[:18]])).skipped == {skips.ETHERTYPE + 0x8847: 1}
    assert run(pcap([MPLS[:30]])).skipped == {skips.CUT_SHORT: 1}


def test_every_packet_of_a_frame_is_a_segment() -> None:
    packets = [frame[14:] for frame in FRAMES]
    frame = netlink(*[nflog(2, packet) for packet in packets[:3]])
    done = run(pcap([frame, netlink(nflog(2, packets[3])), frame[:20]], link_type=253))
    assert (done.frames, done.segments, done.skipped) == (3, 4, {skips.LINK_TYPE + 253: 1})
    assert kept(done) == {0: [1, 1, 1], 1: [2]}


class Looking:
    """An observer that writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, int, int]] = []

    def segment(self, header: Header, step: Step, connection: Machine, frame: int, time_ns: int) -> None:
        self.told.append(("segment", int(connection.number), frame))

    def ended(self, connection: Machine, left: bool) -> None:
        self.told.append(("left" if left else "held", int(connection.number), int(connection.last_frame)))


def test_an_observer_is_told_of_every_segment_of_a_frame_and_of_every_end() -> None:
    packets = [frame[14:] for frame in FRAMES]
    frame = netlink(*[nflog(2, packet) for packet in packets[:4]])
    looking, also = Looking(), Looking()
    with opened(pcap([frame, frame[:20], netlink(nflog(2, packets[4]))], link_type=253)) as records:
        done = segments(records, ORDINARY, looking, also)
        assert done.run(1)
        assert looking.told == [("segment", number, 1) for number in (0, 0, 0, 1)]
        assert done.code() == skips.SEGMENT
        assert done.run(1)
        assert done.code() == skips.LINK_TYPE + 253
        assert not done.run()
    assert looking.told[4:] == [("segment", 1, 3), ("held", 0, 1), ("held", 1, 3)]
    assert also.told == looking.told


def test_an_observer_is_told_who_leaves_when_it_leaves() -> None:
    looking = Looking()
    syns = [swapped_port(FRAMES[0], port) for port in range(3)]
    with opened(pcap(syns)) as records:
        done = segments(records, Reading(hold=2), looking)
        done.run()
    assert looking.told == [
        ("segment", 0, 1), ("segment", 1, 2), ("segment", 2, 3), ("left", 0, 1), ("held", 1, 2), ("held", 2, 3),
    ]  # fmt: skip
    assert done.departed() == []


def test_a_secret_is_drawn_for_each_pass() -> None:
    """Equal ones would be a coincidence of 1 in 2**31."""
    keys = set()
    for _ in range(2):
        done = run(pcap(FRAMES))
        keys.add(done.table.key_of(done.table.connections[0]))
    assert len(keys) == 2


def test_only_the_chosen_frames_are_looked_at() -> None:
    done = run(pcap(FRAMES), reading=Reading(frames={2, 5}))
    assert (done.frames, done.segments) == (2, 2)


def test_fragments_change_their_name_when_the_last_has_come() -> None:
    packet = FRAMES[0][14:]

    def fragment(begin: int, end: int, number: int = 9) -> bytes:
        more = 0x2000 if end < len(packet) - 20 else 0
        part = packet[20 + begin : 20 + end]
        numbers = struct.pack("!HHH", 20 + len(part), number, begin >> 3 | more)
        return FRAMES[0][:14] + packet[:2] + numbers + packet[8:20] + part

    frames = [fragment(0, 8), fragment(0, 8, 10), fragment(16, 99), fragment(8, 16)]
    done = run(pcap(frames))
    assert (done.frames, done.segments) == (4, 1)
    assert done.skipped == {skips.FRAGMENT: 1, skips.FRAGMENT_JOINED: 2}
    assert kept(done) == {0: [4]}


def answer(quoted: bytes, seq: int | None = None) -> bytes:
    """A router's answer to a frame; with another sequence number if told so."""
    packet = quoted[14:]
    if seq is not None:
        packet = packet[:24] + seq.to_bytes(4, "big") + packet[28:]
    return FRAMES[0][:12] + b"\x08\0" + error(3, 1, packet)


def test_an_error_is_heard_by_the_connection_that_it_is_about() -> None:
    done = run(pcap([*FRAMES[:2], answer(FRAMES[1]), answer(FRAMES[0]), *FRAMES[2:], answer(FRAMES[1])]))
    # The frames stay what they are.
    assert (done.segments, done.skipped, done.errors_elsewhere) == (5, {skips.PROTOCOL + 1: 3}, {})
    first, second = (connection.errors for connection in done.table.connections)
    assert first is not None
    assert [(heard.frame, heard.direction, heard.answers) for heard in first] == [(3, 1, 2), (4, 0, 1)]
    # Of two incarnations the latest one hears it; nobody has sent that number in it.
    assert second is not None
    assert [(heard.frame, heard.direction, heard.answers) for heard in second] == [(8, 1, 7)]
    assert done.hearer is done.table.connections[1]


def test_no_state_changes_by_an_error() -> None:
    quiet, warned = run(pcap(FRAMES[:2])), run(pcap([*FRAMES[:2], answer(FRAMES[0]), answer(FRAMES[1])]))
    before, after = (done.table.connections[0] for done in (quiet, warned))
    assert (before.first.state, before.second.state) == (after.first.state, after.second.state)
    assert before.last_frame == after.last_frame == 2


def test_an_error_about_what_the_capture_does_not_show() -> None:
    done = run(pcap([answer(FRAMES[0]), FRAMES[0], ARP, answer(FRAMES[0], seq=77)]))
    assert done.errors_elsewhere == {"host-unreachable": 1}
    errors = done.table.connections[0].errors
    assert errors is not None
    assert [heard.answers for heard in errors] == [0]


def test_all_errors_are_counted_and_the_first_kept() -> None:
    done = run(pcap([FRAMES[0], *[answer(FRAMES[0])] * 20]))
    connection = done.table.connections[0]
    assert connection.errors is not None
    assert (connection.error_count, len(connection.errors)) == (20, 16)


def test_a_pass_can_stop_on_the_way() -> None:
    with opened(pcap(FRAMES)) as records:
        done = segments(records, ORDINARY)
        assert done.run(2)
        assert (done.frames, len(done.table.connections)) == (2, 1)
        assert done.run(3)
        assert not done.run(1)
        assert done.frames == 5


def test_what_leaves_the_table_can_be_had() -> None:
    done = run(
        pcap(FRAMES[:1] + [swapped_port(FRAMES[0], port) for port in range(5)]), reading=Reading(hold=2)
    )
    assert [connection.number for connection in done.departed()] == [0, 1, 2, 3]
    assert done.departed() == []
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
    with opened(content) as records:
        again = segments(records, ORDINARY, keep=100, again=[machines[number] for number in wanted], seed=99)
        assert not again.run()
        # It ends with the last segment of the last of them.
        assert records.frame == machines[wanted[-1]].last_frame
    numbers = [int(machines[number].number) for number in wanted]
    assert list(again.columns.numbers()) == list(range(len(wanted)))
    for place, number in enumerate(numbers):
        before = Segments(first.table.connections[number], first.columns, number)
        assert list(Segments(again.observed[number], again.columns, place)) == list(before)
    assert list(again.observed) == numbers
    assert [connection.note_counts for connection in again.observed.values()] == [
        machines[number].note_counts for number in wanted
    ]
    # The second one uses the ports of the first again, and that is known also where the first is not observed.
    assert (machines[1].note_counts or [])[:1] == [notes.REUSED_PORTS]


def test_an_empty_capture() -> None:
    done = run(pcap([]))
    assert (done.frames, done.segments, kept(done), done.skipped) == (0, 0, {}, {})
