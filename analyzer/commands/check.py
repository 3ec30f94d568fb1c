"""`tcpanalyze check CAPTURE...`: checks captures against expectations, with an exit status for CI."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

import click

from analyzer.commands.base import Command, Number, WholeNumber, complain, decompress_limit, warn
from analyzer.errors import AnalyzerError, OutputError, UsageError
from analyzer.text import inert, said, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.analysis.reading import Reading
    from analyzer.check.expectations import Expectation
    from analyzer.check.findings import Report

__all__ = ["command"]

COMMAND_NOT_FOUND: Final = 127
COMMAND_NOT_EXECUTABLE: Final = 126
"""The values that POSIX gives a shell (Shell Command Language, 2.8.2)."""

FORMATS: Final = ("text", "json", "junit", "github", "sarif", "tap")


@click.command(
    cls=Command, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.argument("captures", nargs=-1, metavar="CAPTURE...")
@click.option(
    "-e",
    "--expect",
    "expect",
    multiple=True,
    metavar="'KEY OP VALUE'",
    help="Expect this, e.g. 'close=three-segment', 'handshake.rtt < 50ms', 'active in client,both'; can be repeated.",
)
@click.option("--max", "at_most", multiple=True, metavar="KEY=N", help="Same as --expect 'KEY <= N'.")
@click.option("--min", "at_least", multiple=True, metavar="KEY=N", help="Same as --expect 'KEY >= N'.")
@click.option(
    "--only",
    metavar="FILTER",
    help="Check only matching connections, e.g. 'server.port == 20000 and not id == 3'.",
)
@click.option(
    "--connection",
    "numbers",
    type=WholeNumber(min=0),
    multiple=True,
    metavar="N",
    help="Check only connection N; can be repeated.",
)
@click.option("--allow-none", is_flag=True, help="Do not fail when no connection matches.")
@click.option("--allow-truncated", is_flag=True, help="Do not fail when a capture is truncated.")
@click.option(
    "--expectations",
    "files",
    multiple=True,
    metavar="FILE",
    help="Read expectations from this TOML file; default: NAME.expect.toml and expect.toml next to the capture.",
)
@click.option("--record", is_flag=True, help="Write NAME.expect.toml from what the capture shows.")
@click.option(
    "--update",
    is_flag=True,
    help="Update NAME.expect.toml, print the changes, and report what still fails.",
)
@click.option("--schema", is_flag=True, help="Print the JSON Schema of expectation files, for editors.")
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default="text",
    metavar="|".join(FORMATS),
    help="Format of the report.",
)
@click.option(
    "-o", "--output", metavar="FILE", help="Write the report to FILE; the text report is still printed."
)
@click.option(
    "--junit", metavar="FILE", help="Write a JUnit report to FILE, in addition to any other report."
)
@click.option(
    "--live", is_flag=True, help="Capture while a command runs: check --live -i lo -- COMMAND ARG..."
)
@click.option(
    "-i",
    "--interface",
    default="lo",
    show_default=True,
    metavar="INTERFACE",
    help="With --live: interface to capture on.",
)
@click.option(
    "-f",
    "--filter",
    "capture_filter",
    default="",
    metavar="FILTER",
    help="With --live: capture filter, e.g. 'tcp port 20000'.",
)
@click.option("-w", "--write", metavar="FILE", help="With --live: save the capture to FILE.")
@click.option(
    "--settle", type=Number(min=0), default=1.0, show_default=True, metavar="SECONDS",
    help="With --live: wait at most this long for all connections to close.",
)  # fmt: skip
@decompress_limit
@click.pass_context
def command(
    context: click.Context,
    captures: tuple[str, ...],
    expect: tuple[str, ...],
    at_most: tuple[str, ...],
    at_least: tuple[str, ...],
    only: str | None,
    numbers: tuple[int, ...],
    allow_none: bool,
    allow_truncated: bool,
    files: tuple[str, ...],
    record: bool,
    update: bool,
    schema: bool,
    form: str,
    output: str | None,
    junit: str | None,
    live: bool,
    interface: str,
    capture_filter: str,
    write: str | None,
    settle: float,
    decompress_limit: int | None,
) -> int:
    """Check captures against expectations. CAPTURE is a file, a folder, a pattern or "-".

    Exit status: 0 if every expectation holds, 1 if one fails, 2 for wrong usage or a capture that cannot be read.
    The remaining captures are still checked. With --live, the exit status of the command is used if it is greater. A
    command that a signal ended counts as 128 plus the signal number.
    """
    from analyzer.analysis.reading import Reading
    from analyzer.check.captures import check_captures, options

    if schema:
        _print_schema()
        return 0
    _refuse_contradictions(context, captures, record=record, update=update, live=live)
    if record or update:
        return _write_expectations(captures, Reading(decompress_limit=decompress_limit), update=update)
    expectations = options(expect, at_most, at_least, numbers=numbers, only=only, allow_none=allow_none)
    if not expectations and (numbers or only is not None or allow_none):
        raise UsageError(
            say(
                "--only, --connection and --allow-none apply to expectations of the command line: add --expect, "
                "--max or --min"
            )
        )
    status = 0
    if live:
        report, status = _live(
            captures, expectations, files,
            interface=interface, capture_filter=capture_filter, write=write, settle=settle,
            allow_truncated=allow_truncated,
        )  # fmt: skip
    else:
        from analyzer.check.captures import captures_in

        report = check_captures(
            captures_in(captures),
            expectations,
            files=files or None,
            allow_truncated=allow_truncated,
            reading=Reading(decompress_limit=decompress_limit),
        )
    _tell(report, form, output, junit)
    return max(report.exit_status, status)


_LIVE_ONLY = ("interface", "capture_filter", "write", "settle")


def _refuse_contradictions(
    context: click.Context, captures: tuple[str, ...], *, record: bool, update: bool, live: bool
) -> None:
    given = {
        name
        for name in context.params
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
    }
    if not captures:
        if live:
            raise UsageError(
                say("--live runs a command: write it after --, e.g. check --live -i lo -- COMMAND")
            )
        raise UsageError(say("no capture is named: write tcpanalyze check CAPTURE..."))
    if record + update + live > 1:
        raise UsageError(say("--record, --update and --live exclude each other: use only one of them"))
    if not live and (wrong := given.intersection(_LIVE_ONLY)):
        name = min(wrong).replace("capture_filter", "filter")
        raise UsageError(say("--{name} needs --live: add --live, or leave --{name} out", name=name))
    wrong = given - {"captures", "record", "update", "decompress_limit"}
    if (record or update) and wrong:
        raise UsageError(
            say("--record and --update take only captures and --decompress-limit: leave the rest out")
        )


def _print_schema() -> None:
    from analyzer.check.editor_schema import shipped

    click.echo(shipped(), nl=False)


def _write_expectations(captures: Sequence[str], reading: Reading, *, update: bool) -> int:
    """Record or update one capture after the other. An error does not stop the rest."""
    from analyzer.check.captures import captures_in, check_captures, record_capture, stem_of, update_capture

    paths = captures_in(captures)
    stems: dict[str, str] = {}
    for path in paths:
        other = stems.setdefault(stem_of(path), path)
        if other != path:
            raise UsageError(
                say(
                    "{first} and {second} would share one file of expectations: rename one of them",
                    first=inert(other),
                    second=inert(path),
                )
            )
    status = 0
    for path in paths:
        try:
            if update:
                file, difference = update_capture(path, reading)
                click.echo(
                    "\n".join(map(inert, difference.splitlines()))
                    or say("{file}: unchanged", file=inert(file))
                )
                # A limit is not updated, so it may still fail.
                left = check_captures([path], [], files=[file], reading=reading)
                for finding in left.captures[0].findings:
                    click.echo(str(finding))
                status = max(status, left.exit_status)
            else:
                click.echo(inert(record_capture(path, reading)))
        except AnalyzerError as error:
            complain(str(error))
            status = max(status, error.exit_status)
    return status


def _live(
    arguments: tuple[str, ...],
    expectations: Sequence[Expectation],
    files: tuple[str, ...],
    *,
    interface: str,
    capture_filter: str,
    write: str | None,
    settle: float,
    allow_truncated: bool,
) -> tuple[Report, int]:
    from analyzer.analysis.session import capturing
    from analyzer.check.captures import check_trace, read_files
    from analyzer.check.findings import Checked, Report

    wanted = [*expectations, *read_files(files)]
    if not wanted:
        raise UsageError(say("there are no expectations: use --expect or --expectations"))
    with capturing(interface, capture_filter, settle=settle, path=write) as session:
        sys.stdout.flush()
        status = _run(arguments)
    trace = session.trace
    for warning in trace.capture.warnings:
        warn(said(warning))
    checks = check_trace(trace, wanted, allow_truncated=allow_truncated)
    return Report([Checked(trace.capture.path, checks)]), status


def _run(arguments: Sequence[str]) -> int:
    """Run a command with the same input and output as this process; return its exit status as a shell would."""
    import subprocess

    from analyzer.signals import undisturbed

    process: subprocess.Popen[bytes] | None = None
    try:
        with undisturbed():
            process = subprocess.Popen(arguments)
        status = process.wait()
    except (OSError, ValueError) as error:
        reason = inert(getattr(error, "strerror", None) or str(error))
        complain(say("cannot run {command}: {reason}", command=inert(arguments[0]), reason=reason))
        return COMMAND_NOT_FOUND if isinstance(error, FileNotFoundError) else COMMAND_NOT_EXECUTABLE
    except BaseException:
        # Ctrl-C reaches the command too. Wait until it has ended.
        if process is not None:
            process.wait()
        raise
    return 128 - status if status < 0 else status


def _tell(report: Report, form: str, output: str | None, junit: str | None) -> None:
    from analyzer.check import formats
    from analyzer.report.terminal import own, style_of

    for name, path in ((form, output), ("junit", junit)):
        if path is not None:
            _write(path, formats.FORMATS[name].make(report))
    shown = "text" if output is not None else form
    made = formats.FORMATS[shown].make(report)
    if shown == "text":
        style = style_of(sys.stdout, os.environ)
        made = "\n".join(own(line, style) for line in made.split("\n"))
    # A locale that lacks a character must not lose the report.
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(made.encode(encoding, "backslashreplace").decode(encoding))


def _write(path: str, text: str) -> None:
    try:
        if folder := os.path.dirname(path):
            os.makedirs(folder, exist_ok=True)
        with open(path, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except OSError as error:
        reason = inert(error.strerror or str(error))
        raise OutputError(say("cannot write {path}: {reason}", path=inert(path), reason=reason)) from error
