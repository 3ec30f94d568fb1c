from __future__ import annotations

import dpkt

from analyzer.lab.packets import forged_syn, icmp_error
from analyzer.lab.relay import SYN
from analyzer.wire.icmp import error_text, read_error

FORGED = forged_syn("10.66.0.7", 40007, "10.0.0.2", 20011)


def test_a_forged_syn_is_well_formed() -> None:
    packet = dpkt.ip.IP(FORGED)
    segment = packet.data
    assert (segment.sport, segment.dport, segment.flags) == (40007, 20011, SYN)
    assert dpkt.tcp.parse_opts(segment.opts) == [(2, b"\x05\xb4")]
    # dpkt computes a checksum that is 0.
    sums = packet.sum, segment.sum
    packet.sum = segment.sum = 0
    again = dpkt.ip.IP(bytes(packet))
    assert (again.sum, again.data.sum) == sums


def test_what_a_router_says_goes_to_whoever_sent_the_packet() -> None:
    for packet in (FORGED, FORGED + b"x", FORGED + bytes(1000)):
        data = icmp_error("10.0.0.254", 4, packet, 1000)
        said = dpkt.ip.IP(data)
        assert (said.src, said.dst) == (b"\x0a\0\0\xfe", b"\x0a\x42\0\x07")
        assert len(data) <= 576
        for summed in (data[:20], data[20:]):
            words = int.from_bytes(summed + bytes(len(summed) % 2), "big")
            assert words % 0xFFFF == 0  # RFC 1071: with a right checksum the sum is 0, or all ones
        message = read_error(data, 0, len(data))
        assert message is not None
        assert error_text(message.kind, message.number) == "fragmentation needed, next hop MTU 1000"
        assert message.quoted.source_port == 40007
