from __future__ import annotations

from pathlib import Path

import pytest

from analyzer.analysis.reading import Reading
from analyzer.analysis.stored import analyze
from analyzer.tcp.states import TRANSITIONS
from analyzer.trace.build import Judged, glance, picked, survey
from analyzer.trace.columns import PAYLOAD_KEPT
from analyzer.trace.values import Close, Connection, Direction, EndpointOptions, Handshake
from analyzer.wire.flags import Flags
from tests.commands.running import ROOT
from tests.tcp.transcript import FIRST_WRAPS, SECOND_WRAPS, START_NS, Player

CAPTURES = Path(__file__).resolve().parents[2] / "captures"

play = Player(FIRST_WRAPS)
SYN_ACK = Flags.SYN | Flags.ACK

# The server sends first here, so that the connection's first endpoint is not the client.
ECHO = """
    > S 0:0(0) win 64240 <mss 1460,sackOK,nop,TS val 1 ecr 0,wscale 7>  ; handshake-1
    < S. 0:0(0) ack 1 win 65160 <mss 1400,sackOK,nop,TS val 5 ecr 1,wscale 2> ; handshake-2
    > . 1:1(0) ack 1 win 502                            ; handshake-3
    > P. 1:3(2) ack 1 win 502                           ; data
    < P. 1:101(100) ack 3 win 509                       ; data
    > F. 3:3(0) ack 101 win 502                         ; close-1
    < F. 101:101(0) ack 4 win 509                       ; close-2+close-3
    > . 4:4(0) ack 102 win 502                          ; close-4
"""


def test_a_whole_connection() -> None:
    connection = play(ECHO).built()
    assert (str(connection.client), str(connection.server)) == ("192.0.2.1:40000", "198.51.100.2:80")
    assert (connection.id, connection.roles) == (0, "syn")
    assert (connection.first_frame, connection.last_frame, connection.segment_count) == (1, 8, 8)
    assert (connection.first_time_ns, connection.duration_ns) == (START_NS, 70_000_000)
    assert connection.handshake == Handshake(
        outcome="complete",
        syn_frame=1,
        syn_ack_frame=2,
        ack_frame=3,
        syn_rtt_ns=10_000_000,
        ack_rtt_ns=10_000_000,
        syn_retries=0,
        syn_ack_retries=0,
        syn_retry_delays_ns=(),
        syn_ack_retry_delays_ns=(),
        client_options=EndpointOptions(1460, 7, True, True, False, None),
        server_options=EndpointOptions(1400, 2, True, True, False, None),
        effective_mss=1400,
        sack=True,
        timestamps=True,
        window_scaling=True,
        ecn=False,
        fast_open=None,
    )
    assert connection.client_data == Direction(5, 1, 2, 0, 0, 0, 0)
    assert connection.server_data == Direction(3, 1, 100, 0, 0, 0, 0)
    assert connection.close == Close("three-segment", "client", (6, 7, 8), ("client",), False)
    assert (connection.client_state, connection.server_state) == ("TIME-WAIT", "CLOSED")
    assert (connection.completeness, connection.conn_state, connection.history) == (31, "SF", "ShADdFf")
    assert connection.notes == {}


def test_segments() -> None:
    syn, syn_ack, *_, reply, fin, fin_ack, last = play(ECHO).segments()
    assert (syn.sender, syn.flags, syn.seq, syn.ack, syn.window) == ("client", Flags.SYN, 0, None, 64240)
    assert (syn_ack.sender, syn_ack.flags, syn_ack.ack, syn_ack.window) == ("server", SYN_ACK, 1, 65160)
    assert (reply.flags, reply.length, reply.window) == (Flags.PSH | Flags.ACK, 100, 509 << 2)
    assert len(reply.payload) == PAYLOAD_KEPT
    assert (fin.flags, fin.frame, fin.time_ns) == (Flags.FIN | Flags.ACK, 6, START_NS + 50_000_000)
    assert fin_ack.labels == ("close-2", "close-3")
    assert (last.client_state, last.server_state) == (("TIME-WAIT", "TIME-WAIT"), ("LAST-ACK", "CLOSED"))
    assert last.payload == b""


def test_the_reasons_are_rows_with_their_numbers_the_senders_first() -> None:
    segments = play(ECHO).segments()
    assert [(reason.me, reason.peer, reason.states) for reason in segments[0].why] == [
        ("client", "server", ("CLOSED", "SYN-SENT")),
        ("server", "client", ("LISTEN", "SYN-RECEIVED")),
    ]
    assert [(reason.me, reason.states, reason.seq, reason.ack, reason.fin) for reason in segments[6].why] == [
        ("server", ("CLOSE-WAIT", "LAST-ACK"), 101, 4, 101),
        ("client", ("FIN-WAIT-1", "FIN-WAIT-2"), 101, 4, 101),
        ("client", ("FIN-WAIT-2", "TIME-WAIT"), 101, 4, 101),
    ]
    assert all(reason.transition in TRANSITIONS for segment in segments for reason in segment.why)
    assert segments[3].why == ()
    for segment in segments:
        changed = [
            states for states in (segment.client_state, segment.server_state) if states[0] != states[1]
        ]
        assert bool(segment.why) == bool(changed)
        passed = [state for reason in segment.why for state in reason.states]
        for before, after in changed:
            assert before in passed
            assert after in passed


def test_the_number_of_a_fin_is_that_behind_its_data() -> None:
    segments = play(
        """
        > S 0:0(0)              ; handshake-1
        < S. 0:0(0) ack 1       ; handshake-2
        > FP. 1:11(10) ack 1    ; handshake-3+data+close-1
        """
    ).segments()
    assert [reason.fin for reason in segments[-1].why] == [11] * len(segments[-1].why)
    assert {reason.me for reason in segments[-1].why} == {"client", "server"}


def test_sides_where_the_server_was_seen_first() -> None:
    played = play(
        """
        < S. 0:0(0) ack 1 <mss 1400>    ; handshake-2
        > . 1:1(0) ack 1                ; handshake-3
        < R. 1:1(0) ack 1               ; reset
        """
    )
    connection = played.built()
    assert connection.client.port == 40000
    assert connection.handshake.syn_frame is None
    assert (connection.handshake.syn_ack_frame, connection.handshake.ack_frame) == (1, 2)
    assert connection.handshake.syn_rtt_ns is None
    assert connection.handshake.ack_rtt_ns == 10_000_000
    assert connection.handshake.client_options is None
    assert connection.handshake.effective_mss is None
    assert (
        connection.handshake.sack
        is connection.handshake.timestamps
        is connection.handshake.window_scaling
        is None
    )
    assert connection.close.active == "server"
    # `segments` is written for the transcript's endpoints; here they are the connection's in the other order.
    first = played.table.connections[0]
    assert (first.first_port, first.second_port) == (80, 40000)


def test_what_is_agreed_needs_both() -> None:
    handshake = (
        play(
            """
        > S 0:0(0) <mss 1460,sackOK,nop,nop,wscale 7>     ; handshake-1
        < S. 0:0(0) ack 1                                 ; handshake-2
        """
        )
        .built()
        .handshake
    )
    assert (handshake.sack, handshake.timestamps, handshake.window_scaling) == (False, False, False)
    assert handshake.effective_mss == 1460
    assert handshake.server_options == EndpointOptions(None, None, False, False, False, None)


def test_a_simultaneous_open_has_no_round_trip_of_its_acknowledgement() -> None:
    handshake = (
        play(
            """
        > S 0:0(0)              ; handshake-1
        < S 0:0(0)              ; handshake-1 (simultaneous_open)
        > S. 0:0(0) ack 1       ; handshake-2 (simultaneous_open)
        < S. 0:0(0) ack 1       ; handshake-2 (simultaneous_open)
        """
        )
        .built()
        .handshake
    )
    assert (handshake.syn_frame, handshake.syn_ack_frame, handshake.ack_frame) == (1, 4, 4)
    assert handshake.ack_rtt_ns is None


def test_notes_are_counted_by_name() -> None:
    connection = play(
        """
        > P. 1:3(2) ack 1       ; data
        +1 > P. 1:3(2) ack 1    ; data (retransmission)
        +1 > P. 1:3(2) ack 1    ; data (retransmission)
        > . 9:9(0) ack 1        ; ack (lost_segment)
        """
    ).built()
    assert connection.notes == {"retransmission": 2, "lost_segment": 1}
    assert connection.client_data.retransmitted_segments == 2
    assert connection.client_data.retransmitted_bytes == 4


def test_every_flag_has_its_name() -> None:
    (segment,) = play("> SFRP.UEW 0:0(0) ack 1 ; reset (bad_flags)").segments()
    assert str(segment.flags) == "SYN,FIN,RST,PSH,ACK,URG,ECE,CWR"
    (segment,) = play("> - 1:1(0) ; stray (bad_flags)").segments()
    assert not segment.flags


def test_addresses_of_ipv6() -> None:
    connection = Player(SECOND_WRAPS)("> S 0:0(0) ; handshake-1").built()
    assert (str(connection.client), str(connection.server)) == ("[2001:db8::1]:40000", "[2001:db8::2]:80")


def test_the_connections_of_a_trace_are_a_sequence() -> None:
    connections = analyze(CAPTURES / "clients.pcap").connections
    assert isinstance(connections, Judged)
    assert len(connections) > 3
    numbers = [connection.id for connection in connections]
    assert numbers == list(range(len(connections)))
    assert connections[-1].id == numbers[-1]
    assert [connection.id for connection in connections[1:3]] == [1, 2]
    assert [connection.id for connection in reversed(connections)] == numbers[::-1]
    with pytest.raises(IndexError):
        connections[len(connections)]


@pytest.mark.parametrize("name", ["clients", "loss", "refused", "unreachable", "ipv6", "half-open"])
@pytest.mark.parametrize("wireshark", [False, True])
def test_a_glance_shows_what_the_connection_says(name: str, wireshark: bool) -> None:
    trace = analyze(ROOT / "captures" / f"{name}.pcap", Reading(wireshark=wireshark))
    members = [one for one in Connection.__dataclass_fields__ if one != "source"]
    for place, connection in enumerate(trace):
        seen = glance(trace.connections, place)
        for member in [*members, "verdict", "confidence", "duration_ns", "icmp_errors"]:
            assert getattr(seen, member) == getattr(connection, member), member


def test_a_glance_knows_the_client_that_was_seen_second(tmp_path: Path) -> None:
    recording = (ROOT / "captures" / "echo.pcap").read_bytes()
    length = int.from_bytes(recording[32:36], "little")
    (tmp_path / "late.pcap").write_bytes(recording[:24] + recording[40 + length :])
    connections = analyze(tmp_path / "late.pcap").connections
    assert connections[0].roles == "syn-ack"
    for member in ("client", "server", "handshake", "client_data", "server_data", "close", "client_state"):
        assert getattr(glance(connections, 0), member) == getattr(connections[0], member), member


def test_a_glance_at_a_list_is_the_connection() -> None:
    connections = list(analyze(ROOT / "captures" / "clients.pcap"))
    assert glance(connections, 2) is connections[2]


def test_those_picked_are_counted_as_all_are() -> None:
    connections = analyze(ROOT / "captures" / "clients.pcap").connections
    for known in (connections, list(connections)):
        some = picked(known, [4, 0, 2])
        assert [connection.id for connection in some] == [4, 0, 2]
        assert survey(some, 9).handshakes() == {"complete": 3}
    assert isinstance(picked(connections, [1]), Judged)
    assert picked(connections, [3])[0].segments == connections[3].segments
