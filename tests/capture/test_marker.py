"""The marker: taken by the filter, found in a frame, and by nobody else's frames."""

from __future__ import annotations

import os
import socket
import struct
import threading
from collections.abc import Iterator
from io import BytesIO

import pytest

from analyzer.capture import open_stream
from analyzer.capture.live_capture import Live, open_live
from analyzer.capture.marker import GROUP, MOST_BYTES, PORT, Marker
from analyzer.errors import InputError
from analyzer.lab.namespace import own_network
from tests.live import need


def frame(data: bytes) -> BytesIO:
    header = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    return BytesIO(header + struct.pack("<IIII", 1, 2, len(data), len(data)) + data)


def number_in(marker: Marker, data: bytes) -> int:
    with open_stream(frame(data), "x") as records:
        assert records.advance()
        return marker.number_in(records)


def test_it_is_found_in_its_frame_and_nowhere_else() -> None:
    marker, other = Marker("lo"), Marker("lo")
    token = marker._token
    assert number_in(marker, bytes(42) + token + b"\0\0\0\7") == 7
    to_the_group = bytes(30) + socket.inet_aton(GROUP) + bytes(2) + PORT.to_bytes(2, "big") + bytes(4)
    assert number_in(other, to_the_group + token + b"\0\0\0\7") == -1
    assert number_in(other, bytes(42) + token + b"\0\0\0\7") == 0, "somebody speaks of us"
    assert number_in(marker, bytes(60)) == 0
    assert number_in(marker, bytes(42) + token + b"\0") == 0, "cut short"
    assert number_in(marker, bytes(MOST_BYTES) + token + b"\0\0\0\7") == 0, "too long"


def test_the_filter_takes_it_too() -> None:
    marker = Marker("lo")
    assert marker.with_filter("tcp port 1 or vlan") == (
        f"(udp and dst host {GROUP} and dst port {PORT}) or (tcp port 1 or vlan)"
    )
    assert marker.with_filter("  ") == "", "every frame"


@pytest.mark.slow
def test_it_leaves_through_the_interface() -> None:
    need("tcpdump")
    marker = Marker("lo")
    with open_live("lo", f"udp port {PORT}") as live:
        marker.send()
        assert live.records.advance()
        assert marker.number_in(live.records) == marker.sent == 1


def test_of_all_interfaces_it_takes_the_loopback() -> None:
    assert Marker("any")._sending_interface() == "lo"
    assert Marker("lo")._sending_interface() == "lo"


def test_an_interface_that_takes_none() -> None:
    marker = Marker("nosuch")
    marker._sending_interface = lambda: "nosuch"  # type: ignore[method-assign]
    with pytest.raises(
        InputError, match=r"nosuch does not accept a datagram .*so the last frames may be missing"
    ):
        marker.send()
    assert marker.sent == 0


@pytest.mark.usefixtures("own_networks")
def test_through_an_interface_that_is_no_loopback() -> None:
    need("tcpdump")
    with own_network() as network:
        device = network.make_tun("wire0", "10.0.0.1", "255.255.255.0")
        try:
            with network.inside(), socket.socket() as asking:
                asking.setblocking(False)
                with open_live("wire0", "tcp port 20000", marked=True) as live:
                    frames: list[int] = []
                    reader = threading.Thread(target=lambda: frames.extend(_read(live)))
                    reader.start()
                    with pytest.raises(BlockingIOError):
                        asking.connect(("10.0.0.2", 20000))
                    assert live.catch_up()
                    assert live.catch_up()
                    live.stop()
                    reader.join()
        finally:
            os.close(device)
    assert frames == [1], "the SYN, and none of our markers"


def _read(live: Live) -> Iterator[int]:
    while live.records.advance():
        yield int(live.records.frame)
