"""What the README and the other hand-written pages show is what happens."""

from __future__ import annotations

import doctest
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools.documentation import PAGES, Example, examples, run_example

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text("utf-8")


@pytest.mark.slow
@pytest.mark.parametrize(
    "example",
    [example for page in PAGES for example in examples((ROOT / page).read_text("utf-8"))],
    ids=lambda example: example.command[:60],
)
def test_a_command_prints_what_is_shown(example: Example) -> None:
    assert run_example(example.command, ROOT) == example.output


def test_it_opens_with_the_command_it_then_shows_and_with_the_tests() -> None:
    block = re.search(r"```sh\n(.*?)```", README, re.DOTALL)
    assert block is not None
    commands = [line.partition("#")[0].strip() for line in block[1].splitlines()]
    assert commands == [next(examples(README)).command, "tests/run"]
    assert all(os.access(ROOT / command.split()[0], os.X_OK) for command in commands)


@pytest.mark.slow
def test_from_a_capture_to_a_job_that_fails_in_three_commands(tmp_path: Path) -> None:
    (block,) = re.findall(r"```sh\n(tcpanalyze check --record.*?)```", README, re.DOTALL)
    commands = [line.partition("#")[0].strip() for line in block.splitlines()]
    assert len(commands) == 3
    for name in ("echo.pcap", "four-way.pcap"):
        shutil.copy(ROOT / "captures" / name, tmp_path)
    program = f"{shlex.quote(sys.executable)} -m analyzer.cli"
    statuses = [
        subprocess.run(
            ["/bin/sh", "-c", command.replace("tcpanalyze", program)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            check=False,
        ).returncode
        for command in commands
    ]
    assert statuses == [0, 0, 1]


def test_the_python_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    (session,) = re.findall(r"```pycon\n(.*?)```", README, re.DOTALL)
    test = doctest.DocTestParser().get_doctest(session, {}, "README.md", "README.md", 0)
    answer = doctest.DocTestRunner().run(test)
    assert answer.attempted > 0
    assert answer.failed == 0


LINKING = sorted(
    {*PAGES, "captures/README.md"}
    | {path.relative_to(ROOT).as_posix() for path in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]}
)


@pytest.mark.parametrize("page", LINKING)
def test_what_a_page_links_to_is_there(page: str) -> None:
    path = ROOT / page
    text = path.read_text("utf-8")
    missing = []
    for target in re.findall(r"\]\(([^)\s:]+)\)", text) + re.findall(r'src="([^":]+)"', text):
        name, _, anchor = target.partition("#")
        file = path.parent / name if name else path
        if not file.exists() or (anchor and anchor not in anchors(file.read_text("utf-8"))):
            missing.append(target)
    assert missing == []


def anchors(text: str) -> set[str]:
    """What the headings of a Markdown page are called in a link."""
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_the_contents_list_every_section() -> None:
    contents = README[: README.index("\n## ")]
    assert re.findall(r"\[([^\]]+)\]\(#", contents) == re.findall(r"^## (.+)$", README, re.MULTILINE)
