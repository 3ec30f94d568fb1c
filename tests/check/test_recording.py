"""Recording and updating files of expectations."""

from __future__ import annotations

import io
import json
import tomllib

import pytest

from analyzer.analysis.growing import follow
from analyzer.analysis.stored import analyze
from analyzer.check.evaluation import evaluate
from analyzer.check.expectations import read_expectations
from analyzer.check.recording import RECORDED, RECORDED_OF_CAPTURE, record, update
from analyzer.errors import UsageError
from analyzer.report.document import document
from analyzer.report.selection import keys
from analyzer.trace.values import Trace
from tests.commands.running import ECHO, ROOT, three_connections

CAPTURES = ROOT / "captures"


def of(name: str) -> Trace:
    return analyze(CAPTURES / name)


def recorded(name: str) -> str:
    return record(keys(), of(name), document)


def updated(text: str, name: str) -> str:
    return update(keys(), text, of(name), document)


def still_wrong(text: str, name: str) -> list[str]:
    checks = evaluate(read_expectations(keys(), text.encode(), "x"), of(name), document)
    return [found.message for check in checks for found in check.findings]


@pytest.mark.parametrize("name", sorted(path.name for path in CAPTURES.glob("*.pcap*")))
def test_what_is_recorded_holds_and_needs_no_update(name: str) -> None:
    text = recorded(name)
    assert still_wrong(text, name) == []
    assert updated(text, name) == text
    assert recorded(name) == text


def test_what_is_recorded_is_what_another_machine_shows_too() -> None:
    data = tomllib.loads(recorded("echo.pcap"))
    assert set(data["capture"]) == {name.removeprefix("capture.") for name in RECORDED_OF_CAPTURE}
    flat = json.dumps(data["connections"])
    assert "time_ns" not in flat
    assert "port" not in flat
    assert data["connections"][0]["labels"].startswith("client:handshake-1 server:handshake-2")
    assert set(RECORDED) <= set(keys().all)


def test_alike_connections_share_a_table() -> None:
    assert [table["number"] for table in tomllib.loads(recorded("half-open.pcap"))["connections"]] == [
        0, "1..5", "6..8", "9..12", 13,
    ]  # fmt: skip


def test_a_truncated_capture_is_recorded_as_such() -> None:
    data = ECHO.read_bytes()[:-5]
    from analyzer.capture import open_stream

    records = open_stream(io.BytesIO(data), "cut")
    following = follow(records, "cut")
    for _ in following:
        pass
    assert "truncated = true" in record(keys(), following.trace(), document)


def test_only_what_differs_is_rewritten() -> None:
    before = recorded("echo.pcap").replace(
        'close.outcome = "three-segment"', 'close.outcome  =  "three-segment"   # as the lecture says'
    )
    after = updated(before, "four-way.pcap")
    assert 'close.outcome  =  "four-segment"   # as the lecture says\n' in after
    changed = [
        (old, new) for old, new in zip(before.splitlines(), after.splitlines(), strict=True) if old != new
    ]
    assert {old.split()[0] for old, _ in changed} == {"close.outcome", "labels"}
    assert still_wrong(after, "four-way.pcap") == []


def test_what_somebody_wants_stays() -> None:
    mine = '[connections]\nhandshake.rtt = "< 1ns"\nclose = ["reset", "open"]\nactive = "server"\n'
    assert updated(mine, "echo.pcap") == mine.replace('"server"', '"client"')
    assert len(still_wrong(updated(mine, "echo.pcap"), "echo.pcap")) == 2


def test_connections_come_and_go() -> None:
    one, six = recorded("echo.pcap"), recorded("clients.pcap")
    more = updated(one, "clients.pcap")
    assert still_wrong(more, "clients.pcap") == []
    assert [table["number"] for table in tomllib.loads(more)["connections"]] == [0, "1..5"]
    fewer = updated(more, "echo.pcap")
    assert fewer == one
    assert tomllib.loads(updated(six, "echo.pcap"))["connections"][0]["number"] == "0..5"


def test_a_table_of_connections_that_are_no_longer_alike_is_replaced() -> None:
    text = recorded("half-open.pcap").replace('number = "1..5"', 'number = "1..8"')
    text = (
        text[: text.index('[[connections]]\nnumber = "6..8"')]
        + text[text.index('[[connections]]\nnumber = "9..12"') :]
    )
    after = updated(text, "half-open.pcap")
    assert still_wrong(after, "half-open.pcap") == []
    assert after.count("[[connections]]") == 5


def test_values_over_several_lines_are_left_alone() -> None:
    text = '[connections]\nclose.time_wait = [\n  "server",\n]\n'
    assert updated(text, "echo.pcap") == text


def test_a_pattern_and_segments() -> None:
    text = "[connections]\nlabels = 'handshake-1 reset'\nsegments.from = 'client'\n"
    after = updated(text, "echo.pcap")
    assert "handshake-1 server:handshake-2" in after
    assert "segments.from = 'client'" in after


def test_text_that_begins_like_an_operator() -> None:
    text = "[[connections]]\nnumber = 0\nverdict = 'x'\n"
    assert tomllib.loads(updated(text, "echo.pcap"))["connections"][0]["verdict"].startswith("opened")
    with pytest.raises(UsageError):
        updated("[[connections]]\nfoo = 1", "echo.pcap")


def test_three_of_a_kind() -> None:
    from analyzer.capture import open_stream

    following = follow(open_stream(io.BytesIO(three_connections()), "x"), "x")
    for _ in following:
        pass
    assert 'number = "0..2"' in record(keys(), following.trace(), document)
