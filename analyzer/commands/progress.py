"""A progress bar on standard error, only if that is a terminal.

It appears after a second, and disappears before anything else is printed, also after an error. The library that draws
it is imported when it appears.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from analyzer.text import say

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from analyzer.capture import Records

__all__ = ["PATIENCE", "drawing", "reading"]

PATIENCE: Final = 1.0
"""Seconds of waiting without a progress bar."""


@contextmanager
def reading() -> Iterator[Callable[[Records], None] | None]:
    """Yield what `analyze` calls while it reads. The bar shows the progress in a file, or the rate of a pipe."""
    with _bar(say("reading")) as bar:
        if bar is None:
            yield None
            return

        def watch(records: Records) -> None:
            file = records.file
            done, total = (0, None) if file is None else (file.position(), file.size)
            rate = int(records.frame) / max(bar.seconds(), 0.001)
            bar.show(
                done,
                total,
                say("{count} frames, {rate} per second", count=f"{records.frame:,}", rate=f"{rate:,.0f}"),
            )

        yield watch


@contextmanager
def drawing(total: int) -> Iterator[Callable[[], None]]:
    """Yield what to call after each of `total` pictures."""
    with _bar(say("drawing")) as bar:
        drawn = 0

        def advance() -> None:
            nonlocal drawn
            drawn += 1
            if bar is not None:
                bar.show(drawn, total, say("{count} of {total}", count=drawn, total=total))

        yield advance


class _Bar:
    """One bar, which is shown only after `PATIENCE` seconds."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._began = time.monotonic()
        self._shown: tuple[Progress, TaskID] | None = None

    def seconds(self) -> float:
        """The time since the beginning."""
        return time.monotonic() - self._began

    def show(self, done: int, total: int | None, detail: str) -> None:
        """Show that `done` of `total` is finished; None if the total is unknown."""
        if self.seconds() < PATIENCE:
            return
        progress, task = self._shown or self._begin(total)
        progress.update(task, completed=done, total=total, detail=detail)

    def close(self) -> None:
        """Remove the bar, and show the cursor of the terminal again."""
        if self._shown is not None:
            self._shown[0].stop()

    def _begin(self, total: int | None) -> tuple[Progress, TaskID]:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        remaining = [] if total is None else [TimeRemainingColumn()]
        progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[detail]}", markup=False),
            *remaining,
            console=Console(stderr=True),
            transient=True,
            # Lines on the same terminal are put above the bar; a file gets its lines unchanged.
            redirect_stdout=sys.stdout.isatty(),
        )
        self._shown = shown = progress, progress.add_task(self._what, total=total, detail="")
        # Last, so that `close` knows of the bar even after an interruption.
        progress.start()
        return shown


@contextmanager
def _bar(what: str) -> Iterator[_Bar | None]:
    if sys.stderr is None or not sys.stderr.isatty():
        yield None
        return
    bar = _Bar(what)
    try:
        yield bar
    finally:
        bar.close()
