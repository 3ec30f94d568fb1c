"""Networks of their own, really made."""

from __future__ import annotations

import ctypes
import errno
import os
import socket
from pathlib import Path

import pytest

from analyzer.errors import UsageError
from analyzer.lab.namespace import own_network
from analyzer.lab.stage import Host, connect, listening

OWN = Path("/proc/thread-self/ns/net")


@pytest.mark.usefixtures("own_networks")
def test_a_network_of_its_own_has_a_loopback_and_ports_of_its_own() -> None:
    with listening(0) as here:
        port = here.getsockname()[1]
        with own_network() as namespace:
            there = Host("127.0.0.1", namespace)
            with listening(port, there) as listener, connect(port, there) as client:
                connection, _ = listener.accept()
                with connection:
                    client.sendall(b"inside")
                    assert connection.recv(10) == b"inside"
        here.settimeout(0)
        with pytest.raises(BlockingIOError):
            here.accept()


@pytest.mark.usefixtures("own_networks")
def test_nothing_is_left_and_this_thread_is_where_it_was() -> None:
    before, descriptors = os.readlink(OWN), len(os.listdir("/dev/fd"))

    def fail() -> None:
        with own_network() as namespace:
            device = namespace.make_tun("tun0", "10.0.0.1", "255.0.0.0")
            os.close(device)
            with namespace.inside():
                assert os.readlink(OWN) != before
                raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert os.readlink(OWN) == before
    assert len(os.listdir("/dev/fd")) == descriptors


@pytest.mark.usefixtures("own_networks")
def test_settings_are_those_of_the_namespace() -> None:
    here = Path("/proc/sys/net/ipv4/tcp_syncookies").read_text()
    with own_network() as namespace:
        namespace.set(tcp_syncookies=2)
        with namespace.inside():
            assert Path("/proc/sys/net/ipv4/tcp_syncookies").read_text() == "2\n"
        with pytest.raises(OSError, match="tcp_nonsense"):
            namespace.set(tcp_nonsense=1)
    assert Path("/proc/sys/net/ipv4/tcp_syncookies").read_text() == here


@pytest.mark.usefixtures("own_networks")
def test_a_device_that_cannot_be_set_up_is_closed() -> None:
    with own_network() as namespace:
        descriptors = len(os.listdir("/dev/fd"))
        with pytest.raises(OSError, match="illegal IP address"):
            namespace.make_tun("tun0", "nowhere", "255.0.0.0")
        assert len(os.listdir("/dev/fd")) == descriptors


@pytest.mark.parametrize("reason", ["Operation not permitted", "this system is not Linux"])
def test_who_may_not_make_one_is_told(reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Library:
        def unshare(self, flags: int) -> int:
            ctypes.set_errno(errno.EPERM)
            return -1

    library = Library() if reason == "Operation not permitted" else socket
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: library)
    with (
        pytest.raises(UsageError, match=rf"only root on Linux can make \({reason}\): .*--replay"),
        own_network(),
    ):
        pass
