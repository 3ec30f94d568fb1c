"""How long the summary of a large capture takes, next to reading the file and to other tools on the same file.

    python benchmarks/speed.py [--packets 1000000] [--connections 15000] [--rounds 5] [--folder DIR]

Makes the captures (benchmarks/traffic.py) where they are not there yet, runs every command in turn as often as there
are rounds, takes the best of each, and writes docs/speed.md and docs/speed.svg. The tools are those that are
installed: `./tcpanalyze` of this checkout compiled and interpreted, cat, tshark, tcptrace, and for Python dpkt,
scapy, pyshark and nfstream. Slow ones get a smaller capture, and their time is scaled up by the packets.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import date
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "benchmarks"))

from traffic import write  # noqa: E402

COMPILED = str(ROOT / ".venv/compiled/bin/tcpanalyze")
INTERPRETED = str(ROOT / ".venv/bin/tcpanalyze")
PYTHON = str(ROOT / ".venv/bin/python")
COMPILED_PYTHON = str(ROOT / ".venv/compiled/bin/python")

WITHOUT_ISAL = """
import sys
sys.modules["isal"] = None
"""
WHOLE = """
from analyzer.cli import main
main()
"""
DECOMPRESSED = """
import sys
from analyzer.capture.compression import CompressedBytes
from analyzer.capture.source import BLOCK_BYTES, keep_blocks, bytes_of_path
keep_blocks()
bytes = CompressedBytes(bytes_of_path(sys.argv[1]))
while bytes.read(BLOCK_BYTES):
    pass
"""

DPKT = """
import sys, dpkt
found = set()
with open(sys.argv[1], "rb") as file:
    for _, bytes in dpkt.pcap.Reader(file):
        ip = dpkt.ethernet.Ethernet(bytes).data
        found.add(frozenset([(ip.src, ip.data.sport), (ip.dst, ip.data.dport)]))
print(len(found))
"""
SCAPY = """
import sys
from scapy.all import IP, TCP, PcapReader
found = set()
with PcapReader(sys.argv[1]) as packets:
    for packet in packets:
        ip, tcp = packet[IP], packet[TCP]
        found.add(frozenset([(ip.src, tcp.sport), (ip.dst, tcp.dport)]))
print(len(found))
"""
PYSHARK = """
import sys, pyshark
found = set()
with pyshark.FileCapture(sys.argv[1], keep_packets=False) as packets:
    for packet in packets:
        found.add(packet.tcp.stream)
print(len(found))
"""
NFSTREAM = """
import sys
from nfstream import NFStreamer
print(sum(1 for _ in NFStreamer(source=sys.argv[1], n_meters=1, n_dissections=0)))
"""


class Peer(NamedTuple):
    """A command to be timed: on which capture, with the share of the packets it gets, and what it leaves out."""

    name: str
    command: list[str]
    capture: str
    share: int
    leaves_out: str
    needs: str = ""


GROWING = "growth.pcap"
MADE_BY = b"".join((ROOT / "benchmarks" / name).read_bytes() for name in ("traffic.py", "payloads.py"))
TRAFFIC = f"{crc32(MADE_BY):08x}"
HEADERS = 96
"""Bytes of each frame in the captures of the growth, as somebody captures who has to keep many."""
IN_EACH = 30
"""Packets of a connection in them: fewer than usual, so that a connection's own cost shows."""
SIZES = (10_000, 100_000, 1_000_000, 3_000_000, 10_000_000, 30_000_000)
SHARED = 3_000_000
SHARING = (100, 10_000, 100_000, 1_000_000)
"""So many packets are shared by so many connections. The last is asked for too much: the least a connection has are six
packets or so, and fewer begin. How many there are is counted."""
TEN_EACH = (10_000_000, 1_050_000)
"""A million of them with hardly more than opening, a question, an answer and closing."""

CODE = [COMPILED_PYTHON, "-P", "-c"]
DECOMPRESSES = "everything but decompressing"
OURS = "nothing: states, labels, all notes, verdicts"
PEERS = [
    Peer("`cat`", ["cat"], "big.pcap", 1, "everything"),
    Peer("tcpanalyze, compiled", [COMPILED], "big.pcap", 1, OURS),
    Peer("tcpanalyze, compiled, pcapng", [COMPILED], "big.pcapng", 1, OURS),
    Peer("tcpanalyze, compiled, IPv6", [COMPILED], "big6.pcap", 1, OURS),
    Peer("`gzip -dc`", ["gzip", "-dc"], "big.pcap.gz", 1, DECOMPRESSES),
    Peer("zlib, as tcpanalyze asks it", [*CODE, WITHOUT_ISAL + DECOMPRESSED], "big.pcap.gz", 1, DECOMPRESSES),
    Peer("tcpanalyze, compiled, gzip", [*CODE, WITHOUT_ISAL + WHOLE], "big.pcap.gz", 1, OURS),
    Peer("ISA-L, as tcpanalyze asks it", [*CODE, DECOMPRESSED], "big.pcap.gz", 1, DECOMPRESSES, "isal"),
    Peer("tcpanalyze, compiled, gzip, with the extra `fast`", [COMPILED], "big.pcap.gz", 1, OURS, "isal"),
    Peer("`zstd -dc`", ["zstd", "-dc"], "big.pcap.zst", 1, DECOMPRESSES),
    Peer("libzstd, as tcpanalyze asks it", [*CODE, DECOMPRESSED], "big.pcap.zst", 1, DECOMPRESSES),
    Peer("tcpanalyze, compiled, zstd", [COMPILED], "big.pcap.zst", 1, OURS),
    Peer("tcpanalyze, interpreted", [INTERPRETED], "big.pcap", 10, OURS),
    Peer(
        "`tcptrace`", ["tcptrace", "-n"], "big.pcap", 1,
        "the states of RFC 9293, labels, pcapng", "tcptrace",
    ),
    Peer("`tshark -q -z conv,tcp`", ["tshark", "-q", "-z", "conv,tcp", "-r"], "big.pcap", 1,
         "states, labels, verdicts; counts packets and bytes, and analyses sequence numbers", "tshark"),
    Peer("nfstream", [PYTHON, "-c", NFSTREAM], "big.pcap", 10, "sequence analysis: flows with counts", "nfstream"),
    Peer("dpkt", [PYTHON, "-c", DPKT], "big.pcap", 10, "all but parsing and the set of connections", "dpkt"),
    Peer("Scapy", [PYTHON, "-c", SCAPY], "big.pcap", 100, "all but parsing and the set of connections", "scapy"),
    Peer("pyshark", [PYTHON, "-c", PYSHARK], "big.pcap", 500, "what tshark dissects, counted by stream", "pyshark"),
]  # fmt: skip


def version_of(peer: Peer) -> str:
    """Whether it is there."""
    if not peer.needs:
        return "yes" if shutil.which(peer.command[0]) else ""
    found = shutil.which(peer.needs) or (
        peer.command[0] in (PYTHON, COMPILED, COMPILED_PYTHON) and find_spec(peer.needs)
    )
    return "yes" if found else ""


def capture(folder: Path, name: str, packets: int, connections: int, share: int) -> Path:
    """The capture of that name with a `share`th of the packets, made where it is not there.

    What older code made has another name.
    """
    path = folder / f"{TRAFFIC}-{packets // share}-{connections // share}-{name}"
    if not path.exists():
        part = path.with_name(f"part-{path.name}")
        version, snap = 6 if "6" in name else 4, HEADERS if name == GROWING else 0
        write(str(part), packets // share, max(1, connections // share), version, snap=snap)
        part.rename(path)
    return path


def warm(path: Path) -> None:
    """Read the file once, a piece at a time: what this process holds would count as memory of those it starts."""
    with path.open("rb", buffering=0) as file:
        while file.read(1 << 20):
            pass


def seconds(command: list[str], environment: dict[str, str]) -> float:
    start = time.perf_counter()
    with tempfile.TemporaryFile() as errors:
        done = subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, stderr=errors, check=False)
        took = time.perf_counter() - start
        if done.returncode:
            errors.seek(0)
            raise RuntimeError(f"{command[0]} ended with {done.returncode}: {errors.read()[-300:]!r}")
    return took


def instructions(folder: Path) -> float | None:
    """Instructions for each packet of the pass, by callgrind: the difference between 40,000 and 20,000 packets."""
    if not shutil.which("valgrind"):
        return None
    code = (
        "import gc, sys\ngc.disable()\nfrom analyzer.capture import open_capture\n"
        "from analyzer.analysis.loop import segments\nfrom analyzer.analysis.reading import ORDINARY\n"
        "with open_capture(sys.argv[1]) as records:\n"
        "    segments(records, ORDINARY).run()\n"
    )
    counts = []
    python = str(Path(COMPILED).with_name("python"))
    for packets in (20_000, 40_000):
        path = capture(folder, "count.pcap", packets, packets * 3 // 200, 1)
        command = [
            "valgrind",
            "--tool=callgrind",
            f"--callgrind-out-file={folder / 'callgrind.out'}",
            python,
            "-P",
            "-c",
            code,
        ]
        done = subprocess.run([*command, path], stderr=subprocess.PIPE, text=True, check=True)
        counts.append(int(done.stderr.rpartition("Collected :")[2].split()[0]))
    return (counts[1] - counts[0]) / 20_000


def growth(folder: Path, sizes: list[tuple[int, int]], rounds: int) -> list[tuple[int, int, float]]:
    """Packets, connections found, and seconds of the pass and the table, of a process that has started already."""
    code = (
        "import io, sys, time\nfrom analyzer.analysis.reading import Reading\n"
        "from analyzer.analysis.stored import analyze\n"
        "from analyzer.report.terminal import Style\n"
        "from analyzer.report.text_report import report_lines\nstart = time.perf_counter()\n"
        "trace = analyze(sys.argv[1], Reading(hold=2_000_000))\nlist(report_lines(trace, Style(100)))\n"
        "print(len(trace), time.perf_counter() - start)\n"
    )
    python = str(Path(COMPILED).with_name("python"))
    measured = []
    for packets, connections in sizes:
        path = capture(folder, GROWING, packets, connections, 1)
        warm(path)
        runs = []
        for _ in range(rounds):
            said = subprocess.run([python, "-P", "-c", code, path], stdout=subprocess.PIPE, check=True).stdout
            found, took = said.split()
            runs.append((int(found), float(took)))
        measured.append((packets, *min(runs)))
    return measured


class Taken(NamedTuple):
    """What a capture through a pipe took: the most memory the process ever had, in bytes."""

    name: str
    packets: int
    connections: int
    seconds: float
    peak: int


def through_pipes(scale: int) -> list[Taken]:
    """Captures without an end, a `scale`th of them, through pipes into the compiled command."""
    traffic = [PYTHON, str(ROOT / "benchmarks" / "traffic.py"), "-"]
    packets, connections, times, flood = 1_000_000 // scale, 15_000 // scale, 100, 5_000_000 // scale
    mixed = ["--packets", str(packets), "--connections", str(connections), "--snap", str(HEADERS)]
    found = []
    for name, arguments, sent, begun in (
        ("mixed connections", [*mixed, "--times", str(times)], packets * times, connections * times),
        ("a SYN flood", ["--flood", str(flood)], flood, flood),
    ):
        start = time.perf_counter()
        with subprocess.Popen([*traffic, *arguments], stdout=subprocess.PIPE) as source:
            reader = subprocess.Popen(
                [COMPILED, "-", "--summary", "--no-report"], stdin=source.stdout, stdout=subprocess.DEVNULL
            )
            _, status, usage = os.wait4(reader.pid, 0)
            reader.returncode = os.waitstatus_to_exitcode(status)
        if reader.returncode or source.returncode:
            raise RuntimeError(f"{name}: {source.returncode}, {reader.returncode}")
        found.append(Taken(name, sent, begun, time.perf_counter() - start, usage.ru_maxrss << 10))
    return found


def processor() -> str:
    if Path("/proc/cpuinfo").exists():
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def figure(
    path: Path,
    peers: list[tuple[str, float]],
    grown: list[tuple[int, int, float]],
    shared: list[tuple[int, int, float]],
    packets: int,
) -> None:
    from matplotlib import rcParams
    from matplotlib.figure import Figure

    rcParams["svg.hashsalt"] = "tcpanalyze"
    drawing = Figure(figsize=(10, 9), layout="constrained")
    times, sizes = drawing.subplots(2, 1, height_ratios=[2, 1])
    names = [name.replace("`", "") for name, _ in peers][::-1]
    values = [value for _, value in peers][::-1]
    colours = ["#1f77b4" if name.startswith("tcpanalyze") else "#b0b0b0" for name in names]
    bars = times.barh(names, values, color=colours)
    times.bar_label(bars, [f" {value:.2f} s" if value < 10 else f" {value:,.0f} s" for value in values])
    times.set_xscale("log")
    times.set_xlim(min(values) / 2, max(values) * 4)
    times.set_xlabel(f"seconds for {packets:,} packets")
    times.spines[["top", "right"]].set_visible(False)
    for marker, series, place, label in (
        ("o-", grown, 0, f"packets, a connection for each {IN_EACH}"),
        ("s-", [one for one in shared if one[0] <= SHARED], 1, f"connections that share {SHARED:,} packets"),
        ("D", [one for one in shared if one[0] > SHARED], 1, f"connections that share {TEN_EACH[0]:,}"),
    ):
        sizes.plot(
            [one[place] for one in series], [one[2] / one[0] * 1e9 for one in series], marker, label=label
        )
    sizes.set_xscale("log")
    sizes.set_ylim(bottom=0)
    sizes.set_xlabel("how many")
    sizes.set_ylabel("ns for each packet")
    sizes.legend(frameon=False)
    sizes.spines[["top", "right"]].set_visible(False)
    drawing.savefig(path, metadata={"Date": None})


def exponent(grown: list[tuple[int, int, float]]) -> float:
    """By how much time grows from a million packets on, where a start no longer counts: the slope of the logarithms."""
    from math import log

    points = [(log(packets), log(took)) for packets, _, took in grown if packets >= 1_000_000]
    x = sum(one for one, _ in points) / len(points)
    y = sum(two for _, two in points) / len(points)
    return sum((a - x) * (b - y) for a, b in points) / sum((a - x) ** 2 for a, _ in points)


def flatness(grown: list[tuple[int, int, float]], shared: list[tuple[int, int, float]]) -> str:
    """Time for each packet as a multiple of that with few connections, by both ways to have many."""
    few = shared[0][2] / shared[0][0]
    told = [
        f"{took / packets / few:.1f} times with {connections:,} connections of {packets / connections:.0f} packets"
        for packets, connections, took in [*shared[1:], max(grown)]
    ]
    return f"Beside {shared[0][1]:,} connections a packet takes {', '.join(told[:-1])} and {told[-1]}."


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--packets", type=int, default=1_000_000)
    parser.add_argument("--connections", type=int, default=15_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--most", type=int, default=SIZES[-1], help="packets of the largest capture")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "tcpanalyze-speed")
    given = parser.parse_args()
    given.folder.mkdir(exist_ok=True)
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    there = [peer for peer in PEERS if version_of(peer)]
    best: dict[str, float] = {}
    for turn in range(given.rounds):
        for peer in there:
            # What takes minutes is run once.
            if turn and best[peer.name] > 20:
                continue
            path = capture(given.folder, peer.capture, given.packets, given.connections, peer.share)
            warm(path)
            took = seconds([*peer.command, str(path)], environment) * peer.share
            best[peer.name] = min(took, best.get(peer.name, took))
    small = {
        "`tcpanalyze captures/echo.pcap --no-report`": [COMPILED, "captures/echo.pcap", "--no-report"],
        "`tcpanalyze captures/echo.pcap`, with its two pictures": [
            COMPILED,
            "captures/echo.pcap",
            "--output",
            str(given.folder / "pictures"),
        ],
        "`tcpanalyze captures/echo.pcap --json`": [COMPILED, "captures/echo.pcap", "--json"],
        "`tshark -r captures/echo.pcap`": ["tshark", "-r", "captures/echo.pcap"],
        "`python -c pass`": [PYTHON, "-c", "pass"],
    }
    os.chdir(ROOT)
    starts = {
        name: min(seconds(command, environment) for _ in range(given.rounds * 2))
        for name, command in small.items()
        if shutil.which(command[0])
    }
    sizes = [size for size in SIZES if size <= given.most]
    grown = growth(given.folder, [(size, size // IN_EACH) for size in sizes], given.rounds)
    shared = growth(
        given.folder,
        [
            *((min(SHARED, given.most), count) for count in SHARING if 3 * count <= given.most),
            *([TEN_EACH] if TEN_EACH[0] <= given.most else []),
        ],
        given.rounds,
    )
    taken = through_pipes(max(1, SIZES[-1] // given.most))
    counted = instructions(given.folder)
    reads = best["`cat`"]
    size = capture(given.folder, "big.pcap", given.packets, given.connections, 1).stat().st_size
    lines = [
        "# Speed",
        "",
        "Written by `.venv/bin/python benchmarks/speed.py`; nothing here is edited by hand.",
        "",
        f"{date.today().isoformat()} · {processor()}, {os.cpu_count()} cores · {platform.system()} "
        f"{platform.release()} · Python {platform.python_version()} · load "
        f"{os.getloadavg()[0]:.1f} at the end, so other programs were running where this is above 1",
        "",
        "## A large capture",
        "",
        f"{given.packets:,} packets of {size / given.packets - 16:.0f} bytes on average, about "
        f"{given.connections:,} connections, page cache warm, every command in turn, best of {given.rounds}. The "
        "whole process, from its start to its end; tcpanalyze prints its table of connections.",
        "",
        "| | seconds | times `cat` | on | leaves out |",
        "|---|---:|---:|---|---|",
    ]
    for peer in there:
        took = best[peer.name]
        on = "the whole" if peer.share == 1 else f"1/{peer.share} of it, scaled"
        lines.append(f"| {peer.name} | {took:.2f} | {took / reads:.1f} | {on} | {peer.leaves_out} |")
    absent = [peer.name for peer in PEERS if peer not in there]
    if absent:
        lines += ["", f"Not installed where this was measured: {', '.join(absent)}."]
    if counted is not None:
        lines += [
            "",
            f"The compiled pass takes {counted:,.0f} instructions for each packet (callgrind; the difference between "
            "40,000 packets and 20,000).",
        ]
    lines += ["", "![Times and growth](speed.svg)", "", "## A small capture", "", "| | ms |", "|---|---:|"]
    lines += [f"| {name} | {took * 1000:.0f} |" for name, took in starts.items()]
    lines += [
        "",
        "## Growth",
        "",
        f"Analysis and table, without the start of the process, compiled; {HEADERS} bytes of each frame captured, "
        f"first a connection for each {IN_EACH} packets. From a million packets on time grows by the exponent "
        f"{exponent(grown):.3f}. {flatness(grown, shared)}",
        "",
        "| packets | connections | seconds | ns for each packet |",
        "|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {packets:,} | {connections:,} | {took:.3f} | {took / packets * 1e9:.0f} |"
        for packets, connections, took in [*grown, *shared]
    ]
    lines += [
        "",
        "## Memory",
        "",
        "Through a pipe from benchmarks/traffic.py, which takes most of the time; at most a million connections are "
        "in memory (the default of `--hold`); the others are only counted.",
        "",
        "| | packets | connections, about | seconds | peak of memory |",
        "|---|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {one.name} | {one.packets:,} | {one.connections:,} | {one.seconds:.0f} | {one.peak >> 20:,} MiB |"
        for one in taken
    ]
    (ROOT / "docs" / "speed.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    figure(
        ROOT / "docs" / "speed.svg",
        [(peer.name, best[peer.name]) for peer in there],
        grown,
        shared,
        given.packets,
    )
    sys.stdout.write(
        json.dumps(
            {"best": best, "starts": starts, "grown": grown, "shared": shared, "instructions": counted}
        )
        + "\n"
    )


if __name__ == "__main__":
    main()
