"""docs/fuzzing.md, from the log of the runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from tests.fuzz.targets import TARGETS

__all__ = ["LOG", "PAGE", "page"]

LOG: Final = Path(__file__).with_name("log.json")
PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "fuzzing.md"


def page() -> str:
    """The text of the page: executions, time, seeds and findings of each target, from the log."""
    runs = json.loads(LOG.read_text("utf-8"))
    rows = []
    for target, run in TARGETS.items():
        own = [entry for entry in runs if entry["target"] == target]
        executions, seconds, findings = (
            sum(entry[key] for entry in own) for key in ("executions", "seconds", "findings")
        )
        seeds = max((entry["seeds"] for entry in own), default=0)
        what = (run.__doc__ or "").strip()
        rows.append(f"| {target} | {what} | {executions:,} | {seconds:,} s | {seeds:,} | {findings} |")
    executions, seconds, findings = (
        sum(entry[key] for entry in runs) for key in ("executions", "seconds", "findings")
    )
    machines = sorted({entry["machine"] for entry in runs})
    dates = sorted(entry["date"] for entry in runs)
    return "\n".join(
        [
            "# Fuzzing",
            "",
            "<!-- Made from tests/fuzz/log.json by `python -m tests.fuzz --executions 0`: edit neither. -->",
            "",
            "`python -m tests.fuzz --captures FOLDER` (extra `fuzz`: atheris, which is libFuzzer) mutates what real",
            "captures hold. An execution is one string of bytes given to one target. In each of them has to hold:",
            "no exception but a refusal in one sentence; no more than ten seconds of processor time; labels, notes",
            "and states only from the tables; every segment counted; and for a sample a document that fits its",
            "schema, text without control characters, pictures that are XML, and the same document again when the",
            "capture is read from a file.",
            "",
            "| target | what | executions | time | seeds | findings |",
            "|---|---|---:|---:|---:|---:|",
            *rows,
            f"| all | | {executions:,} | {seconds:,} s | | {findings} |",
            "",
            f"From {dates[0]} to {dates[-1]}, on: {'; '.join(machines)}." if runs else "Nothing has run yet.",
            "What was found is fixed where it began, and kept in tests/fuzz/cases/, which the ordinary tests try.",
            "",
        ]
    )
