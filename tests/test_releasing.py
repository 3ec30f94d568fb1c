"""What a release promises: its changelog, its version, its systems and its address agree."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
CHANGELOG = (ROOT / "CHANGELOG.md").read_text("utf-8")
HEADINGS = re.findall(r"^## (.*)$", CHANGELOG, re.MULTILINE)

# The kinds of changes that Keep a Changelog knows.
KINDS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}

SYSTEMS = {"ubuntu": "Operating System :: POSIX :: Linux", "macos": "Operating System :: MacOS"}


def test_the_changelog_begins_with_what_is_not_released() -> None:
    assert HEADINGS[0] == "[Unreleased]"
    assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", heading) for heading in HEADINGS[1:])


def test_the_changelog_has_the_kinds_of_keep_a_changelog() -> None:
    kinds = set(re.findall(r"^### (.*)$", CHANGELOG, re.MULTILINE))
    assert kinds <= KINDS
    # Nobody has seen what an entry under Changed or Fixed would replace.
    assert len(HEADINGS) > 1 or kinds == {"Added"}


def test_the_version_is_that_of_the_changelog() -> None:
    released = [heading[1:].partition("]")[0] for heading in HEADINGS[1:]]
    assert PROJECT["version"] in released[:1] or not released


def test_wheels_are_built_for_the_systems_that_are_named() -> None:
    workflow = YAML(typ="safe").load(ROOT / ".github" / "workflows" / "wheels.yml")
    runners = workflow["jobs"]["wheels"]["strategy"]["matrix"]["os"]
    built = {SYSTEMS[runner.partition("-")[0]] for runner in runners}
    assert built == {name for name in PROJECT["classifiers"] if name.startswith("Operating System")}


def test_all_addresses_are_of_one_repository() -> None:
    urls = PROJECT["urls"]
    assert urls.keys() == {"Repository", "Changelog", "Issues", "Security"}
    assert all(url == urls["Repository"] or url.startswith(urls["Repository"] + "/") for url in urls.values())
    assert all(
        (ROOT / url.partition("/blob/main/")[2]).is_file() for url in urls.values() if "/blob/main/" in url
    )
