"""A capture program made of pyshark: `python pyshark_frames.py INTERFACE FILTER MEGABYTES` writes pcap.

It runs as a process of its own and uses nothing of the package. That is the containment: pyshark 0.6 leaves an
event loop, the descriptors of a pipe, a dumpcap and a temporary file behind, and all of it ends with this
process, its group and the folder that `children.Child` gives it. pyshark's `LiveCapture` captures: it runs a
dumpcap, whose frames a tshark dissects. Of each of its packets the bytes and the time are written, as one
record of nanosecond pcap.

pyshark has its packets in the form "ek", one line each: in "json" it withholds the newest until the next has
come, and "pdml" has no bytes. tshark writes out no layer but the frame's own, which is all that is needed.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import struct
import sys
import warnings
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

__all__ = ["capture", "frame_of", "nanoseconds_of"]

LEAVING: Final = 2.0
"""Seconds that pyshark's children get to end by themselves once no packet comes any more."""

LOOK_EVERY: Final = 0.1  # seconds

# Wireshark's number for a link type -> libpcap's. Raw IP of either version is one number there.
LINK_TYPES: Final = {1: 1, 7: 101, 15: 0, 25: 113, 129: 228, 130: 229, 174: 108, 210: 276}

_DUMPCAP_READY: Final = re.compile(r"^File: ")
_TSHARK_READY: Final = re.compile(r"-- Capture started|^File: ")

_TIME: Final = re.compile(r"(\d+)(?:\.(\d{1,9}))?")
_DATE: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z")


class _FaultError(Exception):
    """A packet from which no frame can be made."""


def capture(interface: str, capture_filter: str, megabytes: int, output: int) -> None:
    """Capture until SIGINT or SIGTERM, into the descriptor `output`; what happens is told on standard error.

    When it says "pyshark: capturing", no frame from then on is missed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import pyshark
            from pyshark import config

        # Else it takes settings from a file config.ini wherever it happens to be started.
        config.fp_config_path = config.pyshark_config_path
        # With a loop of our own pyshark asks for no watcher of children, which Python 3.14 does not have.
        loop = asyncio.new_event_loop()
    except Exception as error:
        _tell(f"pyshark: it cannot be loaded ({_reason(error)})")
        return
    try:
        running = _capturing(pyshark, loop, interface, capture_filter, megabytes)
        loop.run_until_complete(_run(running, _Writer(output)))
    except Exception as error:
        _tell(f"pyshark: {_reason(error)}")
    finally:
        loop.close()


def _capturing(
    pyshark: Any, loop: asyncio.AbstractEventLoop, interface: str, capture_filter: str, megabytes: int
) -> Any:
    """A `LiveCapture` that says when it has begun, can be ended in order, and keeps no pipe open."""
    from pyshark.tshark.output_parser import tshark_ek

    base: Any = pyshark.capture.capture.Capture
    live: Any = pyshark.LiveCapture

    class Between(base):  # type: ignore[misc]
        """What `LiveCapture` takes for its base: here the pipe between its children can be seen."""

        async def _get_tshark_process(self, packet_count: int | None = None, stdin: Any = None) -> Any:
            try:
                return await super()._get_tshark_process(packet_count=packet_count, stdin=stdin)
            finally:
                # pyshark leaves both ends open, and tshark then never sees the end of what dumpcap writes.
                _close_pipe(stdin)

    class Contained(live, Between):  # type: ignore[misc]
        dumpcap: Any = None
        tshark: Any = None
        last_words = ""

        def _verify_capture_parameters(self) -> None:
            # The interface is known, and pyshark's own list of them lacks some.
            pass

        def _get_dumpcap_parameters(self) -> list[str]:
            return ["-B", str(megabytes), *super()._get_dumpcap_parameters()]

        def _setup_tshark_output_parser(self) -> Any:
            # pyshark would first ask tshark for the types of all its fields, and keep them in a file.
            return tshark_ek.TsharkEkJsonParser()

        def _created_new_process(self, parameters: Any, process: Any, process_name: str = "TShark") -> None:
            super()._created_new_process(parameters, process, process_name)
            if process_name == "Dumpcap":
                self.dumpcap = process
            else:
                self.tshark = process

        def _create_stderr_handling_task(self, stderr: Any) -> None:
            # The first is dumpcap's, the second tshark's.
            ready = _TSHARK_READY if self._stderr_handling_tasks else _DUMPCAP_READY
            heard = asyncio.ensure_future(self._listen(stderr, ready))
            self._stderr_handling_tasks.append(heard)

        async def _listen(self, stderr: Any, ready: re.Pattern[str]) -> None:
            while line := await stderr.readline():
                words = line.decode("utf-8", "replace").strip()
                _tell(words)
                if words and not words.startswith("Running as user"):
                    self.last_words = words
                if ready.search(words):
                    ready = re.compile(r"(?!)")
                    self.waited_for -= 1
                    if not self.waited_for:
                        _tell("pyshark: capturing")

        waited_for = 2

    return Contained(
        interface,
        bpf_filter=capture_filter or None,
        use_ek=True,
        include_raw=True,
        eventloop=loop,
        tshark_path=shutil.which("tshark"),
        custom_parameters=["-J", "frame"],
    )


async def _run(running: Any, writer: _Writer) -> None:
    """Write each packet of `running` until it ends, which SIGINT and SIGTERM make it do in order."""
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()

    async def stop() -> None:
        await stopped.wait()
        while running.dumpcap is None:
            await asyncio.sleep(0.01)
        # tshark reads what it wrote up to its end, and then ends too.
        with suppress(ProcessLookupError):
            running.dumpcap.send_signal(signal.SIGINT)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    stopping = asyncio.ensure_future(stop())
    reading = asyncio.ensure_future(running.packets_from_tshark(writer.add, close_tshark=False))
    try:
        # When tshark is killed, the dumpcap that it had started keeps its output open.
        while not reading.done() and (running.tshark is None or running.tshark.returncode is None):
            await asyncio.wait([reading], timeout=LOOK_EVERY)
        await asyncio.wait([reading], timeout=LEAVING)
        if reading.done():
            reading.result()
    finally:
        stopping.cancel()
        reading.cancel()
        children = list(running._running_processes)
        # Its finalizer would run the closed loop once more.
        running._running_processes.clear()
        ends = [child.wait() for child in children]
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(*ends, *running._stderr_handling_tasks), LEAVING)
        for child in children:
            if child.returncode is None:
                with suppress(ProcessLookupError):
                    child.kill()
            child._transport.close()
            with suppress(TimeoutError):
                await asyncio.wait_for(child.wait(), LEAVING)
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
    if not stopped.is_set():
        _tell(f"pyshark: its capture ended; the last message: {running.last_words}")


class _Writer:
    """Packets of pyshark as pcap with times in nanoseconds."""

    def __init__(self, output: int) -> None:
        self._output = output
        self._link_type: int | None = None

    def add(self, packet: Any) -> None:
        link_type, time, length, data = frame_of(packet)
        if self._link_type is None:
            self._link_type = link_type
            self._write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262_144, link_type))
        elif link_type != self._link_type:
            raise _FaultError(
                f"a frame has link type {link_type}, but those before it have {self._link_type}"
            )
        seconds, nanoseconds = divmod(time, 1_000_000_000)
        self._write(struct.pack("<IIII", seconds, nanoseconds, len(data), length) + data)

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._output, rest) :]


def frame_of(packet: Any) -> tuple[int, int, int, bytes]:
    """Link type, time in nanoseconds, length and bytes of a packet that pyshark read in the form "ek"."""
    try:
        frame = packet.frame_info._fields_dict
        # Not get_raw_packet(), which knows the form "json" only.
        data = bytes.fromhex(packet["frame_raw"]._fields_dict)
        kind = int(frame["frame_frame_encap_type"])
        time = nanoseconds_of(packet.sniff_timestamp)
        length = int(packet.length)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise _FaultError(f"a packet lacks a field that a frame needs ({_reason(error)})") from error
    if kind not in LINK_TYPES:
        raise _FaultError(f"frames of Wireshark's kind {kind} cannot be written")
    return LINK_TYPES[kind], time, length, data


def nanoseconds_of(text: str) -> int:
    """The time of a frame: seconds with a fraction, or, with other versions of tshark, a date in UTC."""
    if found := _TIME.fullmatch(text):
        seconds = int(found[1])
    elif found := _DATE.fullmatch(text):
        import datetime

        seconds = int(datetime.datetime.fromisoformat(found[1] + "+00:00").timestamp())
    else:
        raise ValueError(text)
    return seconds * 1_000_000_000 + int((found[2] or "").ljust(9, "0"))


def _close_pipe(end: int) -> None:
    """Close this end of a pipe and the other, as far as they are ours."""
    inode = os.fstat(end).st_ino
    for descriptor in range(3, 64):
        with suppress(OSError):
            if os.fstat(descriptor).st_ino == inode:
                os.close(descriptor)


def _reason(error: BaseException) -> str:
    """The first line of what a foreign exception says."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)


def _tell(words: str) -> None:
    sys.stderr.write(f"{words}\n")
    sys.stderr.flush()


def main(arguments: Sequence[str]) -> None:
    interface, capture_filter, megabytes = arguments
    capture(interface, capture_filter, int(megabytes), 1)


if __name__ == "__main__":
    main(sys.argv[1:])
