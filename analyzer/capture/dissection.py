"""What tshark makes of frames: one dissected through pyshark, many in a line each, those that match a filter.

Everything here is a second opinion or a convenience; connections, labels and states never depend on it. Beside
`pyshark_frames` no other module knows pyshark, and whatever happens this one leaves nothing behind: no child process,
descriptor, temporary file or event loop. What goes wrong is a `DissectionError` of one sentence.

pyshark serves for the one frame, whose tree of fields it makes values of. Its summaries lose frames (0.6: it
looks for the table of columns again before each), so many frames are asked of tshark itself, one line each.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
import warnings
from collections.abc import Collection, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from ipaddress import ip_address
from typing import IO, TYPE_CHECKING, Any, Final, NamedTuple

from analyzer.errors import DissectionError, UsageError
from analyzer.text import Message, inert, say

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

__all__ = [
    "ANALYSIS_PREFERENCES",
    "AnalysedFrame",
    "DissectedLayer",
    "Dissection",
    "analysed_frames",
    "disabled_protocols",
    "dissection_of",
    "matching_frames",
    "summaries_of",
    "version_of_tshark",
]

PATIENCE: Final = 30.0
"""Seconds that the dissection of one frame may take; tshark has to read the capture as far as the frame."""

LEAVING: Final = 0.5
"""Seconds that a child gets to end by itself once its output has ended."""

DYING: Final = 5.0
"""Seconds that a killed child gets to be gone."""

MOST_FIELDS: Final = 2_000
"""Fields of one layer that are kept: a hostile frame can have any number of them."""

# What tshark takes a port of the laboratory for. A real service there is dissected as what it is.
LABORATORY_PORTS: Final = {20000: "dnp3"}

# What every frame has around its segment; an application's protocol is whatever comes after.
BELOW_APPLICATIONS: Final = frozenset({"TCP", "IP", "IPV4", "IPV6", "MPTCP"})


# On which its analysis of sequence numbers depends, whatever the user's own profile has. With checksums checked, it
# would pass over segments whose checksum the network card was to fill in; what is reassembled only costs time.
ANALYSIS_PREFERENCES: Final = (
    "tcp.relative_sequence_numbers:TRUE",
    "tcp.analyze_sequence_numbers:TRUE",
    "tcp.check_checksum:FALSE",
    "ip.check_checksum:FALSE",
    "ip.defragment:TRUE",
    "ipv6.defragment:TRUE",
    "tcp.desegment_tcp_streams:FALSE",
    "tcp.reassemble_out_of_order:FALSE",
)

ANALYSIS_FIELDS: Final = (
    "frame.number",
    "tcp.stream",
    "ip.src",
    "ipv6.src",
    "tcp.srcport",
    "ip.dst",
    "ipv6.dst",
    "tcp.dstport",
    "tcp.flags",
    "tcp.len",
    "tcp.completeness",
    "tcp.analysis.initial_rtt",
)

SECOND_NS: Final = 1_000_000_000


class AnalysedFrame(NamedTuple):
    """What tshark says of one frame with a TCP segment. Of several segments in one frame the last is meant.

    stream: its number of the connection. source, destination: address and port. flags: of the header, as a number.
    completeness: of the connection, right with its last frame. initial_rtt_ns: None where it has none.
    notes: those asked for that the segment has.
    """

    frame: int
    stream: int
    source: tuple[str, int]
    destination: tuple[str, int]
    flags: int
    length: int | None
    completeness: int
    initial_rtt_ns: int | None
    notes: tuple[str, ...]


class DissectedLayer(NamedTuple):
    """One protocol of a frame: its name, and its fields as Wireshark words them ("Source Port: 48520")."""

    name: str
    fields: tuple[str, ...]


class Dissection(NamedTuple):
    """One frame as Wireshark sees it, from the outside in. Every text is harmless.

    application: the name of the protocol in the payload; empty where there is none.
    """

    layers: tuple[DissectedLayer, ...]
    application: str


def disabled_protocols(addresses: Sequence[str], ports: Sequence[int]) -> tuple[str, ...]:
    """The protocols that tshark must not see between these addresses and ports.

    An exercise on the loopback interface may use any port; what is registered for it says nothing.
    """
    if not all(ip_address(address).is_loopback for address in addresses):
        return ()
    return tuple(LABORATORY_PORTS[port] for port in ports if port in LABORATORY_PORTS)


def dissection_of(
    path: str, frame: int, disabled: Sequence[str] = (), *, patience: float = PATIENCE
) -> Dissection:
    """The dissection of one frame of the capture at `path`, by tshark through pyshark.

    frame: from 1. disabled: protocols as tshark names them. patience: seconds.

    Raises `DissectionError` where tshark or pyshark is not there or does not deliver.
    """
    tshark = _tshark()
    pyshark = _pyshark()
    found: list[Any] = []
    # The filter goes past pyshark, which would first run tshark once more, without limit, for its version.
    # -c: frames after this one cannot matter, so tshark stops reading there.
    parameters = ["-Y", f"frame.number=={frame}", "-c", str(frame)]
    for protocol in disabled:
        parameters += ["--disable-protocol", protocol]
    with _event_loop() as loop:
        try:
            capture = pyshark.FileCapture(
                _absolute(path),
                eventloop=loop,
                keep_packets=False,
                tshark_path=tshark,
                custom_parameters=parameters,
            )
        except Exception as error:
            raise _unavailable(_reason(error)) from error
        finished = False
        try:
            _run(loop, capture, found, patience)
            finished = True
        finally:
            _end_children(loop, capture, finished)
    if not found:
        raise _unavailable(say("tshark cannot find frame {frame}", frame=frame))
    try:
        return _dissection(found[0])
    except Exception as error:
        raise _unavailable(_reason(error)) from error


def summaries_of(path: str, frames: Collection[int], disabled: Sequence[str] = ()) -> dict[int, str]:
    """The application's protocol and tshark's line about it, for those of `frames` that have one.

    Raises `DissectionError` where tshark is not there or fails.
    """
    if not frames:
        return {}
    # The columns are given, because those of the user's own profile may be others; %m, %p and %i are the
    # number, the protocol and the information, under these names in every version.
    columns = 'gui.column.format:"number","%m","protocol","%p","information","%i"'
    arguments = ["-o", columns, "-T", "tabs", "-c", str(max(frames))]
    for protocol in disabled:
        arguments += ["--disable-protocol", protocol]
    found: dict[int, str] = {}
    with _running(path, arguments) as child:
        for line in child.lines():
            number, _, rest = line.strip().partition("\t")
            protocol, _, information = rest.partition("\t")
            protocol = protocol.strip()
            if number.isdecimal() and int(number) in frames and protocol.upper() not in BELOW_APPLICATIONS:
                found[int(number)] = inert(_line(protocol, information.strip()))
        # A capture that breaks off is told by our own reader; what was dissected before stands.
        if child.status() and not found:
            raise _unavailable(child.complaint())
    return found


def matching_frames(path: str, display_filter: str) -> set[int]:
    """The numbers of the frames in the capture at `path` that match a display filter of Wireshark.

    Raises `UsageError` with tshark's own reason where it refuses the filter, and `DissectionError` where it
    is not there.
    """
    found: set[int] = set()
    with _running(path, ["-Y", display_filter, "-T", "fields", "-e", "frame.number"]) as child:
        for line in child.lines():
            number = line.strip()
            if number.isdecimal():
                found.add(int(number))
        status = child.status()
        complaint = child.complaint()
        if status and not found and "cut short" not in complaint:
            raise UsageError(
                say(
                    "the display filter {filter} is not valid for tshark: {reason}",
                    filter=inert(display_filter),
                    reason=complaint.removesuffix("."),
                )
            )
    return found


def version_of_tshark() -> str:
    """The version of the installed tshark ("4.0.17"). Raises `DissectionError` where there is none."""
    try:
        told = subprocess.run(
            [_tshark(), "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _unavailable(_reason(error)) from error
    found = re.search(r"(\d+\.\d+\.\d+)", told.stdout.decode("utf-8", "replace"))
    return found[1] if found else "?"


def analysed_frames(path: str, notes: Sequence[str]) -> Generator[AnalysedFrame]:
    """Every TCP segment in the capture at `path` as tshark analyses it in two passes, while tshark tells them.

    notes: names of its `tcp.analysis.` fields.

    Raises `DissectionError` where tshark is not there, or fails before the first segment.
    """
    arguments = ["-2", "-Y", "tcp.stream", "-T", "fields", "-E", "occurrence=a", "-E", "aggregator=,"]
    for preference in ANALYSIS_PREFERENCES:
        arguments += ["-o", preference]
    for field in (*ANALYSIS_FIELDS, *(f"tcp.analysis.{note}" for note in notes)):
        arguments += ["-e", field]
    with tempfile.TemporaryDirectory() as folder, _running(path, arguments, folder) as child:
        told = False
        for line in child.lines():
            frame = _analysed(line.rstrip("\n").split("\t"), notes)
            if frame is not None:
                told = True
                yield frame
        # A capture that breaks off is told by our own reader; what was analysed before stands.
        if child.status() and not told and "cut short" not in child.complaint():
            raise _unavailable(child.complaint())


def _analysed(values: Sequence[str], notes: Sequence[str]) -> AnalysedFrame | None:
    """One line of fields. Values of several layers are joined by commas; the last is that of the segment."""
    if len(values) != len(ANALYSIS_FIELDS) + len(notes):
        return None
    last = [value.rpartition(",")[2] for value in values]
    number, stream, ip4, ip6, port, to_ip4, to_ip6, to_port, flags, length, completeness, rtt = last[
        : len(ANALYSIS_FIELDS)
    ]
    if not (number.isdecimal() and stream.isdecimal()):
        return None
    return AnalysedFrame(
        int(number),
        int(stream),
        (ip4 or ip6, int(port or 0)),
        (to_ip4 or to_ip6, int(to_port or 0)),
        int(flags or "0", 0),
        int(length) if length else None,
        int(completeness or 0),
        _nanoseconds(rtt),
        tuple(note for note, value in zip(notes, last[len(ANALYSIS_FIELDS) :], strict=True) if value),
    )


def _nanoseconds(seconds: str) -> int | None:
    whole, _, fraction = seconds.partition(".")
    if not seconds:
        return None
    nanoseconds = abs(int(whole)) * SECOND_NS + int(fraction.ljust(9, "0")[:9] or 0)
    return -nanoseconds if whole.startswith("-") else nanoseconds


def _line(protocol: str, information: str) -> str:
    """Both in one line; the information of HTTP and others begins with the protocol at times."""
    return information if information.startswith(protocol) else f"{protocol} {information}".strip()


# tshark as a child of our own.


class _Child:
    """A running tshark whose lines are read."""

    def __init__(self, process: subprocess.Popen[bytes], errors: IO[bytes]) -> None:
        self._process = process
        self._errors = errors

    def lines(self) -> Iterator[str]:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            yield line.decode("utf-8", "replace")

    def status(self) -> int:
        """How it ended; waits for that."""
        return self._process.wait()

    def complaint(self) -> str:
        """The first thing it said about what went wrong, without its name."""
        self._errors.seek(0)
        for line in self._errors.read(1 << 16).decode("utf-8", "replace").splitlines():
            said = line.strip()
            if said and not said.startswith("Running as user"):
                return inert(said.removeprefix("tshark:").strip())
        return Message("tshark ended with status {status}", status=self._process.returncode)


@contextmanager
def _running(path: str, arguments: Sequence[str], profile: str | None = None) -> Generator[_Child]:
    """tshark over the capture at `path`; when left it is dead and everything of it closed.

    profile: the folder of the settings to go by, in the place of the user's own.
    """
    environment = None if profile is None else os.environ | {"WIRESHARK_CONFIG_DIR": profile}
    command = [_tshark(), "-n", "-r", _absolute(path), *arguments]
    # What it complains of goes into a nameless file: nobody has to read it while lines are read.
    with tempfile.TemporaryFile() as errors:
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=environment,
            )
        except (OSError, ValueError) as error:
            raise _unavailable(_reason(error)) from error
        with process:
            try:
                yield _Child(process, errors)
            finally:
                process.kill()


# pyshark, contained.


def _pyshark() -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import pyshark
    except Exception as error:
        raise _unavailable(say("pyshark cannot be loaded ({reason})", reason=_reason(error))) from error
    return pyshark


@contextmanager
def _event_loop() -> Generator[AbstractEventLoop]:
    """A loop of our own, never made the current one.

    With one given, pyshark touches neither the policy nor the watchers of children, which Python 3.14 lacks.
    """
    import asyncio

    if asyncio._get_running_loop() is not None:
        raise _unavailable(say("an event loop is already running in this thread"))
    loop = asyncio.new_event_loop()
    try:
        yield loop
    finally:
        loop.close()


def _run(loop: AbstractEventLoop, capture: Any, found: list[Any], patience: float) -> None:
    import asyncio

    async def read() -> None:
        await asyncio.wait_for(capture.packets_from_tshark(found.append, close_tshark=False), patience)

    try:
        loop.run_until_complete(read())
    except TimeoutError as error:
        raise _unavailable(say("tshark took longer than {seconds:g} seconds", seconds=patience)) from error
    except Exception as error:
        raise _unavailable(_reason(error)) from error


def _end_children(loop: AbstractEventLoop, capture: Any, finished: bool) -> None:
    """Whatever pyshark started is ended, its pipes closed and its tasks gone, before the loop is closed.

    finished: its output was read to the end, so that it is about to end by itself.
    """
    import asyncio

    children = list(capture._running_processes)
    # Its finalizer would otherwise run the closed loop once more.
    capture._running_processes.clear()

    async def end() -> None:
        for child in children:
            try:
                await asyncio.wait_for(child.wait(), LEAVING if finished else 0)
            except TimeoutError:
                # Its own kill() would reap a child that has just ended, and asyncio then misses its end.
                with suppress(ProcessLookupError):
                    os.kill(child.pid, signal.SIGKILL)
                with suppress(TimeoutError):
                    await asyncio.wait_for(child.wait(), DYING)
            # With the pipes still full the transport would wait for a reader for ever.
            child._transport.close()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await asyncio.sleep(0)

    loop.run_until_complete(end())


def _dissection(packet: Any) -> Dissection:
    """pyshark's packet as plain values. Raises whatever pyshark's odd corners raise."""
    layers = []
    application = ""
    after_tcp = False
    for layer in packet.layers:
        name = str(layer.layer_name)
        layers.append(DissectedLayer(inert(name), tuple(_fields(layer))))
        if after_tcp and name.lower() != "data" and not name.startswith("tcp."):
            application = application or inert(name)
        after_tcp = after_tcp or name == "tcp"
    return Dissection(tuple(layers), application)


def _fields(layer: Any) -> Iterator[str]:
    count = 0
    for name in layer._all_fields:
        for field in layer._all_fields[name].all_fields:
            if field.hide:
                continue
            shown = field.showname or field.show
            if not shown:
                continue
            count += 1
            if count > MOST_FIELDS:
                return
            yield inert(str(shown))


# What both ways need.


def _tshark() -> str:
    path = shutil.which("tshark")
    if path is None:
        raise _unavailable(
            say("tshark is not installed (Debian, Ubuntu: apt install tshark; macOS: brew install wireshark)")
        )
    return os.path.abspath(path)


def _absolute(path: str) -> str:
    """Neither tshark nor pyshark can then take a file's name for anything else."""
    return os.path.abspath(path)


def _unavailable(reason: str) -> DissectionError:
    return DissectionError(say("dissection by tshark is not available: {reason}", reason=reason))


def _reason(error: BaseException) -> str:
    """The first line of what a foreign exception says."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    last = [
        line.removeprefix("Last error line:").strip() for line in lines if line.startswith("Last error line:")
    ]
    if last and last[0] not in {"", "None"}:
        return inert(last[0])
    return inert(lines[0]) if lines else type(error).__name__
