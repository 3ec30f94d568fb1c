"""How long a segment takes from the wire to the screen, and what is lost under load, on loopback.

    python benchmarks/live_latency.py [--backend auto] [--rates 100,1000,5000,20000,50000] [--seconds 3]

A client sends numbered lines of text at a steady rate to a server on 127.0.0.1 while `tcpanalyze live` runs in
a terminal of its own (a pseudo-terminal 120 columns wide). Each number is stamped when it is sent and again
when the line that shows it has been read from the terminal: the difference is the latency, of the segments
that were shown. What the kernel's counter of the interface says has passed is compared with what the tool
says it analysed and lost: `silent` has to be 0.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SHOWN = re.compile(rb'"n=(\d+)')
COUNTED = re.compile(rb"([\d,]+) frames?, ")
LOST = re.compile(rb"warning: ([\d,]+) frames? (?:was|were) lost")
HIDDEN = re.compile(rb"([\d,]+) segments? came too fast")


def passed() -> int:
    """Frames that loopback has carried."""
    for line in Path("/proc/net/dev").read_text("ascii").splitlines():
        name, _, counters = line.partition(":")
        if name.strip() == "lo":
            return int(counters.split()[1])
    raise LookupError("there is no lo")


class Screen:
    """Reads the terminal as fast as it can, and when each number was seen."""

    def __init__(self, descriptor: int) -> None:
        self.seen: dict[int, int] = {}
        self.text = bytearray()
        self._descriptor = descriptor
        self.thread = threading.Thread(target=self._read)
        self.thread.start()

    def _read(self) -> None:
        rest = b""
        while True:
            try:
                piece = os.read(self._descriptor, 1 << 16)
            except OSError:
                return
            if not piece:
                return
            now = time.perf_counter_ns()
            self.text += piece
            rest += piece
            for found in SHOWN.finditer(rest):
                self.seen.setdefault(int(found[1]), now)
            rest = rest[rest.rfind(b"\n") + 1 :]

    def wait(self, words: bytes) -> None:
        while words not in self.text:
            time.sleep(0.01)


def send(rate: int, seconds: float, client: socket.socket) -> dict[int, int]:
    """Numbered lines at so many a second; number -> when it was handed to the kernel."""
    sent: dict[int, int] = {}
    start = time.perf_counter()
    number = 0
    while (elapsed := time.perf_counter() - start) < seconds:
        while number < rate * elapsed:
            sent[number] = time.perf_counter_ns()
            client.send(b"n=%07d\n" % number)
            number += 1
        time.sleep(0.0002)
    return sent


def measure(backend: str, rate: int, seconds: float) -> str:
    terminal, inside = pty.openpty()
    fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        command = [sys.executable, "-m", "analyzer.cli", "live", "-i", "lo", "-f", f"tcp port {port}"]
        tool = subprocess.Popen(
            [*command, "--no-report", "--backend", backend],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm"},
            stdin=inside,
            stdout=inside,
            stderr=inside,
            start_new_session=True,
        )
        os.close(inside)
        screen = Screen(terminal)
        screen.wait(b"capturing on")
        before = passed()
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection, _ = server.accept()
            with connection:
                drain = threading.Thread(target=swallow, args=(connection,))
                drain.start()
                sent = send(rate, seconds, client)
                client.shutdown(socket.SHUT_WR)
                drain.join()
        on_wire = passed() - before
        time.sleep(1)
        began = time.perf_counter()
        tool.send_signal(signal.SIGINT)
        tool.wait()
        took = time.perf_counter() - began
        screen.thread.join()
        os.close(terminal)
    delays = sorted((screen.seen[number] - at) / 1e6 for number, at in sent.items() if number in screen.seen)
    text = bytes(screen.text)
    analysed = number_in(COUNTED, text)
    lost = number_in(LOST, text)
    hidden = sum(int(found.replace(b",", b"")) for found in HIDDEN.findall(text))
    spread = [
        delays[min(int(len(delays) * part), len(delays) - 1)] if delays else 0 for part in (0.5, 0.99, 1)
    ]
    return (
        f"{backend:8} {rate:6} {on_wire / seconds:10,.0f} {len(delays):7,} {hidden:8,} "
        f"{spread[0]:8.2f} {spread[1]:8.2f} {spread[2]:8.2f} {on_wire:9,} {analysed:9,} {lost:7,} "
        f"{on_wire - analysed - lost:7,} {took:6.1f}"
    )


def swallow(connection: socket.socket) -> None:
    while connection.recv(1 << 16):
        pass


def number_in(pattern: re.Pattern[bytes], text: bytes) -> int:
    found = pattern.findall(text)
    return int(found[-1].replace(b",", b"")) if found else 0


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--backend", default="auto")
    parser.add_argument("--rates", default="100,1000,5000,20000,50000")
    parser.add_argument("--seconds", type=float, default=3)
    given = parser.parse_args()
    if shutil.which("tcpdump" if given.backend == "auto" else given.backend) is None:
        parser.error("the back end is not installed")
    if os.geteuid() == 0 and shutil.which("unshare") and "IN_NAMESPACE" not in os.environ:
        os.environ["IN_NAMESPACE"] = "yes"
        script = 'ip link set dev lo up && exec "$@"'
        os.execvp("unshare", ["unshare", "-n", "sh", "-c", script, "sh", sys.executable, *sys.argv])
    columns = (
        "backend    rate  segments/s   shown   hidden   p50 ms   p99 ms   max ms   on wire  analysed    lost"
    )
    sys.stdout.write(f"{columns}  silent  end s\n")
    for rate in map(int, given.rates.split(",")):
        sys.stdout.write(measure(given.backend, rate, given.seconds) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
