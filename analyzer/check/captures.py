"""The wiring of `check`: captures and their files of expectations -> what was found.

Beside `captures/echo.pcap` its expectations lie in `captures/echo.expect.toml`, and those of every capture of the
folder in `captures/expect.toml`; what both say has to hold.
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
"""What a folder is searched for; a capture that is named itself may be called anything."""


class ExpectationError(AssertionError):
    """A trace is not as expected; the text is that of the findings. findings: them."""

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
    """The expectations that options say. at_most, at_least: KEY=VALUE. numbers, only: of which connections.

    Raises UsageError for what is none.
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
    """What of a trace is not as expected.

    expectations: each "KEY OPERATOR VALUE", as in "close = three-segment". only: a filter, connection: a number,
    which say of which connections; allow_none: none of them is fine too. Raises UsageError for an expectation or a
    filter that is none.
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
    """Raise ExpectationError, an AssertionError, where a trace is not as expected; see `findings`."""
    __tracebackhide__ = True  # pytest then shows the line of the test
    found = findings(trace, *expectations, only=only, connection=connection, allow_none=allow_none)
    if found:
        raise ExpectationError(found)


def check_trace(
    trace: Trace, expectations: Sequence[Expectation], *, allow_truncated: bool = False
) -> list[Check]:
    """Compare; that the capture is whole is expected too, unless something else is said about that."""
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

    files: of expectations, instead of those that lie beside a capture. reading: of the captures. A
    capture that cannot be read, or of which nothing is expected, is a problem of its own and keeps no other from
    being checked.
    """
    captures = []
    for path in paths:
        checked = Checked(inert(path))
        try:
            named = expectations_of(path) if files is None else files
            wanted = [*expectations, *read_files(named)]
            # First whether it is a capture at all: that is the better of two sentences.
            trace = analyze_whole(path, reading)
            if not wanted:
                raise UsageError(
                    say(
                        "nothing is expected of {path}: use --expect, or write {file} with --record",
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
    """The expectations of these files. Raises InputError and UsageError as `read_expectations` does."""
    return [one for file in files for one in read_expectations(keys(), _bytes(file), file)]


def _bytes(file: str) -> bytes:
    try:
        with open(file, "rb") as opened:
            return opened.read()
    except (OSError, ValueError) as error:
        raise InputError(
            say(
                "the expectations {file} cannot be read: {reason}",
                file=inert(file),
                reason=inert(getattr(error, "strerror", None) or str(error)),
            )
        ) from error


def stem_of(path: str) -> str:
    """The path without what says the format of the capture."""
    folder, name = os.path.split(path)
    found = _CAPTURE_NAME.fullmatch(name)
    return os.path.join(folder, found[1] if found else name)


def expectations_of(path: str) -> list[str]:
    """The files of expectations that lie beside a capture: its folder's, its own."""
    if path == "-":
        return []
    beside = [os.path.join(os.path.dirname(path), FOLDER_FILE), stem_of(path) + OWN_ENDING]
    return [file for file in beside if os.path.lexists(file)]


def captures_in(names: Iterable[str]) -> list[str]:
    """The captures that are meant, each once: files as they are, of folders what lies in them, of patterns what
    fits. Raises UsageError for a folder or a pattern without a capture.
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
                    "there is no capture in {name}: name a file, or a folder with files that end in .pcap, "
                    ".pcapng or .cap",
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
    """Write the file of expectations beside a capture, and give its path.

    Raises UsageError where there is one already, OutputError where it cannot be written, and what `analyze_whole`
    raises.
    """
    file = _own_file(path)
    if os.path.lexists(file):
        raise UsageError(say("{file} is there already: --update brings it up to date", file=inert(file)))
    _write(file, record(keys(), analyze_whole(path, reading), document))
    return file


def update_capture(path: str, reading: Reading = ORDINARY) -> tuple[str, str]:
    """Bring the file of expectations beside a capture up to date; gives its path and what was changed, as a
    unified difference, empty where nothing was.

    Raises UsageError where there is none, and what `record_capture` raises.
    """
    file = _own_file(path)
    if not os.path.lexists(file):
        raise UsageError(say("there is no {file} yet: --record writes it", file=inert(file)))
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
