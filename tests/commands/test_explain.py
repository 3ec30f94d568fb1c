"""`tcpanalyze explain` as a user runs it."""

from __future__ import annotations

from pathlib import Path

import pytest

from analyzer import cli

ROOT = Path(__file__).resolve().parent.parent.parent
ECHO = str(ROOT / "captures" / "echo.pcap")


def run(capfd: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = cli.run(["explain", *arguments])
    captured = capfd.readouterr()
    return status, captured.out, captured.err


def test_with_dissection(tshark: str, capfd: pytest.CaptureFixture[str]) -> None:
    status, out, err = run(capfd, ECHO, "4")
    assert (status, err) == (0, "")
    assert "the segment carries payload: 2 bytes, sequence numbers 1 to 2" in out
    assert out.count("Dissected by Wireshark (tshark)") == 1
    assert "    Destination Port: 20000\n" in out


def test_without_dissection(capfd: pytest.CaptureFixture[str]) -> None:
    status, out, err = run(capfd, ECHO, "4", "--no-dissection")
    assert (status, err) == (0, "")
    assert "tshark" not in out
    assert run(capfd, ECHO, "4", "--no-dissection", "--ascii")[1].isascii()


def test_without_tshark_one_line_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "160")
    status, out, err = run(capfd, ECHO, "4")
    assert (status, err) == (0, "")
    assert out.splitlines()[-2] == ""
    assert out.splitlines()[-1].startswith("dissection by tshark is not available: tshark is not installed")


@pytest.mark.parametrize(
    ("capture", "frame", "said"),
    [
        ("keep-alive.pcap", "8", "answered by    frame 9, 10 µs later: KEEP-ALIVE"),
        ("zero-window.pcap", "8", "answered by    frame 9, 10 µs later: PROBE"),
        ("zero-window.pcap", "10", "answered by    no segment in this capture"),
        ("zero-window.pcap", "9", "answered by    nothing: it takes no sequence number"),
    ],
)
def test_what_answers_a_question_that_takes_no_sequence_number(
    capture: str, frame: str, said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert said in run(capfd, str(Path(ECHO).parent / capture), frame, "--no-dissection")[1]


def test_a_narrow_terminal_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "44")
    _, out, _ = run(capfd, ECHO, "4")
    assert max(map(len, out.splitlines())) <= 44
    title, rest = out.split("\n", 1)
    assert title.endswith("/echo.pcap   frame 4   DATA")
    assert "…" not in rest
    assert "apt install tshark; macOS: brew install wireshark)" in " ".join(out.split())


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([ECHO, "11"], "there is no frame 11: the last one is frame 10"),
        ([ECHO, "0"], "0 is not in the range"),
        ([ECHO, "x"], "not a valid whole number"),
        ([ECHO], "Missing argument"),
        (["-", "1"], "store it in a file first"),
        (["nowhere.pcap", "1"], "does not exist"),
        (["/", "1"], "is a directory"),
    ],
)
def test_misuse(arguments: list[str], reason: str, capfd: pytest.CaptureFixture[str]) -> None:
    status, out, err = run(capfd, *arguments)
    assert (status, out) == (2, "")
    assert reason in err
    assert err.count("\n") == 1


def test_a_truncated_capture_is_explained_with_a_warning(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    cut = tmp_path / "cut.pcap"
    cut.write_bytes(Path(ECHO).read_bytes()[:-5])
    status, out, err = run(capfd, str(cut), "4", "--no-dissection")
    assert status == 0
    assert "DATA" in out
    assert "warning" in err


def test_wiresharks_notes_where_asked(capfd: pytest.CaptureFixture[str]) -> None:
    capture = str(ROOT / "captures" / "zero-window.pcap")
    ours = run(capfd, capture, "8", "--no-dissection")[1]
    wireshark = run(capfd, capture, "8", "--no-dissection", "--wireshark")[1]
    assert "asks whether the peer is still there" in wireshark
    assert "asks whether the peer is still there" not in ours
