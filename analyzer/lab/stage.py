"""What every scenario stands on: its description, its result, its machines, sockets and second thread.

Each wait in here ends after `PATIENCE` seconds, so that a scenario which cannot go on fails instead of
hanging, and every socket and thread is gone when a scenario has ended, whichever way it ended.
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
ANY_AMOUNT = 4096  # bytes that one recv may return; more than any message here has

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
class Host:
    """A machine: where its sockets are made, and under which address it is reached.

    namespace: None for this machine as everybody has it
    """

    address: str
    namespace: Namespace | None = None

    @property
    def family(self) -> socket.AddressFamily:
        return socket.AF_INET6 if ":" in self.address else socket.AF_INET

    def inside(self) -> AbstractContextManager[None]:
        """Sockets and processes that this thread makes in the `with` block belong to the machine."""
        return nullcontext() if self.namespace is None else self.namespace.inside()

    def new_socket(self, kind: socket.SocketKind = socket.SOCK_STREAM) -> socket.socket:
        """A socket of this machine that waits for no longer than `PATIENCE`."""
        with self.inside():
            made = socket.socket(self.family, kind)
        made.settimeout(PATIENCE)
        return made


HERE = Host(HOST)
HERE_IPV6 = Host("::1")


@dataclass(frozen=True, slots=True)
class Stage:
    """What a scenario is played on.

    port      where its server listens; 0 is any free port
    client    the machine of its clients
    server    the machine of its servers
    watcher   the machine on which the traffic is captured
    interface where on that machine
    way       what lies between client and server, where a scenario tampers with it
    tell      shows the audience a sentence about the step that comes
    """

    port: int
    client: Host = HERE
    server: Host = HERE
    watcher: Host = HERE
    interface: str = LOOPBACK
    way: Relay | None = None
    tell: Callable[[str], None] = lambda sentence: None


Ground = Callable[[], AbstractContextManager[Stage]]
"""Makes the machines of a scenario; they are gone when the `with` block is left."""


@contextmanager
def this_machine() -> Iterator[Stage]:
    """The loopback interface of this machine: nothing has to be made, an ordinary user suffices."""
    yield Stage(0)


@contextmanager
def this_machine_ipv6() -> Iterator[Stage]:
    """The same with ::1. Raises UsageError where this machine does without IPv6."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind((HERE_IPV6.address, 0))
    except OSError as error:
        raise UsageError(say("this machine has no IPv6: there is no address ::1 to listen on")) from error
    yield Stage(0, HERE_IPV6, HERE_IPV6)


@contextmanager
def own_machine() -> Iterator[Stage]:
    """One machine for the scenario alone, whose settings it may change. Raises UsageError without root."""
    with own_network() as namespace:
        host = Host(HOST, namespace)
        yield Stage(0, host, host, host)


@contextmanager
def two_machines(watched: Literal["client", "server"] = "client") -> Iterator[Stage]:
    """Two machines for the scenario alone, and the way between them. Raises UsageError without root.

    watched: the end at which the traffic is captured; what is lost behind that end is seen all the same
    """
    with relay() as way:
        client = Host(CLIENT_ADDRESS, way.client)
        server = Host(SERVER_ADDRESS, way.server)
        yield Stage(0, client, server, client if watched == "client" else server, INTERFACE, way)


@dataclass(frozen=True, slots=True)
class Scenario:
    """One demonstration: what it is called, what it shows, how to run it, and what a capture must show.

    name            what the user types, and the stem of the recorded file's name
    port            where its server listens unless told otherwise
    shows           one English sentence; goes through `say` before it is shown
    look            a paragraph on what to look at; likewise
    perform         runs server and client to their end
    expected        what both programs must have seen; its port does not count
    promise         what the analysis of a capture must find
    fewest_segments how many frames a complete capture has at least
    ground          the machines it is played on
    needs           what has to be there besides the permission to capture: rows of `needs.NEEDS`
    file_format     what it is recorded as: "pcap" or "pcapng"
    capture_filter  in the language of libpcap, with `{port}`
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
        """What its recording is called."""
        return f"{self.name}.{self.file_format}"

    @contextmanager
    def staged(
        self, port: int | None = None, tell: Callable[[str], None] = lambda sentence: None
    ) -> Iterator[Stage]:
        """The stage for one run.

        port: 0 to 65535; 0 takes any free port, None the scenario's own.

        Raises UsageError when something is missing that the scenario needs.
        """
        for need in self.needs:
            demand(need)
        with self.ground() as stage:
            yield replace(stage, port=self.port if port is None else port, tell=tell)

    def run(self, stage: Stage) -> Exchange:
        """Run server and client to their end, and make sure that both saw what they should.

        Raises UsageError when the port cannot be had, AnalyzerError when a socket failed, one side
        waited for longer than `PATIENCE` seconds, or a program did not get what was sent.
        """
        try:
            found = self.perform(stage)
        except OSError as error:
            reason = inert(error.strerror or str(error) or type(error).__name__)
            raise AnalyzerError(
                say("the scenario {name} did not run to its end: {reason}", name=self.name, reason=reason)
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
    """Turn what goes wrong while binding `port` into one sentence.

    Raises UsageError for a port in use, a port of the system's, and a number that is no port.
    """
    try:
        yield
    except OverflowError:
        raise UsageError(say("{port} is not a port: a port is a number from 1 to 65535", port=port)) from None
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            message = say(
                "port {port} is in use: end the program that holds it, or choose another with --port",
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
    """A socket that holds `port` of the host's address and does not listen.

    Raises UsageError when the port cannot be had.
    """
    with host.new_socket(kind) as holder:
        if kind == socket.SOCK_STREAM:
            # Otherwise a connection in TIME-WAIT from the run before keeps the port for a minute.
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with taking(port):
            holder.bind((host.address, port))
        yield holder


@contextmanager
def listening(port: int, host: Host = HERE, backlog: int = 16) -> Iterator[socket.socket]:
    """A TCP socket that listens on `port` of the host's address.

    Raises UsageError when the port cannot be had.
    """
    with bound(port, host) as listener:
        with taking(port):
            listener.listen(backlog)
        yield listener


def accept(listener: socket.socket) -> socket.socket:
    """The next connection of `listener`. Raises TimeoutError after `PATIENCE` seconds."""
    connection, _ = listener.accept()
    connection.settimeout(PATIENCE)
    return connection


def connect(port: int, to: Host = HERE, origin: Host | None = None) -> socket.socket:
    """A connection to `port` of `to`, from there too unless told otherwise. Raises OSError."""
    client = (to if origin is None else origin).new_socket()
    try:
        client.connect((to.address, port))
    except BaseException:
        client.close()
        raise
    return client


def port_of(listener: socket.socket) -> int:
    """The port that a socket holds."""
    return int(listener.getsockname()[1])


def receive_all(connection: socket.socket) -> bytes:
    """Everything until the peer closes its sending side: until recv gives nothing."""
    received = b""
    while more := connection.recv(ANY_AMOUNT):
        received += more
    return received


def receive_exactly(connection: socket.socket, size: int) -> bytes:
    """So many bytes, in as many pieces as it takes. Raises EOFError when the peer closes before."""
    received = b""
    while len(received) < size:
        more = connection.recv(size - len(received))
        if not more:
            raise EOFError(say("the peer closed in the middle of a message"))
        received += more
    return received


def close_with_reset(connection: socket.socket) -> None:
    """Throw the connection away: linger on, for no time at all."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def error_name(error: OSError) -> str:
    """The symbolic name of an error, "ECONNREFUSED"."""
    return "ETIMEDOUT" if isinstance(error, TimeoutError) else errno.errorcode.get(error.errno or 0, "")


@contextmanager
def in_background(program: Callable[[], _Result]) -> Iterator[Future[_Result]]:
    """Run `program` in a second thread, which has ended when the `with` block is left.

    Ask the future for its result inside the block, so that what the thread raised is raised there too. Who
    interrupts does not wait for the thread: it ends with the process.
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
        raise TimeoutError(say("one side waited in vain for the other"))
