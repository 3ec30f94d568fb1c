"""See what TCP does in a capture.

    >>> from analyzer import analyze
    >>> trace = analyze("captures/echo.pcap")
    >>> trace[0].handshake.outcome
    'complete'

`analyze` reads a stored capture and returns a `Trace`. A trace holds `Connection`s, and these hold labelled
`Segment`s. `capturing` captures what happens inside a `with` block. `expect` compares a trace with expectations.

Each name is imported when it is first used. The types of names (`HandshakeOutcome`, `NoteName`, ...) are Literals, so
a type checker reports an outcome that does not exist.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from analyzer.analysis.reading import Reading
    from analyzer.analysis.session import Session, capturing
    from analyzer.analysis.stored import analyze
    from analyzer.check.captures import ExpectationError, expect, findings
    from analyzer.errors import AnalyzerError
    from analyzer.tcp.labels import LabelName
    from analyzer.tcp.notes import NoteName
    from analyzer.tcp.outcomes import CloseOutcome, FastOpen, HandshakeOutcome, RolesRule
    from analyzer.tcp.states import State
    from analyzer.trace.values import Confidence, Connection, Segment, Side, Trace
    from analyzer.wire.flags import Flags

    __version__: str

__all__ = [
    "AnalyzerError",
    "CloseOutcome",
    "Confidence",
    "Connection",
    "ExpectationError",
    "FastOpen",
    "Flags",
    "HandshakeOutcome",
    "LabelName",
    "NoteName",
    "Reading",
    "RolesRule",
    "Segment",
    "Session",
    "Side",
    "State",
    "Trace",
    "analyze",
    "capturing",
    "expect",
    "findings",
]

_HOMES = {
    "AnalyzerError": "analyzer.errors",
    "CloseOutcome": "analyzer.tcp.outcomes",
    "Confidence": "analyzer.trace.values",
    "Connection": "analyzer.trace.values",
    "ExpectationError": "analyzer.check.captures",
    "FastOpen": "analyzer.tcp.outcomes",
    "Flags": "analyzer.wire.flags",
    "HandshakeOutcome": "analyzer.tcp.outcomes",
    "LabelName": "analyzer.tcp.labels",
    "NoteName": "analyzer.tcp.notes",
    "Reading": "analyzer.analysis.reading",
    "RolesRule": "analyzer.tcp.outcomes",
    "Segment": "analyzer.trace.values",
    "Session": "analyzer.analysis.session",
    "Side": "analyzer.trace.values",
    "State": "analyzer.tcp.states",
    "Trace": "analyzer.trace.values",
    "analyze": "analyzer.analysis.stored",
    "capturing": "analyzer.analysis.session",
    "expect": "analyzer.check.captures",
    "findings": "analyzer.check.captures",
}


def __getattr__(name: str) -> object:
    if name == "__version__":
        return _version()
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    from analyzer.report.presenter import ReportPresenter
    from analyzer.trace.values import present_with

    present_with(ReportPresenter())
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])


def _version() -> str:
    """The version of the installed package, which comes from pyproject.toml."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("tcpanalyze")
    except PackageNotFoundError:
        return "unknown"
