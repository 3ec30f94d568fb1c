from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from analyzer.analysis.stored import analyze
from analyzer.diagram.layout import lay_out
from analyzer.errors import InputError
from analyzer.report.comparison_picture import save_comparison
from analyzer.report.picture import svg
from tools.documentation import (
    COMPARED,
    DOCUMENTS,
    GALLERY,
    PAGES,
    Example,
    compared,
    examples,
    main,
    refreshed,
    run_example,
)

ROOT = Path(__file__).resolve().parent.parent.parent
STALE = "run `python -m tools.documentation`"

PAGE = """\
Before.

```console
$ one --with "an argument"
old
older
```

```sh
$ not an example
```

```console
$ two
```
"""


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_documents_are_those_of_the_present_tables(name: str) -> None:
    assert (ROOT / name).read_bytes() == DOCUMENTS[name]().encode(), STALE


@pytest.mark.parametrize("name", GALLERY)
def test_the_gallery_shows_what_would_be_drawn_now(name: str) -> None:
    # The outlines of the letters differ from one matplotlib to the next; it writes each text beside them.
    written = re.compile(r"<!-- (.*?) -->")
    stored = (ROOT / "reports" / "gallery" / f"{name}.svg").read_text("utf-8")
    drawn = svg(lay_out(analyze(ROOT / GALLERY[name])[0]))
    assert written.findall(stored) == written.findall(drawn), STALE
    assert "SYN 1/3" in written.findall(drawn)


@pytest.mark.parametrize("name", COMPARED)
def test_the_gallery_shows_what_would_be_compared_now(name: str, tmp_path: Path) -> None:
    written = re.compile(r"<!-- (.*?) -->")
    (drawn,) = save_comparison(compared(name, ROOT), tmp_path, name, ["svg"])
    found = written.findall(drawn.read_text("utf-8"))
    assert written.findall((ROOT / "reports" / "gallery" / f"{name}.svg").read_text("utf-8")) == found, STALE
    assert "reordered on the way" in found


def test_examples_are_the_console_blocks() -> None:
    assert list(examples(PAGE)) == [
        Example('one --with "an argument"', "old\nolder\n"),
        Example("two", ""),
    ]


def test_a_refreshed_page_differs_in_the_outputs_only() -> None:
    page = refreshed(PAGE, lambda command: f"\\1 {command}\n")
    assert [example.output for example in examples(page)] == ['\\1 one --with "an argument"\n', "\\1 two\n"]
    assert refreshed(page, lambda command: "old\nolder\n" if "one" in command else "") == PAGE


def test_an_example_runs_in_a_folder_of_its_own() -> None:
    assert run_example("ls", ROOT) == "captures\n"


def test_an_example_that_fails_is_told() -> None:
    with pytest.raises(InputError, match=r"'echo no; exit 3' ended with status 3: no"):
        run_example("echo no; exit 3", ROOT)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "captures").symlink_to(ROOT / "captures")
    (tmp_path / "docs").mkdir()
    for page in PAGES:
        (tmp_path / page).write_text("```console\n$ echo new\nold\n```\n")
    return tmp_path


@pytest.mark.slow
def test_one_command_makes_everything(checkout: Path) -> None:
    run = CliRunner().invoke(main, ["--directory", str(checkout)])
    assert run.exit_code == 0, run.output
    assert {(checkout / page).read_text() for page in PAGES} == {"```console\n$ echo new\nnew\n```\n"}
    made = [*DOCUMENTS, *(f"reports/gallery/{name}.svg" for name in [*GALLERY, *COMPARED]), *PAGES]
    assert run.output.splitlines() == [str(checkout / name) for name in made]
    assert all((checkout / name).is_file() for name in made)


@pytest.mark.slow
def test_what_cannot_be_read_or_written_is_told(checkout: Path) -> None:
    (checkout / "README.md").unlink()
    run = CliRunner().invoke(main, ["--directory", str(checkout)])
    assert (run.exit_code, run.output.splitlines()[-1].partition(":")[0]) == (
        2,
        f"cannot read {checkout / 'README.md'}",
    )
    (checkout / "docs" / "states.svg").unlink()
    (checkout / "docs" / "states.svg").mkdir()
    run = CliRunner().invoke(main, ["--directory", str(checkout)])
    assert run.exit_code == 2
    assert run.output == f"cannot write {checkout / 'docs' / 'states.svg'}: Is a directory\n"


ADDED = (
    # The file of a table, a place in it, and what comes there: before it where the place ends a table, else after it.
    ("notes", "NoteName = Literal[\n", '    "added_note",\n'),
    (
        "notes",
        ")\n\nNOTE: Final",
        '    Note(1 << 60, "added_note", "note added", "a note was added", "calm", "header"),\n',
    ),
    ("labels", "LabelName = Literal[\n", '    "added-label",\n'),
    (
        "labels",
        ")\n\nLABEL: Final",
        '    Label(1 << 60, "added-label", "ADDED", "a label was added", "a label was added to {me}"),\n',
    ),
    ("outcomes", "HandshakeOutcome = Literal[\n", '    "added-opening",\n'),
    (
        "outcomes",
        ")\n\nCLOSES: Final",
        '    Outcome("added-opening", meaning="an opening was added", shown="opening added", '
        'verdict="opened anew", opened=False, doubtful=True),\n',
    ),
    ("outcomes", "CloseOutcome = Literal[\n", '    "added-close",\n'),
    (
        "outcomes",
        ")\n\nHANDSHAKE: Final",
        '    Outcome("added-close", meaning="a close was added", shown="close added", '
        'verdict="closed anew", folded="folded anew"),\n',
    ),
)

WHERE_THEY_ARE = """
from dataclasses import replace
from analyzer.filters.keys import Keys
from analyzer.check.patterns import Pattern
from analyzer.diagram.layout import lay_out
from analyzer.report.document import document
from analyzer.report.explanation_text import label_reason
from analyzer.report.ladder import ladder_lines
from analyzer.report.overview import overview_lines
from analyzer.report.terminal import Style
from analyzer.report.text_report import capture_lines, report_lines
from analyzer.trace.confidence import doubts
from analyzer.trace.values import Folded
from jsonschema import Draft202012Validator
from tests.diagram.builders import Stage, HANDSHAKE
from tests.report.builders import CAPTURE, trace_of
from tools.documentation import DOCUMENTS
import json

made = {name: make() for name, make in DOCUMENTS.items() if name.endswith((".json", "names.md", "check.md"))}
schema = json.loads(made["analyzer/report/tcpanalyze-1.schema.json"])
keys = Keys(schema)
for name in ("added_note", "added-label", "added-opening", "added-close"):
    missing = [file for file, text in made.items() if name not in text]
    assert not missing, (name, missing)
assert "added_note" in keys.all["segments.notes"].words and "notes.added_note" in keys.all
assert "added-label" in keys.all["segments.labels"].words
assert "added-opening" in keys.all["handshake.outcome"].words
assert "added-close" in keys.all["close.outcome"].words
assert Pattern("added-label any")

stage = Stage().send("client", "SYN", 0, None, "handshake-1")
stage.send("server", "ACK", 1, 1, "added-label", notes="added_note")
stage.opened, stage.closed = "added-opening", "added-close"
connection = stage.connection()
folded = Folded(2, 4, 0, {"added-opening": 1, "added-close": 1}, {"added-close": 1}, {80: 2})
trace = trace_of(connection)
told = "\\n".join([
    *report_lines(trace, Style(160), fold=False),
    *overview_lines(trace.connections, Style(160)),
    *capture_lines(replace(CAPTURE, folded=folded), 3, Style(160)),
    label_reason("added-label", stage.sent[1]),
])
for words in ("opening added", "opened anew", "close added", "closed anew", "folded anew", "note added", "ADDED",
              "a label was added to server"):
    assert words in told, (words, told)
Draft202012Validator(schema).validate(document(trace))
assert "handshake.outcome" in doubts(1, connection.handshake, (connection.client_data,) * 2, connection.close, ())
"""


def test_a_row_that_is_added_to_a_table_is_everywhere(tmp_path: Path) -> None:
    for folder in ("analyzer", "tools", "tests"):
        ignored = shutil.ignore_patterns("__pycache__", "cases", "*.so", "published", "explained")
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=ignored)
    for table, place, row in ADDED:
        file = tmp_path / "analyzer" / "tcp" / f"{table}.py"
        text = file.read_text("utf-8")
        assert text.count(place) == 1, place
        file.write_text(text.replace(place, row + place if place.startswith(")") else place + row), "utf-8")
    run = subprocess.run(
        [sys.executable, "-c", WHERE_THEY_ARE],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
