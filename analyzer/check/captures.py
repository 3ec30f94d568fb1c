"""Checks captures against their files of expectations. The command `check` and the Python interface call this.

The expectations of `captures/echo.pcap` are in `captures/echo.expect.toml`. Those of all captures in the folder are
in `captures/expect.toml`. Both files count.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from analyzer.analysis.reading import ORDINARY, Reading, stored_file
from analyzer.analysis.stored import analyze_whole
from analyzer.check.evaluation import evaluate
from analyzer.check.expectations import ALL, Expectation, choice_of, expectation, read_expectations
from analyzer.check.findings import Check, Checked, Finding, Report
from analyzer.check.recording import record, update
from analyzer.errors import AnalyzerError, InputError, OutputError, UsageError
from analyzer.report.document import document
from analyzer.report.selection import keys
from analyzer.text import inert, say
from analyzer.trace.values import Trace

__all__ = [
    "ExpectationError",
    "captures_in",
    "check_captures",
    "check_trace",
    "expect",
    "expectations_of",
    "findings",
    "options",
    "read_files",
    "record_capture",
    "stem_of",
    "update_capture",
]

OWN_ENDING: Final = ".expect.toml"
FOLDER_FILE: Final = "expect.toml"

_CAPTURE_NAME: Final = re.compile(r"(.+?)\.(?:pcap|pcapng|cap|ntar|snoop)(?:\.[a-z0-9]+)?", re.IGNORECASE)
"""The names that count as captures in a folder. A capture that the user names may have any name."""


class ExpectationError(AssertionError):
    """At least one expectation failed. The text lists the findings.

    Attributes:
        findings: What failed, in the order of the expectations.
    """

    def __init__(self, found: Sequence[Finding]) -> None:
        super().__init__("\n".join(map(str, found)))
        self.findings = list(found)


def options(
    expect: Iterable[str] = (),
    at_most: Iterable[str] = (),
    at_least: Iterable[str] = (),
    *,
    numbers: Iterable[int] = (),
    only: str | None = None,
    allow_none: bool = False,
) -> list[Expectation]:
    """Make expectations from the options of a command.

    Args:
        expect: Expectations, each "KEY OPERATOR VALUE".
        at_most: Upper limits, each "KEY=VALUE".
        at_least: Lower limits, each "KEY=VALUE".
        numbers: The numbers of the connections to check; all if empty.
        only: A filter that chooses the connections to check; all if None.
        allow_none: Accept that no connection matches `numbers` and `only`.

    Returns:
        The expectations: first those of `expect`, then the upper and the lower limits.

    Raises:
        UsageError: An expectation, a limit or the filter is not valid.
    """
    choice = choice_of(keys(), numbers, only, allow_none)
    made = [expectation(keys(), text, choice, f"--expect {inert(text)}") for text in expect]
    for option, operator, texts in (("--max", "<=", at_most), ("--min", ">=", at_least)):
        for text in texts:
            name, equals, value = text.partition("=")
            if not equals:
                raise UsageError(
                    say("{option} {text} is wrong: write KEY=VALUE", option=option, text=inert(text))
                )
            made.append(expectation(keys(), f"{name} {operator} {value}", choice, f"{option} {inert(text)}"))
    return made


def findings(
    trace: Trace,
    *expectations: str,
    only: str | None = None,
    connection: int | None = None,
    allow_none: bool = False,
) -> list[Finding]:
    """List the expectations that a trace does not meet.

    Args:
        trace: The trace to check.
        *expectations: Expectations, each "KEY OPERATOR VALUE", e.g. "close = three-segment".
        only: A filter that chooses the connections to check; all if None.
        connection: The number of the connection to check; all if None.
        allow_none: Accept that no connection matches `only` and `connection`.

    Returns:
        The findings in the order of the expectations; empty if every expectation holds.

    Raises:
        UsageError: An expectation or the filter is not valid.
    """
    choice = choice_of(keys(), () if connection is None else (connection,), only, allow_none)
    checks = evaluate([expectation(keys(), text, choice) for text in expectations], trace, document)
    return [finding for check in checks for finding in check.findings]


def expect(
    trace: Trace,
    *expectations: str,
    only: str | None = None,
    connection: int | None = None,
    allow_none: bool = False,
) -> None:
    """Fail a test if a trace does not meet the expectations. The arguments are those of `findings`.

    Raises:
        ExpectationError: At least one expectation failed. It is an AssertionError.
        UsageError: An expectation or the filter is not valid.
    """
    __tracebackhide__ = True  # pytest then shows the line of the test
    found = findings(trace, *expectations, only=only, connection=connection, allow_none=allow_none)
    if found:
        raise ExpectationError(found)


def check_trace(
    trace: Trace, expectations: Sequence[Expectation], *, allow_truncated: bool = False
) -> list[Check]:
    """Check one trace. Also expect that the capture is whole.

    Args:
        trace: The trace to check.
        expectations: What has to hold.
        allow_truncated: Do not expect that the capture is whole. An expectation of `capture.truncated` has the
            same effect.

    Returns:
        One check for each expectation.
    """
    spoken = any(one.comparison.key.name == "capture.truncated" for one in expectations)
    whole = expectation(
        keys(), "capture.truncated = false", ALL, say("default, unless --allow-truncated is given")
    )
    implied = [] if spoken or allow_truncated else [whole]
    return evaluate([*expectations, *implied], trace, document)


def check_captures(
    paths: Iterable[str],
    expectations: Sequence[Expectation],
    *,
    files: Sequence[str] | None = None,
    allow_truncated: bool = False,
    reading: Reading = ORDINARY,
) -> Report:
    """Check each capture against these expectations and those of its files.

    A capture that cannot be read, or that has no expectations, gets a `problem` in the report. The captures after
    it are still checked.

    Args:
        paths: The captures.
        expectations: What has to hold for every capture.
        files: Files of expectations to use instead of those next to each capture.
        allow_truncated: Do not expect that a capture is whole.
        reading: The options of reading.

    Returns:
        The report on all captures.
    """
    captures = []
    for path in paths:
        checked = Checked(inert(path))
        try:
            named = expectations_of(path) if files is None else files
            wanted = [*expectations, *read_files(named)]
            # Read it first: "this is not a capture" helps more than "it has no expectations".
            trace = analyze_whole(path, reading)
            if not wanted:
                raise UsageError(
                    say(
                        "{path} has no expectations: use --expect, or write {file} with --record",
                        path=inert(path),
                        file=inert(stem_of(path) + OWN_ENDING),
                    )
                )
            checked.checks = check_trace(trace, wanted, allow_truncated=allow_truncated)
        except AnalyzerError as error:
            checked.problem = str(error)
        captures.append(checked)
    return Report(captures)


def read_files(files: Iterable[str]) -> list[Expectation]:
    """Read these files of expectations.

    Args:
        files: Their paths.

    Returns:
        The expectations of all files.

    Raises:
        InputError: A file cannot be read, or is not TOML.
        UsageError: A file has an unknown key or a value that its key cannot have.
    """
    return [one for file in files for one in read_expectations(keys(), _bytes(file), file)]


def _bytes(file: str) -> bytes:
    try:
        with open(file, "rb") as opened:
            return opened.read()
    except (OSError, ValueError) as error:
        raise InputError(
            say(
                "cannot read the expectations in {file}: {reason}",
                file=inert(file),
                reason=inert(getattr(error, "strerror", None) or str(error)),
            )
        ) from error


def stem_of(path: str) -> str:
    """The path of a capture without the endings that name its format and compression."""
    folder, name = os.path.split(path)
    found = _CAPTURE_NAME.fullmatch(name)
    return os.path.join(folder, found[1] if found else name)


def expectations_of(path: str) -> list[str]:
    """The files of expectations next to a capture: first that of its folder, then its own."""
    if path == "-":
        return []
    beside = [os.path.join(os.path.dirname(path), FOLDER_FILE), stem_of(path) + OWN_ENDING]
    return [file for file in beside if os.path.lexists(file)]


def captures_in(names: Iterable[str]) -> list[str]:
    """The captures that these names stand for, each once.

    Args:
        names: Files, folders, and patterns with `*`, `?` or `[...]`.

    Returns:
        Paths: a file as it is named, every capture below a folder, every file that matches a pattern.

    Raises:
        UsageError: A folder or a pattern has no capture.
    """
    found: dict[str, None] = {}
    for name in names:
        if os.path.isdir(name):
            inside = list(_captures_below(name))
        elif not os.path.lexists(name) and re.search(r"[*?\[]", name):
            from glob import glob

            inside = sorted(path for path in glob(name, recursive=True) if not os.path.isdir(path))
        else:
            inside = [name]
        if not inside:
            raise UsageError(
                say(
                    "{name} has no captures: name a file, or a folder with files that end in .pcap, .pcapng "
                    "or .cap",
                    name=inert(name),
                )
            )
        found.update(dict.fromkeys(inside))
    return list(found)


def _captures_below(folder: str) -> Iterator[str]:
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if _CAPTURE_NAME.fullmatch(name) and not name.startswith("."):
                yield os.path.normpath(os.path.join(place, name))


def record_capture(path: str, reading: Reading = ORDINARY) -> str:
    """Write the file of expectations of a capture, next to it.

    Args:
        path: The capture.
        reading: The options of reading.

    Returns:
        The path of the new file.

    Raises:
        UsageError: The file exists already.
        OutputError: The file cannot be written.
        AnalyzerError: The capture cannot be read, as for `analyze_whole`.
    """
    file = _own_file(path)
    if os.path.lexists(file):
        raise UsageError(say("{file} exists already: bring it up to date with --update", file=inert(file)))
    _write(file, record(keys(), analyze_whole(path, reading), document))
    return file


def update_capture(path: str, reading: Reading = ORDINARY) -> tuple[str, str]:
    """Bring the file of expectations of a capture up to date.

    Args:
        path: The capture.
        reading: The options of reading.

    Returns:
        The path of the file, and the changes as a unified diff; the diff is empty if nothing changed.

    Raises:
        UsageError: There is no such file, or it is not valid.
        InputError: The file cannot be read.
        OutputError: The file cannot be written.
        AnalyzerError: The capture cannot be read, as for `analyze_whole`.
    """
    file = _own_file(path)
    if not os.path.lexists(file):
        raise UsageError(say("{file} does not exist yet: write it with --record", file=inert(file)))
    data = _bytes(file)
    read_expectations(keys(), data, file)
    before = data.decode("utf-8")
    after = update(keys(), before, analyze_whole(path, reading), document, file)
    if before == after:
        return file, ""
    import difflib

    _write(file, after)
    lines = difflib.unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), file, file, n=1
    )
    return file, "".join(lines)


def _own_file(path: str) -> str:
    return stem_of(stored_file(path)) + OWN_ENDING


def _write(file: str, text: str) -> None:
    try:
        with open(file, "w", encoding="utf-8", newline="\n") as opened:
            opened.write(text)
    except OSError as error:
        reason = inert(error.strerror or str(error))
        raise OutputError(say("cannot write {path}: {reason}", path=inert(file), reason=reason)) from error
