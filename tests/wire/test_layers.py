"""The layers around a segment, built by hand; and any bytes at all."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.wire.header import Header
from analyzer.wire.layers import Layers, layers_of
from analyzer.wire.link_types import ETHERNET, LINUX_SLL, LINUX_SLL2, LOOP, NULL, RAW
from analyzer.wire.skips import SEGMENT
from analyzer.wire.unwrap import Unwrapper
from tests.wire.wrappings import WRAPPED

TCP = bytes.fromhex("0001000200000000000000005002000000000000")
IPV4 = bytes.fromhex("45020028abcd000040060000c0000201c6336407") + TCP
IPV4_OPTIONS = bytes.fromhex("4600002cabcd400040060000c0000201c633640701010100") + TCP
IPV6_HEADER = bytes.fromhex("6b8123450014063f") + bytes(15) + b"\1" + bytes(15) + b"\2"
IPV6 = IPV6_HEADER + TCP
IPV6_EXTENDED = (
    IPV6_HEADER[:4] + struct.pack(">HBB", 28, 60, 63) + IPV6_HEADER[8:] + bytes([6, 0]) + bytes(6) + TCP
)
MACS = bytes.fromhex("020000000002020000000001")


def walk(frame: bytes, link_type: int) -> Layers:
    header, unwrapper = Header(), Unwrapper()
    code = header.decode(frame, 0, len(frame), len(frame), link_type)
    if code != SEGMENT:
        assert unwrapper.unwrap(header, code, len(frame), 0) == SEGMENT
    return layers_of(frame, link_type, unwrapper.found)


def told(frame: bytes, link_type: int) -> list[tuple[str, str]]:
    return [(layer.name, "; ".join(layer.facts)) for layer in walk(frame, link_type).layers]


IPV4_TOLD = (
    "IPv4",
    "192.0.2.1 → 198.51.100.7; TTL 64; ID 0xabcd; may be fragmented; ECN: ECT(0); 40 bytes",
)

IPV4_OUTER = ("IPv4", "")
INNER_ETHERNET = ("Ethernet", "02:00:00:00:00:01 → 02:00:00:00:00:02; type 0x0800")


@pytest.mark.parametrize(
    ("link_type", "link", "layer"),
    [
        (ETHERNET, MACS + b"\x08\0", ("Ethernet", "02:00:00:00:00:01 → 02:00:00:00:00:02; type 0x0800")),
        (RAW, b"", ("raw IP", "")),
        (NULL, b"\2\0\0\0", ("BSD loopback", "address family 02 00 00 00")),
        (LOOP, b"\0\0\0\2", ("OpenBSD loopback", "address family 00 00 00 02")),
        (
            LINUX_SLL,
            bytes.fromhex("0004030400060200000000010000") + b"\x08\0",
            ("Linux cooked", "sent by this host; from 02:00:00:00:00:01; type 0x0800"),
        ),
        (
            LINUX_SLL2,
            b"\x08\0\0\0" + bytes.fromhex("00000003000104060200000000010000"),
            ("Linux cooked v2", "interface 3; sent by this host; from 02:00:00:00:00:01; type 0x0800"),
        ),
    ],
)
def test_link_layers(link_type: int, link: bytes, layer: tuple[str, str]) -> None:
    assert told(link + IPV4, link_type) == [layer, IPV4_TOLD]


def test_vlan_tags() -> None:
    tags = bytes.fromhex("88a8 0064 8100 b0c8 0800")
    assert told(MACS + tags + IPV4, ETHERNET) == [
        ("Ethernet", "02:00:00:00:00:01 → 02:00:00:00:00:02; type 0x88a8"),
        ("VLAN", "ID 100; priority 0"),
        ("VLAN", "ID 200; priority 5; may be dropped (DEI)"),
        IPV4_TOLD,
    ]


def test_ipv6_and_extension_headers() -> None:
    (_, (name, facts)) = told(IPV6, RAW)
    assert (name, facts) == (
        "IPv6",
        "::1 → ::2; hop limit 63; flow label 0x12345; DSCP 46; ECN: not ECN-capable; "
        "20 bytes after the header",
    )
    assert told(IPV6_EXTENDED, RAW)[1][1].endswith("extension header: destination options")


def test_ipv4_options_and_no_fragments() -> None:
    facts = told(IPV4_OPTIONS, RAW)[1][1]
    assert "must not be fragmented (DF)" in facts
    assert "4 bytes of IP options" in facts


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        ("MPLS", [("MPLS", "label 100, 200")]),
        ("PPPoE", [("PPPoE", "session 7"), ("PPP", "")]),
        (
            "GRE, NVGRE",
            [IPV4_OUTER, ("GRE", "type 0x6558; key 1281"), ("Ethernet in GRE", ""), INNER_ETHERNET],
        ),
        ("GTP-U", [IPV4_OUTER, ("UDP", "port 54321 → port 2152"), ("GTP-U", "tunnel 0x00001234")]),
        (
            "VXLAN",
            [IPV4_OUTER, ("UDP", "port 54321 → port 4789"), ("VXLAN", "network 5"), INNER_ETHERNET],
        ),
        (
            "L2TP",
            [IPV4_OUTER, ("UDP", "port 54321 → port 1701"), ("L2TP", "tunnel 1; session 2"), ("PPP", "")],
        ),
        ("MAC in MAC", [("provider backbone bridge", "service 5"), INNER_ETHERNET]),
    ],
)
def test_each_layer_around_the_segment_is_named(name: str, layers: list[tuple[str, str]]) -> None:
    link_type, frame, *_ = WRAPPED[name]
    found = told(frame, link_type)
    assert found[0][0] == "Ethernet"
    assert [(name, facts if name != "IPv4" else "") for name, facts in found[1:-1]] == layers
    assert found[-1][1].startswith("192.0.2.1 → 198.51.100.2")


@pytest.mark.parametrize("name", WRAPPED)
def test_every_wrapping_is_told(name: str) -> None:
    link_type, frame, version, _ = WRAPPED[name]
    walked = walk(frame, link_type)
    assert walked.layers[-1].name == f"IPv{version}"
    assert len(walked.source) == (4 if version == 4 else 16)
    assert all(layer.name and all(layer.facts) for layer in walked.layers)


def test_fragments_are_told() -> None:
    header, unwrapper, code = Header(), Unwrapper(), 0
    frames = [MACS + b"\x08\0" + IPV4[:4] + bytes.fromhex("abcd2000") + IPV4[8:28]]
    frames += [MACS + b"\x08\0" + IPV4[:4] + bytes.fromhex("abcd0001") + IPV4[8:20] + IPV4[28:]]
    frames = [frame[:16] + struct.pack(">H", len(frame) - 14) + frame[18:] for frame in frames]
    for frame in frames:
        refused = header.decode(frame, 0, len(frame), len(frame), ETHERNET)
        code = int(unwrapper.unwrap(header, refused, len(frame), 0))
    assert code == SEGMENT
    names = [layer.name for layer in layers_of(frames[-1], ETHERNET, unwrapper.found).layers]
    assert names == ["Ethernet", "IPv4", "fragments", "IPv4"]
    assert "fragment at byte 8" in layers_of(frames[-1], ETHERNET, unwrapper.found).layers[1].facts


def test_an_authentication_header_is_a_fact() -> None:
    link_type, frame, *_ = WRAPPED["AH"]
    assert told(frame, link_type)[-1][1].endswith("extension header: authentication")


@given(st.binary(max_size=80), st.sampled_from([ETHERNET, RAW, NULL, LINUX_SLL, LINUX_SLL2]))
def test_any_bytes_that_hold_a_segment_have_layers(tail: bytes, link_type: int) -> None:
    for frame in (tail, tail + IPV4, MACS + b"\x81\0" + tail + IPV6):
        header = Header()
        if header.decode(frame, 0, len(frame), len(frame), link_type) == SEGMENT:
            found = layers_of(frame, link_type, None)
            assert len(found.source) == len(found.destination) == (4 if header.ip_version == 4 else 16)
