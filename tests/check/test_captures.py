"""The wiring of check: which captures, which expectations, and the functions for Python."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import pytest

import analyzer
from analyzer.analysis.reading import Reading
from analyzer.check.captures import (
    ExpectationError,
    captures_in,
    check_captures,
    check_trace,
    expect,
    expectations_of,
    findings,
    options,
    read_files,
    record_capture,
    stem_of,
    update_capture,
)
from analyzer.check.expectations import read_expectations
from analyzer.check.recording import record, update
from analyzer.errors import CaptureFormatError, InputError, OutputError, UsageError
from analyzer.report.document import document
from analyzer.report.selection import keys
from tests.commands.running import ECHO, ROOT

TRACE = analyzer.analyze(ECHO)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two captures, which is where we are."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(ECHO, tmp_path)
    (tmp_path / "deep").mkdir()
    shutil.copy(ROOT / "captures" / "four-way.pcap", tmp_path / "deep")
    return tmp_path


def test_expect_in_python() -> None:
    expect(TRACE, "handshake=complete", "close=three-segment", "retransmission = 0")
    with pytest.raises(ExpectationError, match="close is three-segment, expected reset") as caught:
        analyzer.expect(TRACE, "close = reset", "handshake = complete")
    assert isinstance(caught.value, AssertionError)
    assert [one.frame for one in caught.value.findings] == [9]
    assert [one.rule for one in analyzer.findings(TRACE, "active = server")] == ["close.active"]
    assert findings(TRACE, "close = reset", only="id == 1", allow_none=True) == []
    assert findings(TRACE, "close = reset", connection=0)[0].connection == 0
    assert (
        findings(TRACE, "close = reset", connection=1)[0].message
        == "the only connection does not match number 1"
    )
    with pytest.raises(UsageError, match="did you mean close"):
        expect(TRACE, "clos = reset")


def test_options() -> None:
    made = options(
        ["close=reset"], ["retransmission=0"], ["data.client.bytes=2"], numbers=[0], only="id == 0"
    )
    assert [str(one.comparison) for one in made] == [
        "close.outcome = reset",
        "notes.retransmission <= 0",
        "data.client.bytes >= 2",
    ]
    assert [one.source for one in made] == [
        "--expect close=reset", "--max retransmission=0", "--min data.client.bytes=2",
    ]  # fmt: skip
    with pytest.raises(UsageError, match="--max retransmission is wrong: write KEY=VALUE"):
        options(at_most=["retransmission"])


def test_that_a_capture_is_whole_is_expected(folder: Path) -> None:
    cut = folder / "cut.pcap"
    cut.write_bytes(ECHO.read_bytes()[:-5])
    (found,) = check_captures(["cut.pcap"], options(["handshake=complete"])).captures[0].findings
    assert found.message == "capture.truncated is true, expected false"
    assert any("truncated at byte" in note for note in found.notes)
    assert (
        check_captures(["cut.pcap"], options(["handshake=complete"]), allow_truncated=True).exit_status == 0
    )
    assert check_captures(["cut.pcap"], options(["truncated = true"])).exit_status == 0
    assert len(check_trace(TRACE, [])) == 1


def test_a_capture_that_cannot_be_read_keeps_no_other_from_being_checked(folder: Path) -> None:
    (folder / "text.pcap").write_text("no capture")
    report = check_captures(["text.pcap", "missing.pcap", "echo.pcap"], options(["close = reset"]))
    assert [bool(one.problem) for one in report.captures] == [True, True, False]
    assert report.captures[2].count == 1
    assert report.exit_status == 2


def test_nothing_expected_is_a_problem(folder: Path) -> None:
    (checked,) = check_captures(["echo.pcap"], []).captures
    assert checked.problem == (
        "echo.pcap has no expectations: use --expect, or write echo.expect.toml with --record"
    )


def test_files_of_expectations(folder: Path) -> None:
    (folder / "expect.toml").write_text("[connections]\nhandshake = 'complete'")
    (folder / "echo.expect.toml").write_text("[connections]\nclose = 'reset'")
    assert expectations_of("echo.pcap") == ["expect.toml", "echo.expect.toml"]
    assert expectations_of("-") == []
    (checked,) = check_captures(["echo.pcap"], options(["active=client"])).captures
    assert [one.expectation.source for one in checked.checks] == [
        "--expect active=client",
        "expect.toml:2",
        "echo.expect.toml:2",
        "default, unless --allow-truncated is given",
    ]
    assert [one.rule for one in checked.findings] == ["close.outcome"]
    (checked,) = check_captures(["echo.pcap"], [], files=["expect.toml"]).captures
    assert checked.findings == []
    (folder / "echo.expect.toml").write_text("[connections]\nclose = 'rest'")
    (checked,) = check_captures(["echo.pcap"], []).captures
    assert checked.problem == "echo.expect.toml:2: close.outcome cannot be rest: did you mean reset?"
    with pytest.raises(InputError, match=r"cannot read the expectations in missing\.toml"):
        read_files(["missing.toml"])


def test_a_compressed_capture_that_would_grow_too_much(folder: Path) -> None:
    with gzip.open("echo.pcap.gz", "wb") as packed:
        packed.write(ECHO.read_bytes())
    expected = options(["handshake=complete"])
    assert check_captures(["echo.pcap.gz"], expected).exit_status == 0
    (checked,) = check_captures(["echo.pcap.gz"], expected, reading=Reading(decompress_limit=100)).captures
    assert any("raise --decompress-limit" in note for note in checked.findings[-1].notes)
    assert record_capture("echo.pcap.gz", Reading(decompress_limit=0)) == "echo.expect.toml"
    assert update_capture("echo.pcap.gz", Reading(decompress_limit=0)) == ("echo.expect.toml", "")


def test_which_captures(folder: Path) -> None:
    (folder / ".hidden.pcap").write_bytes(b"")
    (folder / "notes.txt").write_text("")
    (folder / "echo.pcapng.gz").write_bytes(b"")
    deep = str(Path("deep", "four-way.pcap"))
    assert captures_in(["."]) == ["echo.pcap", "echo.pcapng.gz", deep]
    assert captures_in(["echo.pcap", ".", "-", "whatever"]) == [
        "echo.pcap", "echo.pcapng.gz", deep, "-", "whatever",
    ]  # fmt: skip
    assert captures_in(["e*.pcap", "**/f*"]) == ["echo.pcap", deep]
    (folder / "odd[1].pcap").write_bytes(b"")
    assert captures_in(["odd[1].pcap"]) == ["odd[1].pcap"]
    (folder / "empty").mkdir()
    for name in ("empty", "x*.pcap"):
        with pytest.raises(UsageError, match="has no captures"):
            captures_in([name])


@pytest.mark.parametrize(
    ("path", "stem"),
    [
        ("a/echo.pcap", "a/echo"),
        ("echo.pcapng.gz", "echo"),
        ("x.CAP", "x"),
        ("dump", "dump"),
        ("a.b.pcap", "a.b"),
    ],
)
def test_names(path: str, stem: str) -> None:
    assert stem_of(path) == stem


def test_recording(folder: Path) -> None:
    assert record_capture("echo.pcap") == "echo.expect.toml"
    assert check_captures(["echo.pcap"], []).exit_status == 0
    with pytest.raises(UsageError, match="exists already: bring it up to date with --update"):
        record_capture("echo.pcap")
    assert update_capture("echo.pcap") == ("echo.expect.toml", "")
    shutil.copy(folder / "deep" / "four-way.pcap", folder / "echo.pcap")
    assert check_captures(["echo.pcap"], []).exit_status == 1
    _, difference = update_capture("echo.pcap")
    assert '-close.outcome = "three-segment"\n+close.outcome = "four-segment"\n' in difference
    assert check_captures(["echo.pcap"], []).exit_status == 0


def test_what_cannot_be_recorded(folder: Path) -> None:
    with pytest.raises(UsageError, match="store it in a file first"):
        record_capture("-")
    (folder / "text.pcap").write_text("no capture")
    with pytest.raises(CaptureFormatError):
        record_capture("text.pcap")
    with pytest.raises(UsageError, match=r"echo\.expect\.toml does not exist yet: write it with --record"):
        update_capture("echo.pcap")
    (folder / "echo.expect.toml").write_bytes(b"a = '\xff'")
    with pytest.raises(InputError, match="is not a TOML file"):
        update_capture("echo.pcap")
    (folder / "echo.expect.toml").unlink()
    (folder / "echo.expect.toml").symlink_to(folder / "nowhere" / "x")
    with pytest.raises((UsageError, OutputError)):
        record_capture("echo.pcap")


def test_a_file_that_cannot_be_written(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "full.pcap").symlink_to(ECHO)
    (folder / "full.expect.toml").symlink_to("/dev/full")
    monkeypatch.setattr("os.path.lexists", lambda path: False)
    with pytest.raises(OutputError, match=r"cannot write full\.expect\.toml"):
        record_capture("full.pcap")


@pytest.mark.slow
def test_what_is_recorded_of_any_capture_holds(corpus_capture: Path) -> None:
    try:
        trace = analyzer.analyze(corpus_capture)
    except InputError:
        return  # a compression or a format that is not read
    text = record(keys(), trace, document)
    checks = check_trace(trace, read_expectations(keys(), text.encode(), "x"))
    assert [str(found) for check in checks for found in check.findings] == []
    assert update(keys(), text, trace, document) == text


def test_an_expectation_may_be_about_the_start_of_a_connection() -> None:
    trace = analyzer.analyze(ROOT / "captures" / "clients.pcap")
    assert findings(trace, "start = 0", only="start < 1us") == []
    assert findings(trace, "start < 1ns", connection=5) != []
