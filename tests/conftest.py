"""What all tests share: where the corpus is, and what a test may count on.

The corpus is a folder of captures from other projects, too big for the repository. A test that wants all of
it takes the argument `corpus_capture` and runs once per file; a test that wants one file takes `corpus`.
"""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from analyzer.lab.needs import NEEDS
from analyzer.lab.stage import Scenario
from tests import live
from tests.programs import need

if TYPE_CHECKING:
    from xdist.remote import Producer
    from xdist.scheduler import LoadScopeScheduling

pytest_plugins = ["pytester"]

# How wide somebody's terminal is, and that tests run in the background of a shell, which has two signals ignored there
# and in all children, is not what they are about.
os.environ.pop("COLUMNS", None)
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

ROOT = Path(__file__).resolve().parent.parent

# A first example may have to import matplotlib, and the machines of CI are slow at times: how long an example
# takes is not what a property test is about.
settings.register_profile("tcpanalyze", deadline=None, print_blob=True)
settings.load_profile("tcpanalyze")

CORPUS_VARIABLE = "TCPANALYZE_CORPUS"
NO_CORPUS = f"no corpus of captures: {CORPUS_VARIABLE} is not set and there is no ../shared/corpus"
CAPTURE_SUFFIXES = {".cap", ".gz", ".ntar", ".pcap", ".pcapng", ".snoop", ".zst"}


def corpus_directory() -> Path | None:
    """The folder of the corpus, or None where a test of it is to be skipped.

    Somebody who names a folder means it: one that is not there, or holds no capture, is a failure and
    never a skip.
    """
    named = os.environ.get(CORPUS_VARIABLE)
    folder = Path(named) if named else ROOT.parent / "shared" / "corpus"
    if not named and not folder.exists():
        return None
    if not corpus_captures(folder):
        raise pytest.UsageError(f"{folder} is to be the corpus and holds no captures")
    return folder


def corpus_captures(folder: Path) -> list[Path]:
    """The captures of a corpus in the order of their names; beside them lie notes and tables."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.suffix in CAPTURE_SUFFIXES and path.is_file())


ON_THE_WIRE = (
    "analysis/test_session.py",
    "capture/test_live_capture.py",
    "capture/test_marker.py",
    "capture/test_pyshark_frames.py",
    "commands/test_check.py",
    "commands/test_demo.py",
    "commands/test_live.py",
    "lab/",
    "test_pytest_plugin.py",
)
"""Tests that send and capture segments of their own: they would see each other's, and share ports."""


def scope_of(nodeid: str) -> str:
    """The tests of one scope follow each other in one process."""
    return "on the wire" if nodeid.removeprefix("tests/").startswith(ON_THE_WIRE) else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Where tests run side by side, those on the wire follow each other in one process.

    Its own scheduler, because the marks of xdist 3.8 for the same have no effect under pytest 9.2.
    """
    from xdist.scheduler import LoadScopeScheduling

    class SideBySide(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return scope_of(nodeid)

    return SideBySide(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those that read the corpus are marked `corpus`."""
    for item in items:
        if {"corpus", "corpus_capture"}.intersection(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.corpus)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test per capture of the corpus for a test with the argument `corpus_capture`."""
    if "corpus_capture" not in metafunc.fixturenames:
        return
    folder = corpus_directory()
    if folder is None:
        absent = pytest.param(None, marks=pytest.mark.skip(reason=NO_CORPUS), id="no-corpus")
        metafunc.parametrize("corpus_capture", [absent])
    else:
        metafunc.parametrize("corpus_capture", [pytest.param(p, id=p.name) for p in corpus_captures(folder)])


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of the corpus; without one the test is skipped."""
    folder = corpus_directory()
    if folder is None:
        pytest.skip(NO_CORPUS)
    return folder


@pytest.fixture(scope="session")
def tshark() -> str:
    """The path of tshark; without one the test is skipped."""
    need("tshark")
    path = shutil.which("tshark")
    assert path is not None
    return path


def or_skip(there: bool, reason: str) -> None:
    """Skip where something is missing. CI has it all: there the test runs and says what is wrong."""
    if not there and not os.environ.get("CI"):
        pytest.skip(reason)


@pytest.fixture
def own_networks() -> None:
    """Network namespaces; without them the test is skipped."""
    or_skip(NEEDS["own network"].there(), "needs root on Linux")


@pytest.fixture
def dumpcap() -> None:
    """dumpcap, and the right to capture with it; without them the test is skipped."""
    live.need("dumpcap")


@pytest.fixture
def live_scenario(scenario: Scenario, dumpcap: None) -> Scenario:
    """A scenario that can be captured here; without what it needs the test is skipped."""
    for name in scenario.needs:
        or_skip(NEEDS[name].there(), f"needs {NEEDS[name].shown}")
    return scenario
