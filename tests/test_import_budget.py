"""What a start of the tool loads: what draws, dissects and captures is loaded when it is needed.

Each probe is a fresh process. What the interpreter loads by itself in this environment (import hooks of
editable installs, site customisation) is measured too and not held against the tool.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# The third-party packages that `--help` and a text report may load.
ALLOWED = {"analyzer", "click", "librt", "mypy_extensions"}

# Parts of the standard library that cost tens of milliseconds and that reading a small capture needs none of.
# (Packages of the standard library in general are not listed: what they load differs between Pythons.)
HEAVY = {"asyncio", "concurrent", "ctypes", "http", "multiprocessing", "sqlite3", "ssl", "unittest", "xml"}

# Runs the statement in its first argument, then writes the names of all top-level modules into the file named
# by the second. The command may end by SystemExit; any status but 0 ends the probe with it.
PROBE = """
import sys
statement, answer, *sys.argv[1:] = sys.argv[1:]
sys.argv[0] = "tcpanalyze"
try:
    exec(statement)
except SystemExit as stop:
    if stop.code:
        raise
with open(answer, "w") as file:
    file.write(" ".join(sorted({name.partition(".")[0] for name in sys.modules})))
"""

COMMAND = "from analyzer.cli import main; main()"


def loaded(folder: Path, statement: str, *arguments: str) -> set[str]:
    """The top-level modules a fresh Python has loaded after `statement`."""
    answer = folder / "modules"
    # Under measurement of coverage the probe would load that too.
    unwanted = ("COVERAGE_", "COV_CORE_", "PYTHON")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
    run = subprocess.run(
        [sys.executable, "-P", "-c", PROBE, statement, str(answer), *arguments],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return set(answer.read_text().split())


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """What is loaded before anything is imported."""
    return loaded(tmp_path_factory.mktemp("bare"), "pass")


def beyond_the_budget(modules: set[str]) -> set[str]:
    third_party = {
        name
        for name in modules - ALLOWED - sys.stdlib_module_names
        # The shared library of a group of compiled modules is named after their sources.
        if not name.endswith("__mypyc") and name not in {"__main__", "__mp_main__"}
    }
    return third_party | modules & HEAVY


def test_the_package_alone_loads_next_to_nothing(tmp_path: Path, bare: set[str]) -> None:
    assert beyond_the_budget(loaded(tmp_path, "import analyzer") - bare) == set()


def test_the_entry_loads_no_click_before_it_tells_the_collector_of_a_start(tmp_path: Path) -> None:
    assert "click" not in loaded(tmp_path, "import analyzer.cli")


def test_help(tmp_path: Path, bare: set[str]) -> None:
    assert beyond_the_budget(loaded(tmp_path, COMMAND, "--help") - bare) == set()


@pytest.mark.parametrize("form", [(), ("--json",), ("--summary",)], ids=["text", "json", "summary"])
def test_a_small_capture(tmp_path: Path, bare: set[str], form: tuple[str, ...]) -> None:
    modules = loaded(tmp_path, COMMAND, str(ROOT / "captures" / "echo.pcap"), "--no-report", *form)
    assert "analyzer" in modules
    assert beyond_the_budget(modules - bare) == set()


@pytest.mark.parametrize("form", ["text", "json", "junit", "github", "tap"])
def test_a_check(tmp_path: Path, bare: set[str], form: str) -> None:
    capture = str(ROOT / "captures" / "echo.pcap")
    modules = loaded(tmp_path, COMMAND, "check", capture, "--expect", "active=client", "--format", form)
    assert "analyzer" in modules
    assert beyond_the_budget(modules - bare) == set()
    assert not modules & {"ipaddress", "importlib.metadata", "urllib", "difflib"} - bare


@pytest.mark.parametrize("form", [(), ("--json",)], ids=["text", "json"])
def test_a_comparison(tmp_path: Path, bare: set[str], form: tuple[str, ...]) -> None:
    echo = str(ROOT / "captures" / "echo.pcap")
    modules = loaded(tmp_path, COMMAND, "diff", echo, echo, *form)
    assert "analyzer" in modules
    assert beyond_the_budget(modules - bare) == set()


def test_a_heavy_package_would_be_noticed() -> None:
    modules = {"sys", "click", "analyzer", "numpy", "asyncio", "abc123__mypyc"}
    assert beyond_the_budget(modules) == {"numpy", "asyncio"}
