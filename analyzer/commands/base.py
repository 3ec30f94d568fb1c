"""What all commands share: how they end when somebody ends them, and what they say on standard error."""

from __future__ import annotations

import sys

import click

from analyzer.text import say

__all__ = ["Command", "Interrupted", "ReaderGone", "complain", "warn"]


class ReaderGone(Exception):
    """Whoever read standard output has closed it. click would end with status 1 on the OSError itself."""


class Interrupted(Exception):
    """Ctrl-C. click would write an empty line about the KeyboardInterrupt itself."""


class Command(click.Command):
    """A command whose ends `cli.run` understands."""

    def invoke(self, context: click.Context) -> object:
        try:
            answer = super().invoke(context)
            sys.stdout.flush()
        except BrokenPipeError as error:
            raise ReaderGone from error
        except KeyboardInterrupt as error:
            raise Interrupted from error
        return answer


def complain(sentence: str) -> None:
    """One line on standard error, where somebody still listens."""
    try:
        click.echo(f"tcpanalyze: {sentence}", err=True)
    except OSError:
        pass


def warn(warning: str) -> None:
    """What marred the reading without stopping it."""
    complain(say("warning: {warning}", warning=warning))
