"""`tcpanalyze diff` as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from analyzer.compare.differences import DIFFERENCES
from tests.commands.running import ECHO, ROOT, inside, on_a_terminal, three_connections
from tests.compare.test_both_captures import edited

CAPTURES = ROOT / "captures"
CLIENT, SERVER = (CAPTURES / "both-ends" / f"{end}.pcap" for end in ("client", "server"))
LOSS, FOUR_WAY = CAPTURES / "loss.pcap", CAPTURES / "four-way.pcap"


def test_captures_that_do_not_differ(capfd: pytest.CaptureFixture[str]) -> None:
    status, out, err = inside(["diff", ECHO, ECHO], capfd)
    assert (status, err) == (0, "")
    assert "found      no difference" in out
    assert "one exchange, captured at two places" in out
    assert out.count("SYN,ACK seq=0 ack=1") == 1


def test_captures_that_differ(capfd: pytest.CaptureFixture[str]) -> None:
    status, out, err = inside(["diff", CLIENT, SERVER], capfd)
    assert (status, err) == (1, "")
    for part in (
        "MSS 1460 → 1400",
        "only in A: lost on the way",
        "reordered on the way",
        "client address 10.0.0.1 → 10.99.0.1",
    ):
        assert part in out


@pytest.mark.parametrize(
    ("failing", "status"),
    [
        ("none", 0),
        ("any", 1),
        ("missing", 1),
        ("unpaired,outcome", 0),
        ("extra, reordered", 1),
        ("changed", 1),
        ("rewritten", 1),
        ("late", 0),
        ("resegmented", 0),
    ],
)
def test_what_fails_is_asked_for(failing: str, status: int, capfd: pytest.CaptureFixture[str]) -> None:
    assert inside(["diff", CLIENT, SERVER, "--fail-on", failing], capfd)[0] == status
    assert inside(["diff", CLIENT, SERVER, "--json", "--fail-on", failing], capfd)[0] == status


def test_what_is_always_different_does_not_fail_by_itself(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    # Another port and other times are no difference of what TCP did.
    moved = tmp_path / "moved.pcap"
    moved.write_bytes(ECHO.read_bytes().replace((48520).to_bytes(2, "big"), (50000).to_bytes(2, "big")))
    status, out, _ = inside(["diff", ECHO, moved], capfd)
    assert status == 0
    assert "1 value rewritten" in out
    assert inside(["diff", ECHO, moved, "--fail-on", "rewritten"], capfd)[0] == 1


def test_the_tolerance_says_what_is_late(capfd: pytest.CaptureFixture[str]) -> None:
    assert "303 ms late" in inside(["diff", ECHO, FOUR_WAY], capfd)[1]
    status, out, _ = inside(["diff", ECHO, FOUR_WAY, "--tolerance", "1s", "--fail-on", "late"], capfd)
    assert status == 0
    assert "303 ms" not in out.replace("303.", "")
    assert inside(["diff", ECHO, FOUR_WAY, "--tolerance", "300ms", "--fail-on", "late"], capfd)[0] == 1


def test_a_mode_can_be_forced(capfd: pytest.CaptureFixture[str]) -> None:
    out = inside(["diff", ECHO, ECHO, "--as", "two-runs"], capfd)[1]
    assert "chosen with --as: two runs, compared by content" in out


@pytest.mark.slow
def test_json_is_the_only_thing_on_standard_output(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    status, out, err = inside(["diff", CLIENT, SERVER, "--json", "-o", tmp_path], capfd)
    assert (status, err) == (1, "")
    assert json.loads(out)["pairs"][0]["differences"]["missing"] == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["diff-0-0.png", "diff-0-0.svg"]


def test_the_expected_document_lies_beside_the_recordings(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    _, out, _ = inside(
        ["diff", "captures/both-ends/client.pcap", "captures/both-ends/server.pcap", "--json"], capfd
    )
    assert out == (CAPTURES / "both-ends" / "diff.json").read_text(encoding="utf-8")


def test_pictures_only_where_asked_for(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    _, out, _ = inside(["diff", ECHO, ECHO, "-o", tmp_path / "new", "--image-format", "svg"], capfd)
    assert out.splitlines()[-1] == str(tmp_path / "new" / "diff-0-0.svg")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["diff-0-0.svg"]


def test_one_connection_of_many(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    three = tmp_path / "three.pcap"
    three.write_bytes(three_connections())
    less = edited(three, tmp_path / "less.pcap", {15})
    status, out, _ = inside(["diff", three, less], capfd)
    assert status == 1
    # A ladder for the one that differs, and none for the others.
    assert out.count("SYN seq=0") == out.count("only in A") == 1
    assert "3 pairs of connections · 2 without a difference · 1 segment missing" in out
    status, out, _ = inside(["diff", three, less, "--connection", "2"], capfd)
    assert status == 0
    assert "A #2, B #2" in out
    assert "SYN seq=0" in out
    status, _, err = inside(["diff", three, less, "--connection", "3"], capfd)
    assert status == 2
    assert "three.pcap has no connection 3" in err


def test_many_connections_make_a_table(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    recording, port = ECHO.read_bytes(), (48520).to_bytes(2, "big")
    many = tmp_path / "many.pcap"
    records = (recording[24:].replace(port, (50000 + number).to_bytes(2, "big")) for number in range(25))
    many.write_bytes(recording[:24] + b"".join(records))
    less = edited(many, tmp_path / "less.pcap", {15, *range(241, 251)})
    status, out, _ = inside(["diff", many, less, "--fail-on", "none"], capfd)
    assert status == 0
    assert out.splitlines()[-6:] == [
        "",
        "only in A: #24  127.0.0.1:50024 → 127.0.0.1:20000  opened, 2 bytes sent and 2 received, closed by t…",
        "#1        127.0.0.1:50001 → 127.0.0.1:20000  1 segment missing",
        "",
        "24 pairs of connections · 23 without a difference · 1 connection in one capture only ·",
        "1 segment missing",
    ]


def test_connections_of_one_capture_only(capfd: pytest.CaptureFixture[str]) -> None:
    status, out, _ = inside(["diff", CAPTURES / "clients.pcap", ECHO, "--fail-on", "unpaired"], capfd)
    assert status == 1
    assert out.count("only in A: #") == 6
    assert out.count("only in B: #0") == 1
    assert out.splitlines()[-1] == "0 pairs of connections · 7 connections in one capture only"


def test_a_long_list_of_those_alone_is_cut(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    recording, port = ECHO.read_bytes(), (48520).to_bytes(2, "big")
    many = tmp_path / "many.pcap"
    records = (recording[24:].replace(port, (50000 + number).to_bytes(2, "big")) for number in range(25))
    many.write_bytes(recording[:24] + b"".join(records))
    out = inside(["diff", many, CAPTURES / "refused.pcap"], capfd)[1]
    assert out.count("only in A: #") == 20
    assert "and 6 more that only one capture has\n" in out


def test_a_truncated_capture_is_compared_with_a_warning(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    cut = tmp_path / "cut.pcap"
    cut.write_bytes(ECHO.read_bytes()[:-5])
    status, out, err = inside(["diff", ECHO, cut], capfd)
    assert status == 1
    assert "1 segment missing" in out
    assert "cut.pcap" in err
    assert "warning" in err


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["-", str(ECHO)], "store it in a file first"),
        ([str(ECHO)], "Missing argument"),
        ([str(ECHO), "nowhere.pcap"], "does not exist"),
        ([str(ECHO), str(ECHO), "--fail-on", "lost"], "there is no difference lost: write one of unpaired, "),
        ([str(ECHO), str(ECHO), "--tolerance", "5"], "write e.g. 500us, 5ms or 1.5s"),
        ([str(ECHO), str(ECHO), "--as", "copies"], "is not one of"),
        ([str(ECHO), str(ECHO), "--connection", "-1"], "not in the range"),
    ],
)
def test_misuse(arguments: list[str], reason: str, capfd: pytest.CaptureFixture[str]) -> None:
    status, out, err = inside(["diff", *arguments], capfd)
    assert (status, out) == (2, "")
    assert reason in err
    assert err.count("\n") == 1


def test_help_names_every_kind(capfd: pytest.CaptureFixture[str]) -> None:
    status, out, _ = inside(["diff", "--help"], capfd)
    assert status == 0
    assert all(difference.name in out for difference in DIFFERENCES)


def test_ascii(capfd: pytest.CaptureFixture[str]) -> None:
    assert inside(["diff", CLIENT, SERVER, "--ascii"], capfd)[1].isascii()


def test_on_a_terminal_it_has_colours() -> None:
    shown = on_a_terminal(["diff", str(ECHO), str(ECHO)], ROOT)
    assert b"\x1b[32m" in shown
