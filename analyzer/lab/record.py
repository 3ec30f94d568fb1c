"""Record a scenario: one capture child, one run of the scenario, one file and its JSON document.

The child writes into a nameless temporary file, so nothing of it can be left behind; the finished
recording gets its name in one step.
"""

from __future__ import annotations

import io
import os
import re
import selectors
import shutil
import signal
import subprocess
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, NoReturn

from analyzer.capture.children import undisturbed
from analyzer.errors import InputError, OutputError, UsageError
from analyzer.lab.promise import keep_promise
from analyzer.lab.recording import count_frames, without_machine
from analyzer.lab.stage import HERE, Host, Scenario
from analyzer.pipeline import analyze
from analyzer.report.document import write_document
from analyzer.text import inert, say

__all__ = ["CaptureChild", "capture_command", "captured", "capturing", "find_recording", "record"]

PROGRAMS = ("dumpcap", "tshark")  # the one that is ready sooner and runs as a single process comes first
READY_WITHIN = 10.0  # seconds
COMPLETE_WITHIN = 10.0  # seconds
STOPPED_WITHIN = 5.0  # seconds
# The kernel hands frames over after at most 0.25 s, so silence this long means that there are no more.
QUIET_FOR = 0.4  # seconds
LOOK_EVERY = 0.02  # seconds
# A child whose parent was killed outright ends by itself after this long.
CHILD_LIVES_FOR = 60  # seconds

# Both programs say "Capturing on ..." too early; this comes when socket and filter are in place.
_READY = re.compile(r"^(?:File: |.*-- Capture started)", re.MULTILINE)
_DUMPCAP_LOST = re.compile(r"^Packets received/dropped on interface '.*': \d+/(\d+) \(", re.MULTILINE)
_TSHARK_LOST = re.compile(r"^(\d+) packets? dropped", re.MULTILINE)
_FORBIDDEN = re.compile(r"do not have permission|not permitted|Permission denied")


def record(
    scenario: Scenario,
    directory: str | os.PathLike[str],
    *,
    port: int | None = None,
    command: Sequence[str] | None = None,
    tell: Callable[[str], None] = lambda sentence: None,
) -> Path:
    """Run `scenario`, capture it, and give the path of the recording in `directory`.

    Its JSON document is written beside it. What does not show what the scenario promises is not kept.

    directory: made when it is missing; a recording of the same name in it is replaced
    port:      1 to 65535; None takes the scenario's own
    command:   the capture program and its arguments; None chooses with `capture_command`
    tell:      is told each step that the scenario has something to say about

    Whatever happens, no child process and no temporary file is left.

    Raises UsageError when the port cannot be had, or no capture program is installed; InputError when
    capturing is not allowed, fails, or loses frames; OutputError when the recording cannot be written;
    AnalyzerError when the scenario itself fails; PromiseError when the capture shows something else.
    """
    octets = without_machine(captured(scenario, port=port, command=command, tell=tell))
    with tempfile.NamedTemporaryFile(suffix=f".{scenario.file_format}") as trial:
        trial.write(octets)
        trial.flush()
        keep_promise(scenario.promise, analyze(trial.name))
    path = Path(directory) / scenario.file_name
    _write_whole(path, octets)
    document = io.StringIO()
    write_document(analyze(path), document)
    _write_whole(path.with_suffix(".json"), document.getvalue().encode())
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
            "There is no recording of {name} in {checkout} or {installed}: "
            "'tcpanalyze demo {name} --record DIR' makes one.",
            name=scenario.name,
            checkout=inert(str(checkout)),
            installed=inert(str(installed)),
        )
    )


def captured(
    scenario: Scenario,
    *,
    port: int | None = None,
    command: Sequence[str] | None = None,
    tell: Callable[[str], None] = lambda sentence: None,
) -> bytes:
    """Run `scenario` and give the octets of its capture. Arguments and errors are those of `record`."""
    port = scenario.port if port is None else port
    if not 1 <= port <= 65535:
        raise UsageError(say("{port} is not a port: a port is a number from 1 to 65535.", port=port))
    with scenario.staged(port, tell) as stage:
        if command is None:
            expression = scenario.capture_filter.format(port=port)
            command = capture_command(stage.interface, expression, scenario.file_format)
        with capturing(command, stage.interface, stage.watcher) as child:
            scenario.run(stage)
            child.wait_until_complete(scenario.fewest_segments)
            return child.stop()


def capture_command(
    interface: str,
    capture_filter: str,
    file_format: str,
    find_program: Callable[[str], str | None] = shutil.which,
) -> list[str]:
    """The command that captures to its standard output, with dumpcap or, where that is missing, tshark.

    file_format: "pcap" or "pcapng"

    Raises UsageError when neither program is installed.
    """
    for program in PROGRAMS:
        if found := find_program(program):
            as_pcap = ["-P"] if program == "dumpcap" else ["-F", "pcap"]
            return [
                found,
                "-q",
                *(as_pcap if file_format == "pcap" else []),
                *("-i", interface),
                *("-f", capture_filter),
                *("-a", f"duration:{CHILD_LIVES_FOR}"),
                *("-w", "-"),
            ]
    raise UsageError(
        say(
            "Recording needs dumpcap or tshark and neither is installed: "
            "on Debian or Ubuntu run 'sudo apt-get install tshark'."
        )
    )


class CaptureChild:
    """A running capture program; made by `capturing`, which also ends it."""

    def __init__(
        self, process: subprocess.Popen[bytes], sink: IO[bytes], program: str, interface: str
    ) -> None:
        self._process = process
        self._sink = sink
        self._program = program
        self._interface = interface
        self._said = b""
        self._ended = False

    def wait_until_ready(self) -> None:
        """Wait until every frame from now on is captured. Raises InputError when that does not come."""
        messages = self._process.stderr
        assert messages is not None
        deadline = time.monotonic() + READY_WITHIN
        with selectors.DefaultSelector() as selector:
            selector.register(messages, selectors.EVENT_READ)
            while not _READY.search(self._messages()):
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    self._fail(say("{program} was not ready in time", program=self._program))
                said = os.read(messages.fileno(), 4096)
                if not said:
                    self._fail(say("{program} ended before it was ready", program=self._program))
                self._said += said

    def wait_until_complete(self, fewest_frames: int) -> None:
        """Wait until the capture holds `fewest_frames` and has then been quiet for `QUIET_FOR` seconds.

        Call it when the traffic has ended. Raises InputError when the child ends before, or the frames
        do not arrive within `COMPLETE_WITHIN` seconds.
        """
        now = last_growth = time.monotonic()
        deadline = now + COMPLETE_WITHIN
        size = 0
        while now - last_growth < QUIET_FOR or count_frames(self._captured()) < fewest_frames:
            if self._process.poll() is not None:
                self._fail(say("{program} ended while it was capturing", program=self._program))
            if now > deadline:
                self._fail(say("{program} did not deliver all that was sent", program=self._program))
            time.sleep(LOOK_EVERY)
            now = time.monotonic()
            size_now = os.fstat(self._sink.fileno()).st_size
            if size_now > size:
                size, last_growth = size_now, now

    def stop(self) -> bytes:
        """End the capture and give the whole capture file.

        Raises InputError when the child did not end in order, or frames were lost.
        """
        status = self.end()
        if status:
            self._fail(say("{program} ended with status {status}", program=self._program, status=status))
        lost = _DUMPCAP_LOST.search(self._messages()) or _TSHARK_LOST.search(self._messages())
        if lost and int(lost[1]):
            self._fail(say("{program} lost {lost} frames", program=self._program, lost=lost[1]))
        return self._captured()

    def end(self) -> int:
        """Make sure that the child has ended, and give its exit status (below 0: the signal that ended it).

        First in the way in which it clears up after itself, after `STOPPED_WITHIN` seconds by force.
        """
        process = self._process
        if self._ended:
            return process.returncode
        try:
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=STOPPED_WITHIN)
        except BaseException as interruption:  # an impatient second Ctrl-C leaves no child either
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)  # the group: tshark has a child of its own
            _, said = process.communicate()
            if not isinstance(interruption, subprocess.TimeoutExpired):
                raise
        self._ended = True
        self._said += said
        return process.returncode

    def _captured(self) -> bytes:
        descriptor = self._sink.fileno()
        return os.pread(descriptor, os.fstat(descriptor).st_size, 0)

    def _messages(self) -> str:
        return self._said.decode("utf-8", "replace").replace("\r", "\n")

    def _fail(self, what: str) -> NoReturn:
        """Raise InputError: that capturing is forbidden, or `what` and the child's own words."""
        self.end()
        messages = self._messages()
        interface = inert(self._interface)
        if _FORBIDDEN.search(messages):
            raise InputError(
                say(
                    "You may not capture on {interface}: run this as root, or let the group wireshark "
                    "capture ('sudo dpkg-reconfigure wireshark-common') and join it, or run "
                    "'sudo setcap cap_net_raw,cap_net_admin=ep {dumpcap}'.",
                    interface=interface,
                    dumpcap=inert(shutil.which("dumpcap") or "dumpcap"),
                )
            )
        own_words = re.search(rf"^{re.escape(self._program)}: +(\S.*)$", messages, re.MULTILINE)
        if own_words:
            what = say("{what}; it said: {words}", what=what, words=inert(own_words[1]))
        raise InputError(
            say("The capture on {interface} failed: {what}.", interface=interface, what=what.rstrip("."))
        )


@contextmanager
def capturing(command: Sequence[str], interface: str, host: Host = HERE) -> Iterator[CaptureChild]:
    """Start a capture program; inside the `with` block it captures, after it the child has ended.

    command:   writes the capture to its standard output and ends in order on SIGINT
    interface: where it captures, for messages
    host:      the machine whose interface that is

    Raises UsageError when the program cannot be started, InputError when it does not become ready.
    """
    program = inert(Path(command[0]).name)
    with tempfile.TemporaryFile() as sink:
        child: CaptureChild | None = None
        try:
            with undisturbed():
                child = CaptureChild(_start(command, sink, host), sink, program, interface)
            child.wait_until_ready()
            yield child
        finally:
            if child is not None:
                child.end()


def _start(command: Sequence[str], sink: IO[bytes], host: Host) -> subprocess.Popen[bytes]:
    try:
        with host.inside():
            # In a session of its own, so that Ctrl-C reaches us first and we end the child in order.
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.PIPE,
                bufsize=0,
                start_new_session=True,
            )
    except OSError as error:
        raise UsageError(
            say(
                "The capture program {program} cannot be started: {reason}.",
                program=inert(command[0]),
                reason=inert(error.strerror or str(error)),
            )
        ) from error


def _write_whole(path: Path, octets: bytes) -> None:
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.unfinished")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            unfinished.write_bytes(octets)
            unfinished.replace(path)
        except BaseException:
            with suppress(OSError):
                unfinished.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise OutputError(
            say(
                "The recording {path} cannot be written: {reason}.",
                path=inert(str(path)),
                reason=inert(error.strerror or str(error)),
            )
        ) from error
