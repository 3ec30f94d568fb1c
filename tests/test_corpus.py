"""The captures of other projects, frame by frame against what tshark 4.0.17 says of them in two passes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from analyzer.analysis.reading import Reading
from analyzer.analysis.stored import analyze
from analyzer.tcp import completeness as bits
from analyzer.tcp.corrections import correction_names, explains
from analyzer.tcp.machine import Machine
from analyzer.tcp.notes import NOTES, note_names
from analyzer.tcp.verdict import completeness
from analyzer.trace.build import build_connection
from analyzer.trace.values import Segment
from analyzer.verify.beside_tshark import ANNOUNCED, verify
from analyzer.wire import header as flag
from tools.truth import (
    NOT_FOLLOWED,
    PAGE,
    ZEEK_REASONS,
    Observed,
    ZeekRow,
    by_frame,
    expected_masks,
    measure,
    observe,
    page,
    zeek_rows,
)

ROOT = Path(__file__).resolve().parent.parent

# Captures where tshark is not followed, with all that differs for that reason.
OTHERWISE = {
    "a segment whose data offset is 0 has no payload: Wireshark counts its header as one": {
        "gopacket__linux_sll_oversized_addr.pcapng": [
            "connection 0: payload [902, 5441], not [979, 5441]",
            "connection 0: bytes [558, 5441], not [636, 5441]",
        ],
    },
    **{reason: {name: ["1 connections, not 0"]} for name, reason in NOT_FOLLOWED.items()},
    "the bytes in a first fragment that stays alone are counted": {
        "tcpdump__rpki-rtr-oobr.pcap": [
            "connection 0: payload [22, 0], not [0, 0]",
            "connection 0: bytes [22, 0], not [0, 0]",
        ],
    },
}

# capture -> connections that tshark's FTP dissector announced before their SYN, which then does not count.
ANNOUNCED_CONNECTIONS = {"suricata-verify__ftp-ippair-leak-5204_input.pcap": {1, 2}}

COMPLETENESS = ("-Y", "tcp", "-T", "fields", "-e", "tcp.stream", "-e", "tcp.completeness")

NANOSECONDS = 1_000_000_000


def truth_of(capture: Path) -> dict[str, Any]:
    truth: dict[str, Any] = json.loads(Path(f"{capture}.truth.json").read_text("utf-8"))
    return truth


def frames_with(segments: list[Observed], mask: int, value: int, direction: int) -> list[int]:
    return [item.frame for item in segments if item.flags & mask == value and item.direction == direction]


def facts(machine: Machine, segments: list[Observed], stream: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """What both say of one connection: name of the fact -> ours and theirs."""
    connection = build_connection(machine, NO_SOURCE)
    ends = [[end.address, end.port] for end in (connection.client, connection.server)]
    data = [connection.client_data.bytes, connection.server_data.bytes]
    ends_first = [machine.first_port, machine.second_port]
    if [ends[0][1], ends[1][1]] != ends_first or machine.opener == 1:
        ends.reverse()
        data.reverse()
    sent = [sum(item.length for item in segments if item.direction == side) for side in (0, 1)]
    theirs = stream["derived"]
    rtt = stream["initial_rtt"]
    found: dict[str, tuple[Any, Any]] = {
        "endpoints": (ends, [stream["a"], stream["b"]]),
        "completeness": (completeness(machine), stream["completeness"]),
        "payload": (sent, [stream["bytes_ab"], stream["bytes_ba"]]),
        "bytes": (data, [theirs["unique_bytes_ab"], theirs["unique_bytes_ba"]]),
    }
    # tshark shows it only beside something else that it found. On its second reading it shows one also where the ACK
    # came before the SYN, or where both have the last time that 63 bits of nanoseconds can hold.
    if rtt is not None and machine.wireshark_initial_rtt != 0:
        found["initial round trip"] = (int(machine.wireshark_initial_rtt), round(rtt * NANOSECONDS))
    for name, mask, value in FLAG_FACTS:
        for side, way in ((0, "ab"), (1, "ba")):
            found[f"{name} {way}"] = (frames_with(segments, mask, value, side), stream[f"{name}_{way}"])
    expected = expected_masks(stream["analysis"])
    found["notes"] = (
        {item.frame: note_names(item.wireshark) for item in by_frame(segments) if item.wireshark},
        {frame: note_names(mask) for frame, mask in sorted(expected.items())},
    )
    return found


FLAG_FACTS = (
    ("syn", flag.SYN | flag.ACK, flag.SYN),
    ("synack", flag.SYN | flag.ACK, flag.SYN | flag.ACK),
    ("fin", flag.FIN, flag.FIN),
    ("rst", flag.RST, flag.RST),
)


class _NoSource:
    def at_hand(self, number: int) -> bool:
        return False

    def segments(self, number: int) -> list[Segment]:
        raise AssertionError("nobody asks")

    def picture(self, connection: object) -> str:
        raise AssertionError("nobody asks")


NO_SOURCE = _NoSource()


def differences(capture: Path, truth: dict[str, Any]) -> list[str]:
    """What is not as tshark has it."""
    machines, segments = observe(capture)
    streams = truth["streams"]
    if len(machines) != len(streams):
        return [f"{len(machines)} connections, not {len(streams)}"]
    found = []
    # A frame may hold several, and one whose header was cut behind the ports is of no stream.
    expected = sum(stream["packets_ab"] + stream["packets_ba"] for stream in streams)
    if sum(map(len, segments)) != expected:
        found.append(f"{sum(map(len, segments))} segments, not {expected}")
    for machine, own, stream in zip(machines, segments, streams, strict=True):
        for name, (ours, theirs) in facts(machine, own, stream).items():
            if ours != theirs and not announced(capture, machine, name, ours, theirs):
                found.append(f"connection {machine.number}: {name} {ours}, not {theirs}")
    return found


def announced(capture: Path, machine: Machine, name: str, ours: int, theirs: int) -> bool:
    named = machine.number in ANNOUNCED_CONNECTIONS.get(capture.name, ())
    return named and name == "completeness" and ours == theirs | bits.SYN


def otherwise(capture: Path) -> list[str]:
    return next((names[capture.name] for names in OTHERWISE.values() if capture.name in names), [])


@pytest.mark.slow
def test_all_is_as_tshark_says(corpus_capture: Path) -> None:
    assert differences(corpus_capture, truth_of(corpus_capture)) == otherwise(corpus_capture)


@pytest.mark.slow
def test_the_document_of_wiresharks_mode_has_these_notes(corpus_capture: Path) -> None:
    if otherwise(corpus_capture):
        return
    trace = analyze(corpus_capture, Reading(wireshark=True))
    truth = truth_of(corpus_capture)
    for connection, stream in zip(trace, truth["streams"], strict=True):
        expected = expected_masks(stream["analysis"])
        shown = {item.frame: list(item.notes) for item in connection.segments if item.notes}
        assert shown == {frame: note_names(mask) for frame, mask in sorted(expected.items())}
        counts = {note.name: sum(mask & note.bit != 0 for mask in expected.values()) for note in NOTES}
        if not truth["frames_info"]["multi_tcp_layer_frames"]:  # tshark has one list of notes for a frame
            assert connection.notes == {name: count for name, count in counts.items() if count}


@pytest.mark.slow
def test_every_difference_by_default_has_its_rule(corpus_capture: Path) -> None:
    _, segments = observe(corpus_capture)
    unexplained = [
        f"frame {item.frame}: {note_names(item.notes)}, Wireshark: {note_names(item.wireshark)}, "
        f"rules: {correction_names(item.corrections)}"
        for own in segments
        for item in own
        if not explains(item.corrections, item.notes, item.wireshark)
    ]
    assert not unexplained, "\n".join(unexplained)


@pytest.mark.slow
def test_what_zeek_says(corpus: Path) -> None:
    rows: list[ZeekRow] = []
    for truth_file in sorted(corpus.glob("*.truth.json")):
        capture = Path(str(truth_file).removesuffix(".truth.json"))
        if not otherwise(capture):
            rows += zeek_rows(capture.name, truth_of(capture), observe(capture)[0])
    assert len(rows) >= 18
    different = {(row.capture, row.stream, row.theirs[1]) for row in rows if row.ours != row.theirs}
    assert different == set(ZEEK_REASONS)


@pytest.mark.slow
def test_the_page_about_the_agreement_is_that_of_the_present_code(
    corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    counted = measure(corpus)
    assert set(counted.aside) == set(NOT_FOLLOWED)
    made = page(counted)
    with capsys.disabled():
        table = [line for line in made.splitlines() if line.startswith("| ") and "`" in line]
        print("\n" + "\n".join([made.splitlines()[6], *table]))  # noqa: T201
    assert (ROOT / PAGE).read_text("utf-8") == made, "run `python -m tools.truth CORPUS`"


@pytest.mark.slow
def test_a_connection_announced_by_ftp_counts_its_syn_without_the_dissector(
    corpus: Path, tshark: str
) -> None:
    for name, numbers in ANNOUNCED_CONNECTIONS.items():
        shown = {}
        for off in ([], ["--disable-protocol", "ftp"]):
            done = subprocess.run(
                [tshark, "-2", "-n", "-r", str(corpus / name), *off, *COMPLETENESS],
                capture_output=True,
                text=True,
                check=True,
            )
            shown[bool(off)] = dict(line.split("\t") for line in done.stdout.splitlines())
        for number in numbers:
            with_ftp, without = int(shown[False][str(number)]), int(shown[True][str(number)])
            assert without == with_ftp | bits.SYN == completeness(observe(corpus / name)[0][number])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "differences"),
    [
        ("zeek__reassembly.pcap", {"not-asked": 3}),
        ("zeek__rst-inject-rae.pcap", {"first-syn-ack": 1}),
        ("suricata-verify__ftp-ippair-leak-5204_input.pcap", {ANNOUNCED: 2}),
        ("lab__simultaneous-open.pcap", {"simultaneous-open": 2}),
    ],
)
def test_the_installed_tshark_is_verified_against(
    corpus: Path, tshark: str, name: str, differences: dict[str, int]
) -> None:
    verification = verify(corpus / name)
    assert all(found.rules for found in verification)
    assert verification.differences == differences
    assert (
        verification.agreeing + sum(differences.values()) - differences.get(ANNOUNCED, 0)
        == verification.frames
    )
    strict = verify(corpus / name, wireshark=True)
    assert [found.rules for found in strict] == [(ANNOUNCED,)] * differences.get(ANNOUNCED, 0)


@pytest.mark.slow
def test_every_quoted_segment_is_heard_of(corpus_capture: Path) -> None:
    """What tshark shows of TCP in ICMP errors is tied to a connection or counted by name."""
    quoting = truth_of(corpus_capture).get("frames_info", {}).get("icmp_embedded_tcp", [])
    trace = analyze(corpus_capture)
    heard = [error for connection in trace for error in connection.icmp_errors]
    elsewhere = sum(trace.capture.icmp_errors_elsewhere.values())
    assert {error.frame for error in heard} <= set(quoting)
    assert len(heard) + elsewhere == len(quoting)
    assert all(error.answers is not None for error in heard)


def test_what_is_not_followed_is_in_the_corpus(corpus: Path) -> None:
    listed = [name for names in OTHERWISE.values() for name in names]
    assert len(listed) == len(set(listed))
    assert all((corpus / name).exists() for name in listed)
