"""The command: options -> pipeline -> reports. The only place that exits.

Text goes to standard output at once; pictures follow, and their paths are printed. Whatever goes wrong ends in
one sentence on standard error and the exit status of its error.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import click

from analyzer.errors import AnalyzerError, OutputError, UsageError
from analyzer.text import inert, say

if TYPE_CHECKING:
    from analyzer.trace.model import Connection, Trace

__all__ = ["main"]

INTERRUPTED: Final = 130
"""128 + SIGINT, as a shell reports it."""

PICTURES: Final = 20
"""How many connections are drawn when nobody says how many."""


def main() -> None:
    """Run the command and exit with its status."""
    sys.exit(_run(sys.argv[1:]))


class _ReaderGone(Exception):
    """Whoever read standard output has closed it. click would end with status 1 on the OSError itself."""


class _Interrupted(Exception):
    """Ctrl-C. click would write an empty line about the KeyboardInterrupt itself."""


def _run(arguments: Sequence[str]) -> int:
    try:
        tcpanalyze.main(args=list(arguments), prog_name="tcpanalyze", standalone_mode=False)
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except click.ClickException as error:
        sentence = error.format_message().removesuffix(".")
        _complain(say("{problem}; tcpanalyze --help shows what there is", problem=inert(sentence)))
        return error.exit_code
    except (click.Abort, KeyboardInterrupt, _Interrupted):
        _complain(say("interrupted"))
        return INTERRUPTED
    except _ReaderGone:
        _close_output()
        _complain(say("stopped: whoever read the output has closed it"))
        return 0
    except AnalyzerError as error:
        _complain(str(error))
        return error.exit_status
    except OSError as error:
        _close_output()
        reason = error.strerror or str(error)
        _complain(say("the output cannot be written: {reason}", reason=inert(reason)))
        return OutputError.exit_status
    except MemoryError:
        _complain(say("there is not enough memory for this capture: try --summary, or one connection at a time"))
        return UsageError.exit_status
    return 0


def _close_output() -> None:
    """Python would complain once more about what it cannot write when it flushes standard output at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _complain(sentence: str) -> None:
    """One line on standard error, where somebody still listens."""
    try:
        click.echo(f"tcpanalyze: {sentence}", err=True)
    except OSError:
        pass


class _Command(click.Command):
    def invoke(self, context: click.Context) -> object:
        try:
            answer = super().invoke(context)
            sys.stdout.flush()
        except BrokenPipeError as error:
            raise _ReaderGone from error
        except KeyboardInterrupt as error:
            raise _Interrupted from error
        return answer


@click.command(
    cls=_Command, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.argument("capture", type=click.Path(allow_dash=True))
@click.option("-o", "--output", metavar="DIR", help="Where the pictures go; default: reports/NAME-OF-CAPTURE.")
@click.option("--no-report", is_flag=True, help="Draw no pictures.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document; pictures only with -o.")
@click.option(
    "--connection",
    "numbers",
    type=click.IntRange(min=0),
    multiple=True,
    metavar="N",
    help="Only connection N, as Wireshark's tcp.stream numbers it; can be repeated.",
)
@click.option("--summary", is_flag=True, help="Leave the segments out: no ladders, no pictures.")
@click.option("--all", "unfold", is_flag=True, help="Show every segment, also of long runs of data.")
@click.option("--ascii", "ascii_only", is_flag=True, help="Use no character beyond ASCII.")
@click.option(
    "--image-format",
    "formats",
    type=click.Choice(["svg", "png", "pdf"]),
    multiple=True,
    metavar="svg|png|pdf",
    help="Format of the pictures; can be repeated; default: svg and png.",
)
@click.option(
    "--images",
    "limit",
    type=click.IntRange(min=0),
    default=PICTURES,
    show_default=True,
    metavar="COUNT",
    help="How many connections are drawn at most.",
)
@click.version_option(package_name="tcpanalyze", prog_name="tcpanalyze")
def tcpanalyze(
    capture: str,
    output: str | None,
    no_report: bool,
    as_json: bool,
    numbers: tuple[int, ...],
    summary: bool,
    unfold: bool,
    ascii_only: bool,
    formats: tuple[str, ...],
    limit: int,
) -> None:
    """Show what TCP does in CAPTURE: a pcap or pcapng file, also gzip-compressed; "-" is standard input.

    Prints every TCP connection with its handshake, data and close, and the states of both endpoints segment by
    segment; then draws each as a sequence diagram.
    """
    from analyzer.pipeline import analyze
    from analyzer.report.selection import chosen

    if output is not None and no_report:
        raise UsageError(say("--output and --no-report exclude each other: leave one of them out"))
    trace = analyze(capture)
    for warning in trace.capture.warnings:
        _complain(say("warning: {warning}", warning=warning))
    connections = list(chosen(trace, numbers or None))
    drawn = [] if no_report or summary or (as_json and output is None) else connections[:limit]
    trace.prepare([connection.id for connection in (connections if numbers else drawn)])
    if as_json:
        _write_document(trace, numbers, segments=not summary)
    else:
        _write_text(trace, numbers, fold=not unfold, segments=not summary, ascii_only=ascii_only)
    sys.stdout.flush()
    if drawn:
        folder = os.path.join("reports", _name_of(capture)) if output is None else output
        _draw(drawn, folder, formats or ("svg", "png"), fold=not unfold, announce=not as_json)
    if drawn and len(drawn) < len(connections) and not as_json:
        sentence = say(
            "drawn: the first {drawn} of {all} connections; --images COUNT draws more, --connection N one of them",
            drawn=len(drawn),
            all=len(connections),
        )
        click.echo(sentence)


def _write_document(trace: Trace, numbers: tuple[int, ...], *, segments: bool) -> None:
    from analyzer.report.document import write_document

    write_document(trace, sys.stdout, selected=numbers or None, segments=segments)


def _write_text(
    trace: Trace, numbers: tuple[int, ...], *, fold: bool, segments: bool, ascii_only: bool
) -> None:
    from analyzer.report.terminal import style_of
    from analyzer.report.text import report_lines

    style = style_of(sys.stdout, os.environ, ascii_only=ascii_only)
    for line in report_lines(trace, style, selected=numbers or None, fold=fold, segments=segments):
        sys.stdout.write(line + "\n")


def _draw(
    connections: Sequence[Connection], folder: str, formats: Sequence[str], *, fold: bool, announce: bool
) -> None:
    """Draw each connection and print the paths; a bar on standard error where that is a terminal."""
    from analyzer.diagram.layout import lay_out
    from analyzer.report.picture import save_pictures

    if announce:
        click.echo()
    with _progress(len(connections)) as advance:
        for connection in connections:
            diagram = lay_out(connection, fold=fold)
            for path in save_pictures(diagram, folder, f"connection-{connection.id}", formats):
                if announce:
                    click.echo(inert(str(path)))
            advance()


@contextmanager
def _progress(total: int) -> Iterator[Callable[[], None]]:
    """A progress bar for `total` pictures, shown only to somebody who watches and has to wait."""
    if total < 2 or not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(say("drawing"), total=total)
        yield lambda: bar.advance(task)


def _name_of(capture: str) -> str:
    """The name of the reports' folder: that of the capture without what says its format."""
    if capture == "-":
        return "stdin"
    name = os.path.basename(capture)
    for ending in (".gz", ".pcap", ".pcapng", ".cap"):
        if name.lower().endswith(ending) and len(name) > len(ending):
            name = name[: -len(ending)]
    return name


if __name__ == "__main__":
    main()
