"""What all commands share: how they end when they are interrupted, and their messages on standard error."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, AnyStr, Final, Generic, TextIO, cast

import click

from analyzer.text import inert, say

__all__ = [
    "Command",
    "Interrupted",
    "Number",
    "OutputFault",
    "ReaderGone",
    "WholeNumber",
    "complain",
    "decompress_limit",
    "keep_to_the_end",
    "output_told_apart",
    "warn",
]


class ReaderGone(Exception):
    """The program that read standard output has closed it. Not an OSError: click ends those with status 1."""


class Interrupted(Exception):
    """Ctrl-C. click itself would write an empty line for a KeyboardInterrupt."""


class OutputFault(OSError):
    """Standard output cannot be written. Other OSErrors have other causes."""


class _Output(Generic[AnyStr]):
    """Standard output that raises our own errors."""

    def __init__(self, stream: IO[AnyStr]) -> None:
        self._stream: IO[AnyStr] = stream

    @property
    def buffer(self) -> _Output[bytes]:
        """click writes here where the encoding is ASCII."""
        return _Output(cast(TextIO, self._stream).buffer)

    def write(self, text: AnyStr) -> int:
        try:
            return self._stream.write(text)
        except BrokenPipeError as error:
            raise ReaderGone from error
        except OSError as error:
            raise OutputFault(error.errno, error.strerror) from error

    def flush(self) -> None:
        try:
            self._stream.flush()
        except BrokenPipeError as error:
            raise ReaderGone from error
        except OSError as error:
            raise OutputFault(error.errno, error.strerror) from error

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)


@contextmanager
def output_told_apart() -> Iterator[None]:
    """Inside, an error of writing standard output is an `OutputFault` or a `ReaderGone`."""
    before = sys.stdout
    if before is not None:
        sys.stdout = cast(TextIO, _Output(before))
    try:
        yield
    finally:
        sys.stdout = before


class Command(click.Command):
    """A command that ends with exceptions which `cli.run` knows."""

    def invoke(self, context: click.Context) -> object:
        """Run the command and return its result."""
        try:
            answer = super().invoke(context)
        except click.exceptions.Exit:
            sys.stdout.flush()
            raise
        except KeyboardInterrupt as error:
            raise Interrupted from error
        sys.stdout.flush()
        return answer


class WholeNumber(click.IntRange):
    """An integer. click's own name for it in error messages is "integer range"."""

    name = "whole number"


class Number(click.FloatRange):
    """A number. click's own name for it in error messages is "float range"."""

    name = "number"


class _Size(click.ParamType[int]):
    """A number of bytes, optionally with K, M, G or T for powers of 1024. `none` gives 0, which means no limit."""

    name = "size"

    def convert(self, value: object, parameter: click.Parameter | None, context: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        text = str(value).strip()
        if text.lower() == "none":
            return 0
        found = re.fullmatch(_SIZE, text, re.ASCII | re.IGNORECASE)
        if found is None:
            self.fail(
                say("{size} is not a size: write e.g. 500M, 2G or none", size=inert(text)), parameter, context
            )
        return int(found[1]) << (10 * " KMGT".index((found[2] or " ").upper()))


_SIZE: Final = r"([0-9]{1,15})(?:([KMGT])(?:i?B)?)?"

decompress_limit = click.option(
    "--decompress-limit",
    type=_Size(),
    metavar="SIZE",
    help="Decompressed size limit, e.g. 2G or none; default: 256 MiB or 200 times the file size, whichever is more.",
)
"""The option of the commands that read a stored capture."""


def complain(sentence: str) -> None:
    """Write one line to standard error, unless it is closed."""
    try:
        click.echo(f"tcpanalyze: {sentence}", err=True)
    except OSError:
        pass


def warn(warning: str) -> None:
    """Report a fault that did not stop the reading."""
    complain(say("warning: {warning}", warning=warning))


def keep_to_the_end(value: object) -> None:
    """Keep `value` alive until the process ends. The memory is then freed as a whole, not connection by connection.

    A list that holds itself is freed only by the garbage collector, and `cli.main` disables that at the end.
    """
    circle = [value]
    circle.append(circle)
