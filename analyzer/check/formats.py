"""The formats of a report for people, CI services and other tools. Each format escapes the text that it gets."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from analyzer.check.findings import Check, Checked, Finding, Report
from analyzer.text import say

__all__ = ["FORMATS", "JSON_SCHEMA_NAME", "Format", "github", "json_report", "junit", "sarif", "tap", "text"]

JSON_SCHEMA_NAME: Final = "tcpanalyze-check/1"
TOOL: Final = "tcpanalyze"

_encode = json.JSONEncoder(ensure_ascii=True, indent=1).encode


def text(report: Report) -> str:
    """Messages like those of a compiler: `FILE:frame N: error: ... [key]`, indented reasons, a summary at the end."""
    lines = []
    for capture in report.captures:
        if capture.problem:
            lines.append(f"{capture.path}: error: {capture.problem}")
        for check in capture.checks:
            lines += [str(finding) for finding in check.findings]
            if check.more:
                lines.append(f"{capture.path}: {_more(check)}")
    return "\n".join([*lines, _summary(report)]) + "\n"


def _more(check: Check) -> str:
    rule = check.expectation.comparison.key.name
    return say("error: {count:,} more of the same kind [{rule}]", count=check.more, rule=rule)


def _summary(report: Report) -> str:
    captures = len(report.captures)
    expectations = sum(len(capture.checks) for capture in report.captures)
    findings = sum(capture.count for capture in report.captures)
    problems = sum(bool(capture.problem) for capture in report.captures)
    counted = ", ".join(
        [
            say("1 capture") if captures == 1 else say("{count:,} captures", count=captures),
            say("1 expectation") if expectations == 1 else say("{count:,} expectations", count=expectations),
        ]
    )
    results = []
    if findings:
        results.append(say("1 finding") if findings == 1 else say("{count:,} findings", count=findings))
    if problems:
        results.append(
            say("1 capture was not checked")
            if problems == 1
            else say("{count:,} captures were not checked", count=problems)
        )
    return f"{counted}: {', '.join(results) or say('all as expected')}"


def json_report(report: Report) -> str:
    """One JSON document; its keys are listed in docs/check.md."""
    return (
        _encode(
            {
                "schema": JSON_SCHEMA_NAME,
                "exit_status": report.exit_status,
                "captures": [
                    {
                        "path": capture.path,
                        "problem": capture.problem or None,
                        "checks": [_check(check) for check in capture.checks],
                    }
                    for capture in report.captures
                ],
            }
        )
        + "\n"
    )


def _check(check: Check) -> dict[str, Any]:
    return {
        "expectation": str(check.expectation),
        "source": check.expectation.source,
        "more": check.more,
        "findings": [
            {
                "rule": finding.rule,
                "message": finding.message,
                "connection": finding.connection,
                "frame": finding.frame,
                "expected": finding.expected,
                "seen": finding.seen,
                "notes": list(finding.notes),
            }
            for finding in check.findings
        ],
    }


def _xml(value: str) -> str:
    """Escape text for an element or for an attribute in double quotation marks."""
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("\n", "&#10;")):
        value = value.replace(character, entity)
    return value


def junit(report: Report) -> str:
    """JUnit XML as Jenkins defines it (junit-10.xsd): one suite per capture, one test case per expectation."""
    lines = ['<?xml version="1.0" encoding="UTF-8"?>']
    suites = [(capture, list(_cases(capture))) for capture in report.captures]
    tests = sum(len(cases) for _, cases in suites)
    failures = sum(bool(check.findings) for capture in report.captures for check in capture.checks)
    errors = sum(bool(capture.problem) for capture in report.captures)
    lines.append(
        f'<testsuites name="{TOOL}" tests="{tests}" failures="{failures}" errors="{errors}" time="0.000">'
    )
    for capture, cases in suites:
        failed = sum(bool(check.findings) for check in capture.checks)
        lines.append(
            f' <testsuite name="{_xml(capture.path)}" tests="{len(cases)}" failures="{failed}" '
            f'errors="{int(bool(capture.problem))}" skipped="0" time="0.000">'
        )
        lines += cases
        lines.append(" </testsuite>")
    return "\n".join([*lines, "</testsuites>", ""])


def _cases(capture: Checked) -> Iterator[str]:
    place = _xml(capture.path)
    if capture.problem:
        fault = _xml(capture.problem)
        yield (
            f'  <testcase classname="{place}" name="{_xml(say("can be checked"))}" time="0.000">'
            f'<error type="problem" message="{fault}">{fault}</error></testcase>'
        )
    for check in capture.checks:
        opening = f'  <testcase classname="{place}" name="{_xml(str(check.expectation))}" time="0.000"'
        if not check.findings:
            yield f"{opening}/>"
            continue
        rule = _xml(check.findings[0].rule)
        message = _xml(check.findings[0].message)
        words = "\n".join([*map(str, check.findings), *([_more(check)] if check.more else [])])
        yield f'{opening}><failure type="{rule}" message="{message}">{_xml(words)}</failure></testcase>'


def github(report: Report) -> str:
    """Annotations of GitHub Actions: one workflow command per finding. The line number is the frame number."""
    lines = []
    for capture in report.captures:
        if capture.problem:
            lines.append(f"::error file={_property(capture.path)}::{_data(capture.problem)}")
        for check in capture.checks:
            for finding in check.findings:
                line = "" if finding.frame is None else f",line={finding.frame}"
                words = "\n".join([finding.message, *finding.notes])
                lines.append(
                    f"::error file={_property(capture.path)}{line},title={_property(finding.rule)}"
                    f"::{_data(words)}"
                )
            if check.more:
                lines.append(f"::error file={_property(capture.path)}::{_data(_more(check))}")
    return "".join(f"{line}\n" for line in lines)


def _data(value: str) -> str:
    return value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(value: str) -> str:
    return _data(value).replace(":", "%3A").replace(",", "%2C")


def sarif(report: Report) -> str:
    """SARIF 2.1.0 (OASIS): one result per finding.

    A capture has no lines, but services that show results need one: `startLine` is the frame number.
    """
    from analyzer import __version__

    found = [finding for capture in report.captures for finding in capture.findings]
    rules = list(dict.fromkeys(finding.rule for finding in found))
    return (
        _encode(
            {
                "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/"
                "sarif-schema-2.1.0.json",
                "version": "2.1.0",
                "runs": [
                    {
                        "tool": {
                            "driver": {
                                "name": TOOL,
                                "version": __version__,
                                "rules": [_rule(one) for one in rules],
                            }
                        },
                        "invocations": [
                            {
                                "executionSuccessful": not any(one.problem for one in report.captures),
                                "exitCode": report.exit_status,
                                "toolExecutionNotifications": [
                                    {
                                        "level": "error",
                                        "message": {"text": one.problem},
                                        "locations": [_location(one.path, None)],
                                    }
                                    for one in report.captures
                                    if one.problem
                                ],
                            }
                        ],
                        "results": [_result(finding, rules) for finding in found],
                    }
                ],
            }
        )
        + "\n"
    )


def _rule(name: str) -> dict[str, Any]:
    return {"id": name, "shortDescription": {"text": say("{key} has the expected value", key=name)}}


def _result(finding: Finding, rules: list[str]) -> dict[str, Any]:
    return {
        "ruleId": finding.rule,
        "ruleIndex": rules.index(finding.rule),
        "level": "error",
        "message": {"text": "\n".join([finding.message, *finding.notes])},
        "locations": [_location(finding.capture, finding)],
    }


def _location(path: str, finding: Finding | None) -> dict[str, Any]:
    from urllib.parse import quote

    frame = None if finding is None else finding.frame
    physical: dict[str, Any] = {"artifactLocation": {"uri": quote(path.replace("\\", "/"))}}
    physical["region"] = {"startLine": frame or 1}
    location: dict[str, Any] = {"physicalLocation": physical}
    if finding is not None and finding.connection is not None:
        location["logicalLocations"] = [
            {"name": str(finding.connection), "fullyQualifiedName": f"connections.{finding.connection}"}
        ]
    return location


def tap(report: Report) -> str:
    """Test Anything Protocol, version 14: one test point per expectation, with its findings in YAML below it."""
    lines = []
    number = 0
    for capture in report.captures:
        if capture.problem:
            number += 1
            lines.append(f"not ok {number} - {_description(capture.path)}")
            lines += _yaml({"message": capture.problem, "severity": "error"})
        for check in capture.checks:
            number += 1
            verdict = "not ok" if check.findings else "ok"
            lines.append(f"{verdict} {number} - {_description(f'{capture.path}: {check.expectation}')}")
            for finding in check.findings[:1]:
                details: dict[str, Any] = {
                    "message": finding.message,
                    "severity": "fail",
                    "at": {"file": finding.capture, "frame": finding.frame, "connection": finding.connection},
                    "expected": finding.expected,
                    "seen": finding.seen,
                    "notes": list(finding.notes),
                    "more": [str(one) for one in check.findings[1:]] + ([_more(check)] if check.more else []),
                }
                lines += _yaml(details)
    return "".join(f"{line}\n" for line in ["TAP version 14", f"1..{number}", *lines])


def _description(value: str) -> str:
    return value.replace("\\", "\\\\").replace("#", "\\#")


def _yaml(members: Mapping[str, Any]) -> list[str]:
    """A YAML block. The values are JSON on one line, which is valid YAML 1.2."""
    return ["  ---", *(f"  {name}: {json.dumps(value)}" for name, value in members.items()), "  ..."]


class Format(NamedTuple):
    """One format of a report.

    Attributes:
        make: Makes the text of the report.
        meaning: What the format is, for the documentation.
    """

    make: Callable[[Report], str]
    meaning: str


FORMATS: Final[Mapping[str, Format]] = {
    "text": Format(text, "for people: messages like those of a compiler"),
    "json": Format(json_report, "for programs"),
    "junit": Format(junit, "JUnit XML as Jenkins defines it; read by GitLab, Jenkins and others"),
    "github": Format(github, "annotations of GitHub Actions"),
    "sarif": Format(sarif, "SARIF 2.1.0; read by GitHub code scanning and others"),
    "tap": Format(tap, "Test Anything Protocol, version 14"),
}
"""Name of a format -> the format."""
