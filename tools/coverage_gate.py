"""Fails where a folder of the package is covered less by the tests than its minimum in pyproject.toml.

`python -m tools.coverage_gate` reads the data of the last run with `pytest --cov`. `tests/run` calls it.
Each folder has its own minimum, because with one total a folder that is covered well hides one that is not.
"""

from __future__ import annotations

import json
import sys
import tempfile
import tomllib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from coverage import Coverage
from coverage.exceptions import CoverageException

__all__ = ["faults", "main", "minima", "shares"]

ROOT: Final = Path(__file__).resolve().parent.parent
PROJECT: Final = ROOT / "pyproject.toml"


def minima() -> dict[str, float]:
    """Folder -> the least percentage of lines and branches that the tests have to run."""
    table: dict[str, float] = tomllib.loads(PROJECT.read_text("utf-8"))["tool"]["tcpanalyze"]["coverage"]
    return table


def shares(report: Mapping[str, Any]) -> dict[str, float]:
    """Folder -> the percentage of its lines and branches that ran, from coverage's JSON report.

    A folder stands for all folders in it; `analyzer` stands for the modules directly in it.
    """
    covered: dict[str, int] = defaultdict(int)
    all_there_is: dict[str, int] = defaultdict(int)
    for name, file in report["files"].items():
        folder = "/".join(Path(name).parts[:-1][:2])
        summary = file["summary"]
        covered[folder] += summary["covered_lines"] + summary["covered_branches"]
        all_there_is[folder] += summary["num_statements"] + summary["num_branches"]
    return {folder: 100 * covered[folder] / count for folder, count in all_there_is.items() if count}


def faults(measured: Mapping[str, float], least: Mapping[str, float]) -> list[str]:
    """What is wrong, a sentence each."""
    found = []
    for folder in sorted(measured.keys() | least.keys()):
        if folder not in least:
            found.append(f"{folder} has no minimum: add it to [tool.tcpanalyze.coverage] in pyproject.toml")
        elif folder not in measured:
            found.append(f"{folder} was not measured: correct its row in [tool.tcpanalyze.coverage]")
        elif measured[folder] < least[folder]:
            found.append(
                f"{folder}: the tests cover {measured[folder]:.2f} %, and its minimum is {least[folder]} %: "
                "add tests for what is new"
            )
    return found


def main(arguments: Sequence[str] = ()) -> int:
    """Compare the data file (`.coverage` if none is named) with the minima; returns the exit status."""
    coverage = Coverage(data_file=arguments[0] if arguments else ".coverage", config_file=str(PROJECT))
    try:
        coverage.load()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "coverage.json")
            coverage.json_report(outfile=str(path))
            report = json.loads(path.read_bytes())
    except CoverageException as error:
        sys.stderr.write(
            f"coverage: {str(error).removesuffix('.')}: run `python -m pytest -m 'not corpus' --cov` first\n"
        )
        return 2
    found = faults(shares(report), minima())
    sys.stderr.write("".join(f"coverage: {fault}\n" for fault in found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
