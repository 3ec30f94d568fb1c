"""One tree of errors, each with the exit status the command ends with.

Odd traffic is never an error: it becomes a note on its segment. An error says in one sentence what is
wrong and what to do, and is raised at the place where a foreign exception enters.
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
    """The root. `exit_status` is what the process ends with; `str(error)` is the sentence to show."""

    exit_status: int = 2


class UsageError(AnalyzerError):
    """What was asked for cannot be had: an unknown connection, options that exclude each other."""


class InputError(AnalyzerError):
    """The capture cannot be opened or read at all: missing, a directory, no permission, an I/O fault."""


class CaptureFormatError(InputError):
    """What was opened is not a capture: empty, a text file, an unknown magic number, a broken file header."""


class DissectionError(AnalyzerError):
    """tshark or pyshark is not there, or did not do what was asked; what else was found still stands."""


class OutputError(AnalyzerError):
    """A result cannot be written: no permission, no space, the folder is a file."""
