"""What the package itself offers: everything on first use, and the command as `python -m analyzer`."""

from __future__ import annotations

import importlib
import importlib.metadata
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import analyzer
from analyzer.trace import values

ROOT = Path(__file__).resolve().parent.parent
ECHO = ROOT / "captures" / "echo.pcap"


def test_what_is_offered_is_what_its_module_defines() -> None:
    for name in analyzer.__all__:
        home = importlib.import_module(analyzer._HOMES[name])
        assert getattr(analyzer, name) is getattr(home, name)
        assert name in home.__all__
    assert set(analyzer.__all__) < set(dir(analyzer))


def test_what_is_not_offered_is_told_as_python_tells_it() -> None:
    with pytest.raises(AttributeError, match="module 'analyzer' has no attribute 'analyse'"):
        analyzer.analyse  # noqa: B018


def test_the_version_is_that_of_the_project() -> None:
    from analyzer import __version__

    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert __version__ == project["version"]
    assert "__version__" in dir(analyzer)


def test_sources_that_are_not_installed_have_a_version_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    assert analyzer.__version__ == "unknown"


@pytest.mark.parametrize(
    ("arguments", "begins"),
    [
        (["--help"], "Usage: tcpanalyze [OPTIONS] CAPTURE"),
        (["explain", "--help"], "Usage: tcpanalyze explain "),
        (["--version"], f"tcpanalyze {analyzer.__version__}, "),
    ],
)
def test_python_runs_it_as_a_module(arguments: list[str], begins: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "analyzer", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(begins)


def test_its_status_is_that_of_the_command(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "analyzer", str(tmp_path / "missing.pcap")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("tcpanalyze: ")


def test_flags_of_a_segment_are_those_offered() -> None:
    segment = analyzer.analyze(ECHO)[0].segments[1]
    assert segment.flags == analyzer.Flags.SYN | analyzer.Flags.ACK


def test_values_speak_for_whoever_comes_by_the_front_door(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(values, "_presenters", [])
    connection = analyzer.analyze(ECHO)[0]
    assert connection.verdict.startswith("opened, ")
    assert repr(connection).endswith(f"{connection.verdict}>")
    assert str(connection.segments[0].why[0]).startswith("the client opens the connection with a SYN: ")
