"""Our pass beside tshark's: what is said of the frames on which both differ."""

from __future__ import annotations

from pathlib import Path

import pytest

from analyzer.capture.dissection import version_of_tshark
from analyzer.errors import CaptureFormatError, InputError, UsageError
from analyzer.tcp.corrections import CORRECTIONS
from analyzer.verify.beside_tshark import BEYOND_NOTES, VERSION, WIRESHARK_NAMES, verify
from tests.capture.builders import RAW, pcap_header, pcap_record
from tests.tcp.transcript import ip_packet, tcp_segment
from tests.wire.wrappings import FRAME_4, ip4, sampled, sflow, udp

ROOT = Path(__file__).resolve().parent.parent.parent
CAPTURES = sorted((ROOT / "captures").glob("*.pcap*"))


def test_the_version_is_the_one_that_the_definitions_follow(tshark: str) -> None:
    assert version_of_tshark() == VERSION
    assert len(WIRESHARK_NAMES) == 15
    assert not set(BEYOND_NOTES) & {*WIRESHARK_NAMES, *(rule.name for rule in CORRECTIONS)}


@pytest.mark.slow
@pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.name)
def test_every_recording(tshark: str, capture: Path) -> None:
    verification = verify(capture)
    found = list(verification)
    assert all(item.rules for item in found)
    assert verification.unexplained == 0
    assert verification.frames == verification.agreeing + len(found) > 0
    strict = verify(capture, wireshark=True)
    assert list(strict) == []
    assert strict.agreeing == strict.frames == verification.frames


@pytest.mark.slow
def test_a_deliberate_difference_has_its_rule(tshark: str) -> None:
    found = list(verify(ROOT / "captures" / "simultaneous-open.pcap"))
    assert [item.frame for item in found] == [3, 4]
    assert {(item.about, item.ours, item.wireshark, item.rules) for item in found} == {
        ("notes", (), ("retransmission",), ("simultaneous-open",))
    }


def test_what_cannot_be_verified(tmp_path: Path, tshark: str) -> None:
    with pytest.raises(UsageError, match="store it in a file first"):
        verify("-")
    with pytest.raises(InputError):
        verify(tmp_path / "nothing.pcap")
    (tmp_path / "text.pcap").write_text("no capture at all")
    with pytest.raises(CaptureFormatError):
        verify(tmp_path / "text.pcap")


def test_more_connections_than_are_held_cannot_be_verified(
    tmp_path: Path, tshark: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analyzer.analysis.reading.CONNECTIONS_HELD", 5)
    with pytest.raises(UsageError, match=r"too many connections .* editcap -c"):
        list(verify(ROOT / "captures" / "clients.pcap"))


@pytest.mark.slow
def test_a_capture_that_breaks_off_is_compared_as_far_as_it_goes(tmp_path: Path, tshark: str) -> None:
    whole = (ROOT / "captures" / "echo.pcap").read_bytes()
    (tmp_path / "cut.pcap").write_bytes(whole[:-10])
    verification = verify(tmp_path / "cut.pcap")
    assert list(verification) == []
    assert verification.frames == verification.agreeing == 9
    assert len(verification.warnings) == 1


CLIENT, SERVER = ("192.0.2.1", 40000), ("198.51.100.2", 80)
SYN, SYN_ACK, ACK = 0x02, 0x12, 0x10


def segment(flags: int, seq: int, ack: int, port: int = 40000) -> bytes:
    source, destination = (CLIENT[0], port), SERVER
    if flags == SYN_ACK:
        source, destination = destination, source
    return ip_packet(source[0], destination[0], tcp_segment(source, destination, seq, ack, flags, 500))


def quoted(packet: bytes) -> bytes:
    """An ICMP error about a packet: port unreachable."""
    message = b"\x03\x03\0\0" + bytes(4) + packet
    total = 20 + len(message)
    head = bytes((0x45, 0, total >> 8, total & 255, 0, 0, 0, 0, 64, 1, 0, 0, 198, 51, 100, 254, 192, 0, 2, 1))
    return head + message


def written(path: Path, *packets: bytes) -> Path:
    path.write_bytes(pcap_header(link_type=RAW) + b"".join(pcap_record(packet) for packet in packets))
    return path


OPENING = (segment(SYN, 100, 0), segment(SYN_ACK, 900, 101), segment(ACK, 101, 901))


@pytest.mark.slow
@pytest.mark.parametrize("wireshark", [False, True])
def test_a_connection_that_was_only_quoted_is_passed_over(
    tmp_path: Path, tshark: str, wireshark: bool
) -> None:
    path = written(tmp_path / "quoted.pcap", quoted(segment(SYN, 5, 0, port=9)), *OPENING)
    verification = verify(path, wireshark=wireshark)
    (found,) = verification
    assert found == (2, 0, "connection", ("0",), ("1",), ("passed-over",))
    assert (verification.frames, verification.agreeing, verification.unexplained) == (3, 2, 0)


@pytest.mark.slow
@pytest.mark.parametrize("wireshark", [False, True])
def test_a_quoted_syn_divides_a_connection(tmp_path: Path, tshark: str, wireshark: bool) -> None:
    path = written(
        tmp_path / "divided.pcap",
        *OPENING,
        quoted(segment(SYN, 77777, 0)),
        segment(ACK, 101, 901),
        segment(ACK, 101, 901),
    )
    verification = verify(path, wireshark=wireshark)
    found = list(verification)
    assert found[0] == (5, 0, "connection", ("0",), ("1",), ("divided",))
    assert [item.rules for item in found] == [("divided",)] * len(found)
    assert found[-1].about == "completeness"
    assert verification.unexplained == 0


@pytest.mark.slow
def test_a_number_that_a_frame_unread_by_us_bears_is_not_passed_over(tmp_path: Path, tshark: str) -> None:
    # Of a version that RFC 8926 3.4 has dropped; tshark reads on.
    geneve = ip4(17, udp(6081, b"\x40\0\x65\x58\0\0\5\0" + FRAME_4))
    verification = verify(written(tmp_path / "unread.pcap", geneve, *OPENING))
    found = list(verification)
    assert [(item.frame, item.about, item.rules) for item in found[:2]] == [
        (1, "connection", ()),
        (2, "connection", ()),
    ]
    assert verification.unexplained == len(found)


@pytest.mark.slow
def test_a_packet_that_does_not_say_how_long_it_is(tmp_path: Path, tshark: str) -> None:
    packet = ip_packet(
        "2001:db8::1", "2001:db8::2", tcp_segment(("2001:db8::1", 1), ("2001:db8::2", 2), 1, 1, ACK, 500)
    )
    back = ip_packet(
        "2001:db8::2", "2001:db8::1", tcp_segment(("2001:db8::2", 2), ("2001:db8::1", 1), 1, 1, ACK, 500)
    )
    path = written(tmp_path / "length.pcap", packet[:4] + b"\0\0" + packet[6:], back)
    found = list(verify(path))
    assert found[0] == (1, 0, "connection", ("TCP",), (), ("without-length",))
    assert [item.rules for item in found] == [("without-length",)] * 2


@pytest.mark.slow
@pytest.mark.parametrize("wireshark", [False, True])
def test_of_samples_nothing_was_lost_or_sent_again(tmp_path: Path, tshark: str, wireshark: bool) -> None:
    packets = [segment(ACK, seq, 901) + bytes(1000) for seq in (101, 50101, 101, 9101)]
    samples = [
        sampled(packet[:2] + (1040).to_bytes(2, "big") + packet[4:], protocol=11) for packet in packets
    ]
    datagrams = [ip4(17, udp(6343, sflow(sample))) for sample in samples]
    verification = verify(written(tmp_path / "samples.pcap", *OPENING, *datagrams), wireshark=wireshark)
    assert list(verification) == []
    assert verification.agreeing == 7
