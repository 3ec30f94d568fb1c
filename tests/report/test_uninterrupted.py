"""Ctrl-C while something loads that must not be broken off."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from analyzer.report.uninterrupted import uninterrupted
from tests.commands.running import ECHO, ROOT


def test_it_waits_for_the_end() -> None:
    reached: list[str] = []

    def load() -> None:
        with uninterrupted():
            signal.raise_signal(signal.SIGINT)
            reached.append("what follows inside")
        reached.append("what follows outside")

    with pytest.raises(KeyboardInterrupt):
        load()
    assert reached == ["what follows inside"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_it_comes_before_what_went_wrong() -> None:
    def load() -> None:
        with uninterrupted():
            signal.raise_signal(signal.SIGINT)
            raise ImportError

    with pytest.raises(KeyboardInterrupt) as caught:
        load()
    assert isinstance(caught.value.__context__, ImportError)


def test_who_ignores_it_goes_on_ignoring_it() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with uninterrupted():
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


def test_another_thread_is_left_alone() -> None:
    found: list[object] = []

    def work() -> None:
        with uninterrupted():
            found.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [signal.default_int_handler]


WATCHED = """
import importlib.machinery as machinery, signal, sys

load = machinery.ExtensionFileLoader.exec_module

def watched(loader, module):
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        print(module.__name__, file=sys.stderr)
    load(loader, module)

import analyzer.cli
machinery.ExtensionFileLoader.exec_module = watched
analyzer.cli.main()
"""


def test_no_extension_module_of_a_picture_loads_otherwise(tmp_path: Path) -> None:
    """Interrupted in one of them, Python would end in "initialization failed" and an abort."""
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            WATCHED,
            ECHO,
            *("--image-format", "svg", "--image-format", "png", "--image-format", "pdf"),
        ],
        capture_output=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert done.returncode == 0
    assert [
        name for name in done.stderr.decode().split() if name.startswith(("matplotlib", "numpy", "PIL"))
    ] == []
    assert len(list((tmp_path / "reports" / "echo").iterdir())) == 3
