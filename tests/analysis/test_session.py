"""A capture around a piece of code: nothing of it is missing, and nothing of us is in it."""

from __future__ import annotations

import gc
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import analyzer
from analyzer.analysis.session import Session, capturing
from analyzer.capture.backends import BACKENDS
from analyzer.capture.marker import Marker
from analyzer.errors import InputError, UsageError
from tests.live import exchange, need

MANY = 25


@contextmanager
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def session(listening: socket.socket, **options: object) -> Session:
    need("tcpdump")
    return capturing("lo", f"tcp port {listening.getsockname()[1]}", **options)  # type: ignore[arg-type]


@pytest.mark.slow
def test_complete_each_time() -> None:
    for _ in range(MANY):
        with server() as listening, session(listening) as running:
            exchange(listening)
        trace = running.trace
        assert trace.capture.warnings == ()
        assert (len(trace), trace.capture.frames, trace.capture.skipped) == (1, 10, {})
        analyzer.expect(trace, "handshake = complete", "close = three-segment", "segments.frame in 1..10")


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
def test_with_every_capture_program(backend: str) -> None:
    need(backend)
    with server() as listening, session(listening, backend=backend) as running:
        exchange(listening)
    assert running.trace.capture.frames == 10
    assert running.trace.capture.warnings == ()


@pytest.mark.slow
def test_the_marker_of_another_session_is_in_nothing() -> None:
    need("tcpdump")
    with server() as listening, session(listening) as outer, session(listening):
        exchange(listening)
    assert (outer.trace.capture.frames, outer.trace.capture.skipped) == (10, {})


def test_without_a_filter_our_marker_is_in_nothing() -> None:
    need("tcpdump")
    with server() as listening, capturing() as running:
        exchange(listening)
    assert "UDP" not in running.trace.capture.skipped
    assert running.trace.capture.frames >= 10


def test_a_burst_until_the_end_of_the_block() -> None:
    data = 5_000_000

    def take() -> None:
        connection, _ = listening.accept()
        with connection:
            while connection.recv(1 << 20):
                pass

    with server() as listening:
        thread = threading.Thread(target=take)
        with session(listening) as running:
            thread.start()
            with socket.create_connection(listening.getsockname()) as client:
                client.sendall(bytes(data))
            thread.join()
    assert not running.trace.capture.lost_frames
    analyzer.expect(running.trace, f"data.client.bytes = {data}", "close.data_lost = false")


LATE = """
import socket, sys, time
with socket.create_server(("127.0.0.1", 0)) as server:
    print(server.getsockname()[1], flush=True)
    connection, _ = server.accept()
    connection.recv(10)
    time.sleep(float(sys.argv[1]))
    connection.close()
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("late", "settle", "close"), [("0.2", 5.0, "four-segment"), ("1", 0.0, "unacknowledged, half-closed")]
)
def test_a_peer_that_closes_later_is_waited_for_as_long_as_is_wanted(
    late: str, settle: float, close: str
) -> None:
    need("tcpdump")
    with subprocess.Popen([sys.executable, "-c", LATE, late], stdout=subprocess.PIPE, text=True) as peer:
        assert peer.stdout is not None
        port = int(peer.stdout.readline())
        with capturing("lo", f"tcp port {port}", settle=settle) as running:
            socket.create_connection(("127.0.0.1", port)).close()
    analyzer.expect(running.trace, f"close in {close}", "active = client")


def test_saved_in_both_formats(tmp_path: Path) -> None:
    with server() as listening, session(listening) as running:
        exchange(listening)
    for name, form in (("kept.pcap", "pcap"), ("kept.pcapng", "pcapng")):
        running.save(tmp_path / name)
        kept = analyzer.analyze(tmp_path / name)
        assert kept.capture.format == form
        assert [str(one) for one in kept[0].segments] == [str(one) for one in running.trace[0].segments]


def test_kept_where_it_is_wanted(tmp_path: Path) -> None:
    with server() as listening, session(listening, path=tmp_path / "x.pcapng") as running:
        exchange(listening)
    assert analyzer.analyze(tmp_path / "x.pcapng").capture.frames == running.trace.capture.frames


def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = threading.active_count(), len(os.listdir("/proc/self/fd"))
    with server() as listening, session(listening) as running:
        exchange(listening)
    assert running.trace
    assert os.listdir(tmp_path)
    del running, listening
    gc.collect()
    assert os.listdir(tmp_path) == []
    assert (threading.active_count(), len(os.listdir("/proc/self/fd"))) == before


def test_before_its_end_there_is_no_trace(tmp_path: Path) -> None:
    with server() as listening, session(listening) as running:
        assert not running.ended
        with pytest.raises(UsageError, match="still running"):
            running.save(tmp_path / "x.pcap")
        exchange(listening)
    assert running.ended


def fail(listening: socket.socket) -> None:
    exchange(listening)
    raise ValueError("the code under test")


def test_an_error_inside_is_not_hidden_and_the_capture_is_whole() -> None:
    with server() as listening:
        running = session(listening)
        with pytest.raises(ValueError, match="under test"), running:
            fail(listening)
    assert running.trace.capture.frames == 10


def test_an_interface_that_takes_no_marker_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Marker) -> None:
        raise InputError("lo takes no datagram (x), so the last frames may be missing")

    monkeypatch.setattr(Marker, "send", refuse)
    with server() as listening, session(listening) as running:
        exchange(listening)
    assert running.trace.capture.warnings == ("lo takes no datagram (x), so the last frames may be missing",)


@pytest.mark.slow
def test_a_marker_that_never_comes_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def forget(self: Marker) -> None:
        self.sent += 1

    monkeypatch.setattr(Marker, "send", forget)
    monkeypatch.setattr("analyzer.capture.live_capture.Live.catch_up.__defaults__", (0.2,))
    with server() as listening, session(listening) as running:
        exchange(listening)
    assert running.trace.capture.warnings == (
        "the capture program fell behind: the last frames may be missing",
    )


@pytest.mark.slow
def test_what_goes_wrong_while_it_reads_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analyzer.analysis.growing.Sighting", lambda *_: 1 / 0)
    with server() as listening, pytest.raises(ZeroDivisionError), session(listening):
        exchange(listening)


def test_a_filter_that_is_none_is_said_in_its_own_words() -> None:
    need("tcpdump")
    with (
        pytest.raises(UsageError, match=r"the capture filter 'tcp prot 1' is not valid"),
        capturing("lo", "tcp prot 1"),
    ):
        pass
