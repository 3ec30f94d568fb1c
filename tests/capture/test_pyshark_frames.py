"""The capture program made of pyshark: frames out of its packets, and a run of it inside this process."""

from __future__ import annotations

import asyncio
import builtins
import contextlib
import os
import re
import signal
import socket
import struct
import sys
import threading
import warnings
from pathlib import Path
from typing import Any

import pytest

from analyzer.capture import open_capture
from analyzer.capture.pyshark_frames import _FaultError, _Writer, capture, frame_of, main, nanoseconds_of
from tests.capture.stand_ins import soon
from tests.live import exchange, need


class Layer:
    def __init__(self, fields: Any) -> None:
        self._fields_dict = fields


class Packet(dict[str, Any]):
    """What pyshark makes of a frame in the form "ek", as far as it matters."""

    def __init__(self, kind: object = "1", data: object = "0102ff", time: str = "1.5") -> None:
        super().__init__(frame_raw=Layer(data))
        self.frame_info = Layer({"frame_frame_encap_type": kind})
        self.sniff_timestamp = time
        self.length = 9


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("1795258589.633171001", 1_795_258_589_633_171_001),
        ("12", 12_000_000_000),
        ("12.5", 12_500_000_000),
        ("2026-11-21T10:56:29.633171001Z", 1_795_258_589_633_171_001),
        ("1970-01-01T00:00:01Z", 1_000_000_000),
    ],
)
def test_times_keep_their_nanoseconds(text: str, time: int) -> None:
    assert nanoseconds_of(text) == time


def test_a_packet_is_a_frame() -> None:
    assert frame_of(Packet()) == (1, 1_500_000_000, 9, b"\x01\x02\xff")
    assert frame_of(Packet(kind="210"))[0] == 276


@pytest.mark.parametrize(
    "packet",
    [Packet(kind="9999"), Packet(kind=None), Packet(data="0x"), Packet(data=None), Packet(time="-")],
)
def test_what_cannot_be_a_frame(packet: Packet) -> None:
    with pytest.raises(_FaultError):
        frame_of(packet)


def test_packets_become_pcap(tmp_path: Path) -> None:
    path = tmp_path / "written.pcap"
    with path.open("wb") as file:
        writer = _Writer(file.fileno())
        writer.add(Packet(time="1.000000007"))
        writer.add(Packet(data=""))
        with pytest.raises(_FaultError, match="link type 113, but those before it have 1"):
            writer.add(Packet(kind="25"))
    with open_capture(path) as records:
        assert records.advance()
        assert (records.time_ns, records.captured, records.original, records.link_type) == (
            1_000_000_007,
            3,
            9,
            1,
        )
        assert records.advance()
        assert not records.advance()
    assert struct.unpack("<I", path.read_bytes()[:4]) == (0xA1B23C4D,)


@pytest.mark.parametrize("error", [ImportError("No module named 'pyshark'"), AttributeError("odd")])
def test_without_pyshark(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], error: Exception
) -> None:
    original = builtins.__import__

    def refuse(name: str, *rest: Any) -> Any:
        if name == "pyshark":
            raise error
        return original(name, *rest)

    for name in [name for name in sys.modules if name.split(".")[0] == "pyshark"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", refuse)
    main(["lo", "", "64"])
    captured = capfd.readouterr()
    assert captured.out == ""
    assert captured.err == f"pyshark: cannot load it ({error})\n"


# For real, in this process, whose loop, descriptors and children can then be counted.


def run(capture_filter: str, kept: Path, during: Any) -> None:
    """Capture on loopback into `kept`; what `during` does once it captures ends with SIGINT."""
    done = threading.Event()

    def act() -> None:
        try:
            during()
        finally:
            os.kill(os.getpid(), signal.SIGINT)
            done.set()

    thread = threading.Thread(target=act)
    with kept.open("wb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        thread.start()
        try:
            capture("lo", capture_filter, 8, file.fileno())
        finally:
            with contextlib.suppress(KeyboardInterrupt):
                done.wait(20)
            thread.join()


@pytest.mark.slow
@pytest.mark.parametrize("watchers", [True, False])
def test_what_pyshark_captures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], watchers: bool
) -> None:
    need("tshark")
    need("dumpcap")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    if not watchers:
        # Python 3.14 has none: with a loop of our own pyshark never asks for one.
        monkeypatch.delattr(asyncio, "set_child_watcher", raising=False)
    said = ""

    def ready() -> bool:
        nonlocal said
        said += capfd.readouterr().err
        return "pyshark: capturing\n" in said

    with socket.create_server(("127.0.0.1", 0)) as server:

        def during() -> None:
            assert soon(ready, 20)
            exchange(server)
            # dumpcap gives up what the kernel still holds when it is ended.
            assert soon(lambda: kept.stat().st_size >= 24 + 10 * 16 + 2 * 74 + 8 * 66 + 4)

        kept = tmp_path / "kept.pcap"
        before = len(os.listdir("/proc/self/fd"))
        run(f"tcp port {server.getsockname()[1]}", kept, during)
        assert len(os.listdir("/proc/self/fd")) == before
    said += capfd.readouterr().err
    assert re.search(r"^Packets received/dropped on interface 'Loopback: lo': 10/0 ", said, re.MULTILINE)
    assert "pyshark: the capture" not in said
    with open_capture(kept) as records:
        while records.advance():
            pass
        assert (records.frame, records.truncated) == (10, False)


@pytest.mark.slow
def test_what_dumpcap_refuses_is_told(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    need("tshark")
    need("dumpcap")
    with (tmp_path / "kept").open("wb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        capture("lo", "no filter", 8, file.fileno())
    said = capfd.readouterr().err
    assert "can't parse filter expression" in said
    assert "\npyshark: " in said
    assert "pyshark: capturing" not in said
    assert (tmp_path / "kept").read_bytes() == b""
