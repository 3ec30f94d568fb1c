"""The entry point. It picks the command, and only this module exits.

Every error ends as one sentence on standard error and the exit status of that error.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Final

from analyzer.commands import COMMANDS
from analyzer.errors import AnalyzerError, OutputError, UsageError
from analyzer.text import inert, say

__all__ = ["main"]

COLLECTED_AFTER: Final = 20_000
"""The garbage collector runs after this many new containers."""

INTERRUPTED: Final = 130
"""128 + SIGINT, as a shell reports it."""

READER_GONE: Final = 141
"""128 + SIGPIPE, as a shell reports it when a reader such as `head` has ended."""


def main() -> None:
    """Run the command and exit with its status."""
    # The objects made at start stay alive: looking for garbage as often as Python does takes 5 % of the start.
    gc.set_threshold(COLLECTED_AFTER)
    status = run(sys.argv[1:])
    _flush_output()
    # All memory goes with the process: do not let Python search it for garbage once more.
    gc.freeze()
    sys.exit(status)


def run(arguments: Sequence[str]) -> int:
    """Run the command with these arguments and return the exit status."""
    import click

    from analyzer.commands.base import Interrupted, OutputFault, ReaderGone, complain, output_told_apart

    name = arguments[0] if arguments and arguments[0] in COMMANDS else ""
    try:
        if not name and (meant := _command_meant(arguments)):
            raise UsageError(
                say(
                    "{name} is neither a command nor a capture: did you mean tcpanalyze {meant}?",
                    name=inert(arguments[0]),
                    meant=meant,
                )
            )
        module = import_module(f"analyzer.commands.{name or 'show'}")
        rest = list(arguments[1:] if name else arguments)
        # click returns the status of a click.exceptions.Exit.
        prog_name = f"tcpanalyze {name}".rstrip()
        with output_told_apart():
            answer = module.command.main(args=rest, prog_name=prog_name, standalone_mode=False)
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except click.ClickException as error:
        sentence = error.format_message().removesuffix(".")
        asked = f"tcpanalyze {name} --help" if name else "tcpanalyze --help"
        complain(say("{problem}; see {command}", problem=inert(sentence), command=asked))
        return error.exit_code
    except (click.Abort, KeyboardInterrupt, Interrupted):
        # `python -m` remembers a KeyboardInterrupt that left an exec of text, as dataclasses and namedtuple do it,
        # until the next such exec, and would end by the signal, not with the status that it is given.
        exec("")
        complain(say("interrupted"))
        return INTERRUPTED
    except ReaderGone:
        _close_output()
        return READER_GONE
    except AnalyzerError as error:
        complain(str(error))
        return error.exit_status
    except OutputFault as error:
        _close_output()
        complain(say("cannot write the output: {reason}", reason=_reason_of(error)))
        return OutputError.exit_status
    except OSError as error:
        complain(say("the operating system reported an error: {reason}", reason=_reason_of(error)))
        return AnalyzerError.exit_status
    except MemoryError:
        complain(say("not enough memory for this capture: split it with editcap -c"))
        return UsageError.exit_status
    return answer if isinstance(answer, int) else 0


def _command_meant(arguments: Sequence[str]) -> str:
    """The command that the user probably meant, if the first word is not a capture; else an empty string."""
    if not arguments or not arguments[0].isalpha() or os.path.lexists(arguments[0]):
        return ""
    from difflib import get_close_matches

    return "".join(get_close_matches(arguments[0], COMMANDS, n=1))


def _reason_of(error: OSError) -> str:
    """The reason that the system gives, and the file that it is about."""
    reason = inert(error.strerror or str(error))
    return f"{reason}: {inert(os.fsdecode(error.filename))}" if isinstance(error.filename, str) else reason


def _flush_output() -> None:
    """Write what an error left in the buffer. The error itself has been reported already."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        _close_output()


def _close_output() -> None:
    """Discard standard output: Python flushes it at exit, and would report the same error once more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
