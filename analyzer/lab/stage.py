"""What every scenario stands on: its description, its result, its sockets and its second thread.

Each wait in here ends after `PATIENCE` seconds, so that a scenario which cannot go on fails instead of
hanging, and every socket and thread is gone when a scenario has ended, whichever way it ended.
"""

from __future__ import annotations

import errno
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from analyzer.errors import AnalyzerError, UsageError
from analyzer.text import inert, say

__all__ = [
    "HOST",
    "LOOPBACK",
    "PATIENCE",
    "Exchange",
    "Scenario",
    "accept",
    "bound",
    "connect",
    "in_background",
    "listening",
    "taking",
    "wait_for",
]

HOST = "127.0.0.1"
LOOPBACK = "lo0" if sys.platform == "darwin" else "lo"
PATIENCE = 5.0  # seconds

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Exchange:
    """What the two programs saw, as opposed to what went over the wire.

    `client_error` and `server_error` are the symbolic name of the error that ended that program's
    socket ("ECONNREFUSED"), empty when it ended in order.
    """

    port: int
    server_received: bytes = b""
    client_received: bytes = b""
    server_error: str = ""
    client_error: str = ""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One demonstration: what it is called, what it shows, how to run it, and what a capture must show.

    name            what the user types, and the stem of the recorded file's name
    port            where its server listens unless told otherwise
    shows           one English sentence; goes through `say` before it is shown
    perform         runs server and client to their end; takes the port, 0 meaning any free one
    handshake       the outcome of the handshake that a capture must show
    closes          the outcomes of the close that a capture may show; the kernel's timing picks one
    fewest_segments how many segments a complete capture has at least
    file_format     what it is recorded as: "pcap" or "pcapng"
    capture_filter  in the language of libpcap, with `{port}`
    interface       where its traffic is captured
    """

    name: str
    port: int
    shows: str
    perform: Callable[[int], Exchange]
    handshake: str
    closes: tuple[str, ...]
    fewest_segments: int
    file_format: str = "pcap"
    capture_filter: str = "tcp port {port}"
    interface: str = LOOPBACK

    def run(self, port: int | None = None) -> Exchange:
        """Run server and client to their end.

        port: 0 to 65535; 0 takes any free port, None the scenario's own.

        Raises UsageError when the port cannot be had, AnalyzerError when a socket failed or one side
        waited for longer than `PATIENCE` seconds.
        """
        try:
            return self.perform(self.port if port is None else port)
        except OSError as error:
            reason = inert(error.strerror or str(error) or type(error).__name__)
            raise AnalyzerError(
                say("The scenario {name} did not run to its end: {reason}.", name=self.name, reason=reason)
            ) from error


@contextmanager
def taking(port: int) -> Iterator[None]:
    """Turn what goes wrong while binding `port` into one sentence.

    Raises UsageError for a port in use, a port of the system's, and a number that is no port.
    """
    try:
        yield
    except OverflowError:
        raise UsageError(
            say("{port} is not a port: a port is a number from 1 to 65535.", port=port)
        ) from None
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            message = say(
                "Port {port} is in use: end the program that holds it, or choose another port.",
                port=port,
            )
        elif error.errno == errno.EACCES:
            message = say("Port {port} is reserved for root: choose a port from 1024 to 65535.", port=port)
        else:
            raise
        raise UsageError(message) from error


@contextmanager
def bound(port: int) -> Iterator[socket.socket]:
    """A TCP socket that holds `port` of the loopback address and does not listen.

    Raises UsageError when the port cannot be had.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as holder:
        # Otherwise a connection in TIME-WAIT from the run before keeps the port for a minute.
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.settimeout(PATIENCE)
        with taking(port):
            holder.bind((HOST, port))
        yield holder


@contextmanager
def listening(port: int) -> Iterator[socket.socket]:
    """A TCP socket that listens on `port` of the loopback address.

    Raises UsageError when the port cannot be had.
    """
    with bound(port) as listener:
        with taking(port):
            listener.listen()
        yield listener


def accept(listener: socket.socket) -> socket.socket:
    """The next connection of `listener`. Raises TimeoutError after `PATIENCE` seconds."""
    connection, _ = listener.accept()
    connection.settimeout(PATIENCE)
    return connection


def connect(port: int) -> socket.socket:
    """A connection to `port` of the loopback address. Raises OSError as `connect` does."""
    return socket.create_connection((HOST, port), timeout=PATIENCE)


@contextmanager
def in_background(program: Callable[[], _Result]) -> Iterator[Future[_Result]]:
    """Run `program` in a second thread, which has ended when the `with` block is left.

    Ask the future for its result inside the block, so that what the thread raised is raised there too.
    """
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="lab") as pool:
        yield pool.submit(program)


def wait_for(event: threading.Event) -> None:
    """Wait for the other program. Raises TimeoutError after `PATIENCE` seconds."""
    if not event.wait(PATIENCE):
        raise TimeoutError(say("one side waited in vain for the other"))
