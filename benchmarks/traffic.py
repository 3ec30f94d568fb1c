"""Captures of made-up traffic for the benchmarks: many connections at once, the same bytes for the same seed.

    python benchmarks/traffic.py big.pcap [--packets 1000000] [--connections 15000] [--ip 4|6] [--snap 0] [--seed 1]

    python benchmarks/traffic.py - --times 100 [...]      the same again and again, from other clients each time
    python benchmarks/traffic.py - --flood 5000000         SYNs alone, each from another address and port

The name says the format: .pcap or .pcapng, with .gz or .zst behind it compressed; `-` writes a pcap to standard output.
Each connection opens with the usual options, carries data both ways, and ends: mostly by FINs in four or three
segments, now and then by a reset, or not at all. Some SYNs are refused or never answered. Segments are lost
before the capture (duplicate acknowledgements and a retransmission follow), swapped, repeated, and a window
closes now and then. Checksums are right. A connection has `packets / connections` segments on average.
"""

from __future__ import annotations

import argparse
import gzip
import struct
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path
from random import Random
from typing import BinaryIO

from payloads import application

START_NS = 1_700_000_000_000_000_000
AT_ONCE = 64
"""How many connections are open at the same time, as far as there are so many."""

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
MSS = 1448

_TCP = struct.Struct("!HHIIHHHH")
_IPV4 = struct.Struct("!BBHHHBBH4s4s")
_IPV6 = struct.Struct("!IHBB16s16s")
_ETHERNET = {
    4: bytes.fromhex("0200000000020200000000010800"),
    6: bytes.fromhex("02000000000202000000000186dd"),
}


def folded(total: int) -> int:
    """The Internet checksum (RFC 1071) of a sum of 16-bit words."""
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Side:
    """One endpoint: where it has got, and the bytes that all its segments share."""

    def __init__(self, address: bytes, peer: bytes, port: int, peer_port: int, isn: int) -> None:
        self.address, self.peer = address, peer
        self.port, self.peer_port = port, peer_port
        self.next = isn
        self.window = 502
        self.ip_id = isn & 0xFFFF
        words = struct.unpack(f"!{len(address)}H", address + peer)
        self.pseudo_sum = sum(words) + 6
        self.ip_sum = sum(words) + 0x4500 + 0x4000 + 0x4006


Segment = tuple[Side, int, int, int, bytes, bytes]
"""Sender, flags, sequence number, acknowledgement, payload, options."""


def frame(segment: Segment) -> bytes:
    """The Ethernet frame of one segment."""
    side, flags, seq, ack, payload, options = segment
    length = len(payload)
    header_length = 20 + len(options)
    place = (header_length << 10) | flags
    header = _TCP.pack(
        side.port, side.peer_port, seq & 0xFFFFFFFF, ack & 0xFFFFFFFF, place, side.window, 0, 0
    )
    header += options
    total = side.pseudo_sum + header_length + length + sum(struct.unpack(f"!{header_length // 2}H", header))
    # The sum of 16-bit words is the number they make, but for multiples of 65535 (RFC 1071 2).
    total += (int.from_bytes(payload, "big") << 8 * (length % 2)) % 0xFFFF
    header = b"%b%b%b" % (header[:16], folded(total).to_bytes(2, "big"), header[18:])
    if len(side.address) == 4:
        side.ip_id = (side.ip_id + 1) & 0xFFFF
        data = 20 + header_length + length
        check = folded(side.ip_sum + data + side.ip_id)
        ip = _IPV4.pack(0x45, 0, data, side.ip_id, 0x4000, 64, 6, check, side.address, side.peer)
        return b"%b%b%b%b" % (_ETHERNET[4], ip, header, payload)
    ip = _IPV6.pack(0x60000000, header_length + length, 6, 64, side.address, side.peer)
    return b"%b%b%b%b" % (_ETHERNET[6], ip, header, payload)


def stamps(value: int, echo: int) -> bytes:
    return b"\x01\x01\x08\x0a" + struct.pack("!II", value & 0xFFFFFFFF, echo & 0xFFFFFFFF)


def conversation(number: int, budget: int, version: int, chance: Random) -> Iterator[Segment]:
    """The segments of one connection, about `budget` of them."""
    network, host = divmod(number, 60_000)
    host += 1
    port = 1024 + chance.randrange(4096)
    if version == 4:
        ends = bytes((10, network, host >> 8, host & 255)), bytes((192, 168, 1, 1 + number % 8))
    else:
        prefix = bytes.fromhex("20010db8000000000000000000")
        ends = (
            prefix + bytes((network,)) + struct.pack("!H", host),
            prefix + b"\1\0" + bytes((1 + number % 8,)),
        )
    carried = application(chance)
    client = Side(ends[0], ends[1], port, carried.port, chance.getrandbits(32))
    server = Side(ends[1], ends[0], carried.port, port, chance.getrandbits(32))
    clock = chance.getrandbits(31)
    opening = b"\x02\x04\x05\xb4\x04\x02\x08\x0a" + struct.pack("!II", clock, 0) + b"\x01\x03\x03\x07"

    def segment(
        side: Side, flags: int, payload: bytes = b"", seq: int | None = None, extra: bytes = b""
    ) -> Segment:
        other = server if side is client else client
        options = stamps(clock, clock - 9) + extra
        return side, flags | ACK, side.next if seq is None else seq, other.next, payload, options

    fate = chance.random()
    syn = client, SYN, client.next, 0, b"", opening
    yield syn
    client.next += 1
    if fate < 0.01:
        for _ in range(min(budget - 1, 3)):
            yield syn
        return
    if fate < 0.02:
        yield server, RST | ACK, 0, client.next, b"", b""
        return
    yield server, SYN | ACK, server.next, client.next, b"", opening
    server.next += 1
    yield segment(client, 0)

    sent = 3
    pending = 0
    answered = False
    answer, began = b"", 0
    while sent < budget - 4:
        clock += 1
        # A request, then some of the answer, with an acknowledgement for every second segment.
        if pending <= 0:
            request = carried.request(not answered, chance.randrange(80, 700), chance)
            yield segment(client, PSH, request)
            client.next += len(request)
            yield segment(server, 0)
            sent += 2
            pending = chance.randrange(8, 60)
            answer = carried.answer(not answered, (pending - 1) * MSS + chance.randrange(1, MSS), chance)
            began, answered = server.next, True
        burst = min(pending, chance.randrange(1, 7))
        pending -= burst
        luck = chance.random()
        start = server.next
        burst_segments = []
        for _ in range(burst):
            payload = answer[server.next - began : server.next - began + MSS]
            burst_segments.append((payload, server.next))
            server.next += len(payload)
        if luck < 0.01 and burst > 2:
            # The first of the burst was lost before the capture: duplicate acknowledgements, then again.
            after = server.next
            server.next = start
            lost = burst_segments[0][0]
            for payload, seq in burst_segments[1:]:
                yield segment(server, 0, payload, seq)
                edges = struct.pack(
                    "!II", (start + len(lost)) & 0xFFFFFFFF, (seq + len(payload)) & 0xFFFFFFFF
                )
                yield segment(client, 0, extra=b"\x01\x01\x05\x0a" + edges)
                sent += 2
            server.next = after
            yield segment(server, 0, lost, start)
            sent += 1
        else:
            if luck > 0.99 and burst > 1:
                burst_segments[0], burst_segments[1] = burst_segments[1], burst_segments[0]
            for place, (payload, seq) in enumerate(burst_segments):
                yield segment(server, 0 if place < burst - 1 else PSH, payload, seq)
                sent += 1
                if place % 2 and place < burst - 1:
                    after, server.next = server.next, seq + len(payload)
                    yield segment(client, 0)
                    server.next = after
                    sent += 1
            if luck < 0.015:
                payload, seq = burst_segments[-1]
                yield segment(server, PSH, payload, seq)
                sent += 1
        if luck > 0.4995 and luck < 0.5:
            client.window = 0
            yield segment(client, 0)
            yield segment(server, 0, b"", server.next - 1)
            yield segment(client, 0)
            client.window = 502
            sent += 3
        yield segment(client, 0)
        sent += 1

    if fate < 0.05:
        return
    if fate < 0.10:
        yield client, RST, client.next, 0, b"", b""
        return
    first, last = (client, server) if fate < 0.7 else (server, client)
    yield segment(first, FIN)
    first.next += 1
    if fate < 0.45:
        yield segment(last, FIN)
    else:
        yield segment(last, 0)
        yield segment(last, FIN)
    last.next += 1
    yield segment(first, 0)


def frames(packets: int, connections: int, version: int, seed: int) -> Iterator[tuple[int, bytes]]:
    """Exactly so many frames with their times in nanoseconds."""
    chance = Random(seed)
    choose, spread = chance.random, chance.randrange
    mean = packets / connections
    running: list[Iterator[Segment]] = []
    begun = 0
    made = 0
    time_ns = START_NS
    while made < packets:
        while len(running) < AT_ONCE and begun < connections:
            ahead = packets * (begun + 1) / connections - packets * begun / connections
            budget = max(1, int(chance.uniform(0.5, 1.5) * max(ahead, mean)))
            running.append(conversation(begun, budget, version, Random(seed * 1_000_003 + begun)))
            begun += 1
        if not running:
            # The last connections were shorter than their share: others, with numbers of their own, fill up.
            running.append(conversation(begun, max(1, int(mean)), version, Random(seed * 1_000_003 + begun)))
            begun += 1
        place = int(choose() * len(running))
        talk = running[place]
        for _ in range(4):
            segment = next(talk, None)
            if segment is None:
                running[place] = running[-1]
                running.pop()
                break
            time_ns += 1000 * spread(1, 30)
            yield time_ns, frame(segment)
            made += 1
            if made == packets:
                return


def write_pcap(stream: BinaryIO, traffic: Iterator[tuple[int, bytes]], snap: int) -> None:
    stream.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1))
    pack = struct.Struct("<IIII").pack
    for time_ns, data in traffic:
        seconds, rest = divmod(time_ns, 1_000_000_000)
        kept = data[:snap] if snap else data
        stream.write(pack(seconds, rest // 1000, len(kept), len(data)) + kept)


def write_pcapng(stream: BinaryIO, traffic: Iterator[tuple[int, bytes]], snap: int) -> None:
    stream.write(struct.pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28))
    stream.write(struct.pack("<IIHHII", 1, 20, 1, 0, 262144, 20))
    pack = struct.Struct("<IIIIIII").pack
    for time_ns, data in traffic:
        high, low = divmod(time_ns // 1000, 1 << 32)
        kept = data[:snap] if snap else data
        padding = -len(kept) % 4
        length = 32 + len(kept) + padding
        head = pack(6, length, 0, high, low, len(kept), len(data))
        stream.write(b"%b%b%b%b" % (head, kept, bytes(padding), length.to_bytes(4, "little")))


def write(path: str, packets: int, connections: int, version: int = 4, seed: int = 1, snap: int = 0) -> None:
    """Make one capture, in the format that its name says; snap: the most bytes of each frame, 0 for all."""
    traffic = frames(packets, connections, version, seed)
    with ExitStack() as stack:
        stream: BinaryIO
        if path == "-":
            stream = sys.stdout.buffer
        else:
            stream = stack.enter_context(Path(path).open("wb", buffering=1 << 20))
            if path.endswith(".gz"):
                compressed = gzip.GzipFile("", "wb", 6, stream, mtime=0)
                stream = stack.enter_context(compressed)  # type: ignore[assignment] # a GzipFile writes bytes too
            elif path.endswith(".zst"):
                import zstandard

                stream = stack.enter_context(zstandard.ZstdCompressor().stream_writer(stream))
        name = path.removesuffix(".gz").removesuffix(".zst")
        (write_pcapng if name.endswith(".pcapng") else write_pcap)(stream, traffic, snap)


def write_again(stream: BinaryIO, packets: int, connections: int, seed: int, snap: int, times: int) -> None:
    """The same packets so many times, each time from another network of clients, with the checksums of the first."""
    first = BytesIO()
    write_pcap(first, frames(packets, connections, 4, seed), snap)
    header, body = first.getvalue()[:24], bytearray(first.getvalue()[24:])
    networks = []  # where the second bytes of the clients' addresses are
    place = 0
    while place < len(body):
        addresses = place + 16 + 14 + 12
        networks.append(addresses + 1 if body[addresses] == 10 else addresses + 5)
        place += 16 + int.from_bytes(body[place + 8 : place + 12], "little")
    stream.write(header)
    for number in range(times):
        for network in networks:
            body[network] = number
        stream.write(body)


def write_flood(stream: BinaryIO, count: int) -> None:
    """A SYN from each of so many addresses and ports to one server, and no answer."""
    client = Side(bytes(4), bytes((192, 168, 1, 1)), 0, 443, 0)
    options = bytes.fromhex("020405b40402080a000000000000000001030307")
    record = BytesIO()
    write_pcap(record, iter([(START_NS, frame((client, SYN, 0, 0, b"", options)))]), 0)
    header, packet = record.getvalue()[:24], bytearray(record.getvalue()[24:])
    stream.write(header)
    for number in range(count):
        struct.pack_into("!I", packet, 16 + 14 + 12, 0x0B000000 + (number >> 6))
        struct.pack_into("!H", packet, 16 + 14 + 20, 1024 + (number & 63))
        struct.pack_into("!I", packet, 16 + 14 + 24, number * 2_654_435_761 & 0xFFFFFFFF)
        stream.write(packet)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("path")
    parser.add_argument("--packets", type=int, default=1_000_000)
    parser.add_argument("--connections", type=int, default=15_000)
    parser.add_argument("--ip", type=int, choices=(4, 6), default=4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--snap", type=int, default=0, help="the most bytes of each frame; 0 for all")
    parser.add_argument("--times", type=int, default=0)
    parser.add_argument("--flood", type=int, default=0)
    given = parser.parse_args()
    if given.flood:
        write_flood(sys.stdout.buffer, given.flood)
    elif given.times:
        write_again(sys.stdout.buffer, given.packets, given.connections, given.seed, given.snap, given.times)
    else:
        write(given.path, given.packets, given.connections, given.ip, given.seed, given.snap)


if __name__ == "__main__":
    main()
