"""A running capture: a capture program writes raw capture data, and `Live` reads it frame by frame.

    with open_live("lo", "tcp port 20000") as live:
        while live.records.advance():
            ...

When `open_live` returns, the capture has started, and every later frame is in it. `stop` ends it in order: `advance`
then steps through the frames captured before, and finally returns False.

A reader thread takes the output of the program as it comes, up to `MOST_WAITING` bytes that wait to be read. Beyond
that it leaves the data in the pipe, the program stops reading, and the kernel drops and counts frames. So only the
kernel drops frames, always whole ones, and `losses` is the largest possible number of them.

Only the capture program is privileged. Its output is parsed here, as the user.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Final

from analyzer.capture.backends import (
    BACKENDS,
    DOWN,
    FORBIDDEN,
    NAMED,
    NO_DEVICE,
    NO_FILTER,
    PYSHARK,
    Backend,
    command_line,
)
from analyzer.capture.children import Child
from analyzer.capture.frame_writer import FrameWriter
from analyzer.capture.interfaces import check_interface
from analyzer.capture.live_records import LiveRecords
from analyzer.capture.marker import Marker
from analyzer.capture.pcap_writer import PcapWriter
from analyzer.capture.pcapng_writer import PcapngWriter
from analyzer.capture.waiting import Waiting
from analyzer.errors import AnalyzerError, InputError, OutputError, UsageError
from analyzer.signals import undisturbed
from analyzer.text import Message, inert, say

__all__ = ["Live", "open_live"]

READY_WITHIN: Final = 10.0  # seconds
MARKED_WITHIN: Final = 5.0  # seconds
MARKED_AGAIN: Final = (
    0.5  # seconds; then another marker is sent, because the kernel may have dropped the first
)


def open_live(
    interface: str,
    capture_filter: str = "",
    backend: str = "auto",
    write: str | os.PathLike[str] | None = None,
    *,
    marked: bool = False,
    find_program: Callable[[str], str | None] = shutil.which,
    ready_within: float = READY_WITHIN,
) -> Live:
    """Start to capture. When this returns, the capture has started.

    Args:
        interface: The name of the interface. "any" means all of them, if the system has that.
        capture_filter: A capture filter of libpcap; empty captures every frame.
        backend: A key of `NAMED`, or "auto" for the one of `BACKENDS` with the shortest delay that is installed and
            permitted.
        write: A file for every frame of `Live.records`: pcap if its name ends in ".pcap", otherwise pcapng. An
            existing file is replaced.
        marked: Whether `Live.catch_up` will be called.
        find_program: Finds the path of a program.
        ready_within: The seconds that the program may take to start.

    Returns:
        The running capture.

    Raises:
        UsageError: The interface or the back end does not exist, libpcap refuses the filter, or no capture program is
            installed.
        InputError: Capturing is not permitted, or does not start.
        OutputError: The file `write` cannot be written.
    """
    if backend != "auto" and backend not in NAMED:
        raise UsageError(
            say(
                "back end {name} does not exist: choose one of auto, {names}",
                name=inert(backend),
                names=", ".join(NAMED),
            )
        )
    check_interface(interface)
    wanted = list(BACKENDS.values()) if backend == "auto" else [NAMED[backend]]
    if backend == PYSHARK.name:
        _check_pyshark(find_program)
        # The programs that its script needs are there. The program to start is Python.
        installed = [(PYSHARK, sys.executable)]
    else:
        installed = [(row, program) for row in wanted if (program := find_program(row.name))]
    if not installed:
        sentence = "capturing needs {names}, but none is installed: {command}"
        if len(wanted) == 1:
            sentence = "the back end {names} is not installed: {command}"
        raise UsageError(
            say(
                sentence,
                names=say(" or ").join(row.name for row in wanted),
                command=say(
                    "on Debian or Ubuntu run 'sudo apt-get install {package}'", package=_package(wanted)
                ),
            )
        )
    forbidden: InputError | None = None
    marker = Marker(interface) if marked else None
    for row, program in installed:
        try:
            child = _start(row, program, interface, capture_filter, ready_within, marker)
        except _ForbiddenError as error:
            forbidden = error
            continue
        try:
            writer = None if write is None else _writer(write, interface)
            try:
                return Live(child, row, interface, writer, marker)
            except BaseException:
                if writer is not None:
                    writer.close()
                raise
        except BaseException:
            child.close()
            raise
    assert forbidden is not None
    raise forbidden


def _package(wanted: list[Backend]) -> str:
    """The Debian package with the wanted programs. The package tshark also installs dumpcap."""
    return "tcpdump" if [row.name for row in wanted] == ["tcpdump"] else "tshark"


def _writer(path: str | os.PathLike[str], interface: str) -> FrameWriter:
    """Make the file that keeps the frames. Its name decides the format."""
    if os.fsdecode(path).lower().endswith(".pcap"):
        return PcapWriter(path)
    return PcapngWriter(path, interface)


def _check_pyshark(find_program: Callable[[str], str | None]) -> None:
    """Raise UsageError if a part that pyshark needs to capture is missing."""
    if importlib.util.find_spec("pyshark") is None:
        raise UsageError(
            say("capturing with pyshark needs pyshark, which is not installed: run 'pip install pyshark'")
        )
    for name in ("tshark", "dumpcap"):
        if find_program(name) is None:
            raise UsageError(
                say(
                    "capturing with pyshark needs {name}, which is not installed: on Debian or Ubuntu run "
                    "'sudo apt-get install tshark'",
                    name=name,
                )
            )


class _ForbiddenError(InputError):
    """This program may not capture here. Another program may be permitted to."""


def _start(
    backend: Backend,
    program: str,
    interface: str,
    capture_filter: str,
    within: float,
    marker: Marker | None = None,
) -> Child:
    child: Child | None = None
    try:
        with undisturbed():
            asked = capture_filter if marker is None else marker.with_filter(capture_filter)
            child = Child(command_line(backend, program, interface, asked), folder=backend.folder)
        if child.wait_for(backend.ready, within):
            return child
        ended = child.silent
        child.end()
        raise _failure(backend, program, child.words(), ended, interface, capture_filter)
    except BaseException:
        if child is not None:
            child.close()
        raise


def _failure(
    backend: Backend, program: str, words: str, ended: bool, interface: str, capture_filter: str
) -> AnalyzerError:
    """Make the error for a capture that did not start, from the messages of the program."""
    if FORBIDDEN.search(words):
        return _ForbiddenError(
            say(
                "{interface} needs permission to capture: run this with sudo, or join the group wireshark after "
                "'sudo dpkg-reconfigure wireshark-common', or run "
                "'sudo setcap cap_net_raw,cap_net_admin=ep {program}'",
                interface=inert(interface),
                program=inert(shutil.which("dumpcap") or program),
            )
        )
    if NO_DEVICE.search(words):
        return UsageError(
            say(
                "interface {name} does not exist: 'tcpanalyze interfaces' lists those that do",
                name=inert(interface),
            )
        )
    if found := NO_FILTER.search(words):
        return UsageError(
            say(
                "the capture filter {filter} is not valid ({reason}): "
                "write it like 'tcp port 20000', see pcap-filter(7)",
                filter=inert(repr(capture_filter)),
                reason=inert(found[1] or say("syntax error")),
            )
        )
    if DOWN.search(words):
        return InputError(
            say(
                "interface {name} is down: bring it up ('sudo ip link set {name} up' on Linux), or "
                "choose another; 'tcpanalyze interfaces' lists them",
                name=inert(interface),
            )
        )
    what = (
        Message("{program} ended before it was ready", program=backend.name)
        if ended
        else Message("{program} was not ready in time", program=backend.name)
    )
    if own_words := _complaint(backend, words):
        what = Message("{what} with the message: {words}", what=what, words=own_words.rstrip("."))
    return InputError(
        say(
            "the capture on {interface} failed: {what}; try another --backend",
            interface=inert(interface),
            what=what,
        )
    )


def _complaint(backend: Backend, words: str) -> str:
    """The last message of the program under its own name, except that it is ready. Harmless."""
    found = re.findall(rf"^{backend.name}: +(\S.*)$", words, re.MULTILINE)
    return inert(next((line for line in reversed(found) if not backend.ready.search(line)), ""))


class Live:
    """A running capture, made by `open_live`. A context manager: leaving it ends the capture.

    Attributes:
        records: The frames. `advance` waits for the next one, and returns False when the capture has ended.
        backend: The name of the capture program.
        interface: The name of the interface.
        path: The file that keeps the frames; None if there is none.
        losses: The largest possible number of frames that the capture lost; None while it runs, and if the program did
            not report it. `records.lost` is the same.
    """

    def __init__(
        self,
        child: Child,
        backend: Backend,
        interface: str,
        writer: FrameWriter | None,
        marker: Marker | None = None,
    ) -> None:
        self.backend: str = backend.name
        self.interface: str = inert(interface)
        self.path: str | None = None if writer is None else writer.path
        self.losses: int | None = None
        self._child = child
        self._row = backend
        self._writer = writer
        self._stopped = False
        self._concluded = False
        self._waiting = Waiting(child.output)
        self._marker = marker
        self._met = 0
        self._meeting = threading.Condition()
        self.records: LiveRecords = LiveRecords(
            self._waiting, self.interface, writer, marker, meet=self.meet, conclude=self.conclude
        )

    def __enter__(self) -> Live:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def over(self) -> bool:
        """Whether all captured frames have been read, or the capture is closed."""
        return self._concluded

    @property
    def behind_ns(self) -> int:
        """How many nanoseconds ago the program wrote the data that is read now."""
        return time.monotonic_ns() - self._waiting.arrived_ns

    def catch_up(self, within: float = MARKED_WITHIN) -> bool:
        """Wait until `records` has passed everything that the interface saw before this call.

        Only after `open_live(marked=True)`, and not in the thread that reads `records`.

        Args:
            within: Give up after this many seconds without a frame.

        Returns:
            False if it gave up, or if the capture ended first.

        Raises:
            InputError: The marker cannot be sent on the interface.
        """
        marker = self._marker
        assert marker is not None
        wanted = marker.sent + 1
        frame, deadline = -1, 0.0
        with self._meeting:
            while self._met < wanted and not self._concluded:
                now = time.monotonic()
                if self.records.frame != frame:
                    frame, deadline = int(self.records.frame), now + within
                elif now >= deadline:
                    break
                marker.send()
                self._meeting.wait_for(lambda: self._met >= wanted or self._concluded, MARKED_AGAIN)
            return self._met >= wanted

    def meet(self, number: int) -> None:
        """Note that the marker with this number has been captured."""
        with self._meeting:
            self._met = max(self._met, number)
            self._meeting.notify_all()

    def stop(self) -> None:
        """End the capture in order; the second call ends it by force. For any thread, and for signal handlers."""
        self._stopped = True
        self._child.interrupt()

    def close(self) -> None:
        """End the capture, and close its process, threads, descriptors and file."""
        try:
            self.conclude()
        finally:
            self.records.close()

    def conclude(self) -> None:
        """Make sure that the program has ended, and write its losses into the records."""
        if self._concluded:
            return
        self._concluded = True
        self.meet(0)
        self._waiting.discard()
        try:
            status = self._child.end()
        finally:
            self._waiting.join(READY_WITHIN)
            self._child.output.close()
            self.losses = self.records.lost = self._told()
            if self._writer is not None:
                self._keep_losses(self._writer)
        words = self._child.words()
        sentences = self.records.warnings
        if not self._stopped or status:
            how = (
                Message("by signal {number}", number=-status)
                if status < 0
                else Message("with status {number}", number=status)
            )
            ended = Message("{program} ended {how} during the capture", program=self.backend, how=how)
            if own_words := _complaint(self._row, words):
                ended = Message("{what} with the message: {words}", what=ended, words=own_words)
            sentences.append(ended)
        if self.losses is None:
            sentences.append(Message("the number of frames lost by the capture is not known"))

    def _told(self) -> int | None:
        """The losses in the last messages of the program."""
        words = self._child.words()
        if not self._row.closing.search(words):
            return None
        return sum(int(found[1]) for row in self._row.losses for found in row.finditer(words))

    def _keep_losses(self, writer: FrameWriter) -> None:
        with suppress(OutputError):
            if self.losses is not None:
                writer.lost(self.losses, int(self.records.time_ns))
        with suppress(OutputError):
            writer.close()
