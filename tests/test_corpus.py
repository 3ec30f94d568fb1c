"""The captures of other projects, against what tshark 4.0.17 says of them in two passes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from analyzer.pipeline import analyze
from analyzer.trace.model import Trace

# Captures where tshark sees more than this version looks for, by the reason. Each has to differ still:
# one that agrees is to be taken off.
WAITING = {
    # tshark's FTP dissector knows of the data connections before their SYN, which then does not count.
    "completeness of connections that FTP announced": {"suricata-verify__ftp-ippair-leak-5204_input.pcap"},
}  # fmt: skip

# Captures where tshark is not followed, with all that differs for that reason.
OTHERWISE = {
    "a segment whose data offset is 0 has no payload: Wireshark counts its header as one": {
        "gopacket__linux_sll_oversized_addr.pcapng": ["connection 0: octets [558, 5441], not [636, 5441]"],
    },
    "tshark takes the file for one whose records have longer headers, and looks for the frame eight octets on": {
        "suricata-verify__bug-6875-01__fuzz.pcap": ["1 connections, not 0"],
    },
    "the octets in a first fragment that stays alone are counted": {
        "tcpdump__rpki-rtr-oobr.pcap": ["connection 0: octets [22, 0], not [0, 0]"],
    },
}


def truth_of(capture: Path) -> dict[str, Any]:
    truth: dict[str, Any] = json.loads(Path(f"{capture}.truth.json").read_text("utf-8"))
    return truth


def differences(trace: Trace, truth: dict[str, Any]) -> list[str]:
    """What is not as tshark has it."""
    streams = truth["streams"]
    if len(trace) != len(streams):
        return [f"{len(trace)} connections, not {len(streams)}"]
    found = []
    # A frame may hold several, and one whose header was cut behind the ports is of no stream.
    segments = sum(stream["packets_ab"] + stream["packets_ba"] for stream in streams)
    if trace.capture.tcp_segments != segments:
        found.append(f"{trace.capture.tcp_segments} segments, not {segments}")
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
    otherwise = [names[corpus_capture.name] for names in OTHERWISE.values() if corpus_capture.name in names]
    found = differences(analyze(corpus_capture), truth_of(corpus_capture))
    if otherwise:
        assert [found] == otherwise
    elif waiting:
        assert found, f"agrees: take it off the list of what waits for {waiting[0]}"
    else:
        assert not found, "\n".join(found)


def test_what_waits_is_in_the_corpus(corpus: Path) -> None:
    listed = [name for names in WAITING.values() for name in names]
    assert len(listed) == len(set(listed))
    assert all((corpus / name).exists() for name in listed)


def test_every_quoted_segment_is_heard_of(corpus_capture: Path) -> None:
    """What tshark shows of TCP in ICMP errors is tied to a connection or counted by name."""
    quoting = truth_of(corpus_capture).get("frames_info", {}).get("icmp_embedded_tcp", [])
    trace = analyze(corpus_capture)
    heard = [error for connection in trace for error in connection.icmp_errors]
    elsewhere = sum(trace.capture.icmp_errors_elsewhere.values())
    assert {error.frame for error in heard} <= set(quoting)
    assert len(heard) + elsewhere == len(quoting)
    assert all(error.answers is not None for error in heard)
