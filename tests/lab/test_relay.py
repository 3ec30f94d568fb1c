"""The way between two machines, and what may happen on it."""

from __future__ import annotations

import os
import threading
import time

import pytest

from analyzer.lab.relay import DELAY, LOST, SYN, Packet, _parse, relay
from analyzer.lab.stage import connect, listening, two_machines

pytestmark = pytest.mark.usefixtures("own_networks")


def test_two_machines_reach_each_other_and_are_gone_afterwards() -> None:
    descriptors, threads = len(os.listdir("/dev/fd")), threading.active_count()
    with two_machines() as stage:
        assert stage.way is not None
        seen: list[Packet] = []

        def rule(packet: Packet) -> float:
            seen.append(packet)
            return DELAY

        stage.way.rule = rule
        with listening(7, stage.server) as listener:
            before = time.monotonic()
            with connect(7, stage.server, stage.client) as client:
                assert time.monotonic() - before >= 2 * DELAY
                port = client.getsockname()[1]
                connection, peer = listener.accept()
                connection.close()
                assert peer == (stage.client.address, port)
    assert seen[0][:3] == (True, port, SYN)
    assert seen[1][:3] == (False, port, SYN | 0x10)
    assert len(os.listdir("/dev/fd")) == descriptors
    assert threading.active_count() == threads


def test_what_the_rule_loses_does_not_arrive() -> None:
    with two_machines() as stage:
        assert stage.way is not None
        stage.way.rule = lambda packet: LOST
        with listening(7, stage.server), stage.client.new_socket() as client:
            client.settimeout(0.1)
            with pytest.raises(TimeoutError):
                client.connect((stage.server.address, 7))


def test_a_failure_inside_leaves_nothing() -> None:
    descriptors, threads = len(os.listdir("/dev/fd")), threading.active_count()
    with pytest.raises(ZeroDivisionError), relay():
        raise ZeroDivisionError
    assert len(os.listdir("/dev/fd")) == descriptors
    assert threading.active_count() == threads


@pytest.mark.parametrize(
    "data", [b"", bytes(39), b"\x60" + bytes(59), b"\x45" + bytes(8) + b"\x11" + bytes(40)]
)
def test_what_is_no_tcp_over_ipv4_is_nothing(data: bytes) -> None:
    assert _parse(data, True) is None


def test_what_is_rewritten_arrives_rewritten() -> None:
    with two_machines() as stage:
        assert stage.way is not None
        hops: list[tuple[int, bool]] = []

        def rewrite(data: bytes, from_client: bool) -> bytes:
            hops.append((data[8], from_client))
            return data

        stage.way.rewrite = rewrite
        with listening(7, stage.server), connect(7, stage.server, stage.client):
            pass
        assert hops[:2] == [(64, True), (64, False)]
        stage.way.rewrite = lambda data, from_client: data[:-1]
        with listening(8, stage.server), stage.client.new_socket() as client:
            client.settimeout(0.1)
            with pytest.raises(TimeoutError):
                client.connect((stage.server.address, 8))
