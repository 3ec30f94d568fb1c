"""What is offered to CI services: valid by their own schemas, and its shell run as they would run it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from lxml import etree
from ruamel.yaml import YAML

from tests.programs import need

ROOT = Path(__file__).resolve().parent.parent
ACTION = ROOT / "action.yml"
TEMPLATE = ROOT / ".ci" / "gitlab-template.yml"
HOOKS = ROOT / ".pre-commit-hooks.yaml"
BIN = Path(sys.executable).parent
WITH_BIN = f"{BIN}:{os.environ['PATH']}"
PRE_COMMIT = shutil.which("pre-commit", path=WITH_BIN) or "pre-commit"


def load(path: Path) -> Any:
    return YAML(typ="safe").load(path)


def vendored(name: str) -> dict[str, Any]:
    """A schema that check-jsonschema keeps."""
    folder = files("check_jsonschema").joinpath("builtin_schemas", "vendor")
    loaded: dict[str, Any] = json.loads(folder.joinpath(f"{name}.json").read_text("utf-8"))
    return loaded


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a capture and its expectations, and the tool where the steps look for it."""
    folder = tmp_path / "project"
    (folder / "captures").mkdir(parents=True)
    for name in ("echo.pcap", "echo.expect.toml"):
        shutil.copy(ROOT / "captures" / name, folder / "captures")
    return folder


def break_it(project: Path) -> None:
    shutil.copy(ROOT / "captures" / "four-way.pcap", project / "captures" / "echo.pcap")


def test_the_action_is_valid() -> None:
    jsonschema.validate(load(ACTION), vendored("github-actions"))


def test_our_own_workflow_uses_it() -> None:
    workflow = load(ROOT / ".github" / "workflows" / "ci.yml")
    jsonschema.validate(workflow, vendored("github-workflows"))
    (step,) = [one for one in workflow["jobs"]["captures"]["steps"] if one["uses"] == "./"]
    assert set(step["with"]) <= set(load(ACTION)["inputs"])


def test_no_input_stands_in_the_text_of_a_script() -> None:
    for step in load(ACTION)["runs"]["steps"]:
        assert "${{" not in step["run"]


def run_step(project: Path, **inputs: str) -> tuple[int, str, str]:
    """The last step of the action as the runner starts it; the tool is that of this environment."""
    action = load(ACTION)
    step = action["runs"]["steps"][-1]
    values = {name: str(one["default"]) for name, one in action["inputs"].items()} | inputs
    environment = {
        name: re.sub(r"\$\{\{ inputs\.(\w+) \}\}", lambda found: values[found[1]], value)
        for name, value in step["env"].items()
    }
    environment["TCPANALYZE"] = str(BIN / "tcpanalyze")
    output = project / "output"
    output.write_text("")
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        cwd=project,
        env={**os.environ, **environment, "GITHUB_OUTPUT": str(output)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr, output.read_text()


@pytest.mark.slow
def test_the_action_passes_and_fails(project: Path) -> None:
    assert run_step(project) == (0, "", "status=0\n")
    status, said, output = run_step(project, expect="close = reset\nactive=server", captures="captures")
    assert (status, output) == (1, "status=1\n")
    assert said.count("::error file=captures/echo.pcap,line=") == 2
    break_it(project)
    status, said, _ = run_step(project, sarif="found.sarif", arguments="--allow-truncated")
    assert status == 1
    assert "title=close.outcome::close is four-segment, expected three-segment" in said
    assert json.loads((project / "found.sarif").read_text())["runs"][0]["results"]
    assert run_step(project, captures="missing.pcap")[0] == 2


def test_inputs_of_the_action_are_no_code(project: Path) -> None:
    status, _, _ = run_step(
        project, expect='$(touch "hacked")\n`touch hacked`', captures="$(touch hacked) ;touch"
    )
    assert status == 2
    assert not (project / "hacked").exists()


def test_the_action_installs_itself() -> None:
    """That is: from the folder where it lies, which is the top of this project."""
    install = load(ACTION)["runs"]["steps"][0]
    assert install["env"]["ACTION"] == "${{ github.action_path }}"
    assert (ACTION.parent / "pyproject.toml").exists()
    assert subprocess.run(["bash", "-n", "-c", install["run"]], check=False).returncode == 0


def test_the_gitlab_template(project: Path) -> None:
    template = load(TEMPLATE)
    job = template[".tcpanalyze-check"]
    jsonschema.Draft7Validator(vendored("gitlab-ci")).validate(
        {**template, "check": {"extends": ".tcpanalyze-check"}}
    )
    (project / ".tcpanalyze" / "bin").mkdir(parents=True)
    (project / ".tcpanalyze" / "bin" / "tcpanalyze").symlink_to(BIN / "tcpanalyze")
    *_, install, check = job["script"]
    unsaid = subprocess.run(
        ["sh", "-c", install],
        cwd=project,
        env={**os.environ, **job["variables"]},
        capture_output=True,
        check=False,
    )
    assert unsaid.returncode != 0
    assert b"TCPANALYZE: set it to what pip installs" in unsaid.stderr
    # The comment above the template installs from a repository.
    assert "git+https" in TEMPLATE.read_text("utf-8")
    assert "slim" not in job["image"]
    for broken, status in ((False, 0), (True, 1)):
        if broken:
            break_it(project)
        done = subprocess.run(
            ["sh", "-c", check],
            cwd=project,
            env={**os.environ, **job["variables"]},
            capture_output=True,
            check=False,
        )
        assert done.returncode == status
        suites = etree.parse(project / job["artifacts"]["reports"]["junit"]).getroot()
        assert (suites.get("failures") != "0") is broken


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=a", "-c", "user.email=a@localhost")
    need("git")
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.mark.slow
def test_the_hook_runs_with_pre_commit(project: Path, tmp_path: Path) -> None:
    """As in a project that uses it, but for `language: python`, which would install the project anew."""
    validated = subprocess.run(
        [PRE_COMMIT, "validate-manifest", HOOKS], capture_output=True, check=False, cwd=tmp_path
    )
    assert validated.returncode == 0, validated.stdout
    (hook,) = load(HOOKS)
    assert hook["language"] == "python"
    git(project, "init", "--quiet")
    with (project / ".pre-commit-config.yaml").open("w") as config:
        YAML().dump({"repos": [{"repo": "local", "hooks": [{**hook, "language": "system"}]}]}, config)
    git(project, "add", ".")

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [PRE_COMMIT, "run", "--all-files"],
            cwd=project,
            env={
                **os.environ,
                "PATH": WITH_BIN,
                "PRE_COMMIT_HOME": str(tmp_path / "home"),
            },
            capture_output=True,
            text=True,
            check=False,
        )

    passed = run()
    assert passed.returncode == 0, passed.stdout
    assert "Passed" in passed.stdout
    break_it(project)
    git(project, "add", ".")
    failed = run()
    assert failed.returncode == 1
    assert "close is four-segment, expected three-segment" in failed.stdout
