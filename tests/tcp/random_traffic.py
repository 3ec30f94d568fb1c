"""Random TCP traffic in a capture, and tshark's answer to it frame by frame.

The traffic is what no stack sends and any capture may hold: acknowledgements of nothing, segments sent again in
other pieces, windows that close, SYNs in the middle, clocks that run backwards. Each connection is played from a
number of its own, so that a finding can be played again alone:

    python -m tests.tcp.random_traffic --connections 20000 [--first-seed 0] [--keep FOLDER]
"""

from __future__ import annotations

import argparse
import random
import struct
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from analyzer.capture import open_capture
from analyzer.capture.dissection import analysed_frames
from analyzer.tcp.notes import NOTES, REUSED_PORTS, WIRESHARK_NOTES, NoteName, note_names
from analyzer.tcp.table import ConnectionTable
from analyzer.tcp.verdict import completeness, reused_in_hindsight
from analyzer.wire.header import Header
from analyzer.wire.skips import SEGMENT

FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10
WRAP: Final = 1 << 32
START_NS: Final = 1_700_000_000_000_000_000
SEGMENTS: Final = 40
"""As many segments at most has one connection."""
A_FILE: Final = 400
"""So many connections go into one capture."""

WAITS_NS: Final = (0, 1_000, 1_000_000, 2_999_999, 3_000_000, 9_000_000, 19_999_999, 20_000_000, 300_000_000)
ISNS: Final = (0, 1, 5, WRAP - 1, WRAP - 2, WRAP - 100, (1 << 31) - 1, 1 << 31, 0xFFFF0000)
LENGTHS: Final = (0, 1, 1, 2, 3, 10, 100, 536, 1460, 1460, 1460)
WINDOWS: Final = (0, 0, 1, 100, 5000, 5000, 5001, 65535)


# DSS, ADD_ADDR, REMOVE_ADDR, MP_PRIO, MP_TCPRST (RFC 8684 3). An MP_CAPABLE in the middle, which no stack sends, is a
# bug to tshark's dissector, and the frame then shows nothing at all.
MULTIPATH: Final = (
    b"\x1e\x08\x20\x01\x00\x00\x00\x07",
    b"\x1e\x08\x34\x01\x0a\x00\x00\x01",
    b"\x1e\x04\x40\x02",
    b"\x1e\x04\x50\x01",
    b"\x1e\x04\x80\x01",
)


class Sent(NamedTuple):
    """A segment, without its addresses."""

    time_ns: int
    side: int
    flags: int
    seq: int
    ack: int
    length: int
    window: int
    options: bytes


class Finding(NamedTuple):
    """A frame on which both do not agree. seed: of the connection, 1-based frame within it."""

    seed: int
    frame: int
    what: str


class _Side:
    def __init__(self, dice: random.Random) -> None:
        self.isn = dice.choice(ISNS) if dice.random() < 0.5 else dice.randrange(WRAP)
        self.next = self.isn
        self.heard = 0
        self.window = dice.choice(WINDOWS[2:])
        self.sent: list[tuple[int, int]] = []


def connection(seed: int) -> list[Sent]:
    """The segments of one connection; equal for equal seeds."""
    dice = random.Random(seed)
    sides = [_Side(dice), _Side(dice)]
    wild = dice.random()
    multipath = dice.random() < 0.1
    time_ns = START_NS + dice.randrange(1_000_000_000)
    found: list[Sent] = []

    def send(
        side: int, flags: int, seq: int, ack: int, length: int, window: int, options: bytes = b""
    ) -> None:
        nonlocal time_ns
        time_ns += dice.choice(WAITS_NS) if dice.random() < 0.97 else -dice.choice(WAITS_NS)
        if multipath and not flags & SYN and not options and dice.random() < 0.5:
            options = dice.choice(MULTIPATH)
        options += b"\x00" * (-len(options) % 4)
        found.append(Sent(time_ns, side, flags, seq % WRAP, ack % WRAP, length, window, options[:40]))
        me, peer = sides[side], sides[1 - side]
        taken = length + (1 if flags & (SYN | FIN) else 0)
        if taken:
            me.sent.append((seq % WRAP, length))
        end = (seq + taken) % WRAP
        if (end - me.next) % WRAP < 1 << 31:
            me.next = end
            if dice.random() < 0.9:
                peer.heard = end

    opening = dice.random()
    if opening < 0.8:
        first, second = sides
        send(0, SYN, first.isn, 0, 100 if dice.random() < 0.05 else 0, 65535, _syn_options(dice))
        if opening < 0.7:
            send(1, SYN | ACK, second.isn, first.isn + 1, 0, 65535, _syn_options(dice))
            if opening < 0.65:
                send(0, ACK, first.isn + 1, second.isn + 1, 0, dice.choice(WINDOWS))
    for _ in range(dice.randrange(1, SEGMENTS)):
        _act(dice, sides, wild, send)
    return found


def _act(dice: random.Random, sides: list[_Side], wild: float, send: object) -> None:
    assert callable(send)
    side = dice.randrange(2)
    me, peer = sides[side], sides[1 - side]
    if dice.random() < 0.3:
        me.window = dice.choice(WINDOWS)
    ack = me.heard
    kind = dice.random()
    if dice.random() < 0.15 * wild:
        ack = (ack + dice.choice((1, -1, 10, 1460, -1460, 5000, 1 << 31, (1 << 31) - 1, -ack))) % WRAP
    flags = ACK if dice.random() > 0.02 * wild else 0
    options = _sack(dice, peer) if dice.random() < 0.1 else b""
    if kind < 0.3:
        send(
            side,
            flags | (PSH if dice.random() < 0.5 else 0),
            me.next,
            ack,
            dice.choice(LENGTHS),
            me.window,
            options,
        )
    elif kind < 0.55:
        send(side, flags, me.next, ack, 0, me.window, options)
    elif kind < 0.68 and me.sent:
        seq, length = dice.choice(me.sent[-6:])
        if dice.random() < 0.3:
            length += dice.choice((-1, 1, 10, 1460))
        send(side, flags, seq, ack, max(0, length), me.window)
    elif kind < 0.75:
        send(
            side, flags, me.next + dice.choice((1, 2, 100, 1460, 2920)), ack, dice.choice(LENGTHS), me.window
        )
    elif kind < 0.80:
        send(side, flags, me.next - 1, ack, dice.choice((0, 0, 1, 1, 2, 20)), me.window)
    elif kind < 0.84:
        send(side, flags, me.next, ack, 1, me.window)
    elif kind < 0.88:
        # As much as fills the window, were it scaled so.
        edge = (peer.heard + (peer.window << dice.choice((0, 0, 2, 7))) - me.next) % WRAP
        send(side, flags, me.next, ack, edge if edge < 60_000 else 5, me.window)
    elif kind < 0.91:
        send(side, flags | FIN, me.next, ack, dice.choice((0, 0, 7)), me.window)
    elif kind < 0.93:
        send(
            side,
            dice.choice((RST, RST | ACK)),
            dice.choice((me.next, me.next + 9, peer.next, 0)),
            ack,
            0,
            me.window,
        )
    elif kind < 0.95:
        send(side, SYN | (ACK if dice.random() < 0.5 else 0), me.isn, ack, 0, me.window, _syn_options(dice))
    elif kind < 0.96:
        me.isn = dice.choice((dice.randrange(WRAP), *ISNS))
        send(
            side,
            SYN | (ACK if dice.random() < 0.5 else 0),
            me.isn,
            ack,
            dice.choice((0, 0, 0, 9)),
            me.window,
            _syn_options(dice),
        )
    elif kind < 0.97:
        send(side, dice.randrange(256), me.next, ack, dice.choice(LENGTHS), me.window)
    elif kind < 0.98:
        send(
            side,
            flags,
            dice.choice((me.next + (1 << 31), me.next - (1 << 31) + 1, WRAP - 1, 0)),
            ack,
            dice.choice(LENGTHS),
            me.window,
        )
    elif kind < 0.99:
        send(side, flags, me.next, ack, 0, me.window, _syn_options(dice))
    else:
        for _ in range(3):
            send(side, ACK, me.next, ack, 0, me.window)


def _syn_options(dice: random.Random) -> bytes:
    options = b"\x02\x04\x05\xb4" if dice.random() < 0.8 else b""
    scale = dice.random()
    if scale < 0.6:
        options += bytes((1, 3, 3, dice.choice((0, 2, 7, 14, 15, 255))))
    elif scale < 0.63:
        options += b"\x03\x04\x02\x01"
    if dice.random() < 0.3:
        options += b"\x04\x02\x01\x01"
    if dice.random() < 0.1:
        options += dice.choice((b"\x08\x00", b"\x08", b"\xfd\x30", b"\x01\x01", b"\x00\x03\x03\x02"))
    return options


def _sack(dice: random.Random, peer: _Side) -> bytes:
    left = (peer.next + dice.randrange(5000)) % WRAP
    return b"\x01\x01\x05\x0a" + struct.pack(">II", left, (left + dice.randrange(1, 3000)) % WRAP)


def write_capture(path: Path, seeds: Sequence[int]) -> list[tuple[int, int]]:
    """The connections of these seeds, interleaved; gives seed and place of every frame."""
    played = [(sent, seed, place) for seed in seeds for place, sent in enumerate(connection(seed), 1)]
    # What a connection does keeps its order, whatever its clock says.
    turns = {seed: index for index, seed in enumerate(seeds)}
    played.sort(key=lambda item: (item[2], turns[item[1]]))
    write_segments(path, [sent for sent, _, _ in played], [turns[seed] for _, seed, _ in played])
    return [(seed, place) for _, seed, place in played]


def write_segments(path: Path, segments: Sequence[Sent], turns: Sequence[int] | None = None) -> None:
    """A capture of these segments. turns: the connection of each; None for one and the same."""
    with path.open("wb") as file:
        # pcap with nanoseconds, LINKTYPE_IPV4
        file.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, 228))
        for sent, turn in zip(segments, turns or [0] * len(segments), strict=True):
            packet = _packet(sent, turn)
            seconds, rest = divmod(sent.time_ns, 1_000_000_000)
            file.write(struct.pack("<IIII", seconds, rest, len(packet), len(packet) + sent.length))
            file.write(packet)


def _packet(sent: Sent, turn: int) -> bytes:
    """The headers; the payload is left out as a snap length would."""
    addresses = [bytes((10, 1, turn >> 8, turn & 255)), bytes((10, 2, turn >> 8, turn & 255))]
    ports = [40_000, 50_000]
    header = struct.pack(
        ">HHIIBBHHH",
        ports[sent.side],
        ports[1 - sent.side],
        sent.seq,
        sent.ack,
        (20 + len(sent.options)) // 4 << 4,
        sent.flags,
        sent.window,
        0,
        0,
    )
    total = 40 + len(sent.options) + sent.length
    ip = struct.pack(">BBHHHBBH", 0x45, 0, total, 0, 0x4000, 64, 6, 0)
    return ip + addresses[sent.side] + addresses[1 - sent.side] + header + sent.options


WIRESHARKS_NAMES: Final = tuple(note.name for note in NOTES if note.bit & WIRESHARK_NOTES)


def masks_of(path: Path) -> list[list[NoteName]]:
    """The names of Wireshark's notes on each frame of a capture, as we compute them."""
    return [note_names(mask) for mask, _ in _observed(path)[0]]


def _observed(path: Path) -> tuple[list[tuple[int, int]], ConnectionTable]:
    """Wireshark's notes and the number of the connection, frame by frame, and the table."""
    seen: list[tuple[int, int]] = []
    table = ConnectionTable(0, 0)
    header = Header()
    with open_capture(str(path)) as records:
        while records.advance():
            code = header.decode(
                records.block, records.offset, records.captured, records.original, records.link_type
            )
            assert code == SEGMENT
            machine = table.observe(header, records.frame, records.time_ns)
            seen.append((int(table.step.wireshark_notes), int(machine.number)))
    for machine in table.connections:
        for frame in reused_in_hindsight(machine):
            mask, number = seen[frame - 1]
            seen[frame - 1] = (mask | REUSED_PORTS, number)
    return seen, table


def compare(path: Path, places: Sequence[tuple[int, int]]) -> tuple[list[Finding], int]:
    """What our analysis and tshark's say differently of a capture, and how many frames were compared."""
    seen, table = _observed(path)
    masks = [mask for mask, _ in seen]
    numbers = [number for _, number in seen]
    found = []
    total = 0
    last: dict[int, tuple[int, int]] = {}
    for told in analysed_frames(str(path), WIRESHARKS_NAMES):
        total += 1
        assert told.frame == total
        seed, place = places[total - 1]
        ours = sorted(note_names(masks[total - 1]))
        theirs = set(told.notes)
        # The general name is shown beside the particular one.
        if theirs & {"fast_retransmission", "spurious_retransmission"}:
            theirs.discard("retransmission")
        if ours != sorted(theirs):
            found.append(Finding(seed, place, f"{ours}, tshark: {sorted(theirs)}"))
        if numbers[total - 1] != told.stream:
            found.append(Finding(seed, place, f"connection {numbers[total - 1]}, tshark: {told.stream}"))
        last[told.stream] = (total, told.completeness)
    assert total == len(places)
    for stream, (frame, bits) in last.items():
        if completeness(table.connections[stream]) != bits:
            seed, place = places[frame - 1]
            found.append(
                Finding(
                    seed, place, f"completeness {completeness(table.connections[stream])}, tshark: {bits}"
                )
            )
    return found, total


def disagreements(seeds: Sequence[int], folder: Path) -> Iterator[tuple[list[Finding], int]]:
    """The findings and the number of frames of one capture after the other."""
    for start in range(0, len(seeds), A_FILE):
        path = folder / f"random-{seeds[start]}.pcap"
        places = write_capture(path, seeds[start : start + A_FILE])
        yield compare(path, places)
        path.unlink()


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare our analysis of random traffic with tshark's.")
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--first-seed", type=int, default=0)
    asked = parser.parse_args()
    seeds = range(asked.first_seed, asked.first_seed + asked.connections)
    frames = wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        for found, total in disagreements(seeds, Path(folder)):
            frames += total
            wrong += len(found)
            for finding in found[:20]:
                sys.stdout.write(f"{finding}\n")
    sys.stdout.write(f"{asked.connections} connections, {frames} frames, {wrong} disagreements\n")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
