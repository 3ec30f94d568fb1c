"""Run a scenario, capture it and record it: one capture file and its JSON document.

The capture is written in a temporary folder. The complete recording gets its name in one step.
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
QUIET_FOR: Final = 0.4  # seconds: every capture program delivers its frames in less time
LOOK_EVERY: Final = 0.02  # seconds


def record(
    scenario: Scenario,
    directory: str | os.PathLike[str],
    *,
    port: int | None = None,
    find_program: Callable[[str], str | None] = shutil.which,
    tell: Callable[[str], None] = lambda sentence: None,
) -> Path:
    """Run a scenario, capture it, and save the recording and its JSON document.

    A capture that does not show what the scenario promises is not saved. No child process and no temporary file is
    ever left.

    Args:
        scenario: The scenario.
        directory: The folder for the recording. It is made if it is missing. A recording of the same name in it is
            replaced.
        port: The port of the server, 1 to 65535; None means the scenario's own.
        find_program: Finds the capture programs.
        tell: Called with the scenario's sentences about its steps.

    Returns:
        The path of the recording.

    Raises:
        UsageError: The port is not available, or no capture program is installed.
        InputError: Capturing is not permitted, fails, or loses frames.
        OutputError: The recording cannot be written.
        AnalyzerError: The scenario itself fails.
        PromiseError: The capture differs from the promise.
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
            faults.append(say("it lost up to {count} frames; run it again", count=live.losses))
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
    """Find the recording of a scenario that comes with the tool, in the checkout or in the installation.

    Args:
        scenario: The scenario.

    Returns:
        The path of the recording.

    Raises:
        InputError: There is no recording.
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
    """Run a scenario in a second thread and capture it. The block has to read the frames to their end.

    When the block is left in order, an error of the scenario is raised.

    Args:
        scenario: The scenario.
        port: The port of the server; None means the scenario's own.
        tell: Called with the scenario's sentences about its steps.
        write: The file that keeps the frames.
        way_out: The alternative that an error names if capturing is not possible.
        find_program: Finds the capture programs.

    Yields:
        The running capture.

    Raises:
        AnalyzerError: Capturing is not possible, as for `open_live`, or the scenario fails.
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
        # The capture ends first, so that a second thread does not wait for more frames.
        with in_background(lambda: _run_to_the_end(scenario, stage, live)) as running, live:
            yield live
            running.result()


def _run_to_the_end(scenario: Scenario, stage: Stage, live: Live) -> None:
    """Run server and client, and end the capture when it holds everything that they sent."""
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
    """Wait for the frames of the scenario, and then until no more come for a while.

    If the capture has ended, it reports the reason itself.

    Args:
        scenario: The scenario.
        live: Its capture.

    Raises:
        InputError: The frames do not arrive.
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
                    "the capture on {interface} failed: {program} did not deliver all frames; run it again",
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
                "cannot write the recording {path}: {reason}",
                path=inert(str(path)),
                reason=inert(error.strerror or str(error)),
            )
        ) from error
