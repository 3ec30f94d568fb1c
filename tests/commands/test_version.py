from __future__ import annotations

import sys
import tomllib
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from types import ModuleType

import pytest

import analyzer.analysis.loop
from analyzer.cli import run
from analyzer.commands.version import build

ROOT = Path(__file__).resolve().parents[2]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]


def stand_in(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    module = ModuleType("analyzer.analysis.loop")
    module.__file__ = str(path)
    monkeypatch.setitem(sys.modules, "analyzer.analysis.loop", module)


def test_it_says_what_the_modules_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    compiled = str(analyzer.analysis.loop.__file__).endswith(tuple(EXTENSION_SUFFIXES))
    assert capsys.readouterr().out.startswith(
        f"tcpanalyze {VERSION}, " + ("compiled" if compiled else "interpreted")
    )


def test_an_extension_is_compiled(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stand_in(monkeypatch, tmp_path / "analyzer" / ("passes" + EXTENSION_SUFFIXES[0]))
    assert build() == "compiled"


def test_a_source_is_interpreted_for_a_reason(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stand_in(monkeypatch, tmp_path / "analyzer" / "passes.py")
    assert build().startswith("interpreted (compiling failed during installation")
    (tmp_path / "setup.py").touch()
    assert build() == "interpreted (straight from the checkout)"
