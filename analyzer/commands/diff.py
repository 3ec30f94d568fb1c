"""`tcpanalyze diff A B`: two captures of the same exchange, side by side."""

from __future__ import annotations

import os
import re
import sys
from collections import Counter
from typing import TYPE_CHECKING, Final

import click

from analyzer.commands.base import Command, WholeNumber, warn
from analyzer.text import inert, said, say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.compare.both_captures import Comparison
    from analyzer.compare.differences import Mode, PairComparison
    from analyzer.diagram.paired_ladder import ComparedDiagram
    from analyzer.report.terminal import Style

__all__ = ["command"]

FOUND: Final = 1
"""The exit status if the captures differ in a way that --fail-on names."""

UNITS: Final = {"ns": 1, "us": 1_000, "µs": 1_000, "ms": 1_000_000, "s": 1_000_000_000}
PICTURES: Final = 20


class _Span(click.ParamType[int]):
    """A duration with its unit, as nanoseconds."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, context: click.Context | None) -> int:
        found = re.fullmatch(r"(\d+(?:\.\d*)?) ?(ns|us|µs|ms|s)", str(value))
        if found is None:
            self.fail(
                say("{value} is not a duration: write e.g. 500us, 5ms or 1.5s", value=inert(str(value))),
                param,
                context,
            )
        return round(float(found[1]) * UNITS[found[2]])


def _kinds(context: click.Context, param: click.Parameter, values: tuple[str, ...]) -> frozenset[str]:
    """The kinds of difference that make the exit status 1."""
    from analyzer.compare.differences import DIFFERENCES, FAILING

    if not values:
        return FAILING
    known = {difference.name for difference in DIFFERENCES}
    kinds: set[str] = set()
    for name in (part.strip() for value in values for part in value.split(",")):
        if name == "any":
            kinds |= known
        elif name in known:
            kinds.add(name)
        elif name != "none":
            names = ", ".join(difference.name for difference in DIFFERENCES)
            raise click.BadParameter(
                say(
                    "there is no difference {name}: write one of {names}, any, none",
                    name=inert(name),
                    names=names,
                )
            )
    return frozenset(kinds)


@click.command(
    cls=Command, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.argument("a", type=click.Path())
@click.argument("b", type=click.Path())
@click.option(
    "--connection",
    "numbers",
    type=WholeNumber(min=0),
    multiple=True,
    metavar="N",
    help="Compare only connection N of A and its counterpart in B; can be repeated.",
)
@click.option(
    "--fail-on",
    "failing",
    multiple=True,
    callback=_kinds,
    metavar="KIND,...",
    help="What makes the exit status 1: unpaired, outcome, missing, extra, changed, reordered (these by "
    "default), late, resegmented, rewritten; any; none.",
)
@click.option(
    "--tolerance",
    "tolerance_ns",
    type=_Span(),
    default="5ms",
    show_default=True,
    help="How much longer a segment may take before it is late.",
)
@click.option(
    "--as",
    "mode",
    type=click.Choice(["two-places", "two-runs"]),
    help="Compare one exchange captured at two places, or two runs; detected by default.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document; pictures only with -o.")
@click.option("-o", "--output", metavar="DIR", help="Draw each pair of connections into DIR.")
@click.option(
    "--image-format",
    "formats",
    type=click.Choice(["svg", "png"]),
    multiple=True,
    metavar="svg|png",
    help="Draw pictures in this format; can be repeated; default: both.",
)
@click.option(
    "--all", "unfold", is_flag=True, help="Show every segment, including long runs without a difference."
)
@click.option("--ascii", "ascii_only", is_flag=True, help="Use only ASCII characters.")
def command(
    a: str,
    b: str,
    numbers: tuple[int, ...],
    failing: frozenset[str],
    tolerance_ns: int,
    mode: Mode | None,
    as_json: bool,
    output: str | None,
    formats: tuple[str, ...],
    unfold: bool,
    ascii_only: bool,
) -> None:
    """Compare two captures of the same exchange: before and after a change, or taken at two places.

    Pairs the connections of A and B, aligns their segments by number and content, and shows both as one ladder: what
    is missing, extra, late or changed, and how long the way took where the clocks allow. The exit status is 1 where
    they differ in a way that --fail-on names.
    """
    from analyzer.compare.both_captures import compare_captures
    from analyzer.report.terminal import style_of

    comparison = compare_captures(
        a, b, mode=mode, selected=set(numbers) if numbers else None, tolerance_ns=tolerance_ns
    )
    for trace in (comparison.a, comparison.b):
        for warning in trace.capture.warnings:
            warn(say("{capture}: {warning}", capture=trace.capture.path, warning=said(warning)))
    pictures = _Pictures(output, formats or ("svg", "png"), comparison, fold=not unfold)
    if as_json:
        counts = _write_document(comparison, pictures)
    else:
        style = style_of(sys.stdout, os.environ, ascii_only=ascii_only)
        counts = _write_text(comparison, pictures, style, selected=bool(numbers), fold=not unfold)
    if failing & counts.keys():
        raise click.exceptions.Exit(FOUND)


class _Pictures:
    """Draws the first pairs, if the user named a folder."""

    def __init__(
        self, folder: str | None, formats: tuple[str, ...], comparison: Comparison, *, fold: bool
    ) -> None:
        self._folder = folder
        self._formats = formats
        self._comparison = comparison
        self._fold = fold
        self._drawn = 0
        self.paths: list[str] = []

    def draw(self, pair: PairComparison) -> None:
        """Draw one pair, unless `PICTURES` are drawn already."""
        if self._folder is None or self._drawn == PICTURES:
            return
        from analyzer.report.comparison_picture import save_comparison

        self._drawn += 1
        diagram = _diagram(pair, self._comparison, fold=self._fold)
        name = f"diff-{pair.a.id}-{pair.b.id}"
        self.paths += [str(path) for path in save_comparison(diagram, self._folder, name, self._formats)]


def _diagram(pair: PairComparison, comparison: Comparison, *, fold: bool) -> ComparedDiagram:
    from analyzer.diagram.paired_ladder import lay_out_comparison

    captures = comparison.a.capture.path, comparison.b.capture.path
    return lay_out_comparison(pair, captures, comparison.tolerance_ns, fold=fold)


def _unpaired(comparison: Comparison) -> Counter[str]:
    alone = len(comparison.only_a) + len(comparison.only_b)
    return Counter({"unpaired": alone} if alone else {})


def _write_document(comparison: Comparison, pictures: _Pictures) -> Counter[str]:
    from analyzer.report.comparison_document import write_comparison

    counts = _unpaired(comparison)

    def watched() -> Iterator[PairComparison]:
        for pair in comparison:
            counts.update(pair.counts)
            yield pair
            pictures.draw(pair)

    traces = comparison.a, comparison.b
    write_comparison(
        (comparison.a.capture, comparison.b.capture),
        comparison.mode,
        watched(),
        (
            [traces[0][number] for number in comparison.only_a],
            [traces[1][number] for number in comparison.only_b],
        ),
        sys.stdout,
    )
    return counts


def _write_text(
    comparison: Comparison, pictures: _Pictures, style: Style, *, selected: bool, fold: bool
) -> Counter[str]:
    """Write each pair with its ladder. If there are many pairs, write one line for each pair that differs."""
    from analyzer.report.comparison_text import (
        comparison_ladder,
        head_lines,
        pair_line,
        pair_lines,
        sum_lines,
        unpaired_line,
    )
    from analyzer.report.text_report import MANY

    def write(*lines: str) -> None:
        sys.stdout.write("".join(f"{line}\n" for line in lines))

    traces = comparison.a, comparison.b
    sizes = len(traces[0]), len(traces[1])
    captures = comparison.a.capture, comparison.b.capture
    write(*head_lines(captures, sizes, comparison.mode, comparison.mode_given, style))
    counts = _unpaired(comparison)
    alone = [("A", traces[0][number]) for number in comparison.only_a]
    alone += [("B", traces[1][number]) for number in comparison.only_b]
    table = not selected and len(comparison.pairs) > MANY
    equal = 0
    if alone or table:
        write("")
    for letter, connection in alone[:MANY]:
        write(unpaired_line(letter, connection, style))
    if len(alone) > MANY:
        write(say("and {count} more that only one capture has", count=len(alone) - MANY))
    for pair in comparison:
        counts.update(pair.counts)
        equal += not pair.counts
        if not table:
            write("", *pair_lines(pair, style))
            if pair.counts or selected or len(comparison.pairs) == 1:
                write("", *comparison_ladder(_diagram(pair, comparison, fold=fold), style))
        elif pair.counts:
            write(pair_line(pair, style))
        pictures.draw(pair)
    if len(comparison.pairs) != 1 or alone:
        write("", *sum_lines(len(comparison.pairs), equal, counts, style))
    sys.stdout.flush()
    if pictures.paths:
        write("", *(inert(path) for path in pictures.paths))
    return counts
