"""A separate network: a Linux network namespace, which is removed when nobody uses it any more.

A socket always belongs to the namespace in which it was made, whatever thread uses it. So nothing has to run "inside":
a thread enters the namespace, makes a socket or starts a program, and leaves again. The namespace has no name and no
process of its own. The kernel removes it and every device in it with the last descriptor, socket or process that refers
to it, also if this process is killed.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from analyzer.errors import UsageError
from analyzer.text import inert, say

__all__ = ["Namespace", "own_network"]

_CLONE_NEWNET = 0x40000000
_OWN = "/proc/thread-self/ns/net"
_SETTINGS = "/proc/sys/net/ipv4/"

# <linux/sockios.h>, <net/if.h>, <linux/if_tun.h>
_SIOCSIFFLAGS, _SIOCSIFADDR, _SIOCSIFNETMASK = 0x8914, 0x8916, 0x891C
_IFF_UP, _IFF_RUNNING = 0x1, 0x40
_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 0x0001, 0x1000


class Namespace:
    """A network namespace, held by a descriptor; made by `own_network`."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Let sockets and processes that this thread makes in the `with` block belong to the namespace."""
        before = os.open(_OWN, os.O_RDONLY | os.O_CLOEXEC)
        try:
            _enter(self._descriptor)
            try:
                yield
            finally:
                _enter(before)
        finally:
            os.close(before)

    def set(self, **settings: int) -> None:
        """Write settings of IPv4, by their names in /proc/sys/net/ipv4. Raises OSError for an unknown setting."""
        with self.inside():
            for name, value in settings.items():
                with open(_SETTINGS + name, "w", encoding="ascii") as file:
                    file.write(f"{value}\n")

    def raise_loopback(self) -> None:
        """Bring the loopback interface up. In a new namespace it is down."""
        with self.inside(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
            _bring_up(control, "lo")

    def make_tun(self, name: str, address: str, netmask: str) -> int:
        """Make a TUN device that is up. Return its descriptor, which reads and writes IP packets."""
        with self.inside():
            device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            with self.inside(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
                fcntl.ioctl(device, _TUNSETIFF, _request(name, struct.pack("=H", _IFF_TUN | _IFF_NO_PI)))
                fcntl.ioctl(control, _SIOCSIFADDR, _request(name, _internet_address(address)))
                fcntl.ioctl(control, _SIOCSIFNETMASK, _request(name, _internet_address(netmask)))
                _bring_up(control, name)
        except BaseException:
            os.close(device)
            raise
        return device


@contextmanager
def own_network() -> Iterator[Namespace]:
    """Make a new network namespace with its loopback interface up.

    Yields:
        The namespace.

    Raises:
        UsageError: The system is not Linux, or the process does not run as root.
    """
    descriptor = _new_namespace()
    try:
        namespace = Namespace(descriptor)
        namespace.raise_loopback()
        yield namespace
    finally:
        os.close(descriptor)


def _new_namespace() -> int:
    """Make a new namespace and return its descriptor. A thread makes it and ends, so no other thread is moved."""
    outcome: list[int | OSError] = []

    def make() -> None:
        try:
            _check(ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNET))
            outcome.append(os.open(_OWN, os.O_RDONLY | os.O_CLOEXEC))
        except AttributeError:
            outcome.append(OSError(0, say("this system is not Linux")))
        except OSError as error:
            outcome.append(error)

    thread = threading.Thread(target=make, name="lab-namespace")
    thread.start()
    thread.join()
    made = outcome[0]
    if isinstance(made, OSError):
        raise UsageError(
            say(
                "this needs a separate network, which only root on Linux can make ({reason}): "
                "run it as root, or play its recording with --replay",
                reason=inert(made.strerror or str(made)),
            )
        ) from made
    return made


def _enter(descriptor: int) -> None:
    _check(ctypes.CDLL(None, use_errno=True).setns(descriptor, _CLONE_NEWNET))


def _check(result: int) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _request(interface: str, value: bytes) -> bytes:
    """A struct ifreq."""
    return struct.pack("16s24s", interface.encode("ascii"), value)


def _internet_address(address: str) -> bytes:
    """A struct sockaddr_in without a port."""
    return struct.pack("=HH4s8x", socket.AF_INET, 0, socket.inet_aton(address))


def _bring_up(control: socket.socket, interface: str) -> None:
    fcntl.ioctl(control, _SIOCSIFFLAGS, _request(interface, struct.pack("=H", _IFF_UP | _IFF_RUNNING)))
