"""A finding reads like the message of a compiler; the report knows the exit status."""

from __future__ import annotations

import pytest

from analyzer.check.expectations import expectation
from analyzer.check.findings import Check, Checked, Finding, Report
from analyzer.report.selection import keys

FOUND = Finding("close.outcome", "close is reset, expected open", "a.pcap", 0, 9, "open", "reset", ("why",))


def test_like_a_compiler() -> None:
    assert str(FOUND) == "a.pcap:frame 9: error: close is reset, expected open [close.outcome]\n  note: why"
    whole = Finding("capture.frames", "capture.frames is 1, expected 2", "a.pcap", None, None, "2", "1")
    assert str(whole) == "a.pcap: error: capture.frames is 1, expected 2 [capture.frames]"


@pytest.mark.parametrize(
    ("findings", "problem", "status"),
    [([], "", 0), ([FOUND], "", 1), ([], "unreadable", 2), ([FOUND], "unreadable", 2)],
)
def test_exit_status(findings: list[Finding], problem: str, status: int) -> None:
    check = Check(expectation(keys(), "close = open"), findings, 3 if findings else 0)
    fine = Checked("b.pcap")
    report = Report([Checked("a.pcap", [check], problem), fine])
    assert report.exit_status == status
    assert report.captures[0].findings == findings
    assert report.captures[0].count == (4 if findings else 0)
