"""The tree of errors. The number is the exit status of the command.

    AnalyzerError              2  the root
    ├── UsageError             2  the command line asks for something impossible
    ├── InputError             2  the capture cannot be opened or read
    │   └── CaptureFormatError 2  the file is not a capture
    ├── DissectionError        2  tshark or pyshark is missing or failed
    ├── OutputError            2  a result cannot be written
    ├── PromiseError           1  a demonstration differs from its promise (`analyzer.lab.promise`)
    └── _EndedError        128+n  signal n ended a demonstration (`analyzer.commands.demo`)

`analyzer.cli` also ends with 130 (Ctrl-C) and 141 (closed pipe). Findings of `check`, `diff` and `verify` end with 1;
they are not errors.

Odd traffic is never an error: it becomes a note on its segment. An error says in one sentence what is wrong and what
to do. It is raised where the foreign exception enters.
"""

from __future__ import annotations

__all__ = [
    "AnalyzerError",
    "CaptureFormatError",
    "DissectionError",
    "InputError",
    "OutputError",
    "UsageError",
]


class AnalyzerError(Exception):
    """The root of the tree. `str(error)` is the sentence to show.

    Attributes:
        exit_status: The exit status of the process.
    """

    exit_status: int = 2


class UsageError(AnalyzerError):
    """The command line asks for something impossible, e.g. an unknown connection or contradicting options."""


class InputError(AnalyzerError):
    """The capture cannot be opened or read, e.g. it is missing or a directory, or there is no permission."""


class CaptureFormatError(InputError):
    """The file is not a capture: it is empty or text, or has an unknown magic number or a broken file header."""


class DissectionError(AnalyzerError):
    """tshark or pyshark is missing or failed. The rest of the analysis is still valid."""


class OutputError(AnalyzerError):
    """A result cannot be written, e.g. there is no permission or no space, or the folder is a file."""
