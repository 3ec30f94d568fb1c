"""The minimum that each folder of the package has for its coverage."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from analyzer.commands.version import build
from tools.coverage_gate import faults, minima, shares

ROOT = Path(__file__).resolve().parent.parent.parent


def file(covered: int, statements: int, covered_branches: int = 0, branches: int = 0) -> dict[str, Any]:
    return {
        "summary": {
            "covered_lines": covered,
            "num_statements": statements,
            "covered_branches": covered_branches,
            "num_branches": branches,
        }
    }


def test_lines_and_branches_are_added_up_by_folder() -> None:
    report = {
        "files": {
            "analyzer/cli.py": file(1, 2),
            "analyzer/__main__.py": file(0, 0),
            "analyzer/tcp/machine.py": file(60, 60, 10, 20),
            "analyzer/tcp/labels.py": file(20, 20),
            "analyzer/wire/header.py": file(8, 8),
            "analyzer/wire/encapsulations/in_ip.py": file(0, 2),
            "analyzer/empty/__init__.py": file(0, 0),
        }
    }
    assert shares(report) == {"analyzer": 50.0, "analyzer/tcp": 90.0, "analyzer/wire": 80.0}


@pytest.mark.parametrize(
    ("measured", "fault"),
    [
        ({"analyzer/tcp": 97.99}, "the tests cover 97.99 %, and its minimum is 98 %"),
        ({"analyzer/tcp": 98.0, "analyzer/new": 100.0}, "analyzer/new has no minimum"),
        ({}, "analyzer/tcp was not measured"),
    ],
)
def test_a_fault_is_a_sentence(measured: dict[str, float], fault: str) -> None:
    (sentence,) = faults(measured, {"analyzer/tcp": 98})
    assert fault in sentence


def test_no_fault() -> None:
    assert faults({"analyzer/tcp": 98.0}, {"analyzer/tcp": 98}) == []


def test_every_folder_has_a_minimum() -> None:
    folders = {f"analyzer/{path.parent.name}" for path in (ROOT / "analyzer").glob("*/__init__.py")}
    assert minima().keys() == folders | {"analyzer"}
    assert all(0 < least <= 100 for least in minima().values())


def gate(data: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tools.coverage_gate", str(data)],
        capture_output=True,
        cwd=ROOT,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_a_run_that_covers_little_fails(tmp_path: Path) -> None:
    if build() == "compiled":
        pytest.skip("only the files of the checkout are measured")
    data = tmp_path / "data"
    subprocess.run(
        [sys.executable, "-m", "coverage", "run", f"--data-file={data}", "-m", "analyzer", "--version"],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    done = gate(data)
    assert done.returncode == 1
    assert {line.split(": ")[1] for line in done.stderr.splitlines()} == minima().keys()


def test_without_a_run_it_names_the_command(tmp_path: Path) -> None:
    done = gate(tmp_path / "nothing")
    assert done.returncode == 2
    assert "python -m pytest -m 'not corpus' --cov" in done.stderr
    assert done.stderr.count("\n") == 1
