from __future__ import annotations

import re
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
    assert "overtaken on the way" in found


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
    (tmp_path / "README.md").write_text("```console\n$ echo new\nold\n```\n")
    return tmp_path


@pytest.mark.slow
def test_one_command_makes_everything(checkout: Path) -> None:
    run = CliRunner().invoke(main, ["--directory", str(checkout)])
    assert run.exit_code == 0, run.output
    assert (checkout / "README.md").read_text() == "```console\n$ echo new\nnew\n```\n"
    made = [*DOCUMENTS, *(f"reports/gallery/{name}.svg" for name in [*GALLERY, *COMPARED]), "README.md"]
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
