"""`tcpanalyze verify` as a user runs it, with the tshark that is installed and with one that lies."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from analyzer.errors import UsageError
from tests.commands.running import ECHO, ROOT, inside, run, said

OPEN = ROOT / "captures" / "simultaneous-open.pcap"

# Gives tshark's answer with the duplicate_ack of one frame changed, and calls itself another version.
LIAR = """#!{python}
import subprocess, sys
if "--version" in sys.argv:
    print("TShark (Wireshark) {version} (Git v{version})")
    sys.exit()
for line in subprocess.run([{tshark!r}, *sys.argv[1:]], capture_output=True, text=True).stdout.splitlines():
    values = line.split("\\t")
    if values[0] == "{frame}":
        values[{place}] = "{value}"
    print("\\t".join(values))
"""
FIELDS_BEFORE_NOTES = 12
DUPLICATE_ACK = FIELDS_BEFORE_NOTES + 4


@pytest.fixture
def liar(tmp_path: Path, tshark: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder at the head of PATH, for a tshark that lies about one frame."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    install(folder, tshark)
    return folder


def install(
    folder: Path,
    tshark: str,
    *,
    frame: int = 4,
    place: int = DUPLICATE_ACK,
    value: str = "1",
    version: str = "4.0.17",
) -> None:
    program = folder / "tshark"
    python = f"{sys.executable} -IS"
    program.write_text(
        LIAR.format(python=python, tshark=tshark, frame=frame, place=place, value=value, version=version)
    )
    program.chmod(0o755)


@pytest.mark.slow
def test_a_capture_on_which_both_agree(tshark: str, capfd: pytest.CaptureFixture[str]) -> None:
    status, out, err = inside(["verify", ECHO], capfd)
    assert (status, err) == (0, "")
    assert out.splitlines()[1:] == [
        "  10 frames with TCP, 10 agree; deliberate differences: none; unexplained: 0",
    ]


@pytest.mark.slow
def test_deliberate_differences_have_both_reasons(tshark: str, capfd: pytest.CaptureFixture[str]) -> None:
    status, out, _ = inside(["verify", OPEN, ECHO], capfd)
    assert status == 0
    flat = " ".join(out.split())
    assert "frame 3, connection 0: nothing; Wireshark: retransmission" in flat
    assert (
        "simultaneous-open: in a simultaneous open the SYN-ACK has the sequence number of the SYN by design [RFC 9293"
        in flat
    )
    assert "Wireshark's retransmission: it begins below the highest number sent" in flat
    assert "deliberate differences: simultaneous-open 2; unexplained: 0" in flat
    assert flat.count(" agree;") == 2


@pytest.mark.slow
def test_strictly_nothing_differs(tshark: str, capfd: pytest.CaptureFixture[str]) -> None:
    status, out, _ = inside(["verify", "--wireshark", OPEN], capfd)
    assert status == 0
    assert "13 frames with TCP, 13 agree" in out


@pytest.mark.parametrize("mode", [[], ["--wireshark"]])
def test_a_lie_is_found(liar: Path, mode: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    status, out, _ = inside(["verify", *mode, ECHO], capfd)
    assert status == 1
    flat = " ".join(out.split())
    assert "frame 4, connection 0: nothing; Wireshark: duplicate_ack" in flat
    assert "Wireshark's duplicate_ack: no payload, and sequence number" in flat
    assert "9 agree; deliberate differences: none; unexplained: 1" in flat


def test_a_lie_about_a_deliberate_difference_is_not_excused(
    liar: Path, tshark: str, capfd: pytest.CaptureFixture[str]
) -> None:
    install(liar, tshark, frame=3)
    status, out, _ = inside(["verify", OPEN], capfd)
    assert status == 1
    assert "deliberate differences: simultaneous-open 1; unexplained: 1" in " ".join(out.split())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        (1, "7", "connection 0; Wireshark: 7"),
        (1, "", "connection TCP; Wireshark: nothing"),
    ],
)
def test_a_lie_about_the_connection_is_found(
    liar: Path, tshark: str, place: int, value: str, words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    install(liar, tshark, place=place, value=value)
    status, out, _ = inside(["verify", ECHO], capfd)
    assert (status, words in out) == (1, True)


@pytest.mark.slow
def test_a_lie_about_completeness_is_found(
    liar: Path, tshark: str, capfd: pytest.CaptureFixture[str]
) -> None:
    install(liar, tshark, frame=10, place=10, value="15")
    status, out, _ = inside(["verify", ECHO], capfd)
    assert (status, "completeness 31; Wireshark: 15" in out) == (1, True)
    install(liar, tshark, frame=10, place=10, value="30")
    status, out, _ = inside(["verify", ECHO], capfd)
    assert (status, "announced 1; unexplained: 0" in " ".join(out.split())) == (0, True)


def test_another_version_is_told(liar: Path, tshark: str, capfd: pytest.CaptureFixture[str]) -> None:
    install(liar, tshark, frame=0, version="4.4.2")
    status, _, err = inside(["verify", ECHO], capfd)
    assert status == 0
    assert err == (
        "tcpanalyze: warning: tshark has version 4.4.2, but our definitions are those of 4.0.17: "
        "some results may differ\n"
    )


@pytest.mark.slow
def test_document(tshark: str, capfd: pytest.CaptureFixture[str]) -> None:
    status, out, _ = inside(["verify", "--json", OPEN, ECHO], capfd)
    first, second = map(json.loads, out.splitlines())
    assert status == 0
    assert [first["frames"], first["agreeing"], first["unexplained"]] == [13, 11, 0]
    assert first["differences"] == {"simultaneous-open": 2}
    assert [item["frame"] for item in first["disagreements"]] == [3, 4]
    assert first["disagreements"][0]["wireshark"] == ["retransmission"]
    assert len(first["disagreements"][0]["reasons"]) == 2
    assert second["disagreements"] == []
    assert (second["schema"], second["mode"]) == ("tcpanalyze-verify/1", "default")


def test_without_tshark_one_sentence_says_how_to_get_it(tmp_path: Path) -> None:
    done = run("verify", ECHO, cwd=tmp_path, PATH=str(tmp_path))
    assert done.returncode == 2
    assert "apt install tshark" in said(done)
    assert done.stdout == b""


@pytest.mark.slow
def test_what_cannot_be_read(tmp_path: Path, tshark: str) -> None:
    assert run("verify", cwd=tmp_path).returncode == UsageError.exit_status
    assert run("verify", ROOT / "README.md", cwd=tmp_path).returncode == UsageError.exit_status
    done = run("verify", "nothing.pcap", cwd=tmp_path)
    assert (done.returncode, "nothing.pcap" in said(done)) == (2, True)


@pytest.mark.slow
def test_a_hostile_name_is_harmless(tmp_path: Path, tshark: str) -> None:
    name = "-r\x1b[2J\n$(id).pcap"
    (tmp_path / name).write_bytes(ECHO.read_bytes())
    done = run("verify", f"./{name}", cwd=tmp_path)
    assert done.returncode == 0
    assert b"\x1b[2J" not in done.stdout + done.stderr
    assert len(done.stdout.splitlines()) == 2
    document = run("verify", "--json", f"./{name}", cwd=tmp_path).stdout
    assert b"\x1b" not in document
    assert json.loads(document)["agreeing"] == 10


@pytest.mark.slow
def test_plain_text_where_asked(tshark: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert inside(["verify", "--ascii", OPEN], capfd)[1].isascii()
