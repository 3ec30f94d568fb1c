"""A capture around a piece of code. It runs before the code begins, and is complete after the code has ended.

    with analyzer.capturing("lo", "tcp port 20000") as session:
        ...                                   # the code that is tested
    assert session.trace[0].close.outcome == "three-segment"

No fixed delays are needed. The capture program reports when it has started. At the end a marker is sent through the
interface: once it has been captured, everything before it has been captured too.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import weakref
from types import TracebackType
from typing import Final

from analyzer.analysis.growing import Following, follow
from analyzer.capture import open_capture
from analyzer.capture.live_capture import Live, open_live
from analyzer.capture.pcap_writer import PcapWriter
from analyzer.capture.pcapng_writer import PcapngWriter
from analyzer.errors import InputError, UsageError
from analyzer.text import Message, say
from analyzer.trace.values import Trace

__all__ = ["SETTLE", "Session", "capturing"]

SETTLE: Final = 1.0
"""The longest time in seconds that a peer outside the code may take to close its side."""


def capturing(
    interface: str = "lo",
    capture_filter: str = "",
    *,
    settle: float = SETTLE,
    backend: str = "auto",
    path: str | os.PathLike[str] | None = None,
) -> Session:
    """Capture what happens inside a `with` block.

    Args:
        interface: The name of the network interface.
        capture_filter: A capture filter of libpcap, e.g. "tcp port 20000". Empty captures every frame.
        settle: The longest time in seconds to wait at the end of the block until all connections are closed. If all
            are closed, there is no wait.
        backend: The name of a capture program, or "auto".
        path: A file that keeps the frames: pcap if its name ends in ".pcap", otherwise pcapng. Without it
            `Session.save` can write them later.

    Returns:
        A context manager. Entering it starts the capture.

    Raises:
        UsageError: On entering: the interface or the capture filter does not exist or cannot be used.
        InputError: On entering: capturing is not permitted, or does not start.
        OutputError: On entering: `path` cannot be written.
    """
    return Session(interface, capture_filter, settle, backend, path)


class Session:
    """A capture made by `capturing`. It has a `trace` once the block has ended.

    Attributes:
        interface: The name of the network interface.
        capture_filter: The capture filter; empty for every frame.
    """

    def __init__(
        self,
        interface: str,
        capture_filter: str,
        settle: float,
        backend: str,
        path: str | os.PathLike[str] | None,
    ) -> None:
        self.interface = interface
        self.capture_filter = capture_filter
        self._settle = settle
        self._backend = backend
        self._path = None if path is None else os.fspath(path)
        self._trace: Trace | None = None
        self._live: Live | None = None
        self._open: set[int] = set()
        self._failure: BaseException | None = None
        self._changed = threading.Condition()
        self._ended = False

    @property
    def trace(self) -> Trace:
        """The analysis of everything captured.

        Raises:
            UsageError: The block has not ended yet.
        """
        if self._trace is None:
            raise UsageError(say("the capture is still running: leave the `with` block first"))
        return self._trace

    @property
    def ended(self) -> bool:
        """Whether the block has ended and there is a trace."""
        return self._trace is not None

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the frames to a file.

        Args:
            path: The file: pcap if its name ends in ".pcap", otherwise pcapng.

        Raises:
            OutputError: The file cannot be written.
            UsageError: The block has not ended yet.
        """
        trace = self.trace
        assert self._path is not None
        with open_capture(self._path) as records:
            pcap = os.fsdecode(path).lower().endswith(".pcap")
            writer = PcapWriter(path) if pcap else PcapngWriter(path, self.interface)
            try:
                while records.advance():
                    writer.add(records)
                if trace.capture.lost_frames is not None:
                    writer.lost(trace.capture.lost_frames, trace.capture.last_time_ns or 0)
            finally:
                writer.close()

    def __enter__(self) -> Session:
        if self._path is None:
            folder = tempfile.mkdtemp(prefix="tcpanalyze-")
            weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
            self._path = os.path.join(folder, "session.pcapng")
        self._live = open_live(self.interface, self.capture_filter, self._backend, self._path, marked=True)
        name = Message("live on {interface}", interface=self._live.interface)
        self._following = follow(self._live.records, name, stored=self._path)
        self._reader = threading.Thread(
            target=self._read, args=(self._following,), name="captured segments", daemon=True
        )
        self._reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        live = self._live
        assert live is not None
        warnings = []
        try:
            warnings = self._complete(live, patient=error is None or isinstance(error, Exception))
        finally:
            live.stop()
            self._reader.join()
            live.close()
        if self._failure is not None:
            raise self._failure
        live.records.warnings.extend(warnings)
        self._trace = self._following.trace()

    def _complete(self, live: Live, *, patient: bool) -> list[str]:
        """Wait until everything has been captured. Return a warning if that is not certain."""
        try:
            caught_up = live.catch_up()
            if caught_up and patient and self._open:
                with self._changed:
                    self._changed.wait_for(lambda: not self._open or self._ended, self._settle)
                caught_up = live.catch_up()
        except InputError as error:
            return [str(error)]
        if not caught_up and not live.over:
            return [Message("the capture program fell behind: the last frames may be missing")]
        return []

    def _read(self, following: Following) -> None:
        """Take each segment as it is captured, and note which connections are still open."""
        try:
            for sighting in following:
                with self._changed:
                    if sighting.over:
                        self._open.discard(sighting.number)
                    else:
                        self._open.add(sighting.number)
                    self._changed.notify_all()
        except BaseException as error:
            self._failure = error
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()
