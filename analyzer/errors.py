"""The tree of errors, with the status that the command exits with.

    AnalyzerError                2    the root: catch this one
    ├── UsageError               2    the request cannot be met
    ├── InputError               2    the capture cannot be opened or read
    │   └── CaptureFormatError   2    the file is not a readable capture
    ├── DissectionError          2    tshark or pyshark is missing or failed
    └── OutputError              2    a result cannot be written

Two more stand where they are raised: `PromiseError` (1) in `lab.promise`, and the error of a demonstration that a
signal ended (128 + the signal's number) in `commands.demo`.

Odd traffic is never an error. It becomes a note on its segment. An error is one sentence: what is wrong and what to
do. It is raised where a foreign exception enters.
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
        exit_status: The status that the command exits with.
    """

    exit_status: int = 2


class UsageError(AnalyzerError):
    """The request cannot be met, e.g. the connection is unknown or two options exclude each other."""


class InputError(AnalyzerError):
    """The capture cannot be opened or read: it is missing, a directory, not permitted, or the device failed."""


class CaptureFormatError(InputError):
    """The file is not a readable capture: it is empty, a text file, of an unknown format, or its header is damaged."""


class DissectionError(AnalyzerError):
    """tshark or pyshark is missing or failed. All results that do not come from it stay valid."""


class OutputError(AnalyzerError):
    """A result cannot be written, e.g. without permission or space, or because the folder is a file."""
