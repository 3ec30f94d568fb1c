"""Stand-ins for the capture programs: ten lines of Python that behave as one of them does on a bad day."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

# What it does is written into it, because its arguments are those of the real program.
PROGRAM = """#!{python}
import os, signal, struct, sys, time
mode = {mode!r}
def say(words): print(words, file=sys.stderr, flush=True)
def stop(*_):
    say("1 packet captured\\n2 packets received by filter\\n{lost} packets dropped by kernel")
    sys.exit(2 if mode == "fails" else 0)
signal.signal(signal.SIGINT, signal.SIG_IGN if mode == "deaf" else stop)
if mode == "deaf": signal.signal(signal.SIGTERM, signal.SIG_IGN)
if mode == "forbidden":
    sys.exit(say("tcpdump: lo: You don't have permission to perform this capture on that device") or 1)
if mode == "down": sys.exit(say("tcpdump: lo: That device is not up") or 1)
if mode == "filter": sys.exit(say("tcpdump: can't parse filter expression: syntax error") or 1)
if mode == "odd": sys.exit(say("tcpdump: the moon\\x1b[2J is full") or 1)
if mode == "crash": os.kill(os.getpid(), signal.SIGKILL)
if mode == "child" and not os.fork(): time.sleep(60)
if mode == "slow": time.sleep(0.3)
if mode != "never": say("tcpdump: listening on lo, link-type EN10MB")
if mode == "text": os.write(1, b"no capture at all, but text\\n")
if mode in ("frame", "dies", "torn", "flood", "fails", "deaf"):
    os.write(1, struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
    record = struct.pack("<IIII", 1, 2, 60, 60) + bytes(60)
    os.write(1, record)
    if mode == "torn": os.write(1, record[:30])
    while mode == "flood": os.write(1, record * 500)
if mode in ("dies", "torn"): os.kill(os.getpid(), signal.SIGKILL)
while True: time.sleep(60)
"""


class StandIns:
    """A folder of programs, to be found as if they were installed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def install(self, mode: str, name: str = "tcpdump", lost: int = 0) -> Callable[[str], str | None]:
        program = self.folder / name
        program.write_text(PROGRAM.format(python=sys.executable + " -IS", mode=mode, lost=lost))
        program.chmod(0o755)
        return self.find

    def find(self, name: str) -> str | None:
        program = self.folder / name
        return str(program) if program.exists() else None

    def running(self) -> list[int]:
        """The processes that run one of these programs, zombies apart."""
        return processes_with(str(self.folder).encode())


def processes_with(mark: bytes, place: str = "cmdline") -> list[int]:
    """The processes that have `mark` in their command line or environment (`place`)."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit() and int(entry) != os.getpid():
            try:
                if mark in Path("/proc", entry, place).read_bytes():
                    found.append(int(entry))
            except OSError:
                continue
    return found


def soon(condition: Callable[[], bool], within: float = 5.0) -> bool:
    """Whether it becomes true within so many seconds."""
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True
