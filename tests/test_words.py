"""No rendered output has one of the old words: each has a usual one, or one that users search for."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

import analyzer
from analyzer.diagram.layout import lay_out
from analyzer.report.document import document
from analyzer.report.ink import own_style
from analyzer.report.sheet import Sheet
from analyzer.tcp.outcomes import CLOSES, HANDSHAKES, Outcome
from tests.commands.running import inside

ROOT: Final = Path(__file__).resolve().parent.parent
CAPTURES: Final = sorted(
    path for path in (ROOT / "captures").iterdir() if path.suffix in {".pcap", ".pcapng"}
)

# "There is no X" is good English, and "otherwise" after "or" means "if not"; both are rare enough to be rewritten,
# except the first. A name in backticks or in the list of `--fail-on` is a key and stays.
OLD_WORDS: Final = (
    r"\boctets?\b",
    r"(?<!can be )(?<!missing, )(?<!`)\brepeated\b(?!`)",
    r"(?<![`.\"])\bfolded\b(?![`.\"])",
    r"\botherwise\b",
    r"\bround trip\b",
    r"\bgap before\b",
    r"\bACK of uncaptured\b",
    r"\bnot believed\b",
    r"\bSYN again\b",
    r"\bnobody listens\b",
    r"(?<!there )(?<!There )\bis no\b",
    r"(?<!there )(?<!There )\bare no\b",
    r", as in\b",
    r"\bso many\b",
    r"\bwhoever\b",
)


def test_the_list_finds_old_words_and_leaves_new_ones() -> None:
    for text in (
        "3 repeated", "12 octets", "794 segments folded", "it is no finding", "refused: nobody listens on port 1"
    ):  # fmt: skip
        assert old_words(text), text
    for text in (
        "-o can be repeated", "there is no payload", "`folded`", "`repeated`", "missing, repeated, changed"
    ):  # fmt: skip
        assert not old_words(text), text


def old_words(text: str) -> list[str]:
    """Each old word of a text, with what stands around it."""
    flat = " ".join(text.split())
    return [
        flat[max(match.start() - 40, 0) : match.end() + 40]
        for word in OLD_WORDS
        for match in re.finditer(word, flat)
    ]


Run = Callable[..., str]


@pytest.fixture
def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    """Run the command in a folder of its own; what it prints, errors included."""
    monkeypatch.chdir(tmp_path)

    def output(*arguments: str | Path, width: int = 100) -> str:
        monkeypatch.setenv("COLUMNS", str(width))
        _, out, err = inside(list(arguments), capfd)
        return out + err

    return output


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        ("--no-report",),
        ("--no-report", "--all"),
        ("--no-report", "--wireshark"),
        ("--no-report", "--ascii"),
        ("--summary",),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("width", [60, 100])
def test_reports(run: Run, options: tuple[str, ...], width: int) -> None:
    for capture in CAPTURES:
        assert not old_words(run(capture, *options, width=width)), capture.name


@pytest.mark.slow
def test_a_table(run: Run, tmp_path: Path) -> None:
    assert not old_words(run(many(tmp_path), "--no-report", "--hold", "30"))
    assert not old_words(run(many(tmp_path), "--no-report", "--only", "id > 5", "--sort", "-id"))


def many(folder: Path) -> Path:
    """A capture of 50 connections, one after the other."""
    recording, port = (ROOT / "captures" / "echo.pcap").read_bytes(), (48520).to_bytes(2, "big")
    path = folder / "many.pcap"
    records = [recording[24:].replace(port, (50000 + number).to_bytes(2, "big")) for number in range(50)]
    path.write_bytes(recording[:24] + b"".join(records))
    return path


@pytest.mark.slow
def test_documents() -> None:
    for capture in CAPTURES:
        for connection in document(analyzer.analyze(capture))["connections"]:
            texts = [connection["verdict"], *(error["text"] for error in connection["icmp_errors"])]
            texts += [segment["why"] for segment in connection["segments"]]
            assert not old_words("\n".join(texts)), capture.name


@pytest.mark.slow
@pytest.mark.parametrize("name", ["loss.pcap", "zero-window.pcap", "unreachable.pcap", "download.pcap"])
def test_pictures(name: str) -> None:
    from matplotlib.text import Text

    for connection in analyzer.analyze(ROOT / "captures" / name):
        with own_style():
            (figure,) = Sheet(lay_out(connection)).pages(None)
        shown = figure.findobj(Text)
        assert not old_words("\n".join(text.get_text() for text in shown))


def test_outcomes() -> None:
    rows: list[Outcome[Any]] = [*HANDSHAKES, *CLOSES]
    for row in rows:
        unseen = () if row.unseen is None else (row.unseen.verdict, row.unseen.detail)
        assert not old_words(
            "\n".join([row.shown, row.meaning, row.verdict, row.detail, row.folded, *unseen])
        )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "frames"),
    [
        ("echo.pcap", (1, 2, 3, 4, 8, 9, 10)),
        ("loss.pcap", (1, 14, 17, 20, 24)),
        ("zero-window.pcap", (6, 7, 8, 9)),
        ("unreachable.pcap", (1, 2, 3)),
        ("refused.pcap", (2,)),
        ("unanswered.pcap", (2,)),
    ],
)
def test_explanations(run: Run, name: str, frames: tuple[int, ...]) -> None:
    for frame in frames:
        text = run("explain", ROOT / "captures" / name, str(frame), "--no-dissection")
        # The header is explained octet by octet.
        assert not old_words(text.partition("TCP header:")[0]), frame


@pytest.mark.slow
@pytest.mark.parametrize("name", ["both-ends", "edited", "table"])
def test_comparisons(run: Run, tmp_path: Path, name: str) -> None:
    pair: tuple[Path, Path]
    if name == "both-ends":
        pair = (
            ROOT / "captures" / "both-ends" / "client.pcap",
            ROOT / "captures" / "both-ends" / "server.pcap",
        )
    else:
        whole = many(tmp_path) if name == "table" else ROOT / "captures" / "loss.pcap"
        pair = (whole, edited(whole, tmp_path / "edited.pcap"))
    assert not old_words(run("diff", *pair))
    assert not old_words(run("diff", *pair, "--all"))


def edited(capture: Path, path: Path) -> Path:
    """The capture without its fifth record, its ninth one twice, and with another window in its tenth."""
    data = capture.read_bytes()
    records, at = [], 24
    while at < len(data):
        end = at + 16 + int.from_bytes(data[at + 8 : at + 12], "little")
        records.append(data[at:end])
        at = end
    changed = bytearray(records[9])
    changed[-20] ^= 1
    path.write_bytes(data[:24] + b"".join([*records[:4], *records[5:9], records[8], changed, *records[10:]]))
    return path


@pytest.mark.slow
def test_findings(run: Run) -> None:
    for capture in CAPTURES:
        expectations = [
            "close = reset",
            "handshake = refused",
            "rtt < 1ns",
            "bytes == 1",
            "sequence = SYN FIN",
        ]
        text = run(
            "check",
            capture,
            *(part for one in expectations for part in ("-e", one)),
            "--max",
            "retransmission=0",
        )
        assert not old_words(text), capture.name  # fmt: skip


@pytest.mark.parametrize(
    "command", ["", "live", "check", "interfaces", "demo", "explain", "diff", "verify"]
)  # fmt: skip
def test_helps(run: Run, command: str) -> None:
    assert not old_words(run(*([command] if command else []), "--help"))


@pytest.mark.slow
def test_demonstrations(run: Run) -> None:
    assert not old_words(run("demo", "--list"))
    assert not old_words(run("demo", "--replay", "loss", "--speed", "1000"))


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))], ids=lambda path: path.name
)
def test_pages(page: Path) -> None:
    assert not old_words(page.read_text("utf-8"))


@pytest.mark.parametrize(
    "schema", sorted((ROOT / "analyzer").rglob("*.schema.json")), ids=lambda path: path.name
)
def test_schemas(schema: Path) -> None:
    assert not old_words("\n".join(descriptions(json.loads(schema.read_text("utf-8")))))


def descriptions(value: Any) -> Iterator[str]:
    """Each description in a schema."""
    if isinstance(value, dict):
        if isinstance(value.get("description"), str):
            yield value["description"]
        for member in value.values():
            yield from descriptions(member)
    elif isinstance(value, list):
        for member in value:
            yield from descriptions(member)
