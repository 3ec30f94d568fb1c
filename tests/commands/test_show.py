"""What tshark adds to the main job: a choice of frames, and what payloads mean."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from analyzer import cli
from analyzer.report.document import schema

ROOT = Path(__file__).resolve().parent.parent.parent
ECHO = str(ROOT / "captures" / "echo.pcap")


def run(capfd: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = cli.run(arguments)
    captured = capfd.readouterr()
    return status, captured.out, captured.err


def test_a_display_filter_chooses_frames_and_keeps_their_numbers(
    tshark: str, capfd: pytest.CaptureFixture[str]
) -> None:
    status, out, err = run(capfd, ECHO, "--json", "-Y", "frame.number >= 4 && tcp.srcport != 20000")
    assert (status, err) == (0, "")
    document = json.loads(out)
    jsonschema.Draft202012Validator(schema()).validate(document)
    assert document["capture"]["display_filter"] == "frame.number >= 4 && tcp.srcport != 20000"
    assert document["capture"]["frames"] == 4
    assert [segment["frame"] for segment in document["connections"][0]["segments"]] == [4, 7, 8, 10]
    assert json.loads(run(capfd, ECHO, "--json")[1])["capture"]["display_filter"] is None
    assert "only frames that match tcp.len > 0" in run(capfd, ECHO, "--no-report", "-Y", "tcp.len > 0")[1]


def test_a_filter_that_matches_nothing(tshark: str, capfd: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capfd, ECHO, "--no-report", "-Y", "udp")
    assert status == 0
    assert "no TCP connection" in out


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([ECHO, "-Y", "tcp.len >"], "tshark refuses the display filter tcp.len >: Unexpected end"),
        (["-", "-Y", "tcp"], "a display filter needs a file"),
        (["-", "--dissect"], "--dissect needs a file"),
        (["nowhere.pcap", "-Y", "tcp"], "does not exist"),
    ],
)
def test_misuse(arguments: list[str], reason: str, tshark: str, capfd: pytest.CaptureFixture[str]) -> None:
    status, out, err = run(capfd, *arguments)
    assert (status, out) == (2, "")
    assert reason in err
    assert err.count("\n") == 1


def test_dissect_tells_what_payloads_mean(
    tshark: str, corpus: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "150")
    capture = str(corpus / "PcapPlusPlus__four_ipv6_http_streams.pcap")
    status, out, err = run(capfd, capture, "--no-report", "--connection", "0", "--dissect")
    assert (status, err) == (0, "")
    assert "HTTP GET / HTTP/1.1" in out
    # A segment in which tshark sees only a part of something keeps its excerpt.
    assert '"HTTP/1.1 200 OK' in out


def test_dissect_draws_it_too(
    tshark: str, corpus: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    capture = str(corpus / "PcapPlusPlus__four_ipv6_http_streams.pcap")
    arguments = ["--dissect", "-o", str(tmp_path), "--image-format", "svg", "--connection", "0"]
    assert run(capfd, capture, *arguments)[0] == 0
    assert (tmp_path / "connection-0.svg").stat().st_size > 1000


def test_without_tshark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    status, out, err = run(capfd, ECHO, "--no-report", "--dissect")
    assert status == 0
    assert '"AB"' in out
    assert err.startswith(
        "tcpanalyze: warning: dissection by tshark is not available: tshark is not installed"
    )
    assert err.count("\n") == 1
    status, out, err = run(capfd, ECHO, "-Y", "tcp")
    assert (status, out) == (2, "")
    assert "tshark is not installed" in err
