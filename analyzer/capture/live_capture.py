"""Frames as they pass: a capture program writes raw capture data, and `Live` reads it frame by frame.

    with open_live("lo", "tcp port 20000") as live:
        while live.records.advance():
            ...

When `open_live` returns the capture has started: every frame from then on is in it. `stop` ends it in order,
and `advance` then gives what was captured before and answers False. A reader thread takes what the program
writes as it comes, up to `MOST_WAITING` bytes that nobody has asked for yet; past that it leaves the data
in the program's pipe, the program stops reading, and the kernel drops frames and counts them. So nothing is
ever dropped but by the kernel, always whole frames, and `losses` says how many at most.

Only the capture program is privileged. What it writes is parsed here, as the user.
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
MARKED_AGAIN: Final = 0.5  # seconds, after which another marker is sent: the kernel may drop one


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
    """Start to capture; when this returns, the capture has started.

    interface: its name; "any" is all of them, where the system has that. capture_filter: libpcap's language,
    empty for every frame. backend: a key of `NAMED`, or "auto", the one of `BACKENDS` with the least delay
    that is installed and allowed. write: a file that gets every frame that `records` gives, pcap where its
    name ends so and otherwise pcapng; one that was there is replaced. marked: whether `Live.catch_up` will be
    asked. ready_within: seconds that the program may take.

    Raises UsageError for an unknown interface, a filter that is none, and where no capture program is
    installed; InputError where capturing is not allowed or does not begin; OutputError where `write` cannot
    be written.
    """
    if backend != "auto" and backend not in NAMED:
        raise UsageError(
            say(
                "there is no back end {name}: there are auto, {names}",
                name=inert(backend),
                names=", ".join(NAMED),
            )
        )
    check_interface(interface)
    wanted = list(BACKENDS.values()) if backend == "auto" else [NAMED[backend]]
    if backend == PYSHARK.name:
        _check_pyshark(find_program)
        # What its script needs has been found; the program that runs it is Python.
        installed = [(PYSHARK, sys.executable)]
    else:
        installed = [(row, program) for row in wanted if (program := find_program(row.name))]
    if not installed:
        sentence = "capturing needs {names}, and none is installed: {command}"
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
    """The package of Debian that brings what is wanted; tshark's brings dumpcap."""
    return "tcpdump" if [row.name for row in wanted] == ["tcpdump"] else "tshark"


def _writer(path: str | os.PathLike[str], interface: str) -> FrameWriter:
    """The file that keeps the frames; its name chooses the format."""
    if os.fsdecode(path).lower().endswith(".pcap"):
        return PcapWriter(path)
    return PcapngWriter(path, interface)


def _check_pyshark(find_program: Callable[[str], str | None]) -> None:
    """Raises UsageError where one of the parts that pyshark captures with is missing."""
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
    """This program may not capture here; another perhaps may."""


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
    """The error for a capture that did not begin, from what the program said."""
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
    """The last that the program said in its own name, but for that it is ready; harmless."""
    found = re.findall(rf"^{backend.name}: +(\S.*)$", words, re.MULTILINE)
    return inert(next((line for line in reversed(found) if not backend.ready.search(line)), ""))


class Live:
    """A running capture; made by `open_live`. A context manager: leaving it ends the capture.

    records: the frames; its `advance` waits for the next one, and answers False when the capture has ended.
    backend: the name of the program. path: the file that keeps the frames, or None.
    losses: frames that the capture lost, at most; None while it runs, and where the program could not say it
        any more. `records.lost` is the same.
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
        """Whether all that was captured has been given, or the capture closed."""
        return self._concluded

    @property
    def behind_ns(self) -> int:
        """How long ago the program handed over what is being read now."""
        return time.monotonic_ns() - self._waiting.arrived_ns

    def catch_up(self, within: float = MARKED_WITHIN) -> bool:
        """Wait until `records` has given all that the interface saw before this call.

        For another thread than the one that reads `records`. within: seconds without a frame; False where so many
        passed, or the capture has ended before. Only after `open_live(marked=True)`; raises InputError where the
        interface takes no marker.
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
        """The marker of this number has been captured."""
        with self._meeting:
            self._met = max(self._met, number)
            self._meeting.notify_all()

    def stop(self) -> None:
        """End the capture in order; called again, by force. For any thread, and for a signal handler."""
        self._stopped = True
        self._child.interrupt()

    def close(self) -> None:
        """End the capture, its process, its threads, its descriptors and its file."""
        try:
            self.conclude()
        finally:
            self.records.close()

    def conclude(self) -> None:
        """Make sure that the program has ended, and say in the records what was lost."""
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
            ended = Message("{program} ended {how} while it captured", program=self.backend, how=how)
            if own_words := _complaint(self._row, words):
                ended = Message("{what} with the message: {words}", what=ended, words=own_words)
            sentences.append(ended)
        if self.losses is None:
            sentences.append(Message("the number of frames lost by the capture is not known"))

    def _told(self) -> int | None:
        """The losses in the program's closing words."""
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
