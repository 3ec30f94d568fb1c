"""What dpkt unwraps, on frames built here; tests/test_corpus.py has real ones."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.wire import link_types, skips
from analyzer.wire.fallback import decode_with_dpkt
from analyzer.wire.header import Header
from tests.wire.frames import PACKET_4, PACKET_6, decode, ethernet
from tests.wire.test_header import assert_is_the_segment

MPLS = struct.pack("!I", 100 << 12 | 1 << 8 | 64)
PPPOE = struct.pack("!BBHHH", 0x11, 0, 7, 2 + len(PACKET_4), 0x0021)
IP_IN_IP = PACKET_4[:2] + struct.pack("!H", 20 + len(PACKET_4)) + PACKET_4[4:9] + b"\x04" + PACKET_4[10:20]


def fall_back(frame: bytes, link_type: int) -> tuple[int, Header]:
    """As the pass over a capture does it."""
    code, header = decode(frame, link_type)
    assert code != skips.SEGMENT
    block = b"\xff" * 7 + frame + b"\xff" * 80
    return decode_with_dpkt(header, code, block, 7, len(frame), len(frame), link_type), header


@pytest.mark.parametrize(
    ("frame", "link_type", "version"),
    [
        (ethernet(0x8847, MPLS + PACKET_4), link_types.ETHERNET, 4),
        (ethernet(0x8864, PPPOE + PACKET_4), link_types.ETHERNET, 4),
        (b"\xff\x03\x00\x21" + PACKET_4, 9, 4),
        (ethernet(0x0800, IP_IN_IP + PACKET_4), link_types.ETHERNET, 4),
    ],
    ids=["MPLS", "PPPoE", "PPP", "IP in IP"],
)
def test_what_dpkt_unwraps(frame: bytes, link_type: int, version: int) -> None:
    code, header = fall_back(frame, link_type)
    assert code == skips.SEGMENT
    assert_is_the_segment(header, version)


@pytest.mark.parametrize(
    ("frame", "link_type"),
    [
        (ethernet(0x0806, bytes(28)), link_types.ETHERNET),
        (ethernet(0x88B5, PACKET_4), link_types.ETHERNET),
        (ethernet(0x8847, b""), link_types.ETHERNET),
        (PACKET_4, 147),
        (PACKET_6[:6] + b"\x11" + PACKET_6[7:], link_types.RAW),
    ],
)
def test_what_nobody_reads(frame: bytes, link_type: int) -> None:
    assert fall_back(frame, link_type)[0] == skips.OTHER


@given(
    frame=st.builds(
        ethernet,
        st.sampled_from([0x8847, 0x8848, 0x8863, 0x8864, 0x880B, 0x2000, 0x0800, 0x86DD, 0x0027]),
        st.one_of(st.binary(max_size=80), st.binary(max_size=8).map(lambda head: head + PACKET_4)),
    ),
    link_type=st.sampled_from([1, 9, 51, 105, 127, 4000]),
)
def test_whatever_a_frame_holds(frame: bytes, link_type: int) -> None:
    code, header = decode(frame, link_type)
    if code != skips.SEGMENT:
        code, header = fall_back(frame, link_type)
        assert code in (skips.OTHER, skips.SEGMENT) or skips.skip_name(code)
    if code == skips.SEGMENT:
        assert 0 <= header.payload_captured <= header.payload_length
