"""A capture program made of pyshark: `python pyshark_frames.py INTERFACE FILTER MEGABYTES` writes pcap.

It runs as a separate process and uses nothing of the package. This contains pyshark: version 0.6 leaves an event loop,
the descriptors of a pipe, a dumpcap and a temporary file behind. All of it ends with this process, its group and the
folder that `children.Child` gives it.

pyshark's `LiveCapture` captures: it runs a dumpcap, and a tshark that dissects the frames. The bytes and the time of
each packet are written as one record of nanosecond pcap. pyshark reads packets in the format "ek", one line for each:
in "json" it holds the newest packet back until the next has come, and "pdml" has no bytes. tshark writes only the
layer of the frame itself, which is all that is needed.
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
"""The seconds that pyshark's children have to end by themselves after the last packet."""

LOOK_EVERY: Final = 0.1  # seconds

# Wireshark's number for a link type -> libpcap's. Wireshark has one number for raw IP of both versions.
LINK_TYPES: Final = {1: 1, 7: 101, 15: 0, 25: 113, 129: 228, 130: 229, 174: 108, 210: 276}

_DUMPCAP_READY: Final = re.compile(r"^File: ")
_TSHARK_READY: Final = re.compile(r"-- Capture started|^File: ")

_TIME: Final = re.compile(r"(\d+)(?:\.(\d{1,9}))?")
_DATE: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z")


class _FaultError(Exception):
    """A packet that cannot be turned into a frame."""


def capture(interface: str, capture_filter: str, megabytes: int, output: int) -> None:
    """Capture until SIGINT or SIGTERM.

    Messages go to standard error. After the message "pyshark: capturing" no frame is missed.

    Args:
        interface: The name of the interface.
        capture_filter: A capture filter of libpcap; empty captures every frame.
        megabytes: The size of the kernel's buffer.
        output: The descriptor that gets the capture.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import pyshark
            from pyshark import config

        # Without this it reads settings from a file config.ini in the current folder.
        config.fp_config_path = config.pyshark_config_path
        # If pyshark gets a loop, it does not ask for a child watcher, which Python 3.14 does not have.
        loop = asyncio.new_event_loop()
    except Exception as error:
        _tell(f"pyshark: cannot load it ({_reason(error)})")
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
    """Make a `LiveCapture` that reports when it has begun, can be ended in order, and leaves no pipe open."""
    from pyshark.tshark.output_parser import tshark_ek

    base: Any = pyshark.capture.capture.Capture
    live: Any = pyshark.LiveCapture

    class Between(base):  # type: ignore[misc]
        """Stands between `LiveCapture` and its base class, to see the pipe between the two children."""

        async def _get_tshark_process(self, packet_count: int | None = None, stdin: Any = None) -> Any:
            try:
                return await super()._get_tshark_process(packet_count=packet_count, stdin=stdin)
            finally:
                # pyshark leaves both ends open, and tshark would then never see the end of dumpcap's output.
                _close_pipe(stdin)

    class Contained(live, Between):  # type: ignore[misc]
        dumpcap: Any = None
        tshark: Any = None
        last_words = ""

        def _verify_capture_parameters(self) -> None:
            # The interface was checked before, and pyshark's own list of interfaces is incomplete.
            pass

        def _get_dumpcap_parameters(self) -> list[str]:
            return ["-B", str(megabytes), *super()._get_dumpcap_parameters()]

        def _setup_tshark_output_parser(self) -> Any:
            # pyshark would first ask tshark for the types of all fields, and keep them in a file.
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
    """Write each packet of `running` until it ends. SIGINT and SIGTERM end it in order."""
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()

    async def stop() -> None:
        await stopped.wait()
        while running.dumpcap is None:
            await asyncio.sleep(0.01)
        # tshark reads dumpcap's output to its end, and then ends too.
        with suppress(ProcessLookupError):
            running.dumpcap.send_signal(signal.SIGINT)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    stopping = asyncio.ensure_future(stop())
    reading = asyncio.ensure_future(running.packets_from_tshark(writer.add, close_tshark=False))
    try:
        # If tshark is killed, a dumpcap that it started keeps its output open.
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
    """Return link type, time in nanoseconds, length and bytes of a packet that pyshark read in the format "ek"."""
    try:
        frame = packet.frame_info._fields_dict
        # Not get_raw_packet(), which knows only the format "json".
        data = bytes.fromhex(packet["frame_raw"]._fields_dict)
        kind = int(frame["frame_frame_encap_type"])
        time = nanoseconds_of(packet.sniff_timestamp)
        length = int(packet.length)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise _FaultError(f"a packet lacks a field that a frame needs ({_reason(error)})") from error
    if kind not in LINK_TYPES:
        raise _FaultError(f"cannot write frames with Wireshark's link type {kind}")
    return LINK_TYPES[kind], time, length, data


def nanoseconds_of(text: str) -> int:
    """Read the time of a frame: seconds with a fraction or, in other versions of tshark, a date in UTC."""
    if found := _TIME.fullmatch(text):
        seconds = int(found[1])
    elif found := _DATE.fullmatch(text):
        import datetime

        seconds = int(datetime.datetime.fromisoformat(found[1] + "+00:00").timestamp())
    else:
        raise ValueError(text)
    return seconds * 1_000_000_000 + int((found[2] or "").ljust(9, "0"))


def _close_pipe(end: int) -> None:
    """Close both ends of a pipe, as far as this process has them."""
    inode = os.fstat(end).st_ino
    for descriptor in range(3, 64):
        with suppress(OSError):
            if os.fstat(descriptor).st_ino == inode:
                os.close(descriptor)


def _reason(error: BaseException) -> str:
    """The first line of the message of a foreign exception."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)


def _tell(words: str) -> None:
    sys.stderr.write(f"{words}\n")
    sys.stderr.flush()


def main(arguments: Sequence[str]) -> None:
    """Capture with the arguments of the command line, into standard output."""
    interface, capture_filter, megabytes = arguments
    capture(interface, capture_filter, int(megabytes), 1)


if __name__ == "__main__":
    main(sys.argv[1:])
