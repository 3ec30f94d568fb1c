"""What the whole tool takes to read the worst files of 1 MiB there are, beyond what it takes for ten frames.

Each run is a process of its own, which tells its peak at its end: the most memory it ever had resident. (The
resource usage of a child would count what the process that started it had.)
"""

from __future__ import annotations

import functools
import gzip
import os
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.capture.builders import (
    COMPRESSORS,
    RAW,
    block,
    enhanced,
    interface,
    option,
    pcap_header,
    pcap_record,
    section,
)
from tests.tcp.transcript import ip_packet, tcp_segment

ROOT: Final = Path(__file__).resolve().parent.parent
SIZE: Final = 1 << 20
MOST: Final = 64 << 20

CLIENT, SERVER = ("192.0.2.1", 40000), ("198.51.100.2", 80)
SYN, ACK = 0x02, 0x10

FORMATS: Final = {
    "text": ["--no-report"],
    "all": ["--no-report", "--all"],
    "json": ["--json"],
    "summary": ["--json", "--summary"],
}

PROBE: Final = """
import sys
try:
    from analyzer.cli import main
    main()
finally:
    with open("/proc/self/status") as status, open(sys.argv[0], "w") as answer:
        answer.write(next(line.split()[1] for line in status if line.startswith("VmHWM")))
"""


def filled(pieces: Iterator[bytes], start: bytes) -> bytes:
    """`start` and as many pieces as go into a file of the size."""
    whole = bytearray(start)
    for piece in pieces:
        if len(whole) + len(piece) > SIZE:
            break
        whole += piece
    return bytes(whole)


def segments(make: Callable[[int], bytes]) -> bytes:
    """A pcap file of raw IP with the segments 0, 1, ... that `make` gives."""
    packets = (pcap_record(make(number)) for number in range(SIZE))
    return filled(packets, pcap_header(link_type=RAW))


def connection_each(number: int) -> bytes:
    source = (f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}", 1024)
    return ip_packet(source[0], SERVER[0], tcp_segment(source, SERVER, number, 0, SYN, 500))


def new_number_each(number: int) -> bytes:
    return ip_packet(CLIENT[0], SERVER[0], tcp_segment(CLIENT, SERVER, number * 7, 0, SYN, 500))


def hole_each(number: int) -> bytes:
    return ip_packet(CLIENT[0], SERVER[0], tcp_segment(CLIENT, SERVER, 2 * number, 1, ACK, 500, b"", b"x"))


def acknowledgement_each(number: int) -> bytes:
    sender, receiver = (CLIENT, SERVER) if number % 2 else (SERVER, CLIENT)
    segment = tcp_segment(sender, receiver, number, number * 5, ACK, number & 0xFFFF)
    return ip_packet(sender[0], receiver[0], segment)


def fragment_each(number: int) -> bytes:
    packet = bytearray(ip_packet(CLIENT[0], SERVER[0], bytes(8)))
    struct.pack_into("!HH", packet, 4, number & 0xFFFF, 0x2000 | number % 8000)
    return bytes(packet)


def protocol_each(number: int) -> bytes:
    packet = bytearray(ip_packet(CLIENT[0], SERVER[0], b""))
    packet[9] = number % 256
    return bytes(packet)


def compressed_flood(count: int) -> bytes:
    """A SYN from each of so many ports and addresses, which differ in little else."""
    record = bytearray(pcap_record(connection_each(0)))
    source_address, source_port = 16 + 12, 16 + 20
    pieces = [pcap_header(link_type=RAW)]
    for number in range(count):
        struct.pack_into("!I", record, source_address, 0x0A000000 | number >> 8)
        struct.pack_into("!H", record, source_port, 1024 + (number & 255))
        pieces.append(bytes(record))
    return gzip.compress(b"".join(pieces))


def blocks(make: Callable[[int], bytes]) -> bytes:
    """A pcapng file with one interface and the blocks 0, 1, ... that `make` gives."""
    return filled((make(number) for number in range(SIZE)), section() + interface(RAW))


FILES: Final[dict[str, Callable[[], bytes]]] = {
    "a connection in each frame": lambda: segments(connection_each),
    "a connection of the same endpoints in each frame": lambda: segments(new_number_each),
    "a hole before each byte": lambda: segments(hole_each),
    "an acknowledgement of something else in each frame": lambda: segments(acknowledgement_each),
    "fragments that never become whole": lambda: segments(fragment_each),
    "every IP protocol": lambda: segments(protocol_each),
    "a connection in each of 60,000 frames, compressed": lambda: compressed_flood(60_000),
    "frames of nothing": lambda: segments(lambda number: b""),
    "tens of thousands of interfaces": lambda: blocks(lambda number: interface(number & 0xFFFF)),
    "a link type in each frame": lambda: blocks(
        lambda number: interface(number & 0xFFFF) + enhanced(b"", number=number + 1)
    ),
    "options of interfaces": lambda: blocks(lambda number: block(1, bytes(8) + option(2, b"x" * 60_000))),
    "comments": lambda: blocks(lambda number: enhanced(b"", options=option(1, b"\x1b" * 65_000))),
    "names": lambda: blocks(lambda number: block(4, struct.pack("<HH", 1, 60_000) + bytes(60_000))),
    "statistics": lambda: blocks(lambda number: block(5, bytes(12))),
    "sections": lambda: blocks(lambda number: section()),
    "a block of 16 MiB, compressed": lambda: gzip.compress(
        section()
        + interface()
        + block(6, struct.pack("<IIIII", 0, 0, 0, 1 << 24, 1 << 24) + bytes((1 << 24) - 64))
    ),
    **{
        f"what {name} makes of bytes that are all the same": functools.partial(
            lambda name: COMPRESSORS[name](pcap_header(link_type=RAW) + bytes(12 << 20)), name
        )
        for name in COMPRESSORS
    },
}


def peak(folder: Path, arguments: list[str]) -> int:
    """The bytes the tool had in memory at most."""
    answer = folder / "peak"
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("COVERAGE_", "COV_", "PYTHON"))
    }
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.argv[0] = {str(answer)!r}\n{PROBE}", *arguments],
        cwd=ROOT,
        env=kept,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=300,
    )
    assert "Traceback" not in done.stderr
    assert done.returncode == 0, done.stderr
    return int(answer.read_text()) << 10


@functools.cache
def idle(form: str, folder: Path) -> int:
    return peak(folder, [str(ROOT / "captures" / "echo.pcap"), *FORMATS[form]])


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("idle")


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is told by Linux")
@pytest.mark.parametrize("what", FILES)
def test_a_hostile_file(what: str, tmp_path: Path, quiet: Path) -> None:
    path = tmp_path / "hostile"
    content = FILES[what]()
    assert len(content) <= SIZE
    path.write_bytes(content)
    for form, options in FORMATS.items():
        more = peak(tmp_path, [str(path), *options]) - idle(form, quiet)
        assert more <= MOST, f"{form}: {more / (1 << 20):.0f} MiB above the idle tool"


KEPT: Final = """
import ctypes, gc

from analyzer.tcp.step import Step
from analyzer.trace.columns import Columns
from analyzer.wire.header import Header

def resident():
    gc.collect()
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * 4096

header, step = Header(), Step()
header.block, header.payload_offset, header.flags = bytes(2000), 100, 0x18
header.payload_captured = header.payload_length = 1460
before = resident()
columns = Columns()
for number in range(200_000):
    columns.keep(0, header, step, number + 1, number)
print((resident() - before) / columns.count)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_kept_segment_takes_80_bytes() -> None:
    """Of the costliest kind: each has a payload longer than what is kept of one."""
    run = subprocess.run([sys.executable, "-c", KEPT], stdout=subprocess.PIPE, check=True)
    assert 40 < float(run.stdout) <= 80
