"""What tshark makes of frames: one frame through pyshark, many frames in a line each, and the matches of a filter.

Everything here is a second opinion or a convenience. Connections, labels and states never depend on it. Only this
module and `pyshark_frames` know pyshark. This module never leaves a child process, descriptor, temporary file or event
loop behind. Every fault becomes a `DissectionError` of one sentence.

pyshark dissects a single frame, because it turns the tree of fields into values. Its summaries lose frames (0.6 looks
for the table of columns again before each frame), so for many frames tshark itself is run, with one line for each.
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
"""The limit in seconds for the dissection of one frame. tshark has to read the capture up to the frame."""

LEAVING: Final = 0.5
"""The seconds that a child has to end by itself after its output has ended."""

DYING: Final = 5.0
"""The seconds to wait for the end of a killed child."""

MOST_FIELDS: Final = 2_000
"""The largest number of fields kept of one layer. A hostile frame can have any number of them."""

# Ports of the laboratory -> the protocol that tshark takes them for. It is disabled only for loopback addresses: a real
# service elsewhere is dissected.
LABORATORY_PORTS: Final = {20000: "dnp3"}

# The protocols around every segment. Any other protocol is that of an application.
BELOW_APPLICATIONS: Final = frozenset({"TCP", "IP", "IPV4", "IPV6", "MPTCP"})


# tshark's analysis of sequence numbers depends on these, so they replace the settings in the user's profile. If it
# checked checksums, it would skip segments whose checksum the network card was to fill in. Reassembly only costs time.
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
    """tshark's analysis of one frame with a TCP segment. If the frame holds several segments, this is the last one.

    Attributes:
        frame: The number of the frame.
        stream: tshark's number of the connection.
        source: Address and port of the sender.
        destination: Address and port of the receiver.
        flags: The flags of the header, as a number.
        length: The length of the payload in bytes; None if tshark gives none.
        completeness: The completeness of the connection. It is final at the last frame of the connection.
        initial_rtt_ns: The initial RTT in nanoseconds; None if tshark gives none.
        notes: The requested notes that the segment has.
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
    """One protocol of a frame.

    Attributes:
        name: The name of the protocol.
        fields: Its fields in Wireshark's words, e.g. "Source Port: 48520".
    """

    name: str
    fields: tuple[str, ...]


class Dissection(NamedTuple):
    """One frame as Wireshark sees it. Every text is harmless.

    Attributes:
        layers: The protocols, from the outside in.
        application: The name of the protocol in the payload; empty if there is none.
    """

    layers: tuple[DissectedLayer, ...]
    application: str


def disabled_protocols(addresses: Sequence[str], ports: Sequence[int]) -> tuple[str, ...]:
    """The protocols that tshark must not look for between these addresses and ports.

    An exercise on the loopback interface may use any port, so the protocol registered for the port means nothing.
    """
    if not all(ip_address(address).is_loopback for address in addresses):
        return ()
    return tuple(LABORATORY_PORTS[port] for port in ports if port in LABORATORY_PORTS)


def dissection_of(
    path: str, frame: int, disabled: Sequence[str] = (), *, patience: float = PATIENCE
) -> Dissection:
    """Dissect one frame with tshark, through pyshark.

    Args:
        path: The path of the capture.
        frame: The number of the frame, from 1.
        disabled: The protocols to disable, by tshark's names.
        patience: The limit in seconds.

    Returns:
        The dissection.

    Raises:
        DissectionError: tshark or pyshark is missing or fails.
    """
    tshark = _tshark()
    pyshark = _pyshark()
    found: list[Any] = []
    # The filter is a custom parameter: for a filter of its own pyshark would first run tshark for its version, without
    # a time limit. -c: later frames do not matter, so tshark stops reading there.
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
    """Summarise the payloads of frames with tshark.

    Args:
        path: The path of the capture.
        frames: The numbers of the frames.
        disabled: The protocols to disable, by tshark's names.

    Returns:
        Number of a frame -> the protocol of its application and tshark's line about it. Frames without an application
        are missing.

    Raises:
        DissectionError: tshark is missing or fails.
    """
    if not frames:
        return {}
    # The user's profile may have other columns, so these are set here. %m, %p and %i are the number, the protocol and
    # the information in every version.
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
        # Our own reader reports a truncated capture. What was dissected before stays valid.
        if child.status() and not found:
            raise _unavailable(child.complaint())
    return found


def matching_frames(path: str, display_filter: str) -> set[int]:
    """Find the frames that match a display filter of Wireshark.

    Args:
        path: The path of the capture.
        display_filter: The filter.

    Returns:
        The numbers of the frames.

    Raises:
        UsageError: tshark refuses the filter. The sentence has its reason.
        DissectionError: tshark is missing.
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
    """Return the version of the installed tshark, e.g. "4.0.17". Raises `DissectionError` if it is missing."""
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
    """Yield tshark's analysis of every TCP segment, made in two passes, while tshark still writes it.

    Args:
        path: The path of the capture.
        notes: The names of tshark's `tcp.analysis.` fields to ask for.

    Yields:
        One frame after the other.

    Raises:
        DissectionError: tshark is missing, or fails before the first segment.
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
        # Our own reader reports a truncated capture. What was analysed before stays valid.
        if child.status() and not told and "cut short" not in child.complaint():
            raise _unavailable(child.complaint())


def _analysed(values: Sequence[str], notes: Sequence[str]) -> AnalysedFrame | None:
    """Read one line of fields. Values of several layers are joined by commas. The last one is that of the segment."""
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
    """Join both into one line. The information may begin with the protocol already, e.g. for HTTP."""
    return information if information.startswith(protocol) else f"{protocol} {information}".strip()


# tshark as a child process.


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
        """Wait for its end and return its exit status."""
        return self._process.wait()

    def complaint(self) -> str:
        """Return the first line of its error messages, without its name."""
        self._errors.seek(0)
        for line in self._errors.read(1 << 16).decode("utf-8", "replace").splitlines():
            said = line.strip()
            if said and not said.startswith("Running as user"):
                return inert(said.removeprefix("tshark:").strip())
        return Message("tshark ended with status {status}", status=self._process.returncode)


@contextmanager
def _running(path: str, arguments: Sequence[str], profile: str | None = None) -> Generator[_Child]:
    """Run tshark on a capture. When the block is left, it is dead and everything is closed.

    Args:
        path: The path of the capture.
        arguments: More arguments of tshark.
        profile: A folder with settings that replace the user's own.
    """
    environment = None if profile is None else os.environ | {"WIRESHARK_CONFIG_DIR": profile}
    command = [_tshark(), "-n", "-r", _absolute(path), *arguments]
    # Its error messages go to a temporary file, so nobody has to read them while the lines are read.
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
        raise _unavailable(say("cannot load pyshark ({reason})", reason=_reason(error))) from error
    return pyshark


@contextmanager
def _event_loop() -> Generator[AbstractEventLoop]:
    """Make an event loop, which never becomes the current one.

    If pyshark gets a loop, it touches neither the policy nor the child watchers, which Python 3.14 does not have.
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
    """End all children of pyshark, close its pipes and cancel its tasks, before the loop is closed.

    Args:
        loop: The event loop.
        capture: pyshark's capture.
        finished: Whether the output was read to the end, so that the children are about to end by themselves.
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
                # kill() of the child would reap it if it has just ended, and asyncio would then miss its end.
                with suppress(ProcessLookupError):
                    os.kill(child.pid, signal.SIGKILL)
                with suppress(TimeoutError):
                    await asyncio.wait_for(child.wait(), DYING)
            # While the pipes are full, the transport would wait for a reader for ever.
            child._transport.close()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await asyncio.sleep(0)

    loop.run_until_complete(end())


def _dissection(packet: Any) -> Dissection:
    """Turn pyshark's packet into plain values. Any exception of pyshark may be raised."""
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


# Shared by both ways.


def _tshark() -> str:
    path = shutil.which("tshark")
    if path is None:
        raise _unavailable(
            say("tshark is not installed (Debian, Ubuntu: apt install tshark; macOS: brew install wireshark)")
        )
    return os.path.abspath(path)


def _absolute(path: str) -> str:
    """Make a path absolute, so tshark and pyshark cannot take it for anything else."""
    return os.path.abspath(path)


def _unavailable(reason: str) -> DissectionError:
    return DissectionError(say("dissection by tshark is not available: {reason}", reason=reason))


def _reason(error: BaseException) -> str:
    """The first line of the message of a foreign exception."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    last = [
        line.removeprefix("Last error line:").strip() for line in lines if line.startswith("Last error line:")
    ]
    if last and last[0] not in {"", "None"}:
        return inert(last[0])
    return inert(lines[0]) if lines else type(error).__name__
