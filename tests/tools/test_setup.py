"""The set-up script, in a checkout of three files and with stand-ins for Python, pip and apt-get."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.programs import MAY_INSTALL, PACKAGES, SETUP, need

# What the script uses of a system. All else on its PATH is a stand-in.
COMMANDS = (
    "cat", "cksum", "cp", "find", "kill", "ln", "mkdir", "mv", "rm", "rmdir", "sh", "sleep", "sort", "tail",
)  # fmt: skip

# Notes how it is called; is a Python 3.12 for the probe and makes environments that hold itself again. The lock
# alone is the business of a real Python.
PYTHON = """#!/bin/sh
case $* in
    *fcntl*) exec {real} "$@" ;;
esac
printf '%s\\n' "$*" >>"$CALLS"
case $* in
    *ensurepip*) echo "${{PROBE-ready $STAND_IN}}" ;;
    *purelib*) mkdir -p "${{0%/bin/*}}/packages" && echo "${{0%/bin/*}}/packages" ;;
    "-m venv "*)
        for folder; do :; done
        mkdir -p "$folder/bin" && ln -s "$STAND_IN" "$folder/bin/python"
        ;;
    *" install "*)
        [ -z "${{PIP_SLEEPS-}}" ] || sleep "$PIP_SLEEPS"
        [ -z "${{PIP_KILLS-}}" ] || kill -9 0
        [ -z "${{PIP_SAYS-}}" ] || {{ echo "$PIP_SAYS"; exit 1; }}
        ;;
esac
"""

APT_GET = """#!/bin/sh
printf '%s\\n' "$*" >>"$APT_CALLS"
case $* in
    *update*) exit ;;
esac
[ -z "${APT_SAYS-}" ] || { echo "$APT_SAYS"; exit 100; }
[ -z "${GIVES-}" ] || cp "$STAND_IN" "$GIVES"
"""


class Checkout:
    """A checkout, and a system that it is set up on."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "checkout"
        for path, content in (("pyproject.toml", "[project]"), ("setup.py", ""), ("analyzer/text.py", "")):
            file = self.root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)
        (self.root / "tools").mkdir()
        # The Python of the system itself would be found by its path.
        script = SETUP.read_text("utf-8").replace(" /usr/bin/python3;", ";")
        (self.root / "tools" / "setup.sh").write_text(script)
        self.programs = folder / "programs"
        self.programs.mkdir()
        for name in COMMANDS:
            (self.programs / name).symlink_to(shutil.which(name) or name)
        self.calls = folder / "calls"
        self.apt_calls = folder / "apt calls"
        self.python = folder / "python3.12"
        self.program(self.python, PYTHON.format(real=sys.executable))
        self.program(self.programs / "apt-get", APT_GET)
        (self.programs / "python3").symlink_to(self.python)
        self.be(0)

    @property
    def environment(self) -> Path:
        return self.root / ".venv"

    def program(self, path: Path, content: str = "#!/bin/sh\n") -> None:
        path.write_text(content)
        path.chmod(0o755)

    def be(self, user: int) -> None:
        self.program(self.programs / "id", f"#!/bin/sh\necho {user}\n")

    def start(self, *call: str, **variables: str) -> subprocess.Popen[str]:
        """Source the script and call one of its functions."""
        self.calls.write_text("")
        self.apt_calls.write_text("")
        code = 'set -eu; root=$1; shift; . "$root/tools/setup.sh"; "$@"'
        return subprocess.Popen(
            ["sh", "-c", code, "command", str(self.root), *call],
            env={
                "PATH": str(self.programs),
                "CALLS": str(self.calls),
                "APT_CALLS": str(self.apt_calls),
                "STAND_IN": str(self.python),
                **variables,
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # to be killed alone, with all that it has started
        )

    def run(self, *call: str, **variables: str) -> tuple[int, str]:
        """The status, and what was said; never on standard output, which is that of the command."""
        with self.start(*call, **variables) as process:
            out, said = process.communicate("", timeout=20)
        assert out == ""
        return process.returncode, said

    def stamps(self) -> set[str]:
        return {path.name for path in self.environment.glob(".set-up-*")}

    def installed(self) -> list[str]:
        """What pip installed in the last call."""
        lines = self.calls.read_text().splitlines()
        return [line.rpartition(" ")[2] for line in lines if " install " in line]


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_the_command_needs_nothing_of_the_tests() -> None:
    launcher = (SETUP.parent.parent / "tcpanalyze").read_text("utf-8")
    assert re.findall(r"^\. (.*)$", launcher, re.MULTILINE) == ['"$root/tools/setup.sh"']
    assert "tests" not in launcher


# Environments


def test_the_first_run_sets_up_and_the_second_costs_no_python(checkout: Checkout) -> None:
    status, said = checkout.run("set_up", "run")
    assert (status, said) == (0, "tcpanalyze: setting up .venv (once, about a minute)…\n")
    assert checkout.installed() == ["."]
    assert checkout.stamps() == {".set-up-run"}
    assert checkout.run("set_up", "run") == (0, "")
    assert checkout.calls.read_text() == ""


def test_what_development_needs_comes_on_top(checkout: Checkout) -> None:
    checkout.run("set_up", "run")
    status, said = checkout.run("set_up", "dev")
    assert (status, said) == (0, "tcpanalyze: updating .venv…\n")
    assert checkout.installed() == [".[dev]"]
    assert checkout.stamps() == {".set-up-run", ".set-up-dev"}
    assert checkout.run("set_up", "run") == checkout.run("set_up", "dev") == (0, "")


@pytest.mark.parametrize("file", ["pyproject.toml", "tools/setup.sh"])
def test_other_requirements_are_another_set_up(checkout: Checkout, file: str) -> None:
    checkout.run("set_up", "dev")
    kept = checkout.environment / "kept"
    kept.touch()
    with (checkout.root / file).open("a") as changed:
        changed.write("# changed\n")
    assert checkout.run("set_up", "run") == (0, "tcpanalyze: updating .venv…\n")
    assert kept.exists()
    assert checkout.stamps() == {".set-up-run"}  # what dev asks for may have changed too


def test_a_checkout_that_moved_is_set_up_anew(checkout: Checkout) -> None:
    checkout.run("set_up", "run")
    (checkout.environment / "stale").touch()
    checkout.root = checkout.root.rename(checkout.root.with_name("moved"))
    assert "setting up .venv" in checkout.run("set_up", "run")[1]
    assert not (checkout.environment / "stale").exists()


def test_a_set_up_that_fails_says_why_and_is_begun_again(checkout: Checkout) -> None:
    status, said = checkout.run("set_up", "run", PIP_SAYS="ERROR: the moon is full")
    assert status == 2
    assert said.splitlines()[1:] == [
        "ERROR: the moon is full",
        "tcpanalyze: the set-up failed with the error above: fix it and run again",
    ]
    assert checkout.stamps() == set()
    (checkout.environment / "half").touch()
    assert checkout.run("set_up", "run") == (0, "tcpanalyze: setting up .venv (once, about a minute)…\n")
    assert not (checkout.environment / "half").exists()
    assert checkout.stamps() == {".set-up-run"}


@pytest.mark.parametrize("before", ["nothing", "a set-up"])
def test_a_set_up_that_is_killed_has_no_stamp_and_is_begun_again(checkout: Checkout, before: str) -> None:
    if before == "a set-up":
        checkout.run("set_up", "run")
    assert checkout.run("set_up", "dev", PIP_KILLS="yes")[0] == -9
    assert checkout.stamps() == set()
    assert "setting up .venv" in checkout.run("set_up", "dev")[1]
    assert checkout.stamps() == {".set-up-run", ".set-up-dev"}


def test_half_a_stamp_is_none(checkout: Checkout) -> None:
    checkout.run("set_up", "run")
    stamp = checkout.environment / ".set-up-run"
    stamp.write_text(stamp.read_text().partition("\n")[0])
    assert checkout.run("set_up", "run")[1] == "tcpanalyze: updating .venv…\n"


@pytest.mark.slow
def test_of_two_at_once_one_waits_and_finds_it_done(checkout: Checkout) -> None:
    first = checkout.start("set_up", "run", PIP_SLEEPS="0.5")
    while not checkout.environment.exists():
        assert first.poll() is None
    calls = checkout.calls
    checkout.calls = calls.with_name("calls of the second")
    status, said = checkout.run("set_up", "run")
    assert (status, said) == (0, "tcpanalyze: waiting for another set-up of this checkout to finish\n")
    assert checkout.installed() == []
    first.communicate("", timeout=20)
    assert first.returncode == 0


def test_an_environment_of_somebody_else_is_used_and_never_thrown_away(checkout: Checkout) -> None:
    (checkout.environment / "bin").mkdir(parents=True)
    (checkout.environment / "theirs").touch()
    status, said = checkout.run("set_up", "run")
    assert status == 2
    assert "is not a virtual environment of Python 3.11 or newer: move it away" in said
    (checkout.environment / "bin" / "python").symlink_to(checkout.python)
    assert checkout.run("set_up", "run") == (0, "tcpanalyze: updating .venv…\n")
    assert (checkout.environment / "theirs").exists()


# The compiled build


def test_it_is_compiled_again_where_a_source_has_changed(checkout: Checkout) -> None:
    checkout.run("set_up", "run")
    assert "compiling" in checkout.run("set_up", "compiled")[1]
    assert checkout.installed() == [str(checkout.root)]
    assert checkout.run("set_up", "compiled") == (0, "")
    assert checkout.calls.read_text() == ""
    (checkout.root / "analyzer" / "text.py").write_text("changed")
    assert "compiling" in checkout.run("set_up", "compiled", PIP_SAYS="error: no compiler")[1]
    assert "compiling" in checkout.run("set_up", "compiled")[1]
    assert checkout.run("set_up", "compiled") == (0, "")


# Python


def test_without_a_python_it_says_what_to_install(checkout: Checkout) -> None:
    checkout.be(1000)
    (checkout.programs / "python3").unlink()
    status, said = checkout.run("set_up", "run")
    assert (status, said) == (
        2,
        "tcpanalyze: there is no Python 3.11 or newer: install it (on Debian: sudo apt-get install python3 "
        "python3-venv) and run again\n",
    )
    assert checkout.apt_calls.read_text() == ""
    assert not checkout.environment.exists()


def test_a_python_without_venv_is_named(checkout: Checkout) -> None:
    checkout.be(1000)
    status, said = checkout.run("set_up", "run", PROBE="bare python3.12")
    assert status == 2
    assert "python3.12 cannot make virtual environments: install it (on Debian: sudo apt-get install" in said
    assert "python3.12-venv" in said


def test_root_gets_a_python_and_goes_on(checkout: Checkout) -> None:
    python = checkout.programs / "python3"
    python.unlink()
    status, said = checkout.run("set_up", "run", GIVES=str(python))
    assert status == 0, said
    assert "installing system packages: python3 python3-venv" in said
    assert checkout.stamps() == {".set-up-run"}


# Programs


def have(checkout: Checkout, *programs: str) -> None:
    for name in programs:
        checkout.program(checkout.programs / name)


def test_who_is_not_root_is_told_what_is_missing(checkout: Checkout) -> None:
    checkout.be(1000)
    have(checkout, *(PACKAGES.keys() - {"nginx", "redis-server"}), "cc")
    said = "tcpanalyze: not installed: redis-server nginx. Tests that need them are skipped (on Debian: sudo apt-get "
    assert checkout.run("system_packages") == (0, said + "install redis-server nginx)\n")
    assert checkout.apt_calls.read_text() == ""
    have(checkout, "nginx", "redis-server")
    assert checkout.run("system_packages") == (0, "")


def test_root_installs_what_is_missing(checkout: Checkout) -> None:
    have(checkout, *(PACKAGES.keys() - {"tshark", "dumpcap"}))
    assert checkout.run("system_packages") == (
        0,
        "tcpanalyze: installing system packages: tshark wireshark-common gcc\n",
    )
    (call,) = checkout.apt_calls.read_text().splitlines()
    assert call.endswith("install -y --no-install-recommends tshark wireshark-common gcc")


def test_a_program_that_is_named_comes_alone(checkout: Checkout) -> None:
    have(checkout, "curl")
    for call in (
        ("system_packages", "nginx", "curl"),
        ("sh", str(checkout.root / "tools/setup.sh"), "nginx"),
    ):
        assert checkout.run(*call) == (0, "tcpanalyze: installing system packages: nginx\n")
    assert checkout.run("system_packages", "curl") == (0, "")
    assert checkout.apt_calls.read_text() == ""


def test_what_apt_cannot_install_is_told_in_its_words(checkout: Checkout) -> None:
    status, said = checkout.run("system_packages", "curl", APT_SAYS="E: no such planet")
    assert status == 2
    assert said.splitlines()[1:] == [
        "E: no such planet",
        "tcpanalyze: apt-get could not install curl (its last messages are above): install them and run again",
    ]
    calls = [line.split()[-1] for line in checkout.apt_calls.read_text().splitlines()]
    assert calls == ["curl", "update", "curl"]


def test_a_test_asks_for_a_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Skipped, failed or installed: never without a word."""
    shell = tmp_path / "sh"
    shell.write_text(f'#!/bin/sh\n/bin/cp "$0" "{tmp_path}/$2"\n')
    shell.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv(MAY_INSTALL, raising=False)
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(
        pytest.skip.Exception, match=r"nginx is not installed \(on Debian: sudo apt-get install nginx\)"
    ):
        need("nginx")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match=r"redis-cli is not installed .* install redis-tools"):
        need("redis-cli")
    monkeypatch.setenv(MAY_INSTALL, "1")
    need("nginx")
    assert (tmp_path / "nginx").exists()
    with pytest.raises(KeyError):
        need("a program that the table does not have")


def test_the_stand_ins_are_all_that_is_used(checkout: Checkout) -> None:
    """Otherwise a test of what is missing would find the program of this machine."""
    assert set(os.listdir(checkout.programs)) == {*COMMANDS, "apt-get", "id", "python3"}
    assert not set(COMMANDS) & PACKAGES.keys()
