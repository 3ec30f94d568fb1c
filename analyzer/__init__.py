"""See what TCP does in a capture.

    >>> from analyzer import analyze
    >>> trace = analyze("captures/echo.pcap")
    >>> trace[0].handshake.outcome
    'complete'

`analyze` reads a stored capture and answers with a `Trace`; its `Connection`s hold labelled
`Segment`s. `capturing` captures what happens inside a `with` block, `expect` compares a trace with expectations.
Everything is imported when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from analyzer.analysis.session import Session, capturing
    from analyzer.analysis.stored import analyze
    from analyzer.check.captures import ExpectationError, expect, findings
    from analyzer.errors import AnalyzerError
    from analyzer.trace.values import Connection, Segment, Trace
    from analyzer.wire.flags import Flags

__all__ = [
    "AnalyzerError",
    "Connection",
    "ExpectationError",
    "Flags",
    "Segment",
    "Session",
    "Trace",
    "analyze",
    "capturing",
    "expect",
    "findings",
]

_HOMES = {
    "AnalyzerError": "analyzer.errors",
    "Connection": "analyzer.trace.values",
    "ExpectationError": "analyzer.check.captures",
    "Flags": "analyzer.wire.flags",
    "Segment": "analyzer.trace.values",
    "Session": "analyzer.analysis.session",
    "Trace": "analyzer.trace.values",
    "analyze": "analyzer.analysis.stored",
    "capturing": "analyzer.analysis.session",
    "expect": "analyzer.check.captures",
    "findings": "analyzer.check.captures",
}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    from analyzer.report.presenter import ReportPresenter
    from analyzer.trace.values import present_with

    present_with(ReportPresenter())
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted(__all__)
