"""Compiles the modules on the path of a packet; what else the build needs to know stands in pyproject.toml.

The extension modules are optional, all of them or none: without a compiler, without mypy, or where either of them
fails, the same files are installed to run interpreted. `tcpanalyze --version` says which it is. Environment:

    TCPANALYZE_COMPILE=0   do not compile
    TCPANALYZE_COMPILE=1   a build that cannot compile fails, as is wanted where wheels are made

An editable install is never compiled: nothing would compile it again after a change of its files.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

COMPILED = [
    "analyzer/wire/skips.py",
    "analyzer/wire/header.py",
    "analyzer/wire/options.py",
    "analyzer/tcp/sequence.py",
    "analyzer/tcp/states.py",
    "analyzer/tcp/labels.py",
    "analyzer/tcp/notes.py",
    "analyzer/tcp/completeness.py",
    "analyzer/tcp/step.py",
    "analyzer/tcp/endpoint.py",
    "analyzer/tcp/wireshark.py",
    "analyzer/tcp/corrections.py",
    "analyzer/tcp/zeek.py",
    "analyzer/tcp/ledger.py",
    "analyzer/tcp/machine.py",
    "analyzer/tcp/key_index.py",
    "analyzer/tcp/table.py",
    "analyzer/tcp/verdict.py",
    "analyzer/trace/outline.py",
    "analyzer/trace/columns.py",
    "analyzer/capture/records.py",
    "analyzer/capture/pcap.py",
    "analyzer/capture/pcapng.py",
    "analyzer/capture/snoop.py",
    "analyzer/capture/live_records.py",
    "analyzer/analysis/loop.py",
]


COMMANDS = {"bdist_wheel", "build_ext"}
"""An editable install is another command, and so is making an sdist."""

REQUIRED = os.environ.get("TCPANALYZE_COMPILE") == "1"


class BuildExtensions(build_ext):
    """Builds all extension modules or none: one alone would find the others' code missing."""

    def run(self) -> None:
        try:
            super().run()
        except Exception as error:
            if REQUIRED:
                raise
            for extension in self.extensions:
                Path(self.get_ext_fullpath(extension.name)).unlink(missing_ok=True)
            self.extensions = []
            interpreted(error)


def interpreted(reason: object) -> None:
    sys.stderr.write(f"tcpanalyze is not compiled and going to run interpreted: {reason}\n")


def extensions() -> list[Extension]:
    """The modules as C, by mypyc; none where they are not wanted or mypy is not to be had."""
    if not COMMANDS.intersection(sys.argv) or os.environ.get("TCPANALYZE_COMPILE") == "0":
        return []
    try:
        from mypyc.build import mypycify

        # What the other modules import need not be there where this is built.
        options = ["--follow-imports=silent", f"--cache-dir={os.devnull}"]
        made: list[Extension] = mypycify([*options, *COMPILED], opt_level="3", debug_level="0")
    except (Exception, SystemExit) as error:
        if REQUIRED:
            raise
        interpreted(error)
        return []
    for extension in made:
        if os.name == "posix":
            # They let the compiler inline from one module into another, and as much of it as is of use: by itself gcc
            # stops when all modules together have grown by two fifths, so that a line in one slows down another.
            # So does where in a line of the cache a function or a loop happens to begin.
            extension.extra_compile_args += [
                "-fno-semantic-interposition",
                "-finline-limit=600",
                "--param=inline-unit-growth=200",
                "-falign-functions=64",
                "-falign-loops=32",
            ]
    return made


setup(ext_modules=extensions(), cmdclass={"build_ext": BuildExtensions})
