"""The main job as a user runs it: what it prints, what it draws, where."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import jsonschema
import pytest

from analyzer.commands import COMMANDS
from analyzer.commands.output import name_of
from analyzer.report.document import schema
from tests.commands.running import ECHO, IMPATIENT, ROOT, inside, on_a_terminal, run, said, three_connections


@pytest.mark.slow
def test_text_then_pictures_and_their_paths(tmp_path: Path) -> None:
    done = run(ECHO, cwd=tmp_path)
    assert done.returncode == 0
    assert done.stderr == b""
    lines = done.stdout.decode().splitlines()
    assert lines[-2:] == ["reports/echo/connection-0.svg", "reports/echo/connection-0.png"]
    assert any("ACK 2/4 + FIN 3/4" in line for line in lines)
    assert sorted(os.listdir(tmp_path / "reports" / "echo")) == ["connection-0.png", "connection-0.svg"]


def test_output_names_the_folder_and_image_format_the_files(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "pictures"
    status, out, _ = inside([ECHO, "-o", folder, "--image-format", "pdf"], capfd)
    assert status == 0
    assert out.splitlines()[-1] == str(folder / "connection-0.pdf")
    assert os.listdir(folder) == ["connection-0.pdf"]


def test_no_report_draws_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert inside([ECHO, "--no-report"], capfd)[0] == 0
    assert os.listdir(tmp_path) == []


def test_summary_leaves_segments_and_pictures_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    status, out, _ = inside([ECHO, "--summary"], capfd)
    assert status == 0
    assert "three segments" in out
    assert "SYN 1/3" not in out
    assert os.listdir(tmp_path) == []


@pytest.mark.slow
def test_beside_a_table_nothing_is_drawn_unless_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    # Three connections are many for this test.
    monkeypatch.setattr("analyzer.report.text_report.MANY", 2)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "three.pcap").write_bytes(three_connections())
    status, out, _ = inside(["three.pcap"], capfd)
    assert status == 0
    assert "Worst first" in out
    assert os.listdir(tmp_path) == ["three.pcap"]
    asking = (["--images", "1"], ["--image-format", "png"], ["--connection", "2"], ["-o", "elsewhere"])
    for place, options in enumerate(asking):
        inside(["three.pcap", *options], capfd)
        drawn = sorted(path.name for path in tmp_path.rglob("connection-*"))
        assert drawn, options
        for path in [*tmp_path.rglob("connection-*")]:
            path.unlink()
        assert ("connection-0.png" in drawn) == (place != 2), options


def test_json_holds_the_document_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    status, out, err = inside([ECHO, "--json"], capfd)
    assert (status, err) == (0, "")
    assert json.loads(out)["connections"][0]["close"]["outcome"] == "three-segment"
    assert os.listdir(tmp_path) == []
    status, out, err = inside([ECHO, "--json", "--summary"], capfd)
    assert "segments" not in json.loads(out)["connections"][0]


def test_json_draws_where_output_asks_for_it(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    status, out, _ = inside([ECHO, "--json", "-o", tmp_path / "drawn", "--image-format", "svg"], capfd)
    assert status == 0
    assert json.loads(out)["schema"] == "tcpanalyze/1"
    assert os.listdir(tmp_path / "drawn") == ["connection-0.svg"]


def test_only_the_first_are_drawn_and_it_says_so(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    capture = tmp_path / "three.pcap"
    capture.write_bytes(three_connections())
    status, out, _ = inside([capture, "-o", tmp_path / "o", "--image-format", "svg", "--images", "2"], capfd)
    assert status == 0
    assert sorted(os.listdir(tmp_path / "o")) == ["connection-0.svg", "connection-1.svg"]
    assert "the first 2 of 3 connections" in out
    status, out, _ = inside(
        [capture, "-o", tmp_path / "p", "--image-format", "svg", "--connection", "2"], capfd
    )
    assert os.listdir(tmp_path / "p") == ["connection-2.svg"]
    assert "the first" not in out
    assert "#2" in out
    assert "#0" not in out


@pytest.mark.slow
def test_standard_input_also_compressed(tmp_path: Path) -> None:
    for data in (ECHO.read_bytes(), gzip.compress(ECHO.read_bytes())):
        done = run("-", cwd=tmp_path, stdin=data)
        assert done.returncode == 0
        assert done.stdout.decode().splitlines()[-1] == "reports/stdin/connection-0.png"


@pytest.mark.parametrize(
    ("capture", "name"),
    [
        ("a/echo.pcap", "echo"),
        ("echo.PCAPNG", "echo"),
        ("echo.pcap.gz", "echo"),
        ("x.cap", "x"),
        (".pcap", ".pcap"),
        ("plain", "plain"),
        ("-", "stdin"),
    ],
)
def test_the_folder_is_named_after_the_capture(capture: str, name: str) -> None:
    assert name_of(capture) == name


def test_ascii(capfd: pytest.CaptureFixture[str]) -> None:
    assert inside([ECHO, "--no-report", "--ascii"], capfd)[1].isascii()


def test_a_truncated_capture_is_reported_as_far_as_it_goes(tmp_path: Path) -> None:
    cut = tmp_path / "cut.pcap"
    cut.write_bytes(ECHO.read_bytes()[:-5])
    done = run(cut, "--no-report", cwd=tmp_path)
    assert done.returncode == 0
    assert said(done).startswith("warning: capture truncated")
    assert b"9 frames" in done.stdout
    document = json.loads(run(cut, "--json", cwd=tmp_path).stdout)
    assert document["capture"]["truncated"] is True
    assert len(document["capture"]["warnings"]) == 1


def test_an_unwritable_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reports").write_text("a file where the folder should be")
    status, out, err = inside([ECHO], capfd)
    assert status == 2
    assert "SYN 1/3" in out
    assert "cannot write reports/echo" in err


@pytest.mark.slow
def test_colour_only_on_a_terminal_and_without_no_color(tmp_path: Path) -> None:
    assert b"\x1b[" in on_a_terminal([str(ECHO), "--no-report"], tmp_path)
    assert b"\x1b[" not in on_a_terminal([str(ECHO), "--no-report"], tmp_path, NO_COLOR="1")
    assert b"\x1b[" not in on_a_terminal([str(ECHO), "--no-report"], tmp_path, TERM="dumb")
    assert b"\x1b[" not in run(ECHO, "--no-report", cwd=tmp_path).stdout


@pytest.mark.slow
def test_a_bar_while_drawing_and_none_left_behind(tmp_path: Path) -> None:
    capture = tmp_path / "three.pcap"
    capture.write_bytes(three_connections())
    shown = on_a_terminal([str(capture), "-o", "out", "--image-format", "svg"], tmp_path, IMPATIENT)
    assert b"drawing" in shown
    assert b"out/connection-2.svg" in shown


# One line for each connection.


@pytest.mark.slow
def test_the_lines_are_the_connections_of_the_document(capfd: pytest.CaptureFixture[str]) -> None:
    for capture in sorted(ECHO.parent.glob("*.pcap*")):
        _, out, _ = inside([capture, "--json", "--summary"], capfd)
        document = json.loads(out)
        status, out, _ = inside([capture, "--stream"], capfd)
        assert status == 0
        *lines, last = map(json.loads, out.splitlines())
        assert sorted(lines, key=lambda line: int(line["id"])) == document["connections"]
        assert last == {"schema": document["schema"], "capture": document["capture"]}
        for line in (*lines, last):
            jsonschema.validate(line, {"$ref": "#/$defs/line", "$defs": schema()["$defs"]})


def test_lines_come_from_standard_input_too(tmp_path: Path) -> None:
    done = run("-", "--stream", cwd=tmp_path, stdin=three_connections())
    assert done.returncode == 0
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line.get("id") for line in lines] == [0, 1, 2, None]


@pytest.mark.parametrize("other", [["--json"], ["-o", "out"], ["--connection", "0"], ["--dissect"]])
def test_lines_go_with_no_other_form(tmp_path: Path, other: list[str]) -> None:
    done = run(ECHO, "--stream", *other, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, b"")
    assert "--stream cannot be combined with" in said(done)


def test_a_capture_that_is_cut_off_ends_with_a_warning(tmp_path: Path) -> None:
    capture = tmp_path / "cut.pcap"
    capture.write_bytes(three_connections()[:-3])
    done = run(capture, "--stream", cwd=tmp_path)
    assert done.returncode == 0
    assert said(done).startswith("warning: capture truncated")
    last = json.loads(done.stdout.splitlines()[-1])
    assert last["capture"]["truncated"]


def test_what_is_folded_is_told(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    capture = tmp_path / "three.pcap"
    capture.write_bytes(three_connections())
    _, out, _ = inside([capture, "--hold", "2", "--summary"], capfd)
    assert "3 connections · " in out
    assert "1 connection is counted only, to keep memory bounded: 1 closed; 1 to port 20000;" in out
    status, _, err = inside([capture, "--hold", "2", "--connection", "0"], capfd)
    assert status == 2
    assert "connection 0 is counted only, to keep memory bounded: use --stream to write it" in err
    assert inside([capture, "--hold", "2", "--connection", "2", "--no-report"], capfd)[0] == 0
    _, out, _ = inside([capture, "--hold", "2", "--stream"], capfd)
    assert len(out.splitlines()) == 4


# Which connections, in which order.

CLIENTS = ECHO.parent / "clients.pcap"


def test_only_chooses_connections_and_sort_puts_them_in_order(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    status, out, _ = inside([CLIENTS, "--only", "id in {1..4}", "--sort", "-id", "--no-report"], capfd)
    assert status == 0
    assert "4 of 6 connections match id in {1..4} · sorted by id, largest first" in out
    assert [line.split()[0] for line in out.splitlines() if line.startswith("#")] == ["#4", "#3", "#2", "#1"]
    folder = tmp_path / "o"
    options: list[str | Path] = [
        "--only",
        "id > 2",
        "--sort",
        "-id",
        "--images",
        "2",
        "--image-format",
        "svg",
        "-o",
        folder,
    ]
    status, out, _ = inside([CLIENTS, *options], capfd)
    assert sorted(os.listdir(folder)) == ["connection-4.svg", "connection-5.svg"]
    assert "the first 2 of 3 connections" in out
    status, out, _ = inside([CLIENTS, "--connection", "3", "--connection", "1", "--only", "id != 3"], capfd)
    assert "1 of 2 connections matches" in out
    assert "#1 " in out
    assert "#3 " not in out


def test_the_document_of_a_choice_has_the_connections_as_they_are(capfd: pytest.CaptureFixture[str]) -> None:
    whole = json.loads(inside([CLIENTS, "--json"], capfd)[1])
    chosen = json.loads(inside([CLIENTS, "--json", "--only", "id in {2,4}", "--sort", "-id"], capfd)[1])
    assert chosen["capture"] == whole["capture"]
    assert chosen["connections"] == [whole["connections"][4], whole["connections"][2]]
    nothing = json.loads(inside([CLIENTS, "--json", "--only", "id > 5"], capfd)[1])
    assert nothing == {**whole, "connections": []}


def test_nothing_matches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    status, out, err = inside([CLIENTS, "--only", "server.port == 1"], capfd)
    assert (status, err) == (0, "")
    assert out.splitlines()[-1] == "no connection matches server.port == 1"
    assert "#0" not in out
    assert os.listdir(tmp_path) == []


def test_a_choice_of_few_is_drawn_and_has_ladders_and_one_of_many_is_a_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("analyzer.report.text_report.MANY", 2)
    monkeypatch.chdir(tmp_path)
    assert "Worst first" in inside([CLIENTS, "--only", "id > 1"], capfd)[1]
    assert os.listdir(tmp_path) == []
    _, out, _ = inside([CLIENTS, "--only", "id > 3", "--image-format", "svg"], capfd)
    assert "SYN 1/3" in out
    assert [path.name for path in sorted(tmp_path.rglob("*.svg"))] == ["connection-4.svg", "connection-5.svg"]


def test_lines_of_a_choice(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    status, out, _ = inside([CLIENTS, "--stream", "--only", "id in {1,5}"], capfd)
    assert status == 0
    assert [json.loads(line).get("id") for line in out.splitlines()] == [1, 5, None]
    status, out, err = inside([CLIENTS, "--stream", "--sort", "id"], capfd)
    assert (status, out) == (2, "")
    assert "--sort needs all connections, but --stream writes each as it ends" in err
    status, out, err = inside(["missing.pcap", "--stream", "--only", "id == 0 or start < 1s"], capfd)
    assert (status, out) == (2, "")
    assert "start is known only when the whole capture has been read" in err


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--only", "sever.port == 1"], "there is no key sever.port: did you mean server.port?"),
        (["--only", "server.port =="], "the filter 'server.port ==' is not valid at its end: write it like"),
        (["--only", ""], "the filter '' is not valid at its end"),
        (["--only", "segments.length > 3"], "segments.length cannot choose or sort connections"),
        (["--only", "(" * 50_000], "the filter has more than 50 nested parentheses"),
        (["--sort", "-durtion"], "there is no key durtion: did you mean duration?"),
        (["--sort", "labels"], "labels cannot choose or sort connections"),
        (["--stream", "--only", "durtion > 1s"], "there is no key durtion: did you mean duration?"),
    ],
)
def test_a_wrong_filter_is_refused_before_the_capture_is_read(
    options: list[str], sentence: str, capfd: pytest.CaptureFixture[str]
) -> None:
    status, out, err = inside(["missing.pcap", *options], capfd)
    assert (status, out) == (2, "")
    assert err.startswith(f"tcpanalyze: {sentence}")
    assert len(err.splitlines()) == 1


def test_a_filter_says_that_it_cannot_look_at_what_was_folded(capfd: pytest.CaptureFixture[str]) -> None:
    for form in (["--json"], ["--summary"]):
        _, _, err = inside([CLIENTS, "--hold", "2", "--only", "id >= 0", *form], capfd)
        assert "--only cannot test 9 connections that are counted only: use --hold COUNT to keep more" in err
    assert inside([CLIENTS, "--hold", "2", "--sort", "id", "--json"], capfd)[2] == ""


# What tshark adds: a choice of frames, and what payloads mean.


def shown(capfd: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    return inside(arguments, capfd)


@pytest.mark.slow
def test_a_display_filter_chooses_frames_and_keeps_their_numbers(
    tshark: str, capfd: pytest.CaptureFixture[str]
) -> None:
    status, out, err = shown(capfd, ECHO, "--json", "-Y", "frame.number >= 4 && tcp.srcport != 20000")
    assert (status, err) == (0, "")
    document = json.loads(out)
    jsonschema.Draft202012Validator(schema()).validate(document)
    assert document["capture"]["display_filter"] == "frame.number >= 4 && tcp.srcport != 20000"
    assert document["capture"]["frames"] == 4
    assert [segment["frame"] for segment in document["connections"][0]["segments"]] == [4, 7, 8, 10]
    assert json.loads(shown(capfd, ECHO, "--json")[1])["capture"]["display_filter"] is None
    assert (
        "only the frames that match tcp.len > 0" in shown(capfd, ECHO, "--no-report", "-Y", "tcp.len > 0")[1]
    )


def test_a_filter_that_matches_nothing(tshark: str, capfd: pytest.CaptureFixture[str]) -> None:
    status, out, _ = shown(capfd, ECHO, "--no-report", "-Y", "udp")
    assert status == 0
    assert "no TCP connection" in out


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([ECHO, "-Y", "tcp.len >"], "the display filter tcp.len > is not valid for tshark: Unexpected end"),
        (["-", "-Y", "tcp"], "store it in a file first"),
        (["-", "--dissect"], "store it in a file first"),
        (["nowhere.pcap", "-Y", "tcp"], "does not exist"),
    ],
)
def test_what_tshark_cannot_be_asked(
    arguments: list[str | Path], reason: str, tshark: str, capfd: pytest.CaptureFixture[str]
) -> None:
    status, out, err = shown(capfd, *arguments)
    assert (status, out) == (2, "")
    assert reason in err
    assert err.count("\n") == 1


def test_dissect_tells_what_payloads_mean(
    tshark: str, corpus: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "150")
    capture = str(corpus / "PcapPlusPlus__four_ipv6_http_streams.pcap")
    status, out, err = shown(capfd, capture, "--no-report", "--connection", "0", "--dissect")
    assert (status, err) == (0, "")
    assert "HTTP GET / HTTP/1.1" in out
    # A segment in which tshark sees only a part of something keeps its excerpt.
    assert '"HTTP/1.1 200 OK' in out


@pytest.mark.slow
def test_dissect_draws_it_too(
    tshark: str, corpus: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    capture = str(corpus / "PcapPlusPlus__four_ipv6_http_streams.pcap")
    arguments = ["--dissect", "-o", str(tmp_path), "--image-format", "svg", "--connection", "0"]
    assert shown(capfd, capture, *arguments)[0] == 0
    assert (tmp_path / "connection-0.svg").stat().st_size > 1000


def test_dissect_without_tshark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    status, out, err = shown(capfd, ECHO, "--no-report", "--dissect")
    assert status == 0
    assert '"AB"' in out
    assert err.startswith(
        "tcpanalyze: warning: dissection by tshark is not available: tshark is not installed"
    )
    assert err.count("\n") == 1
    status, out, err = shown(capfd, ECHO, "-Y", "tcp")
    assert (status, out) == (2, "")
    assert "tshark is not installed" in err


def test_help_names_the_other_commands(capfd: pytest.CaptureFixture[str]) -> None:
    status, out, _ = inside(["--help"], capfd)
    assert status == 0
    for name in COMMANDS:
        assert f"tcpanalyze {name} " in out


@pytest.mark.slow
def test_what_a_compressed_capture_may_expand_to(tmp_path: Path) -> None:
    path = tmp_path / "echo.pcap.gz"
    path.write_bytes(gzip.compress(ECHO.read_bytes()))
    done = run(path, "--json", "--decompress-limit", "300", cwd=tmp_path)
    assert done.returncode == 0
    assert "the limit of 300 bytes: raise --decompress-limit" in said(done)
    assert json.loads(done.stdout)["capture"]["truncated"]
    done = run(path, "--json", "--decompress-limit", "none", cwd=tmp_path)
    assert done.stderr == b""
    assert json.loads(done.stdout)["capture"]["frames"] == 10
    assert run("explain", path, "1", "--decompress-limit", "30", cwd=tmp_path).returncode == 2


def test_wiresharks_notes_where_asked(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    capture = ROOT / "captures" / "zero-window.pcap"
    found = {}
    for mode in ((), ("--wireshark",)):
        status, out, _ = inside([capture, "--json", *mode], capfd)
        document = json.loads(out)
        assert status == 0
        connection = document["connections"][0]
        notes = {item["frame"]: item["notes"] for item in connection["segments"] if item["notes"]}
        found[document["capture"]["notes_by"]] = notes, connection["notes"]
    ours, wireshark = found["tcpanalyze"], found["Wireshark 4.0.17"]
    assert ours[0][8] == ["zero_window_probe"]
    assert wireshark[0][8] == ["keep_alive"]
    assert (ours[1].get("keep_alive"), wireshark[1]["keep_alive"]) == (None, 2)
    assert "zero_window_probe" not in wireshark[1]
    status, out, _ = inside([capture, "--wireshark", "--no-report"], capfd)
    assert "notes by Wireshark 4.0.17" in " ".join(out.split())
    assert "keep-alive" in out
    assert "notes as" not in inside([capture, "--no-report"], capfd)[1]


def test_the_picture_has_wiresharks_notes(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    capture = ROOT / "captures" / "zero-window.pcap"
    shown = {}
    for mode in ((), ("--wireshark",)):
        folder = tmp_path / f"drawn{len(mode)}"
        inside([capture, "-o", folder, "--image-format", "svg", *mode], capfd)
        shown[len(mode)] = (folder / "connection-0.svg").read_text("utf-8")
    assert shown[0] != shown[1]


def test_segments_read_again_have_wiresharks_notes_too(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("analyzer.analysis.stored.SEGMENTS_KEPT", 3)
    _, out, _ = inside([ROOT / "captures" / "zero-window.pcap", "--json", "--wireshark"], capfd)
    segments = json.loads(out)["connections"][0]["segments"]
    assert [item["notes"] for item in segments if item["frame"] == 8] == [["keep_alive"]]
