"""Run a scenario while it is captured, and record it: one file and its JSON document.

What is captured grows in a temporary folder; the finished recording gets its name in one step.
"""

from __future__ import annotations

import io
import os
import shutil
import sysconfig
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from analyzer.analysis.stored import analyze
from analyzer.capture.children import temporary_folder
from analyzer.capture.live_capture import Live, open_live
from analyzer.errors import AnalyzerError, InputError, OutputError, UsageError
from analyzer.lab.promise import keep_promise
from analyzer.lab.stage import Scenario, Stage, in_background
from analyzer.report.document import write_document
from analyzer.text import inert, said, say

__all__ = ["find_recording", "performing", "record"]

COMPLETE_WITHIN: Final = 10.0  # seconds
STOPPED_WITHIN: Final = 5.0  # seconds
QUIET_FOR: Final = 0.4  # seconds: no capture program holds frames back for longer
LOOK_EVERY: Final = 0.02  # seconds


def record(
    scenario: Scenario,
    directory: str | os.PathLike[str],
    *,
    port: int | None = None,
    find_program: Callable[[str], str | None] = shutil.which,
    tell: Callable[[str], None] = lambda sentence: None,
) -> Path:
    """Run `scenario`, capture it, and give the path of the recording in `directory`.

    Its JSON document is written beside it. What does not show what the scenario promises is not kept.

    directory:    made when it is missing; a recording of the same name in it is replaced
    port:         1 to 65535; None takes the scenario's own
    find_program: finds the capture programs
    tell:         is told each step that the scenario has something to say about

    However it ends, no child process and no temporary file is left.

    Raises UsageError when the port cannot be had, or no capture program is installed; InputError when
    capturing is not allowed, fails, or loses frames; OutputError when the recording cannot be written;
    AnalyzerError when the scenario itself fails; PromiseError when the capture shows something else.
    """
    if port is not None and not 1 <= port <= 65535:
        raise UsageError(say("{port} is not a port: a port is a number from 1 to 65535", port=port))
    path = Path(directory) / scenario.file_name
    document_path = path.with_suffix(".json")
    with temporary_folder(*(str(_unfinished(kept)) for kept in (path, document_path))) as folder:
        trial = Path(folder, scenario.file_name)
        with performing(scenario, port, tell, write=trial, find_program=find_program) as live:
            while live.records.advance():
                pass
        faults = live.records.warnings[:1]
        if live.losses:
            faults.append(say("it lost up to {count} frames", count=live.losses))
        if faults:
            raise InputError(
                say(
                    "the capture on {interface} failed: {what}",
                    interface=live.interface,
                    what=said(faults[0]),
                )
            )
        keep_promise(scenario.promise, analyze(trial))
        _write_whole(path, trial.read_bytes())
        document = io.StringIO()
        write_document(analyze(path), document)
        _write_whole(document_path, document.getvalue().encode())
    return path


def find_recording(scenario: Scenario) -> Path:
    """The recording of a scenario that comes with the tool: of the checkout, or installed beside the package.

    Raises InputError when there is none.
    """
    checkout = Path(__file__).parents[2] / "captures"
    installed = Path(sysconfig.get_path("data"), "share", "tcpanalyze", "captures")
    for folder in (checkout, installed):
        if (path := folder / scenario.file_name).is_file():
            return path
    raise InputError(
        say(
            "there is no recording of {name} in {checkout} or {installed}: "
            "'tcpanalyze demo {name} --record DIR' makes one",
            name=scenario.name,
            checkout=inert(str(checkout)),
            installed=inert(str(installed)),
        )
    )


@contextmanager
def performing(
    scenario: Scenario,
    port: int | None,
    tell: Callable[[str], None],
    *,
    write: str | os.PathLike[str] | None = None,
    way_out: str = "",
    find_program: Callable[[str], str | None] = shutil.which,
) -> Iterator[Live]:
    """Run `scenario` in a second thread while it is captured; whoever enters reads the frames to their end.

    write: the file that keeps them. way_out: what else can be done where there is no capturing. Raises what
    `open_live` raises, and when the block is left in order what went wrong with the scenario.
    """
    with scenario.staged(port, tell) as stage:
        expression = scenario.capture_filter.format(port=stage.port)
        try:
            with stage.watcher.inside():
                live = open_live(stage.interface, expression, write=write, find_program=find_program)
        except AnalyzerError as error:
            if not way_out:
                raise
            reason = str(error).removesuffix(".")
            raise InputError(say("{reason}; or {way_out}", reason=reason, way_out=way_out)) from error
        # The capture ends first: a second thread that waits for frames then waits no longer.
        with in_background(lambda: _run_to_the_end(scenario, stage, live)) as running, live:
            yield live
            running.result()


def _run_to_the_end(scenario: Scenario, stage: Stage, live: Live) -> None:
    """Run server and client, and end the capture when it holds all that they sent."""
    try:
        scenario.run(stage)
        _wait_until_complete(scenario, live)
    finally:
        live.stop()
        deadline = time.monotonic() + STOPPED_WITHIN
        while not live.over:
            if time.monotonic() > deadline:
                live.stop()  # by force
                break
            time.sleep(LOOK_EVERY)


def _wait_until_complete(scenario: Scenario, live: Live) -> None:
    """Wait for the scenario's frames, and then for a while in which there is no other.

    Raises InputError when they do not arrive; a capture that has ended says itself why.
    """
    now = since = time.monotonic()
    deadline = now + COMPLETE_WITHIN
    frames = 0
    while frames < scenario.fewest_segments or now - since < QUIET_FOR:
        if live.over:
            return
        if now > deadline:
            raise InputError(
                say(
                    "the capture on {interface} failed: {program} did not deliver all that was sent",
                    interface=live.interface,
                    program=live.backend,
                )
            )
        time.sleep(LOOK_EVERY)
        now = time.monotonic()
        if live.records.frame != frames:
            frames, since = int(live.records.frame), now


def _unfinished(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.unfinished")


def _write_whole(path: Path, data: bytes) -> None:
    unfinished = _unfinished(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            unfinished.write_bytes(data)
            unfinished.replace(path)
        except BaseException:
            with suppress(OSError):
                unfinished.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise OutputError(
            say(
                "the recording {path} cannot be written: {reason}",
                path=inert(str(path)),
                reason=inert(error.strerror or str(error)),
            )
        ) from error
