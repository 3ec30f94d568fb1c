"""The recordings in captures/: each still says what it said when it was recorded.

What each promises is said by its scenario. After a change that is meant, write the documents anew from
the top of the checkout:

    for name in captures/*.pcap*; do ./tcpanalyze "$name" --json > "${name%.*}.json"; done
"""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import jsonschema
import pytest

from analyzer import analyze
from analyzer.check.captures import expectations_of
from analyzer.lab.promise import broken_promises
from analyzer.lab.scenarios import SCENARIOS
from analyzer.report.document import schema, write_document

ROOT = Path(__file__).resolve().parent.parent
CAPTURES = sorted(path.name for path in (ROOT / "captures").iterdir() if path.suffix in {".pcap", ".pcapng"})

SCENARIO_OF = {scenario.file_name: scenario for scenario in SCENARIOS.values()}
MOST_BYTES = 2_000_000


def document_of(name: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(ROOT)
    stream = io.StringIO()
    write_document(analyze(os.path.join("captures", name)), stream)
    return stream.getvalue()


def test_every_scenario_has_a_recording_and_every_recording_a_scenario() -> None:
    assert sorted(SCENARIO_OF) == CAPTURES


def test_they_are_small() -> None:
    assert sum(path.stat().st_size for path in (ROOT / "captures").iterdir()) < MOST_BYTES


@pytest.mark.parametrize("name", CAPTURES)
def test_recording_says_what_its_scenario_promises(name: str) -> None:
    scenario = SCENARIO_OF[name]
    trace = analyze(ROOT / "captures" / name)
    assert broken_promises(scenario.promise, trace) == []
    assert trace.capture.frames >= scenario.fewest_segments
    assert {connection.server.port for connection in trace} == {scenario.port}


@pytest.mark.parametrize("name", CAPTURES)
def test_recording_has_a_line_in_the_table(name: str) -> None:
    table = (ROOT / "captures" / "README.md").read_text(encoding="utf-8")
    scenario = SCENARIO_OF[name]
    lines = [line for line in table.splitlines() if line.startswith(f"| [{name}]({name}) | ")]
    assert len(lines) == 1
    assert f"`tcpanalyze demo {scenario.name} --record captures`" in lines[0]


@pytest.mark.parametrize("name", CAPTURES)
def test_recording_has_the_document_beside_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = document_of(name, monkeypatch)
    kept = (ROOT / "captures" / name).with_suffix(".json").read_text(encoding="utf-8")
    assert json.loads(text) == json.loads(kept)
    assert text == kept


@pytest.mark.parametrize("name", CAPTURES)
def test_recording_has_its_expectations_beside_it(name: str) -> None:
    """That they hold is an example of the README."""
    capture = ROOT / "captures" / name
    assert str(capture.with_suffix(".expect.toml")) in expectations_of(str(capture))


@pytest.mark.parametrize("name", CAPTURES)
def test_document_is_valid(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    jsonschema.Draft202012Validator(schema()).validate(json.loads(document_of(name, monkeypatch)))
