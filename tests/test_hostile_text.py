"""A capture full of text that tries to act on whoever reads it, through every command and format.

Payloads, TCP options, names and comments of pcapng and the name of the file hold control characters, escape
sequences, bidirectional overrides, markup, formulas and bytes that are no text.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

import pytest

from analyzer.analysis.stored import analyze
from analyzer.commands.check import FORMATS
from analyzer.diagram.layout import lay_out
from analyzer.report.picture import save_pictures
from analyzer.report.terminal import columns
from tests.capture.builders import RAW, START_NS, block, enhanced, option, section
from tests.commands.running import ECHO, on_a_terminal, run
from tests.tcp.transcript import ip_packet, tcp_segment

HOSTILE: Final = (
    b"\x1b]0;owned\x07\x1b[2J\x1b[31mred",
    b"line\r\nanother\x08\x08\x7f\x0b\x0c\x00nul",
    "\u202egnp.exe\u2066\u200b\u200f\u2028\u2029\x9b31m\x85".encode(),
    b"</text></svg></script><script>alert(1)</script><!--]]>",
    b'"><img src=x onerror=alert(1)> &amp; &#27; %s {0} {path} \\x1b',
    b"=cmd|' /C calc'!A0\t@SUM(1)\t+1\t-1",
    b"$\\frac{1}{0}$ $(reboot) `reboot` ; reboot",
    b"\xff\xfe\xed\xa0\x80\xc0\xaf\xf5 no text",
    "e\u0301\u0300\u20dd\u0489 \U000e0041\ufe0f 😀‍😀 握手 ﷽".encode(),
    b"A" * 1200,
)
FILE_NAME: Final = (
    b"a\n\x1b[31m\x07\xe2\x80\xae\xff$x^2$<b onclick=x>&amp;'\"=cmd|!A0 {path} %s" + b"n" * 120 + b".pcapng"
)

CLIENT, SERVER = ("192.0.2.1", 40000), ("198.51.100.2", 80)
SYN, ACK, PSH, FIN = 0x02, 0x10, 0x08, 0x01
WIDTH: Final = 100
SGR: Final = re.compile(r"\x1b\[[0-9;]*m")


def frames() -> Iterator[bytes]:
    """A whole connection whose client sends every hostile text, in payloads and in options."""
    yield packet(True, 99, 0, SYN)
    yield packet(False, 499, 100, SYN | ACK)
    yield packet(True, 100, 500, ACK)
    seq = 100
    for text in HOSTILE:
        data = text[:30]
        options = bytes([253, 2 + len(data)]) + data
        yield packet(True, seq, 500, PSH | ACK, options + b"\1" * (-len(options) % 4), text)
        seq += len(text)
    yield packet(False, 500, seq, FIN | ACK)
    yield packet(True, seq, 501, FIN | ACK)
    yield packet(False, 501, seq + 1, ACK)


def packet(
    from_client: bool, seq: int, ack: int, flags: int, options: bytes = b"", payload: bytes = b""
) -> bytes:
    source, destination = (CLIENT, SERVER) if from_client else (SERVER, CLIENT)
    segment = tcp_segment(source, destination, seq, ack, flags, 500, options, payload)
    return ip_packet(source[0], destination[0], segment)


def capture_bytes() -> bytes:
    texts = b"".join(option(1, text) for text in HOSTILE)
    names = option(2, HOSTILE[0]) + option(3, HOSTILE[3]) + option(12, HOSTILE[2]) + texts + option(0, b"")
    resolved = b"".join(
        (1).to_bytes(2, "little") + len(name).to_bytes(2, "little") + name + bytes(-len(name) % 4)
        for name in (bytes([192, 0, 2, 1]) + text[:60] + b"\0" for text in HOSTILE)
    )
    return b"".join(
        [
            section(options=option(2, HOSTILE[0]) + option(4, HOSTILE[1]) + texts + option(0, b"")),
            block(1, RAW.to_bytes(2, "little") + bytes(6) + names),
            block(4, resolved + bytes(4)),
            *(
                enhanced(frame, START_NS // 1000 + number, options=texts + option(0, b""))
                for number, frame in enumerate(frames())
            ),
        ]
    )


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    path = tmp_path / os.fsdecode(FILE_NAME)
    path.write_bytes(capture_bytes())
    return path


def assert_inert(text: str, *, width: int | None = WIDTH) -> None:
    assert text
    for line in text.splitlines():
        assert line.isprintable(), line
        assert width is None or columns(line) <= width, line
    assert set(text) & {"\r", "\v", "\f", "\x1c", "\x85", "\u2028", "\u2029"} == set()


def strings_of(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from strings_of(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings_of(inner)


def test_the_capture_is_what_it_claims_to_be(hostile: Path) -> None:
    (connection,) = analyze(hostile)
    assert connection.client_data.bytes == sum(map(len, HOSTILE))
    assert connection.close.outcome == "three-segment"


@pytest.mark.parametrize("options", [[], ["--all"], ["--summary"], ["--ascii"], ["--connection", "0"]])
def test_the_text_report(options: list[str], hostile: Path, tmp_path: Path) -> None:
    done = run(hostile, "--no-report", *options, cwd=tmp_path)
    assert done.returncode == 0
    assert done.stderr == b""
    text = done.stdout.decode()
    assert_inert(text)
    assert text.isascii() or "--ascii" not in options


@pytest.mark.slow
def test_payloads_as_tshark_reads_them(hostile: Path, tmp_path: Path, tshark: str) -> None:
    done = run(hostile, "--no-report", "--all", "--dissect", cwd=tmp_path)
    assert done.returncode == 0
    assert_inert(done.stdout.decode())
    assert done.stderr == b""


def test_standard_input(tmp_path: Path) -> None:
    done = run("-", "--no-report", cwd=tmp_path, stdin=capture_bytes())
    assert done.returncode == 0
    assert_inert(done.stdout.decode())


def test_a_terminal_gets_its_colours_and_nothing_else(hostile: Path, tmp_path: Path) -> None:
    shown = on_a_terminal([str(hostile), "--no-report"], tmp_path).decode().replace("\r\n", "\n")
    assert SGR.search(shown)
    assert_inert(SGR.sub("", shown))


@pytest.mark.parametrize("options", [[], ["--summary"]])
def test_json(options: list[str], hostile: Path, tmp_path: Path) -> None:
    done = run(hostile, "--json", *options, cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.isascii()
    assert b"\x1b" not in done.stdout
    assert all(text.isprintable() for text in strings_of(json.loads(done.stdout)))


@pytest.mark.slow
@pytest.mark.parametrize("frame", range(4, 4 + len(HOSTILE)))
def test_explain(frame: int, hostile: Path, tmp_path: Path, tshark: str) -> None:
    done = run("explain", hostile, str(frame), cwd=tmp_path)
    assert done.returncode == 0
    assert_inert(done.stdout.decode())


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMATS)
def test_check(form: str, hostile: Path, tmp_path: Path) -> None:
    expected = [part for key in ("close", "capture.path", "verdict") for part in ("-e", f"{key} in none, x")]
    expected[1] = "close = reset"
    done = run("check", hostile, *expected, "--format", form, cwd=tmp_path)
    assert done.returncode == 1
    assert_inert(done.stdout.decode(), width=None)
    recorded = run("check", "--record", hostile, cwd=tmp_path)
    assert recorded.returncode == 0
    assert_inert(recorded.stdout.decode(), width=None)
    (file,) = tmp_path.rglob("*.expect.toml")
    assert_inert(file.read_text("utf-8"), width=None)
    assert run("check", hostile, cwd=tmp_path).returncode == 0


@pytest.mark.slow
def test_what_is_said_of_a_file_by_its_name(hostile: Path, tmp_path: Path) -> None:
    hostile.write_bytes(b"no capture")
    for path in (hostile, hostile / "inside", Path(f"{hostile}.gone")):
        done = run(path, cwd=tmp_path)
        assert done.returncode == 2
        assert_inert(done.stderr.decode(), width=None)
        assert len(done.stderr.splitlines()) == 1


@pytest.mark.slow
def test_pictures(hostile: Path, tmp_path: Path) -> None:
    done = run(
        hostile,
        "--all",
        *(part for form in ("svg", "png", "pdf") for part in ("--image-format", form)),
        cwd=tmp_path,
    )
    assert done.returncode == 0
    assert_inert(done.stdout.decode(), width=None)
    drawn = {path.suffix: path for path in (tmp_path / "reports").rglob("connection-*")}
    (usual,) = save_pictures(lay_out(analyze(ECHO)[0]), tmp_path / "usual", "echo", ["svg"])
    assert_no_foreign_markup(drawn[".svg"], usual)
    assert_only_its_own_metadata(drawn[".png"].read_bytes())
    document = drawn[".pdf"].read_bytes()
    assert re.search(rb"/(JavaScript|JS|OpenAction|AA|URI|Launch|EmbeddedFile)\b", document) is None
    title = re.search(rb"/Title \((.*?)\)\n?\s*(/|>>)", document, re.DOTALL)
    assert title is not None
    assert_inert(re.sub(rb"\\(.)", rb"\1", title[1]).decode("utf-16"), width=None)


def assert_no_foreign_markup(picture: Path, usual: Path) -> None:
    """No element and no attribute that the picture of an ordinary capture has not."""
    text = picture.read_text("utf-8")
    assert not {character for character in text if not character.isprintable()} - {"\n", "\t"}

    def vocabulary(path: Path) -> set[str]:
        elements = list(ElementTree.parse(path).iter())
        return {str(e.tag) for e in elements} | {f"@{name}" for e in elements for name in e.attrib}

    assert vocabulary(picture) <= vocabulary(usual)
    for element in ElementTree.parse(picture).iter():
        for name, value in element.attrib.items():
            if name.endswith("href"):
                assert value.startswith("#")


def assert_only_its_own_metadata(picture: bytes) -> None:
    at, kinds = 8, {}
    while at < len(picture):
        length = int.from_bytes(picture[at : at + 4])
        kinds[picture[at + 4 : at + 8]] = picture[at + 8 : at + 8 + length]
        at += length + 12
    assert set(kinds) <= {b"IHDR", b"pHYs", b"tEXt", b"IDAT", b"IEND"}
    assert kinds[b"tEXt"].startswith(b"Software\0tcpanalyze")


def test_a_breach_would_be_noticed(tmp_path: Path) -> None:
    for text in HOSTILE[:3]:
        with pytest.raises(AssertionError):
            assert_inert(text.decode("utf-8", "replace"))
    (usual,) = save_pictures(lay_out(analyze(ECHO)[0]), tmp_path, "echo", ["svg"])
    broken = tmp_path / "broken.svg"
    broken.write_text(usual.read_text("utf-8").replace("</svg>", "<script/></svg>"), "utf-8")
    with pytest.raises(AssertionError):
        assert_no_foreign_markup(broken, usual)
