"""The plugin, in a pytest of its own as its users have it."""

from __future__ import annotations

import socket
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from analyzer.analysis.session import capturing
from analyzer.analysis.stored import analyze
from analyzer.pytest_plugin import _keep, _stem
from tests.live import exchange, need

TESTS = """
import socket
import pytest
from tests.live import exchange

@pytest.fixture
def server():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening

def capture(server, tcp_capture):
    with tcp_capture("lo", f"tcp port {server.getsockname()[1]}") as session:
        exchange(server)
    return session

def test_passes(server, tcp_capture):
    connection = capture(server, tcp_capture).trace[0]
    assert connection.close.outcome == "three-segment"
    assert connection.verdict.startswith("opened, ")

@pytest.mark.parametrize("name", ["../../a b"])
def test_fails(server, tcp_capture, name):
    capture(server, tcp_capture)
    session = capture(server, tcp_capture)
    assert session.trace[0].close.outcome == "reset"

def test_fails_before_its_capture_has_begun(tcp_capture):
    tcp_capture()
    raise AssertionError

@pytest.fixture
def broken():
    raise RuntimeError

def test_never_begins(tcp_capture, broken):
    pass
"""

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.syspath_prepend(str(ROOT))
    pytester.makeini("[pytest]\nfilterwarnings = error\n")
    return pytester


def kept(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


@pytest.mark.slow
def test_the_captures_of_failed_tests_are_kept_with_pictures(project: pytest.Pytester) -> None:
    need("tcpdump")
    project.makepyfile(test_them=TESTS)
    result = project.runpytest_subprocess("--tcp-captures", "kept")
    result.assert_outcomes(passed=1, failed=2, errors=1)
    stem = "test_them.py.test_fails-..-..-a-b"
    assert kept(project.path / "kept") == [
        f"{stem}-1.connection-0.png",
        f"{stem}-1.connection-0.svg",
        f"{stem}-1.pcapng",
        f"{stem}.connection-0.png",
        f"{stem}.connection-0.svg",
        f"{stem}.pcapng",
    ]
    result.stdout.fnmatch_lines(
        ["*TCP captures of failed tests*", f"kept/{stem}.pcapng", f"kept/{stem}-1.pcapng"]
    )


@pytest.mark.slow
def test_without_the_option_nothing_is_kept(project: pytest.Pytester) -> None:
    need("tcpdump")
    project.makepyfile(test_them=TESTS)
    result = project.runpytest_subprocess()
    result.assert_outcomes(passed=1, failed=2, errors=1)
    assert not [name for name in kept(project.path) if name.endswith((".pcapng", ".svg"))]
    result.stdout.no_fnmatch_line("*TCP captures*")


@pytest.mark.slow
def test_what_is_kept_of_a_session(tmp_path: Path) -> None:
    need("tcpdump")
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        capturing("lo", f"tcp port {server.getsockname()[1]}") as session,
    ):
        exchange(server)
    path = _keep(session, tmp_path / "deep" / "kept", "stem")
    assert kept(tmp_path / "deep" / "kept") == [
        "stem.connection-0.png",
        "stem.connection-0.svg",
        "stem.pcapng",
    ]
    assert analyze(path)[0].close.outcome == "three-segment"


@pytest.mark.slow
def test_a_failed_expectation_shows_the_line_of_the_test_and_none_of_the_package(
    project: pytest.Pytester,
) -> None:
    capture = str(ROOT / "captures" / "echo.pcap")
    project.makepyfile(
        f"import analyzer\ndef test_it():\n    analyzer.expect(analyzer.analyze({capture!r}), 'close = reset')\n"
    )
    result = project.runpytest_subprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([">*analyzer.expect(*", "E*close is three-segment, expected reset*"])
    result.stdout.no_fnmatch_line("*checking.py*")


@pytest.mark.slow
def test_it_is_found_by_its_entry_point_and_listed(project: pytest.Pytester) -> None:
    (entry,) = [one for one in entry_points(group="pytest11") if one.name == "tcpanalyze"]
    assert entry.value == "analyzer.pytest_plugin"
    result = project.runpytest_subprocess("--fixtures", "--help")
    result.stdout.fnmatch_lines(["*--tcp-captures=DIR*"])


def test_loading_it_loads_nothing_of_the_package() -> None:
    statement = (
        "import pytest, sys; before = set(sys.modules); import analyzer.pytest_plugin; "
        "print(sorted(name for name in set(sys.modules) - before))"
    )
    done = subprocess.run(
        [sys.executable, "-c", statement], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "['analyzer', 'analyzer.pytest_plugin']"


def test_names_of_files_are_harmless() -> None:
    assert _stem("a/b.py::C::test[../x y\x1b]", 0) == "a-b.py.C.test-..-x-y"
    assert _stem("t", 2) == "t-2"
    assert len(_stem("x" * 500, 0)) == 150
