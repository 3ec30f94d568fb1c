"""The basis of every scenario: its description, its result, its machines, sockets and second thread.

Each wait ends after `PATIENCE` seconds, so a scenario that cannot go on fails and does not hang. Every socket and
thread is gone after a scenario, also after an error.
"""

from __future__ import annotations

import errno
import socket
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

from analyzer.errors import AnalyzerError, UsageError
from analyzer.lab.namespace import Namespace, own_network
from analyzer.lab.needs import demand
from analyzer.lab.promise import Promise
from analyzer.lab.relay import CLIENT_ADDRESS, INTERFACE, SERVER_ADDRESS, Relay, relay
from analyzer.text import inert, say

__all__ = [
    "ANY_AMOUNT",
    "HERE",
    "HERE_IPV6",
    "HOST",
    "LOOPBACK",
    "PATIENCE",
    "Exchange",
    "Ground",
    "Host",
    "Scenario",
    "Stage",
    "accept",
    "bound",
    "close_with_reset",
    "connect",
    "error_name",
    "in_background",
    "listening",
    "own_machine",
    "port_of",
    "receive_all",
    "receive_exactly",
    "taking",
    "this_machine",
    "this_machine_ipv6",
    "two_machines",
    "wait_for",
]

HOST = "127.0.0.1"
LOOPBACK = "lo0" if sys.platform == "darwin" else "lo"
PATIENCE = 5.0  # seconds
ANY_AMOUNT = 4096  # bytes that one recv() may return: more than any message here has

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Exchange:
    """What the two programs saw, in contrast to the segments on the wire.

    Attributes:
        port: The port of the server.
        server_received: The bytes that the server received.
        client_received: The bytes that the client received.
        server_error: The name of the error that ended the server's socket, e.g. "ECONNRESET"; empty without an error.
        client_error: The name of the error that ended the client's socket; empty without an error.
    """

    port: int
    server_received: bytes = b""
    client_received: bytes = b""
    server_error: str = ""
    client_error: str = ""


@dataclass(frozen=True, slots=True)
class Host:
    """A machine.

    Attributes:
        address: The address of the machine.
        namespace: The network in which its sockets are made; None for the usual network of this machine.
    """

    address: str
    namespace: Namespace | None = None

    @property
    def family(self) -> socket.AddressFamily:
        """The family of its address."""
        return socket.AF_INET6 if ":" in self.address else socket.AF_INET

    def inside(self) -> AbstractContextManager[None]:
        """Let sockets and processes that this thread makes in the `with` block belong to the machine."""
        return nullcontext() if self.namespace is None else self.namespace.inside()

    def new_socket(self, kind: socket.SocketKind = socket.SOCK_STREAM) -> socket.socket:
        """Make a socket of this machine that waits at most `PATIENCE` seconds."""
        with self.inside():
            made = socket.socket(self.family, kind)
        made.settimeout(PATIENCE)
        return made


HERE = Host(HOST)
HERE_IPV6 = Host("::1")


@dataclass(frozen=True, slots=True)
class Stage:
    """Where a scenario runs.

    Attributes:
        port: The port of its server; 0 means any free port.
        client: The machine of its clients.
        server: The machine of its servers.
        watcher: The machine on which the traffic is captured.
        interface: The interface of that machine.
        way: The network between client and server; None if the scenario does not change it.
        tell: Shows a sentence about the next step to the user.
    """

    port: int
    client: Host = HERE
    server: Host = HERE
    watcher: Host = HERE
    interface: str = LOOPBACK
    way: Relay | None = None
    tell: Callable[[str], None] = lambda sentence: None


Ground = Callable[[], AbstractContextManager[Stage]]
"""Makes the machines of a scenario. They are gone when the `with` block is left."""


@contextmanager
def this_machine() -> Iterator[Stage]:
    """Use the loopback interface of this machine. This needs no preparation and no root."""
    yield Stage(0)


@contextmanager
def this_machine_ipv6() -> Iterator[Stage]:
    """Use the loopback interface with ::1. Raises UsageError if this machine has no IPv6."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind((HERE_IPV6.address, 0))
    except OSError as error:
        raise UsageError(say("this machine has no IPv6 address ::1: enable IPv6")) from error
    yield Stage(0, HERE_IPV6, HERE_IPV6)


@contextmanager
def own_machine() -> Iterator[Stage]:
    """Make a machine only for the scenario, which may change its settings. Raises UsageError without root."""
    with own_network() as namespace:
        host = Host(HOST, namespace)
        yield Stage(0, host, host, host)


@contextmanager
def two_machines(watched: Literal["client", "server"] = "client") -> Iterator[Stage]:
    """Make two machines only for the scenario, and the network between them.

    Args:
        watched: The end at which the traffic is captured. A segment that this end sends is seen even if it is lost.

    Yields:
        The stage.

    Raises:
        UsageError: The process does not run as root.
    """
    with relay() as way:
        client = Host(CLIENT_ADDRESS, way.client)
        server = Host(SERVER_ADDRESS, way.server)
        yield Stage(0, client, server, client if watched == "client" else server, INTERFACE, way)


@dataclass(frozen=True, slots=True)
class Scenario:
    """One demonstration: its name, what it shows, how to run it, and what its capture must show.

    Attributes:
        name: What the user types. It is also the stem of the recording's file name.
        port: The default port of its server.
        shows: What it shows, in English. It is shown through `say`.
        look: A paragraph on what to look at, in English. It is shown through `say`.
        perform: Runs server and client to their end.
        expected: What both programs must see. The port in it is ignored.
        promise: What the analysis of a capture must find.
        fewest_segments: The smallest number of frames of a complete capture.
        ground: Makes its machines.
        needs: What it needs in addition to permission to capture: keys of `needs.NEEDS`.
        file_format: The format of its recording: "pcap" or "pcapng".
        capture_filter: A capture filter of libpcap, with `{port}`.
    """

    name: str
    port: int
    shows: str
    look: str
    perform: Callable[[Stage], Exchange]
    expected: Exchange
    promise: Promise
    fewest_segments: int
    ground: Ground = this_machine
    needs: tuple[str, ...] = ()
    file_format: str = "pcap"
    capture_filter: str = "tcp port {port}"

    @property
    def file_name(self) -> str:
        """The file name of its recording."""
        return f"{self.name}.{self.file_format}"

    @contextmanager
    def staged(
        self, port: int | None = None, tell: Callable[[str], None] = lambda sentence: None
    ) -> Iterator[Stage]:
        """Make the stage for one run.

        Args:
            port: The port of the server, 0 to 65535. 0 means any free port, None the scenario's own.
            tell: Shows a sentence about the next step to the user.

        Yields:
            The stage.

        Raises:
            UsageError: A need of the scenario is missing.
        """
        for need in self.needs:
            demand(need)
        with self.ground() as stage:
            yield replace(stage, port=self.port if port is None else port, tell=tell)

    def run(self, stage: Stage) -> Exchange:
        """Run server and client to their end, and check that both saw what they should.

        Args:
            stage: Where to run.

        Returns:
            What the two programs saw.

        Raises:
            UsageError: The port is not available.
            AnalyzerError: A socket failed, one side waited longer than `PATIENCE` seconds, or a program did not
                receive what was sent.
        """
        try:
            found = self.perform(stage)
        except OSError as error:
            reason = inert(error.strerror or str(error) or type(error).__name__)
            raise AnalyzerError(
                say("the scenario {name} failed: {reason}", name=self.name, reason=reason)
            ) from error
        if replace(found, port=0) != replace(self.expected, port=0):
            raise AnalyzerError(
                say(
                    "the programs of the scenario {name} did not see what they should: {found}",
                    name=self.name,
                    found=inert(repr(found)),
                )
            )
        return found


@contextmanager
def taking(port: int) -> Iterator[None]:
    """Turn errors of binding a port into one sentence.

    Args:
        port: The port.

    Raises:
        UsageError: The port is in use, reserved for root, or not a port number.
    """
    try:
        yield
    except OverflowError:
        raise UsageError(say("{port} is not a port: a port is a number from 1 to 65535", port=port)) from None
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            message = say(
                "port {port} is in use: end the program that uses it, or choose another port with --port",
                port=port,
            )
        elif error.errno == errno.EACCES:
            message = say("port {port} is reserved for root: choose a port from 1024 to 65535", port=port)
        else:
            raise
        raise UsageError(message) from error


@contextmanager
def bound(
    port: int, host: Host = HERE, kind: socket.SocketKind = socket.SOCK_STREAM
) -> Iterator[socket.socket]:
    """Make a socket that is bound to a port and does not listen.

    Args:
        port: The port.
        host: The machine.
        kind: The type of the socket.

    Yields:
        The socket.

    Raises:
        UsageError: The port is not available.
    """
    with host.new_socket(kind) as holder:
        if kind == socket.SOCK_STREAM:
            # Without this a connection in TIME-WAIT from the previous run would hold the port for a minute.
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with taking(port):
            holder.bind((host.address, port))
        yield holder


@contextmanager
def listening(port: int, host: Host = HERE, backlog: int = 16) -> Iterator[socket.socket]:
    """Make a TCP socket that listens on a port.

    Args:
        port: The port.
        host: The machine.
        backlog: The length of the queue of connections that wait to be accepted.

    Yields:
        The socket.

    Raises:
        UsageError: The port is not available.
    """
    with bound(port, host) as listener:
        with taking(port):
            listener.listen(backlog)
        yield listener


def accept(listener: socket.socket) -> socket.socket:
    """Accept the next connection of `listener`. Raises TimeoutError after `PATIENCE` seconds."""
    connection, _ = listener.accept()
    connection.settimeout(PATIENCE)
    return connection


def connect(port: int, to: Host = HERE, origin: Host | None = None) -> socket.socket:
    """Connect to `port` of `to`, from the same machine if `origin` is None. Raises OSError."""
    client = (to if origin is None else origin).new_socket()
    try:
        client.connect((to.address, port))
    except BaseException:
        client.close()
        raise
    return client


def port_of(listener: socket.socket) -> int:
    """The port that a socket is bound to."""
    return int(listener.getsockname()[1])


def receive_all(connection: socket.socket) -> bytes:
    """Receive everything until the peer closes its sending side, i.e. until recv() returns nothing."""
    received = b""
    while more := connection.recv(ANY_AMOUNT):
        received += more
    return received


def receive_exactly(connection: socket.socket, size: int) -> bytes:
    """Receive `size` bytes, in any number of pieces. Raises EOFError if the peer closes first."""
    received = b""
    while len(received) < size:
        more = connection.recv(size - len(received))
        if not more:
            raise EOFError(say("the peer closed in the middle of a message"))
        received += more
    return received


def close_with_reset(connection: socket.socket) -> None:
    """Close the connection with a reset, by SO_LINGER with a time of 0."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def error_name(error: OSError) -> str:
    """The symbolic name of an error, e.g. "ECONNREFUSED"."""
    return "ETIMEDOUT" if isinstance(error, TimeoutError) else errno.errorcode.get(error.errno or 0, "")


@contextmanager
def in_background(program: Callable[[], _Result]) -> Iterator[Future[_Result]]:
    """Run a program in a second thread, which has ended when the `with` block is left.

    Get the result of the future inside the block, so that an exception of the thread is raised there too. Ctrl-C does
    not wait for the thread, which then ends with the process.

    Args:
        program: The program.

    Yields:
        Its future result.
    """
    future: Future[_Result] = Future()

    def run() -> None:
        try:
            future.set_result(program())
        except BaseException as error:
            future.set_exception(error)

    thread = threading.Thread(target=run, name="lab", daemon=True)
    thread.start()
    try:
        yield future
    except KeyboardInterrupt:
        raise
    except BaseException:
        thread.join()
        raise
    thread.join()


def wait_for(event: threading.Event) -> None:
    """Wait for the other program. Raises TimeoutError after `PATIENCE` seconds."""
    if not event.wait(PATIENCE):
        raise TimeoutError(say("one side waited for the other too long"))
