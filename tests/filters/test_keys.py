"""The keys come from the schema, all of them, with the kind of each."""

from __future__ import annotations

import json
from typing import Any

import pytest

from analyzer.analysis.stored import analyze
from analyzer.errors import UsageError
from analyzer.filters.keys import ALIASES, DERIVED, Keys
from analyzer.report.document import document, schema
from analyzer.report.selection import keys
from tests.commands.running import ROOT


def leaves(value: Any, path: tuple[str, ...] = ()) -> set[str]:
    """The path of every plain value of a document, without the numbers in lists."""
    if isinstance(value, dict):
        return {leaf for name, one in value.items() for leaf in leaves(one, (*path, name))}
    if isinstance(value, list) and any(isinstance(one, dict) for one in value):
        return {leaf for one in value for leaf in leaves(one, path)}
    return {".".join(path)}


@pytest.mark.parametrize(
    "name", ["echo.pcap", "loss.pcap", "udp.pcap", "half-close.pcapng", "unanswered.pcap"]
)
def test_whatever_stands_in_a_document_is_a_key_and_has_its_value(name: str) -> None:
    described = document(analyze(ROOT / "captures" / name))
    names = tuple(keys().all)

    def may_have_members(leaf: str) -> bool:
        return any(name.startswith(f"{leaf}.") for name in names)

    for connection in described["connections"]:
        for leaf in leaves(connection):
            if may_have_members(leaf):
                continue  # null, where several values could be
            key = keys().lookup(leaf)
            assert key.scope == "connection"
            for _, value in key.values(connection):
                json.dumps(value)
    for leaf in leaves(described["capture"]):
        if leaf != "skipped" and not may_have_members(f"capture.{leaf}"):
            assert keys().lookup(f"capture.{leaf}").scope == "capture"


def test_kinds_follow_the_schema() -> None:
    def kind(name: str) -> tuple[str, bool, bool]:
        key = keys().lookup(name)
        return key.kind, key.many, key.nullable

    assert kind("handshake.outcome") == ("word", False, False)
    assert kind("close.active") == ("word", False, True)
    assert kind("handshake.rtt_ns.syn") == ("time", False, True)
    assert kind("data.client.bytes") == ("bytes", False, False)
    assert kind("handshake.options.client.mss") == ("bytes", False, True)
    assert kind("handshake.options.client.ecn") == ("boolean", False, True), "null where no SYN was captured"
    assert kind("close.time_wait") == ("word", True, False)
    assert kind("server.address") == ("address", False, False)
    assert kind("capture.path") == ("text", False, False)
    assert kind("segments.window") == ("bytes", False, False)
    assert keys().lookup("segments.window").each == 1
    assert set(keys().lookup("close.outcome").words) >= {"three-segment", "reset"}


def test_a_value_that_may_have_several_shapes_is_text() -> None:
    changed = schema()
    odd = {"anyOf": [{"type": "integer"}, {"type": "string"}, {"type": "null"}]}
    changed["$defs"]["connection"]["properties"]["odd"] = odd
    key = Keys(changed).lookup("odd")
    assert (key.kind, key.nullable) == ("text", True)


@pytest.mark.parametrize(
    ("short", "name"),
    [
        *ALIASES.items(),
        ("retransmission", "notes.retransmission"),
        ("handshake.rtt.syn", "handshake.rtt_ns.syn"),
        ("frames", "capture.frames"),
        ("connections", "capture.connections"),
        ("capture.first_time", "capture.first_time_ns"),
        ("first_time", "first_time_ns"),
    ],
)
def test_short_names(short: str, name: str) -> None:
    assert keys().lookup(short) is keys().all[name]


def test_aliases_and_derived_keys_stand_for_something() -> None:
    assert set(ALIASES.values()) <= set(keys().all)
    assert not set(ALIASES) & set(keys().all)
    assert {key.name for key in DERIVED} <= set(keys().all)


def test_derived_values() -> None:
    connection = document(analyze(ROOT / "captures" / "echo.pcap"))["connections"][0]

    def value(name: str) -> Any:
        ((_, found),) = keys().lookup(name).values(connection)
        return found

    assert value("duration") == connection["last_time_ns"] - connection["first_time_ns"]
    assert value("bytes") == 4
    assert value("retransmissions") == 0
    connection["data"]["server"]["bytes"] = 9
    connection["data"]["client"]["retransmitted_segments"] = 2
    connection["data"]["server"]["retransmitted_segments"] = 3
    assert value("bytes") == 11
    assert value("retransmissions") == 5
    connection["capture"] = {"first_time_ns": connection["first_time_ns"] - 7}
    assert value("start") == 7
    assert value("handshake.rtt") == sum(connection["handshake"]["rtt_ns"].values())
    assert value("ports") == [connection["client"]["port"], 20000]
    assert value("addresses") == ["127.0.0.1", "127.0.0.1"]
    assert value("segments") == 10
    assert value("notes") == []
    assert value("notes.retransmission") == 0
    connection["handshake"]["rtt_ns"]["ack"] = None
    assert value("handshake.rtt") is None
    connection["notes"] = {"zero_window": 2, "offload": 1}
    assert value("notes") == ["offload", "zero_window"]
    assert value("zero_window") == 2


def test_what_is_below_nothing_is_nothing() -> None:
    connection = document(analyze(ROOT / "captures" / "echo.pcap"))["connections"][0]
    connection["handshake"]["options"]["client"] = None
    assert list(keys().lookup("handshake.options.client.mss").values(connection)) == [(None, None)]


def test_skipped_frames_by_any_reason() -> None:
    capture = document(analyze(ROOT / "captures" / "udp.pcap"))["capture"]
    assert [value for _, value in keys().lookup("capture.skipped.UDP").values(capture)] == [4]
    assert [value for _, value in keys().lookup("skipped.ARP").values(capture)] == [0]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("retransmision", "retransmission"),
        ("outcome", "handshake.outcome"),
        ("data_lost", "close.data_lost"),
        ("sever.port", "server.port"),
        ("handshake.outcom", "handshake.outcome"),
    ],
)
def test_an_unknown_key_names_the_nearest(name: str, meant: str) -> None:
    with pytest.raises(UsageError, match=f"there is no key {name}: did you mean {meant}\\?"):
        keys().lookup(name)


def test_nothing_is_near() -> None:
    with pytest.raises(UsageError, match=r"there is no key xyzzy$"):
        keys().lookup("xyzzy")
    with pytest.raises(UsageError, match=r"there is no key capture\.skipped\."):
        keys().lookup("capture.skipped.")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("labels", "about single segments"),
        ("segments.length", "about single segments"),
        ("segments", "about single segments"),
        ("capture.frames", "about the whole capture"),
        ("skipped.UDP", "about the whole capture"),
    ],
)
def test_what_tells_no_connections_apart(name: str, reason: str) -> None:
    with pytest.raises(
        UsageError, match=f"cannot choose or sort connections: it is {reason}.*use a key of the conn"
    ):
        keys().of_connection(name)
    assert keys().of_connection("rtt").name == "handshake.rtt"


def test_only_start_needs_the_capture() -> None:
    assert [key.name for key in keys().all.values() if key.needs_capture] == ["start"]


def test_a_hostile_name_is_shown_harmless_and_in_short() -> None:
    for name in ("\x1b[2J", "capture.skipped.\x1b[2J", "x" * 60_000):
        with pytest.raises(UsageError) as raised:
            keys().of_connection(name)
        assert str(raised.value).isprintable()
        assert len(str(raised.value)) < 300
