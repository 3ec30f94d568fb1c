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
    "analyzer/tcp/analysis.py",
    "analyzer/tcp/zeek.py",
    "analyzer/tcp/connection.py",
    "analyzer/tcp/table.py",
    "analyzer/tcp/verdict.py",
    "analyzer/trace/outline.py",
    "analyzer/trace/row.py",
    "analyzer/capture/records.py",
    "analyzer/capture/pcap.py",
    "analyzer/capture/pcapng.py",
    "analyzer/passes.py",
]


class BuildExtensions(build_ext):
    """Builds all extension modules or none."""

    def compiler_takes_gcc_options(self) -> bool:
        """Not Microsoft's. The options let the compiler inline across the modules."""
        return os.name == "posix"

    def run(self) -> None:
        wish = os.environ.get("TCPANALYZE_COMPILE", "")
        self.extensions = []
        if self.editable_mode or wish == "0":
            return
        try:
            from mypyc.build import mypycify

            self.extensions = mypycify(COMPILED, opt_level="3", debug_level="0")
            if self.compiler_takes_gcc_options():
                for extension in self.extensions:
                    extension.extra_compile_args += ["-fno-semantic-interposition", "-finline-limit=400"]
            # Added after the options were looked through, which gives them what follows.
            self.ext_map = {}
            for extension in self.extensions:
                extension._full_name = self.get_ext_fullname(extension.name)
                extension._links_to_dynamic = extension._needs_stub = False
                extension._file_name = self.get_ext_filename(extension._full_name)
                self.ext_map[extension._full_name] = extension
            super().run()
        except (Exception, SystemExit) as error:
            if wish == "1":
                raise
            self.extensions = []
            sys.stderr.write(f"not compiled, and installed to run interpreted: {error}\n")


setup(
    # Only says that the wheel is for one platform; mypy names the real ones when it has seen the files.
    ext_modules=[Extension("analyzer.passes", ["analyzer/passes.py"], optional=True)],
    cmdclass={"build_ext": BuildExtensions},
)
