"""Compiled and interpreted: two builds of one source that say the same of every capture.

The recordings in captures/ have their documents beside them, with which each build is compared by itself. Here
the two are compared on the captures of other projects. The builds are the two environments of tools/setup.sh.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
from importlib.metadata import files
from pathlib import Path

import pytest

from analyzer.analysis.stored import analyze
from analyzer.commands.version import build
from analyzer.errors import AnalyzerError
from analyzer.report.document import write_document
from analyzer.tcp.endpoint import Endpoint
from analyzer.tcp.machine import Machine
from tests.conftest import corpus_captures

ROOT = Path(__file__).resolve().parent.parent


def digests(paths: list[str]) -> dict[str, str]:
    """What the document of each capture is, or why there is none, in short."""
    found = {}
    for path in paths:
        stream = io.StringIO()
        try:
            write_document(analyze(path), stream)
        except AnalyzerError as error:
            stream.write(str(error))
        found[path] = hashlib.sha256(stream.getvalue().encode()).hexdigest()
    return {"build": build().partition(" ")[0], **found}


def test_both_builds_say_the_same(corpus: Path) -> None:
    if build() != "compiled":
        pytest.skip("the compiled build, whose tests run after these, compares itself with this one")
    paths = [str(path) for path in corpus_captures(corpus)]
    run = subprocess.run(
        [ROOT / ".venv/bin/python", "-P", __file__, *paths],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        check=True,
    )
    theirs = json.loads(run.stdout)
    ours = digests(paths)
    assert (ours.pop("build"), theirs.pop("build")) == ("compiled", "interpreted")
    assert [path for path in paths if ours[path] != theirs[path]] == []


def test_nothing_else_is_installed() -> None:
    """No tools and no tests: what makes the documentation is of no use to a user."""
    if build() != "compiled":
        pytest.skip("an editable install has no list of its modules")
    installed = [path for path in files("tcpanalyze") or () if path.parts[0] != ".."]
    # The shared library of the compiled modules is named after their sources.
    tops = {path.parts[0] for path in installed if "__mypyc." not in path.name}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"analyzer"}
    scripts = {path.name for path in files("tcpanalyze") or () if "bin" in path.parts}
    assert scripts == {"tcpanalyze"}


def test_a_connection_takes_less_than_a_kibibyte() -> None:
    if build() != "compiled":
        pytest.skip("interpreted objects are larger")
    # The allocator's steps are 16 bytes; a place in the list, and up to 8/3 slots of 8 bytes in the index come to it.
    objects = (Machine.__basicsize__, Endpoint.__basicsize__, Endpoint.__basicsize__)
    assert sum((size + 15) // 16 * 16 for size in objects) + 8 + 22 < 1024


if __name__ == "__main__":
    sys.stdout.write(json.dumps(digests(sys.argv[1:])))
