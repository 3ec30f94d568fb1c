"""The checksum, against dpkt's and against what a kernel leaves in the field."""

from __future__ import annotations

import struct

from dpkt import ip, ip6, tcp
from hypothesis import given
from hypothesis import strategies as st

from analyzer.wire.checksum import computed_checksum, judge_checksum

SOURCE, DESTINATION = bytes([192, 0, 2, 1]), bytes([198, 51, 100, 7])


def with_checksum(segment: bytes, checksum: int) -> bytes:
    return segment[:16] + struct.pack(">H", checksum) + segment[18:]


@given(st.binary(max_size=50), st.binary(min_size=4, max_size=4), st.binary(min_size=4, max_size=4))
def test_it_is_dpkts_over_ipv4(payload: bytes, source: bytes, destination: bytes) -> None:
    segment = tcp.TCP(sport=1, dport=2, data=payload)
    packet = ip.IP(src=source, dst=destination, p=6, data=segment, len=40 + len(payload))
    data = bytes(packet)[20:]
    assert computed_checksum(data, source, destination) == struct.unpack(">H", data[16:18])[0]
    assert judge_checksum(data, source, destination) == "right"


@given(st.binary(max_size=50), st.binary(min_size=16, max_size=16))
def test_it_is_dpkts_over_ipv6(payload: bytes, source: bytes) -> None:
    segment = tcp.TCP(sport=1, dport=2, data=payload)
    packet = ip6.IP6(src=source, dst=source[::-1], nxt=6, data=segment, plen=20 + len(payload))
    packet.extension_hdrs = {}
    assert judge_checksum(bytes(packet)[40:], source, source[::-1]) == "right"


@given(st.binary(min_size=20, max_size=60), st.integers(1, 0xFFFE))
def test_a_flipped_bit_is_wrong(segment: bytes, distance: int) -> None:
    right = computed_checksum(segment, SOURCE, DESTINATION)
    other = (right + distance) % 0xFFFF
    verdict = judge_checksum(with_checksum(segment, other), SOURCE, DESTINATION)
    # 0 and 0xffff are the same sum; the field of an unfinished checksum may be any number.
    assert verdict in {"wrong", "partial"} or other == right


def test_the_sum_over_the_pseudo_header_alone_is_partial() -> None:
    # What Linux left on loopback: addresses, protocol and a length of 34 bytes, not complemented.
    segment = bytes.fromhex("bd884e20c1ddf097db85f0b880180040fe2a00000101080a910982aaf2ab49094142")
    loopback = bytes([127, 0, 0, 1])
    assert judge_checksum(segment, loopback, loopback) == "partial"
    assert judge_checksum(with_checksum(segment, 0xFE2B), loopback, loopback) == "wrong"
    # Without the length, as some cards want it.
    assert judge_checksum(with_checksum(segment, 0xFE08), loopback, loopback) == "partial"
