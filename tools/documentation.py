"""Make again whatever in the documentation is generated.

    python -m tools.documentation [--directory .]

The reference pages of docs/ come from the tables of the package. The pictures of the gallery and the outputs that
the hand-written pages show come from running the tool on the sample captures.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

import click

from analyzer.analysis.stored import analyze
from analyzer.check.editor_schema import editor_schema_text
from analyzer.compare.both_captures import compare_captures
from analyzer.diagram.layout import lay_out
from analyzer.diagram.paired_ladder import ComparedDiagram, lay_out_comparison
from analyzer.errors import AnalyzerError, InputError, OutputError
from analyzer.filters.keys import Keys
from analyzer.report.comparison_picture import save_comparison
from analyzer.report.document import SCHEMA_FILE, schema_text
from analyzer.report.picture import save_pictures
from analyzer.text import inert, say
from tools.check_reference import check_page
from tools.reference import encapsulations_page, names_page, states_page
from tools.schema_names import with_names
from tools.state_diagram import state_diagram

__all__ = [
    "COMPARED",
    "DOCUMENTS",
    "GALLERY",
    "PAGES",
    "Example",
    "compared",
    "examples",
    "refreshed",
    "run_example",
    "write",
]


def _keys() -> Keys:
    return Keys(json.loads(with_names(schema_text())))


DOCUMENTS: Final[Mapping[str, Callable[[], str]]] = {
    "docs/states.svg": state_diagram,
    "docs/states.md": states_page,
    "docs/names.md": names_page,
    f"analyzer/report/{SCHEMA_FILE}": lambda: with_names(schema_text()),
    "docs/check.md": lambda: check_page(_keys()),
    "analyzer/check/tcpanalyze-expect-1.schema.json": lambda: editor_schema_text(_keys()),
    "docs/encapsulations.md": encapsulations_page,
}
"""File -> what makes its text. The same everywhere."""

PAGES: Final = ("README.md", "docs/diagrams.md", "docs/diff.md", "docs/json.md", "docs/live.md")
"""The pages that are written by hand and show what commands print."""

GALLERY: Final = {"echo": "captures/echo.pcap", "loss": "captures/loss.pcap"}
"""Name of a picture in reports/gallery/ -> the capture whose first connection it shows."""

COMPARED: Final = {"both-ends": ("captures/both-ends/client.pcap", "captures/both-ends/server.pcap")}
"""Name of a picture in reports/gallery/ -> the two captures whose first pair of connections it shows."""

_EXAMPLE: Final = re.compile(r"^```console\n\$ (?P<command>.+)\n(?P<output>(?:.*\n)*?)```$", re.MULTILINE)


class Example(NamedTuple):
    """A command of a page and what it is said to print: a block of code in the language `console`."""

    command: str
    output: str


def examples(page: str) -> Iterator[Example]:
    """The examples of a Markdown page, from top to bottom."""
    for found in _EXAMPLE.finditer(page):
        yield Example(found["command"], found["output"])


def refreshed(page: str, run: Callable[[str], str]) -> str:
    """The page with what `run` answers to each command in the place of its output."""
    return _EXAMPLE.sub(lambda found: f"```console\n$ {found['command']}\n{run(found['command'])}```", page)


def run_example(command: str, root: Path) -> str:
    """What a command of a page prints, standard error included.

    It runs under the present Python, in a folder of its own that holds the `captures` of the checkout `root`.

    Raises InputError where it does not end with status 0.
    """
    python = shlex.quote(sys.executable)
    line = command.replace("./tcpanalyze", f"{python} -m analyzer.cli").replace("python3 ", f"{python} ")
    told = {"COLUMNS", "NO_COLOR", "FORCE_COLOR", "LANG", "LANGUAGE"}
    environment = {name: value for name, value in os.environ.items() if name not in told}
    environment |= {"PYTHONPATH": str(root), "PYTHONUTF8": "1", "LC_ALL": "C.UTF-8"}
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "captures").symlink_to(root / "captures")
        done = subprocess.run(
            ["/bin/sh", "-c", line],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            check=False,
        )
    if done.returncode:
        raise InputError(
            say(
                "'{command}' ended with status {status}: {words}",
                command=command,
                status=done.returncode,
                words=inert(done.stdout.strip()),
            )
        )
    return done.stdout


def compared(name: str, root: Path) -> ComparedDiagram:
    """The diagram of a picture of `COMPARED`, with the captures of the checkout `root`."""
    a, b = COMPARED[name]
    comparison = compare_captures(root / a, root / b)
    return lay_out_comparison(next(iter(comparison)), (a, b), comparison.tolerance_ns)


def write(path: Path, text: str) -> None:
    """Write a page of the documentation. Raises `OutputError`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        reason = inert(error.strerror or str(error))
        raise OutputError(
            say("cannot write {path}: {reason}", path=inert(str(path)), reason=reason)
        ) from error
    click.echo(inert(str(path)))


def _write_all(root: Path) -> None:
    for name, make in DOCUMENTS.items():
        write(root / name, make())
    for name, capture in GALLERY.items():
        connection = analyze(root / capture)[0]
        for path in save_pictures(lay_out(connection), root / "reports" / "gallery", name, ["svg"]):
            click.echo(inert(str(path)))
    for name in COMPARED:
        for path in save_comparison(compared(name, root), root / "reports" / "gallery", name, ["svg"]):
            click.echo(inert(str(path)))
    for name in PAGES:
        write(root / name, refreshed(_read(root / name), lambda command: run_example(command, root)))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        reason = inert(error.strerror or str(error))
        raise InputError(say("cannot read {path}: {reason}", path=inert(str(path)), reason=reason)) from error


@click.command()
@click.option("--directory", default=".", show_default=True, help="The top of the checkout.")
def main(directory: str) -> None:
    """Make docs/, reports/gallery/ and the outputs shown in the pages again."""
    try:
        _write_all(Path(directory).resolve())
    except AnalyzerError as error:
        click.echo(str(error), err=True)
        raise click.exceptions.Exit(error.exit_status) from None


if __name__ == "__main__":
    main()
