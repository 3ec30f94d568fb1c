"""The fuzzer: `python -m tests.fuzz --captures FOLDER --executions 1000000 options frames` (extra `fuzz`).

Each target runs in a process of its own, over the captures of the folder and those of the project. What it ran
is added to log.json beside this file, and docs/fuzzing.md is written from that log. An byte string that breaks
a rule is kept in the folder of --work; it belongs into tests/fuzz/cases/ as TARGET-what-it-showed, where
`tests/test_never_broken.py` tries it for ever.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click

from tests.fuzz.page import LOG, PAGE, page
from tests.fuzz.seeds import LONGEST, seeds_of

ROOT: Final = Path(__file__).resolve().parents[2]


@click.command()
@click.argument("targets", nargs=-1, type=click.Choice([*LONGEST]))
@click.option("--captures", type=click.Path(exists=True, file_okay=False, path_type=Path),
              envvar="TCPANALYZE_CORPUS", help="A folder of captures for the seeds.")  # fmt: skip
@click.option("--executions", default=100_000, show_default=True, help="How many of each target.")
@click.option("--seconds", default=0, help="How long each target may take at most; 0 for no limit.")
@click.option("--work", type=click.Path(file_okay=False, path_type=Path),
              help="Keeps inputs that reach something new for the next run, and what was found.")  # fmt: skip
def main(
    targets: tuple[str, ...], captures: Path | None, executions: int, seconds: int, work: Path | None
) -> None:
    """Fuzz TARGETS (all of them by default), and write docs/fuzzing.md; no executions: only write it."""
    folders = [ROOT / "captures", *([captures] if captures else [])]
    files = [
        path
        for folder in folders
        for path in sorted(folder.iterdir())
        if path.is_file() and path.suffix not in {".json", ".md", ".toml", ".tsv"}
    ]
    found = 0
    for target in targets or LONGEST:
        if executions > 0:
            with _folder(work, target) as place:
                entry = _run(target, files, executions, seconds, place)
            _append(entry)
            found += entry["findings"]
    PAGE.write_text(page(), encoding="utf-8", newline="\n")
    raise click.exceptions.Exit(1 if found else 0)


@contextlib.contextmanager
def _folder(work: Path | None, target: str) -> Iterator[Path]:
    if work is not None:
        (work / target).mkdir(parents=True, exist_ok=True)
        yield work / target
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def _run(target: str, files: list[Path], executions: int, seconds: int, place: Path) -> dict[str, Any]:
    seeds, reached, found = place / "seeds", place / "reached", place / "found"
    for folder in (seeds, reached, found):
        folder.mkdir(exist_ok=True)
    for seed in seeds_of(target, files):
        (seeds / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)
    counter = place / "counter"
    counter.write_bytes(bytes(8))
    known = set(found.iterdir())
    began = time.monotonic()
    subprocess.run(
        [
            sys.executable, "-m", "tests.fuzz.worker", target, str(counter), str(reached), str(seeds),
            f"-runs={executions}", f"-max_total_time={seconds}", f"-max_len={LONGEST[target]}",
            "-timeout=120", "-rss_limit_mb=1024", f"-artifact_prefix={found}{os.sep}", "-print_final_stats=1",
        ],
        cwd=ROOT,
        check=False,
    )  # fmt: skip
    (done,) = struct.unpack("<Q", counter.read_bytes())
    return {
        "target": target,
        "date": datetime.now(UTC).date().isoformat(),
        "executions": done,
        "seconds": round(time.monotonic() - began),
        "seeds": len(list(seeds.iterdir())),
        "findings": len(set(found.iterdir()) - known),
        "machine": _machine(),
    }


def _machine() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return (
                    f"{os.cpu_count()} × {line.partition(':')[2].strip()}, Python {platform.python_version()}"
                )
    return f"{os.cpu_count()} × {platform.machine()}, Python {platform.python_version()}"


def _append(entry: dict[str, Any]) -> None:
    runs = json.loads(LOG.read_text("utf-8")) if LOG.exists() else []
    lines = ",\n ".join(json.dumps(run, ensure_ascii=False) for run in [*runs, entry])
    LOG.write_text(f"[{lines}]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
