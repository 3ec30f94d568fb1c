"""The programs that tests use besides Python: a test asks for each by `need`, and only then is it installed.

`tests/run` with arguments lets a test install what it asks for, where it is root on a system with apt; without
arguments it installs everything first. Plain pytest installs nothing. Where a program is still missing the test is
skipped with a sentence that says what to do, and in CI it fails.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Final

import pytest

__all__ = ["MAY_INSTALL", "PACKAGES", "need"]

SETUP: Final = Path(__file__).resolve().parent.parent / "tools" / "setup.sh"

MAY_INSTALL: Final = "TCPANALYZE_INSTALL_PROGRAMS"
"""The variable by which tests/run lets a test install what it asks for."""


def _packages() -> dict[str, str]:
    (table,) = re.findall(r"^test_programs='([^']*)'", SETUP.read_text("utf-8"), re.MULTILINE)
    return dict(entry.split(":") for entry in table.split())


PACKAGES: Final = _packages()
"""Program -> the Debian package that holds it: the table in tools/setup.sh."""


def need(*programs: str) -> None:
    """Have these programs, or skip the test; in CI it fails."""
    for program in programs:
        package = PACKAGES[program]
        if shutil.which(program) is None and os.environ.get(MAY_INSTALL):
            _install(program)
        if shutil.which(program) is None:
            absent = pytest.fail if os.environ.get("CI") else pytest.skip
            absent(f"{program} is not installed (on Debian: sudo apt-get install {package})")


@cache
def _install(program: str) -> None:
    """Once for each test process; tests side by side wait for each other."""
    with SETUP.open("rb") as script:
        fcntl.flock(script, fcntl.LOCK_EX)
        subprocess.run(["sh", SETUP, program], stdin=subprocess.DEVNULL, check=False)
