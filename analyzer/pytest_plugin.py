"""A pytest plugin, active wherever the package is installed. It captures in tests and keeps captures of failed ones.

    def test_the_server_closes_first(tcp_capture):
        with tcp_capture("lo", "tcp port 20000") as session:
            ...
        assert session.trace[0].close.active == "server"

`pytest --tcp-captures DIR` keeps the captures of failed tests in DIR, with pictures of their connections. Only this
module is imported until a test asks for the fixture.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from analyzer.analysis.session import Session

__all__ = ["pytest_addoption", "pytest_runtest_makereport", "pytest_terminal_summary", "tcp_capture"]

PICTURES: Final = 20
"""The largest number of connections drawn of one capture."""

_FAILED: Final = pytest.StashKey[bool]()
_KEPT: Final = pytest.StashKey[list[Path]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option --tcp-captures."""
    group = parser.getgroup("tcpanalyze")
    group.addoption(
        "--tcp-captures",
        metavar="DIR",
        help="keep the captures of failed tests (fixture tcp_capture) in DIR, with pictures",
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remember until the fixtures end that the test failed.

    Args:
        item: The test.
        call: One phase of it: setup, call or teardown.

    Returns:
        pytest's report, unchanged.
    """
    report = yield
    if report.failed:
        item.stash[_FAILED] = True
    return report


@pytest.fixture
def tcp_capture(request: pytest.FixtureRequest) -> Generator[Callable[..., Session], None, None]:
    """Capture a part of the test: `with tcp_capture(interface, capture_filter) as session:`.

    The fixture takes the arguments of `analyzer.capturing`. After the block `session.trace` is the analysis. With
    --tcp-captures the captures of a failed test are kept.

    Args:
        request: pytest's request for the fixture.

    Yields:
        The function that begins a capture.
    """
    sessions: list[Session] = []

    def begin(interface: str = "lo", capture_filter: str = "", **others: object) -> Session:
        from analyzer.analysis.session import capturing
        from analyzer.report.presenter import ReportPresenter
        from analyzer.trace.values import present_with

        present_with(ReportPresenter())
        sessions.append(capturing(interface, capture_filter, **others))  # type: ignore[arg-type]
        return sessions[-1]

    yield begin
    folder = request.config.getoption("--tcp-captures")
    if folder and request.node.stash.get(_FAILED, False):
        kept = request.config.stash.setdefault(_KEPT, [])
        for number, session in enumerate(session for session in sessions if session.ended):
            kept.append(_keep(session, Path(folder), _stem(request.node.nodeid, number)))


def _stem(test: str, number: int) -> str:
    """A safe file name for a capture of a test, whose parameters may hold any character."""
    plain = re.sub(r"[^\w.-]+", "-", test.replace("::", ".")).strip("-.")
    return plain[:150] + (f"-{number}" if number else "")


def _keep(session: Session, folder: Path, stem: str) -> Path:
    from analyzer.diagram.layout import lay_out
    from analyzer.report.picture import save_pictures

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{stem}.pcapng"
    session.save(path)
    for connection in session.trace.connections[:PICTURES]:
        save_pictures(lay_out(connection), str(folder), f"{stem}.connection-{connection.id}", ("svg", "png"))
    return path


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Report where captures were kept."""
    if kept := config.stash.get(_KEPT, []):
        terminalreporter.section("TCP captures of failed tests")
        for path in kept:
            terminalreporter.line(str(path))
