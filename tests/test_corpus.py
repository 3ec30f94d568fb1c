"""The captures of other projects, against what tshark 4.0.17 says of them in two passes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from analyzer.errors import CaptureFormatError
from analyzer.pipeline import analyze
from analyzer.trace.model import Trace

# Captures where tshark sees more than this version looks for, by the reason. Each has to differ still:
# one that agrees is to be taken off.
WAITING = {
    "TCP inside a tunnel": {
        "PcapFlowLab__17_ah_invalid_payload_length_too_small.pcap",
        "PcapFlowLab__21_geneve_identity_outer_carrier_variation_same_flow.pcap",
        "PcapFlowLab__22_geneve_identity_outer_and_inner_vlan_splits.pcap",
        "PcapFlowLab__22_gtpu_udp_port_direction_matrix.pcap",
        "PcapFlowLab__24_gtpu_flag_matrix_inner_ipv4_tcp.pcap",
        "PcapFlowLab__24_vxlan_outer_ipv4_fragmentation.pcap",
        "PcapFlowLab__30_geneve_vni_byte_order_distinct_values.pcap",
        "PcapFlowLab__35_gtpu_bidirectional_different_teids_same_inner_tcp.pcap",
        "PcapFlowLab__pcap_flow_lab_showcase.pcap",
        "arkime__gre-erspan-vxlan.pcap",
        "dpkt__nb6-http.pcap",
        "libpcap__AH-IPcomp-IPv6.pcap",
        "suricata-verify__bug-5437-02__input.pcap",
        "zeek__geneve-47101.pcap",
        "zeek__gre-aruba-amsdu.pcap",
    },
    "TCP in fragments": {
        "suricata-verify__bug-6887-defrag-ipv4-tcp-syn__frag-ip-tcp-syn.pcap",
        "suricata-verify__bug-6887-defrag-ipv6-tcp__frag-ip-tcp.pcap",
        "suricata-verify__bug-6887-defrag-ppp-ipv4-tcp-syn__frag-ppp-ip-tcp-syn.pcap",
        "suricata-verify__bug-6887-defrag-ppp-ipv6-tcp__frag-ppp-ipv6-tcp.pcap",
        "tcpdump__rpki-rtr-oobr.pcap",
        "zeek__fragmented-syn.pcap",
    },
    "a link type that is skipped": {
        "PcapPlusPlus__CiscoHDLC.pcap",
        "libpcap__arcnet-rfc1201-arp-icmp-http.pcap",
        "pcapsql__netlink-nflog.pcap",
        "pcapsql__nflog-ebtables.pcapng",
        "suricata-verify__decode-chdlc-01__hdlc-http_1tx.pcap",
        "tcpdump__arcnet-rfc1201-arp-icmp-http.pcap",
        "tcpdump__bgp-aigp.pcap",
        "zeek__dns-inverse-query.pcap",
    },
    "a TCP header that is damaged or cut, which tshark counts by its ports": {
        "PcapFlowLab__19_tcp_syn_tcp_header_snaplen_truncated.pcap",
        "PcapFlowLab__21_mpls_snaplen_truncated_inner_tcp.pcap",
        "gopacket__linux_sll_oversized_addr.pcapng",
        "suricata-verify__bug-76__input.pcap",
        "suricata-verify__transform-base64-7296__input.pcap",
        "tcpdump__tcp_header_heapoverflow.pcap",
    },
    "a format that is not read": {
        "PcapPlusPlus__pcapng-example.pcapng.zst",
        "PcapPlusPlus__solaris.snoop",
        "pcapsql__dns.cap.zst",
    },
    # tshark's FTP dissector knows of the data connections before their SYN, which then does not count.
    "completeness of connections that FTP announced": {"suricata-verify__ftp-ippair-leak-5204_input.pcap"},
}  # fmt: skip


def truth_of(capture: Path) -> dict[str, Any]:
    truth: dict[str, Any] = json.loads(Path(f"{capture}.truth.json").read_text("utf-8"))
    return truth


def differences(trace: Trace, truth: dict[str, Any]) -> list[str]:
    """What is not as tshark has it."""
    streams = truth["streams"]
    if len(trace) != len(streams):
        return [f"{len(trace)} connections, not {len(streams)}"]
    found = []
    if trace.capture.tcp_segments != truth["tcp_packets"]:
        found.append(f"{trace.capture.tcp_segments} segments, not {truth['tcp_packets']}")
    for connection, stream in zip(trace, streams, strict=True):
        ends = [connection.client, connection.server]
        octets = [connection.client_data.octets, connection.server_data.octets]
        if connection.segments[0].sender == "server":
            ends.reverse()
            octets.reverse()
        unique = [stream["derived"]["unique_bytes_ab"], stream["derived"]["unique_bytes_ba"]]
        facts = {
            "endpoints": ([[end.address, end.port] for end in ends], [stream["a"], stream["b"]]),
            "completeness": (connection.completeness, stream["completeness"]),
            "octets": (octets, unique),
        }
        found += [
            f"connection {connection.id}: {name} {ours}, not {theirs}"
            for name, (ours, theirs) in facts.items()
            if ours != theirs
        ]
    return found


def test_connections_are_those_of_tshark(corpus_capture: Path) -> None:
    waiting = [reason for reason, names in WAITING.items() if corpus_capture.name in names]
    try:
        found = differences(analyze(corpus_capture), truth_of(corpus_capture))
    except CaptureFormatError:
        found = ["not read"]
        assert waiting == ["a format that is not read"]
    if waiting:
        assert found, f"agrees: take it off the list of what waits for {waiting[0]}"
    else:
        assert not found, "\n".join(found)


def test_what_waits_is_in_the_corpus(corpus: Path) -> None:
    listed = [name for names in WAITING.values() for name in names]
    assert len(listed) == len(set(listed))
    assert all((corpus / name).exists() for name in listed)


# Frames that quote TCP in an ICMP error, where more has to be unwrapped than this version does.
UNREAD_ERRORS = {"pcapsql__nflog-ebtables.pcapng"}


def test_every_quoted_segment_is_heard_of(corpus_capture: Path) -> None:
    """What tshark shows of TCP in ICMP errors is tied to a connection or counted by name."""
    quoting = truth_of(corpus_capture).get("frames_info", {}).get("icmp_embedded_tcp", [])
    try:
        trace = analyze(corpus_capture)
    except CaptureFormatError:
        assert not quoting
        return
    heard = [error for connection in trace for error in connection.icmp_errors]
    elsewhere = sum(trace.capture.icmp_errors_elsewhere.values())
    if corpus_capture.name in UNREAD_ERRORS:
        assert not heard, "read: take it off the list"
        assert not elsewhere
        return
    assert {error.frame for error in heard} <= set(quoting)
    assert len(heard) + elsewhere == len(quoting)
    assert all(error.answers is not None for error in heard)
