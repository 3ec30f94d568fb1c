"""A small form of benchmarks/speed.py for CI: ratios that do not depend on how fast the machine is.

    python benchmarks/ratios.py [--record]

Each ratio compares two things of the same moment: the compiled pass with reading the same file, and the start of
the command on a small capture with a Python that does nothing. It fails where one is more than 30 % above what
benchmarks/ratios.json holds, three times in a row; `--record` writes that file anew.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "benchmarks"))

from traffic import write  # noqa: E402

RECORDED = ROOT / "benchmarks" / "ratios.json"
PYTHON = ROOT / ".venv" / "compiled" / "bin" / "python"
ALLOWED = 1.3
ROUNDS = 15

# Processor time, of which other programs take less than of the clock's.
PASS = """
import sys, time
from analyzer.capture import open_capture
from analyzer.analysis.loop import segments
from analyzer.analysis.reading import ORDINARY

def read():
    with open(sys.argv[1], "rb", buffering=0) as file:
        while file.read(1 << 20):
            pass

def analyse():
    with open_capture(sys.argv[1]) as records:
        segments(records, ORDINARY).run()

best = {}
for _ in range(int(sys.argv[2])):
    for run in (read, analyse):
        start = time.process_time()
        run()
        best[run] = min(best.get(run, 9e9), time.process_time() - start)
print(best[analyse] / best[read])
"""
START = """
import resource, subprocess, sys

def used():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime

def took(*command):
    before = used()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return used() - before

def total(*command):
    return sum(sorted(took(sys.executable, "-P", "-c", *command) for _ in range(int(sys.argv[2])))[:5])

command = "import sys; from analyzer.cli import run; sys.exit(run(sys.argv[1:]))"
print(total(command, sys.argv[1], "--no-report") / total("pass"))
"""


def measured(capture: Path) -> dict[str, float]:
    """The ratios of this moment."""
    found = {}
    for name, code, path in (
        ("pass to reading", PASS, capture),
        ("small capture to an empty Python", START, ROOT / "captures" / "echo.pcap"),
    ):
        command = [str(PYTHON), "-P", "-c", code, str(path), str(ROUNDS)]
        found[name] = float(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--record", action="store_true")
    with tempfile.TemporaryDirectory() as folder:
        capture = Path(folder, "small.pcap")
        write(str(capture), 200_000, 3000)
        found = measured(capture)
        if parser.parse_args().record:
            RECORDED.write_text(
                json.dumps({n: round(r, 2) for n, r in found.items()}, indent=2) + "\n", "utf-8"
            )
            return 0
        recorded = json.loads(RECORDED.read_text("utf-8"))
        for _ in range(2):
            if any(found[name] > ALLOWED * recorded[name] for name in recorded):
                again = measured(capture)
                found = {name: min(found[name], again[name]) for name in found}
    worse = [name for name in recorded if found[name] > ALLOWED * recorded[name]]
    for name in recorded:
        verdict = "worse" if name in worse else "fine"
        sys.stderr.write(f"{name}: {found[name]:.2f}, recorded {recorded[name]:.2f}: {verdict}\n")
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
