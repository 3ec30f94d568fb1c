"""One transcript for each thing that can happen to a connection, in the order of a connection's life.

The states stand where the RFC's figures print them, with a segment's arrival counted when the segment is seen.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.tcp import states, verdict
from analyzer.tcp.endpoint import Endpoint
from analyzer.tcp.labels import LABELS, label_names
from analyzer.tcp.notes import NOTES, note_names
from analyzer.tcp.outcomes import CLOSE, FAST_OPEN, HANDSHAKE, ROLE
from analyzer.tcp.step import Step
from analyzer.tcp.table import ConnectionTable
from analyzer.wire.header import Header
from analyzer.wire.link_types import RAW
from analyzer.wire.skips import SEGMENT
from tests.tcp.transcript import FIRST_WRAPS, SECOND_WRAPS, Player, World, ip_packet, read, tcp_segment

OPENING = """
    > S 0:0(0) <mss 1460,sackOK>        ; handshake-1 | SYN-SENT SYN-RECEIVED
    < S. 0:0(0) ack 1 <mss 1400,sackOK> ; handshake-2 | ESTABLISHED SYN-RECEIVED
    > . 1:1(0) ack 1                    ; handshake-3 | ESTABLISHED ESTABLISHED
"""

CLOSING = """
    > F. 1:1(0) ack 1                   ; close-1 | FIN-WAIT-1 CLOSE-WAIT
    < . 1:1(0) ack 2                    ; close-2 | FIN-WAIT-2 CLOSE-WAIT
    < F. 1:1(0) ack 2                   ; close-3 | TIME-WAIT LAST-ACK
    > . 2:2(0) ack 2                    ; close-4 | TIME-WAIT CLOSED
"""


# Opening.


def test_figure_6_three_way_handshake(play: Player) -> None:
    play(
        """
        > S 0:0(0)              ; handshake-1 | SYN-SENT SYN-RECEIVED
        < S. 0:0(0) ack 1       ; handshake-2 | ESTABLISHED SYN-RECEIVED
        > . 1:1(0) ack 1        ; handshake-3 | ESTABLISHED ESTABLISHED
        > P. 1:11(10) ack 1     ; data | ESTABLISHED ESTABLISHED
        """,
        handshake="complete",
        close="open",
        closed_by="nobody",
    )


def test_figure_7_simultaneous_open(play: Player) -> None:
    played = play(
        """
        > S 0:0(0)              ; handshake-1 | SYN-SENT SYN-RECEIVED
        < S 0:0(0)              ; handshake-1 (simultaneous_open) | SYN-RECEIVED SYN-RECEIVED
        > S. 0:0(0) ack 1       ; handshake-2 (simultaneous_open) {retransmission} | SYN-RECEIVED ESTABLISHED
        < S. 0:0(0) ack 1       ; handshake-2 (simultaneous_open) {retransmission} | ESTABLISHED ESTABLISHED
        > P. 1:11(10) ack 1     ; data | ESTABLISHED ESTABLISHED
        """,
        handshake="simultaneous",
        close="open",
    )
    assert played.connection.first.disorder_seen().retransmitted_segments == 0


def test_simultaneous_open_completed_by_plain_acknowledgements(play: Player) -> None:
    play(
        """
        > S 0:0(0)              ; handshake-1 | SYN-SENT SYN-RECEIVED
        < S 0:0(0)              ; handshake-1 (simultaneous_open) | SYN-RECEIVED SYN-RECEIVED
        > . 1:1(0) ack 1        ; handshake-3 | SYN-RECEIVED ESTABLISHED
        < . 1:1(0) ack 1        ; ack | ESTABLISHED ESTABLISHED
        """,
        handshake="simultaneous",
        close="open",
    )


def test_simultaneous_open_never_acknowledged(play: Player) -> None:
    play(
        """
        > S 0:0(0)              ; handshake-1 | SYN-SENT SYN-RECEIVED
        < S 0:0(0)              ; handshake-1 (simultaneous_open) | SYN-RECEIVED SYN-RECEIVED
        """,
        handshake="half-open",
        close="none",
        closed_by="nobody",
    )


def test_figure_8_recovery_from_an_old_duplicate_syn(play: Player) -> None:
    # The duplicate (line 3 of the figure) is seen by the server alone: the capture was made at the client.
    play(
        """
        > S 0:0(0)                   ; handshake-1 | SYN-SENT SYN-RECEIVED
        < S. 0:0(0) ack -9           ; stray (bad_syn_ack) | SYN-SENT SYN-RECEIVED
        > R -9:-9(0)                 ; reset | SYN-SENT LISTEN
        < S. 0:0(0) isn +100 ack 1   ; handshake-2 | ESTABLISHED SYN-RECEIVED
        > . 1:1(0) ack 1             ; handshake-3 | ESTABLISHED ESTABLISHED
        """,
        handshake="complete",
        close="open",
    )


def test_figure_8_where_the_capture_holds_the_duplicate(play: Player) -> None:
    # By Wireshark's numbering each SYN with a number of its own is a connection of its own.
    played = play(
        """
        > S 0:0(0)                     ; handshake-1 | SYN-SENT SYN-RECEIVED
        > S 0:0(0) isn +-10            ; handshake-1 (reused_ports) | SYN-SENT SYN-RECEIVED
        < S. 0:0(0) ack 1              ; handshake-2 | ESTABLISHED SYN-RECEIVED
        > R 1:1(0)                     ; reset | CLOSED LISTEN
        +1 > S 0:0(0) isn +10          ; handshake-1 (reused_ports) | SYN-SENT SYN-RECEIVED
        < S. 0:0(0) ack 1 isn +100     ; handshake-2 | ESTABLISHED SYN-RECEIVED
        > . 1:1(0) ack 1               ; handshake-3 | ESTABLISHED ESTABLISHED
        """,
        handshake="complete",
        close="open",
    )
    assert [played.built(number).handshake.outcome for number in range(3)] == [
        "unanswered",
        "aborted",
        "complete",
    ]


def test_data_on_the_third_acknowledgement(play: Player) -> None:
    play(
        """
        > S 0:0(0)              ; handshake-1
        < S. 0:0(0) ack 1       ; handshake-2
        > P. 1:6(5) ack 1       ; handshake-3+data | ESTABLISHED ESTABLISHED
        """,
        handshake="complete",
        close="open",
    )


def test_fin_on_the_third_acknowledgement(play: Player) -> None:
    play(
        """
        > S 0:0(0)              ; handshake-1
        < S. 0:0(0) ack 1       ; handshake-2
        > FP. 1:6(5) ack 1      ; handshake-3+data+close-1 | FIN-WAIT-1 CLOSE-WAIT
        < F. 1:1(0) ack 7       ; close-2+close-3 | TIME-WAIT LAST-ACK
        > . 7:7(0) ack 2        ; close-4 | TIME-WAIT CLOSED
        """,
        handshake="complete",
        close="three-segment",
        closed_by="first",
    )


def test_repeated_syn(play: Player) -> None:
    played = play(
        """
        > S 0:0(0)              ; handshake-1 | SYN-SENT SYN-RECEIVED
        +1 > S 0:0(0)           ; handshake-1 (retransmission, syn_retransmission) | SYN-SENT SYN-RECEIVED
        +2 > S 0:0(0)           ; handshake-1 (retransmission, syn_retransmission) | SYN-SENT SYN-RECEIVED
        < S. 0:0(0) ack 1       ; handshake-2 | ESTABLISHED SYN-RECEIVED
        > . 1:1(0) ack 1        ; handshake-3 | ESTABLISHED ESTABLISHED
        """,
        handshake="complete",
    )
    handshake = played.built().handshake
    assert handshake.syn_retries == 2
    assert handshake.syn_retry_delays_ns == (1_000_000_000, 3_000_000_000)
    assert handshake.syn_rtt_ns is None
    assert handshake.ack_rtt_ns == 10_000_000


def test_repeated_syn_ack_and_its_answer(play: Player) -> None:
    played = play(
        """
        > S 0:0(0)              ; handshake-1
        < S. 0:0(0) ack 1       ; handshake-2
        > . 1:1(0) ack 1        ; handshake-3
        +1 < S. 0:0(0) ack 1    ; handshake-2 (retransmission, syn_ack_retransmission) | ESTABLISHED ESTABLISHED
        > . 1:1(0) ack 1        ; handshake-3 (handshake_ack_again) {duplicate_ack} | ESTABLISHED ESTABLISHED
        """,
        handshake="complete",
    )
    assert played.built().handshake.syn_ack_retries == 1
    assert played.built().handshake.ack_rtt_ns is None


def test_syn_ack_repeated_before_it_is_acknowledged(play: Player) -> None:
    play(
        """
        > S 0:0(0)              ; handshake-1
        < S. 0:0(0) ack 1       ; handshake-2
        +1 < S. 0:0(0) ack 1    ; handshake-2 (retransmission, syn_ack_retransmission) | ESTABLISHED SYN-RECEIVED
        > . 1:1(0) ack 1        ; handshake-3 | ESTABLISHED ESTABLISHED
        > . 1:1(0) ack 1        ; handshake-3 (handshake_ack_again) {duplicate_ack}
        """,
        handshake="complete",
    )


def test_syn_repeated_after_the_syn_ack(play: Player) -> None:
    play(
        """
        > S 0:0(0)              ; handshake-1
        < S. 0:0(0) ack 1       ; handshake-2
        +1 > S 0:0(0)           ; handshake-1 (retransmission, syn_retransmission) | ESTABLISHED SYN-RECEIVED
        < S. 0:0(0) ack 1       ; handshake-2 (retransmission, syn_ack_retransmission)
        > . 1:1(0) ack 1        ; handshake-3 | ESTABLISHED ESTABLISHED
        """,
        handshake="complete",
    )


def test_refused(play: Player) -> None:
    play(
        """
        > S 0:0(0)              ; handshake-1 | SYN-SENT SYN-RECEIVED
        < R. 1:1(0) ack 1 win 0 ; reset | CLOSED CLOSED
        """,
        handshake="refused",
        close="none",
        closed_by="nobody",
    )


def test_refused_and_tried_again_with_the_same_number(play: Player) -> None:
    play(
        """
        > S 0:0(0)              ; handshake-1 | SYN-SENT SYN-RECEIVED
        < R. 1:1(0) ack 1 win 0 ; reset | CLOSED CLOSED
        +0.5 > S 0:0(0)         ; handshake-1 (retransmission, syn_retransmission) | SYN-SENT CLOSED
        < R. 1:1(0) ack 1 win 0 ; reset | CLOSED CLOSED
        """,
        handshake="refused",
        close="none",
    )


def test_refused_and_then_accepted(play: Player) -> None:
    play(
        """
        > S 0:0(0)              ; handshake-1 | SYN-SENT SYN-RECEIVED
        < R. 1:1(0) ack 1 win 0 ; reset | CLOSED CLOSED
        +0.5 > S 0:0(0)         ; handshake-1 (retransmission, syn_retransmission) | SYN-SENT CLOSED
        < S. 0:0(0) isn +7 ack 1 ; handshake-2 | ESTABLISHED SYN-RECEIVED
        > . 1:1(0) ack 1        ; handshake-3 | ESTABLISHED ESTABLISHED
        > F. 1:1(0) ack 1       ; close-1 | FIN-WAIT-1 CLOSE-WAIT
        < F. 1:1(0) ack 2       ; close-2+close-3 | TIME-WAIT LAST-ACK
        > . 2:2(0) ack 2        ; close-4 | TIME-WAIT CLOSED
        """,
        handshake="complete",
        close="three-segment",
        closed_by="first",
    )


def test_refused_with_a_reset_that_does_not_acknowledge_the_syn(play: Player) -> None:
    # RFC 9293 3.10.7.3: without an ACK of the SYN the reset is not to be believed.
    play(
        """
        > S 0:0(0)              ; handshake-1 | SYN-SENT SYN-RECEIVED
        < R 1:1(0)              ; reset (unacceptable_reset) | SYN-SENT SYN-RECEIVED
        < R. 1:1(0) ack 0       ; reset (unacceptable_reset) | SYN-SENT SYN-RECEIVED
        < R. 1:1(0) ack 2       ; reset (unacceptable_reset, ack_lost_segment) | SYN-SENT SYN-RECEIVED
        """,
        handshake="unanswered",
        close="none",
    )


def test_unanswered(play: Player) -> None:
    played = play(
        """
        > S 0:0(0)              ; handshake-1 | SYN-SENT SYN-RECEIVED
        +1 > S 0:0(0)           ; handshake-1 (retransmission, syn_retransmission) | SYN-SENT SYN-RECEIVED
        """,
        handshake="unanswered",
        close="none",
        closed_by="nobody",
    )
    assert played.built().server_state == "UNKNOWN"


def test_half_open(play: Player) -> None:
    play(
        """
        > S 0:0(0)              ; handshake-1 | SYN-SENT SYN-RECEIVED
        < S. 0:0(0) ack 1       ; handshake-2 | ESTABLISHED SYN-RECEIVED
        """,
        handshake="half-open",
        close="none",
    )


def test_aborted_by_a_scan(play: Player) -> None:
    play(
        """
        > S 0:0(0)              ; handshake-1 | SYN-SENT SYN-RECEIVED
        < S. 0:0(0) ack 1       ; handshake-2 | ESTABLISHED SYN-RECEIVED
        > R 1:1(0)              ; reset | CLOSED LISTEN
        """,
        handshake="aborted",
        close="none",
        closed_by="nobody",
    )


def test_given_up_without_an_answer(play: Player) -> None:
    play(
        """
        > S 0:0(0)              ; handshake-1 | SYN-SENT SYN-RECEIVED
        > R 1:1(0)              ; reset | CLOSED LISTEN
        """,
        handshake="aborted",
        close="none",
    )


def test_bad_syn_ack(play: Player) -> None:
    # RFC 9293 3.10.7.3: an ACK of something never sent is answered with a reset, and the SYN-SENT stays.
    play(
        """
        > S 0:0(0)              ; handshake-1 | SYN-SENT SYN-RECEIVED
        < S. 0:0(0) ack 900     ; stray (ack_lost_segment, bad_syn_ack) | SYN-SENT SYN-RECEIVED
        > R 900:900(0)          ; reset | SYN-SENT LISTEN
        +1 > S 0:0(0)           ; handshake-1 (retransmission, syn_retransmission) | SYN-SENT SYN-RECEIVED
        """,
        handshake="unanswered",
        close="none",
    )


def test_figure_9_half_open_connection_discovered(play: Player) -> None:
    # The server still holds the connection from before the client's reboot.
    played = play(
        """
        < P. 1:2(1) ack 1            ; data | UNKNOWN ESTABLISHED
        > S 0:0(0) isn +5000         ; handshake-1 (reused_ports) | SYN-SENT SYN-RECEIVED
        < . 1:1(0) isn +1 ack -4999  ; ack (challenge_ack) | SYN-SENT SYN-RECEIVED
        > R -4999:-4999(0)           ; reset | SYN-SENT LISTEN
        +1 > S 0:0(0)                ; handshake-1 (retransmission, syn_retransmission) | SYN-SENT SYN-RECEIVED
        < S. 0:0(0) isn +900 ack 1   ; handshake-2 | ESTABLISHED SYN-RECEIVED
        > . 1:1(0) ack 1             ; handshake-3 | ESTABLISHED ESTABLISHED
        """,
        handshake="complete",
        close="open",
    )
    assert [played.built(number).handshake.outcome for number in range(2)] == ["not-captured", "complete"]


# Fast Open (RFC 7413).


def test_fast_open_requested(play: Player) -> None:
    played = play(
        """
        > S 0:0(0) <mss 1460,FO>              ; handshake-1 (fast_open)
        < S. 0:0(0) ack 1 <mss 1460,FO c0ffee01> ; handshake-2
        > . 1:1(0) ack 1                      ; handshake-3
        """,
        handshake="complete",
    )
    assert played.built().handshake.fast_open == "requested"


@pytest.mark.parametrize("option", ["FO c0ffee01", "FOEXP c0ffee01"])
def test_fast_open_accepted(play: Player, option: str) -> None:
    played = play(
        f"""
        > S 0:5(5) <mss 1460,{option}> ; handshake-1+data (data_in_syn, fast_open) | SYN-SENT SYN-RECEIVED
        < S. 0:0(0) ack 6 <mss 1460>   ; handshake-2 | ESTABLISHED SYN-RECEIVED
        < P. 1:4(3) ack 6              ; data | ESTABLISHED SYN-RECEIVED
        > . 6:6(0) ack 4               ; handshake-3 | ESTABLISHED ESTABLISHED
        """,
        handshake="complete",
    )
    assert played.built().handshake.fast_open == "accepted"
    assert played.built().client_data.bytes == 5


def test_fast_open_ignored(play: Player) -> None:
    played = play(
        """
        > S 0:5(5) <mss 1460,FO c0ffee01> ; handshake-1+data (data_in_syn, fast_open)
        < S. 0:0(0) ack 1 <mss 1460>   ; handshake-2
        > P. 1:6(5) ack 1              ; handshake-3+data (retransmission) | ESTABLISHED ESTABLISHED
        """,
        handshake="complete",
    )
    assert played.built().handshake.fast_open == "ignored"
    assert played.built().client_data.bytes == 5
    assert played.built().client_data.retransmitted_bytes == 5


# Where the capture begins late, or sees one side only.


def test_middle_with_the_client_first(play: Player) -> None:
    play(
        """
        > P. 1:11(10) ack 1     ; data | ESTABLISHED UNKNOWN
        < . 1:1(0) ack 11       ; ack | ESTABLISHED ESTABLISHED
        < P. 1:11(10) ack 11    ; data | ESTABLISHED ESTABLISHED
        > F. 11:11(0) ack 11    ; close-1 | FIN-WAIT-1 CLOSE-WAIT
        """,
        handshake="not-captured",
        close="unacknowledged",
        closed_by="first",
    )


def test_middle_with_the_server_first(play: Player) -> None:
    played = play(
        """
        < P. 1:11(10) ack 1     ; data | UNKNOWN ESTABLISHED
        > . 1:1(0) ack 11       ; ack | ESTABLISHED ESTABLISHED
        """,
        handshake="not-captured",
        close="open",
    )
    connection = played.built()
    assert connection.client.port == 40000
    assert connection.roles == "port"


def test_middle_of_nothing_but_acknowledgements(play: Player) -> None:
    play(
        """
        > . 1:1(0) ack 1        ; ack | UNKNOWN UNKNOWN
        < . 1:1(0) ack 1        ; ack | UNKNOWN UNKNOWN
        """,
        handshake="not-captured",
        close="open",
    )


def test_middle_of_a_close(play: Player) -> None:
    play(
        """
        > F. 1:1(0) ack 1       ; close-1 | FIN-WAIT-1 CLOSE-WAIT
        < F. 1:1(0) ack 2       ; close-2+close-3 | TIME-WAIT LAST-ACK
        > . 2:2(0) ack 2        ; close-4 | TIME-WAIT CLOSED
        """,
        handshake="not-captured",
        close="three-segment",
        closed_by="first",
    )


def test_only_a_reset(play: Player) -> None:
    play(
        "> R 1:1(0)             ; reset | CLOSED CLOSED",
        handshake="not-captured",
        close="reset",
        closed_by="first",
    )


def test_syn_ack_first(play: Player) -> None:
    played = play(
        """
        < S. 0:0(0) ack 1       ; handshake-2 | ESTABLISHED SYN-RECEIVED
        > . 1:1(0) ack 1        ; handshake-3 | ESTABLISHED ESTABLISHED
        """,
        handshake="partial",
        close="open",
    )
    connection = played.built()
    assert (connection.client.port, connection.roles) == (40000, "syn-ack")


def test_syn_ack_only(play: Player) -> None:
    play(
        "< S. 0:0(0) ack 1      ; handshake-2 | ESTABLISHED SYN-RECEIVED",
        handshake="partial",
        close="open",
    )


def test_client_only(play: Player) -> None:
    play(
        """
        > S 0:0(0)              ; handshake-1 | SYN-SENT SYN-RECEIVED
        > . 1:1(0) ack 1        ; handshake-3 | ESTABLISHED ESTABLISHED
        > P. 1:11(10) ack 1     ; data | ESTABLISHED ESTABLISHED
        > F. 11:11(0) ack 20    ; close-1 | FIN-WAIT-1 CLOSE-WAIT
        > . 12:12(0) ack 21     ; ack
        """,
        handshake="partial",
        close="unacknowledged",
    )


def test_server_only(play: Player) -> None:
    play(
        """
        < S. 0:0(0) ack 1       ; handshake-2 | ESTABLISHED SYN-RECEIVED
        < P. 1:11(10) ack 6     ; data | ESTABLISHED ESTABLISHED
        < F. 11:11(0) ack 6     ; close-1 | CLOSE-WAIT FIN-WAIT-1
        """,
        handshake="partial",
        close="unacknowledged",
        closed_by="second",
    )


def test_syn_answered_by_data_whose_syn_ack_was_missed(play: Player) -> None:
    play(
        """
        > S 0:0(0)              ; handshake-1 | SYN-SENT SYN-RECEIVED
        < P. 1:6(5) ack 1       ; data | SYN-SENT ESTABLISHED
        > . 1:1(0) ack 6        ; handshake-3 | ESTABLISHED ESTABLISHED
        """,
        handshake="partial",
        close="open",
    )


def test_third_acknowledgement_missed(play: Player) -> None:
    play(
        """
        > S 0:0(0)              ; handshake-1
        < S. 0:0(0) ack 1       ; handshake-2
        < P. 1:6(5) ack 1       ; data | ESTABLISHED ESTABLISHED
        """,
        handshake="partial",
        close="open",
    )


# Data.


def test_data_both_ways(play: Player) -> None:
    played = play(
        OPENING
        + """
        > P. 1:3(2) ack 1       ; data
        < . 1:1(0) ack 3        ; ack
        < P. 1:3(2) ack 3       ; data
        > . 3:3(0) ack 3        ; ack
        """
        + CLOSING.replace("1:1", "3:3")
        .replace("2:2", "4:4")
        .replace("ack 2", "ack 4")
        .replace("ack 1", "ack 3"),
        handshake="complete",
        close="four-segment",
        closed_by="first",
    )
    connection = played.built()
    assert (connection.client_data.bytes, connection.server_data.bytes) == (2, 2)
    assert connection.notes == {}
    assert connection.conn_state == "SF"


def test_out_of_order(play: Player) -> None:
    played = play(
        OPENING
        + """
        > . 1:11(10) ack 1              ; data
        +0.001 > . 21:31(10) ack 1      ; data (lost_segment)
        +0.001 > . 11:21(10) ack 1      ; data (out_of_order)
        < . 1:1(0) ack 31               ; ack
        """
    )
    sent = played.built().client_data
    assert (sent.bytes, sent.out_of_order_segments, sent.retransmitted_bytes) == (30, 1, 0)


def test_repeated_data(play: Player) -> None:
    played = play(
        OPENING
        + """
        > . 1:11(10) ack 1              ; data
        +0.3 > . 1:11(10) ack 1         ; data (retransmission)
        < . 1:1(0) ack 11               ; ack
        """
    )
    sent = played.built().client_data
    assert (sent.bytes, sent.retransmitted_bytes, sent.retransmitted_segments) == (10, 10, 1)


def test_repeated_needlessly(play: Player) -> None:
    play(
        OPENING
        + """
        > . 1:11(10) ack 1              ; data
        < . 1:1(0) ack 11               ; ack
        +0.3 > . 1:11(10) ack 1         ; data (spurious_retransmission)
        """
    )


def test_repeated_fast(play: Player) -> None:
    play(
        OPENING
        + """
        > . 1:11(10) ack 1              ; data
        > . 11:21(10) ack 1             ; data
        > . 21:31(10) ack 1             ; data
        < . 1:1(0) ack 1 <nop,nop,sack 11 21> ; ack (duplicate_ack)
        < . 1:1(0) ack 1 <nop,nop,sack 11 31> ; ack (duplicate_ack)
        < . 1:1(0) ack 1 <nop,nop,sack 11 31> ; ack (duplicate_ack)
        > . 1:11(10) ack 1              ; data (fast_retransmission)
        < . 1:1(0) ack 31               ; ack
        """
    )


def test_overlapping_data(play: Player) -> None:
    played = play(
        OPENING
        + """
        > . 1:11(10) ack 1              ; data
        +0.3 > . 6:16(10) ack 1         ; data (retransmission)
        < . 1:1(0) ack 16               ; ack {ack_lost_segment}
        """
    )
    sent = played.built().client_data
    assert (sent.bytes, sent.retransmitted_bytes) == (15, 5)


def test_gap_that_is_never_filled(play: Player) -> None:
    played = play(
        OPENING
        + """
        > . 1:11(10) ack 1              ; data
        > . 21:31(10) ack 1             ; data (lost_segment)
        < . 1:1(0) ack 31               ; ack (ack_lost_segment)
        """
    )
    assert played.built().client_data.bytes == 20


def test_acknowledgement_of_what_was_not_captured(play: Player) -> None:
    play(
        OPENING
        + """
        > . 1:11(10) ack 1              ; data
        < . 1:1(0) ack 21               ; ack (ack_lost_segment)
        """
    )


def test_duplicate_acknowledgement(play: Player) -> None:
    play(
        OPENING
        + """
        > . 1:11(10) ack 1              ; data
        < . 1:1(0) ack 11               ; ack
        < . 1:1(0) ack 11               ; ack (duplicate_ack)
        """
    )


def test_keep_alive(play: Player) -> None:
    played = play(
        OPENING
        + """
        > . 1:11(10) ack 1              ; data
        < . 1:1(0) ack 11               ; ack
        +45 > . 10:10(0) ack 1          ; keep-alive (keep_alive)
        < . 1:1(0) ack 11               ; keep-alive (keep_alive_ack)
        +45 > . 10:11(1) ack 1          ; keep-alive (keep_alive)
        < . 1:1(0) ack 11               ; keep-alive (keep_alive_ack)
        """
    )
    sent = played.built().client_data
    assert (sent.bytes, sent.data_segments) == (10, 1)


def test_zero_window_probed_with_one_byte(play: Player) -> None:
    play(
        OPENING
        + """
        > . 1:11(10) ack 1              ; data
        < . 1:1(0) ack 11 win 0         ; ack (zero_window)
        +0.5 > . 11:12(1) ack 1         ; probe (zero_window_probe)
        < . 1:1(0) ack 11 win 0         ; probe (zero_window, zero_window_probe_ack)
        +0.5 > . 11:12(1) ack 1         ; probe (zero_window_probe)
        < . 1:1(0) ack 12 win 5000      ; ack {ack_lost_segment}
        > . 12:22(10) ack 1             ; data {lost_segment}
        """
    )


def test_zero_window_probed_as_linux_does(play: Player) -> None:
    play(
        OPENING
        + """
        > . 1:11(10) ack 1              ; data
        < . 1:1(0) ack 11 win 0         ; ack (zero_window)
        +0.5 > . 10:10(0) ack 1         ; probe (zero_window_probe) {keep_alive}
        < . 1:1(0) ack 11 win 0         ; probe (zero_window, zero_window_probe_ack) {zero_window}
        +0.5 > . 10:10(0) ack 1         ; probe (zero_window_probe) {keep_alive}
        < . 1:1(0) ack 11 win 5000      ; ack (window_update)
        """
    )


def test_window_full(play: Player) -> None:
    play(
        """
        > S 0:0(0) <mss 1460,wscale 7>      ; handshake-1
        < S. 0:0(0) ack 1 win 20 <mss 1460,wscale 3> ; handshake-2
        > . 1:1(0) ack 1                    ; handshake-3
        > . 1:11(10) ack 1                  ; data
        > . 11:21(10) ack 1                 ; data (window_full)
        < . 1:1(0) ack 21 win 2             ; ack
        > . 21:37(16) ack 1                 ; data (window_full)
        < . 1:1(0) ack 37 win 0             ; ack (zero_window)
        < . 1:1(0) ack 37 win 2             ; ack (window_update)
        """
    )


def test_scaled_window(play: Player) -> None:
    played = play(
        """
        > S 0:0(0) win 1000 <wscale 7>      ; handshake-1
        < S. 0:0(0) ack 1 win 2000 <wscale 3> ; handshake-2
        > . 1:1(0) ack 1 win 10             ; handshake-3
        < P. 1:2(1) ack 1 win 10            ; data
        """
    )
    assert [segment.window for segment in played.segments()] == [1000, 2000, 1280, 80]


def test_scaled_on_one_side_only_is_not_scaled(play: Player) -> None:
    played = play(
        """
        > S 0:0(0) <wscale 7>               ; handshake-1
        < S. 0:0(0) ack 1                   ; handshake-2
        > . 1:1(0) ack 1 win 10             ; handshake-3
        """
    )
    assert played.segments()[-1].window == 10


def test_offload(play: Player) -> None:
    play(
        OPENING
        + """
        > . 1:1401(1400) ack 1          ; data
        > . 1401:2802(1401) ack 1       ; data (offload)
        """
    )


def test_snapped(play: Player) -> None:
    played = play(
        OPENING
        + """
        > . 1:101(100) ack 1 cut 90     ; data (snapped)
        < . 1:1(0) ack 101              ; ack
        """
    )
    assert played.built().client_data.bytes == 100
    assert len(played.segments()[3].payload) == 10


@pytest.mark.parametrize("offset", [0, 4, 15])
def test_a_header_no_tcp_reads_on_changes_nothing(play: Player, offset: int) -> None:
    played = play(
        OPENING
        + f"""
        > P. 1:1(0) ack 1 offset {offset}      ; stray (bad_header) {{}} | ESTABLISHED ESTABLISHED
        > F. 1:1(0) ack 1 offset {offset}       ; stray (bad_header) {{}} | ESTABLISHED ESTABLISHED
        > R 1:1(0) offset {offset}              ; stray (bad_header) {{}} | ESTABLISHED ESTABLISHED
        > P. 1:11(10) ack 1                     ; data
        < . 1:1(0) ack 11                       ; ack
        """
    )
    assert played.built().client_data.bytes == 10
    assert [segment.seq for segment in played.segments()[3:6]] == [1, 1, 1]


def test_a_bad_header_before_anything_else(play: Player) -> None:
    play("> S 0:0(0) offset 4 ; stray (bad_header) {} | CLOSED LISTEN")
    # Numbers count from nothing yet.
    play("> . 0:0(0) ack 0 offset 4 ; stray (bad_header) {}", world=World(0, 0))


def test_captured_twice_with_an_identification(play: Player) -> None:
    play(
        OPENING
        + """
        > P. 1:11(10) ack 1 id 77           ; data
        +0.2 > P. 1:11(10) ack 1 id 77      ; data (captured_twice)
        > P. 11:21(10) ack 1                ; data
        """,
        world=FIRST_WRAPS,
    )


@pytest.mark.parametrize("world", [FIRST_WRAPS, SECOND_WRAPS])
def test_captured_twice_without_an_identification(play: Player, world: World) -> None:
    played = play(
        OPENING
        + """
        > P. 1:11(10) ack 1 id 0            ; data
        +0.0009 > P. 1:11(10) ack 1 id 0    ; data (captured_twice) {retransmission}
        +0.3 > P. 1:11(10) ack 1 id 0       ; data (retransmission)
        """,
        world=world,
    )
    sent = played.built().client_data
    assert (sent.bytes, sent.retransmitted_bytes, sent.retransmitted_segments) == (10, 10, 1)


def test_bad_options(play: Player) -> None:
    play(
        OPENING
        + """
        > P. 1:3(2) ack 1 <hex 0801>        ; data (bad_options)
        > P. 3:5(2) ack 1 <nop,nop,hex 0501> ; data (bad_options)
        """
    )


@pytest.mark.parametrize("flags", ["-", "F", "FPU", "P", "U"])
def test_flags_without_acknowledgement(play: Player, flags: str) -> None:
    # RFC 9293 3.10.7.4, fifth: if the ACK bit is off, drop the segment.
    play(
        OPENING + f"> {flags} 1:1(0)     ; stray (bad_flags) | ESTABLISHED ESTABLISHED",
        handshake="complete",
        close="open",
    )


def test_syn_with_fin(play: Player) -> None:
    play(
        "> SF 0:0(0)                 ; handshake-1 (bad_flags) | SYN-SENT SYN-RECEIVED",
        handshake="unanswered",
        close="none",
    )


def test_reset_with_syn(play: Player) -> None:
    play(
        OPENING
        + "> SR 0:0(0)   ; reset (bad_flags, retransmission, unacceptable_reset) | ESTABLISHED ESTABLISHED"
    )


def test_first_segment_with_reset_and_syn(play: Player) -> None:
    play(
        "> SR 0:0(0)                 ; reset (bad_flags) | CLOSED CLOSED",
        handshake="not-captured",
        close="reset",
    )


# Closing.


def test_figure_12_normal_close(play: Player) -> None:
    played = play(OPENING + CLOSING, handshake="complete", close="four-segment", closed_by="first")
    close = played.built().close
    assert close.frames == (4, 5, 6, 7)
    assert close.time_wait == ("client",)
    assert not close.data_lost


def test_figure_13_simultaneous_close(play: Player) -> None:
    played = play(
        OPENING
        + """
        > F. 1:1(0) ack 1       ; close-1 | FIN-WAIT-1 CLOSE-WAIT
        < F. 1:1(0) ack 1       ; close-3 | CLOSING CLOSING
        > . 2:2(0) ack 2        ; close-4 | CLOSING TIME-WAIT
        < . 2:2(0) ack 2        ; close-2 | TIME-WAIT TIME-WAIT
        """,
        handshake="complete",
        close="simultaneous",
        closed_by="both",
    )
    assert played.built().close.time_wait == ("client", "server")


def test_simultaneous_close_acknowledged_in_the_other_order(play: Player) -> None:
    play(
        OPENING
        + """
        > F. 1:1(0) ack 1       ; close-1 | FIN-WAIT-1 CLOSE-WAIT
        < F. 1:1(0) ack 1       ; close-3 | CLOSING CLOSING
        < . 2:2(0) ack 2        ; close-2 | TIME-WAIT CLOSING
        > . 2:2(0) ack 2        ; close-4 | TIME-WAIT TIME-WAIT
        """,
        close="simultaneous",
    )


def test_three_segment_close(play: Player) -> None:
    play(
        OPENING
        + """
        < F. 1:1(0) ack 1       ; close-1 | CLOSE-WAIT FIN-WAIT-1
        > F. 1:1(0) ack 2       ; close-2+close-3 | LAST-ACK TIME-WAIT
        < . 2:2(0) ack 2        ; close-4 | CLOSED TIME-WAIT
        """,
        close="three-segment",
        closed_by="second",
    )


def test_fin_with_data(play: Player) -> None:
    play(
        OPENING
        + """
        > FP. 1:11(10) ack 1    ; data+close-1 | FIN-WAIT-1 CLOSE-WAIT
        < . 1:1(0) ack 11       ; ack | FIN-WAIT-1 CLOSE-WAIT
        < . 1:1(0) ack 12       ; close-2 | FIN-WAIT-2 CLOSE-WAIT
        < FP. 1:11(10) ack 12   ; data+close-3 | TIME-WAIT LAST-ACK
        > . 12:12(0) ack 12     ; close-4 | TIME-WAIT CLOSED
        """,
        close="four-segment",
        closed_by="first",
    )


def test_half_close(play: Player) -> None:
    play(
        OPENING
        + """
        > F. 1:1(0) ack 1       ; close-1 | FIN-WAIT-1 CLOSE-WAIT
        < . 1:1(0) ack 2        ; close-2 | FIN-WAIT-2 CLOSE-WAIT
        < P. 1:11(10) ack 2     ; data (half_close) | FIN-WAIT-2 CLOSE-WAIT
        > . 2:2(0) ack 11       ; ack | FIN-WAIT-2 CLOSE-WAIT
        < P. 11:21(10) ack 2    ; data | FIN-WAIT-2 CLOSE-WAIT
        < F. 21:21(0) ack 2     ; close-3 | TIME-WAIT LAST-ACK
        > . 2:2(0) ack 22       ; close-4 | TIME-WAIT CLOSED
        """,
        close="four-segment",
        closed_by="first",
    )


def test_half_closed(play: Player) -> None:
    play(
        OPENING
        + """
        > F. 1:1(0) ack 1       ; close-1 | FIN-WAIT-1 CLOSE-WAIT
        < . 1:1(0) ack 2        ; close-2 | FIN-WAIT-2 CLOSE-WAIT
        """,
        close="half-closed",
        closed_by="first",
    )


def test_fin_never_acknowledged(play: Player) -> None:
    play(
        OPENING
        + """
        > F. 1:1(0) ack 1       ; close-1 | FIN-WAIT-1 CLOSE-WAIT
        < F. 1:1(0) ack 2       ; close-2+close-3 | TIME-WAIT LAST-ACK
        """,
        close="unacknowledged",
        closed_by="first",
    )


def test_repeated_fin(play: Player) -> None:
    play(
        OPENING
        + """
        > F. 1:1(0) ack 1       ; close-1 | FIN-WAIT-1 CLOSE-WAIT
        +0.3 > F. 1:1(0) ack 1  ; close-1 (fin_retransmission, retransmission) | FIN-WAIT-1 CLOSE-WAIT
        < . 1:1(0) ack 2        ; close-2 | FIN-WAIT-2 CLOSE-WAIT
        < . 1:1(0) ack 2        ; close-2 (close_ack_again) {duplicate_ack} | FIN-WAIT-2 CLOSE-WAIT
        < F. 1:1(0) ack 2       ; close-3 | TIME-WAIT LAST-ACK
        > . 2:2(0) ack 2        ; close-4 | TIME-WAIT CLOSED
        +0.3 < F. 1:1(0) ack 2  ; close-3 (fin_retransmission, retransmission) | TIME-WAIT CLOSED
        > . 2:2(0) ack 2        ; close-4 (close_ack_again) {duplicate_ack} | TIME-WAIT CLOSED
        """,
        close="four-segment",
        closed_by="first",
    )


def test_repeated_fin_before_the_last_acknowledgement(play: Player) -> None:
    play(
        OPENING
        + """
        > F. 1:1(0) ack 1       ; close-1
        < F. 1:1(0) ack 2       ; close-2+close-3 | TIME-WAIT LAST-ACK
        +0.3 < F. 1:1(0) ack 2  ; close-3 (fin_retransmission, retransmission) | TIME-WAIT LAST-ACK
        > . 2:2(0) ack 2        ; close-4 | TIME-WAIT CLOSED
        """,
        close="three-segment",
    )


def test_data_beyond_the_own_fin(play: Player) -> None:
    play(
        OPENING
        + """
        > F. 1:1(0) ack 1       ; close-1 | FIN-WAIT-1 CLOSE-WAIT
        > P. 2:12(10) ack 1     ; data (data_after_close) | FIN-WAIT-1 CLOSE-WAIT
        """
    )


def test_data_after_the_close(play: Player) -> None:
    played = play(
        OPENING
        + CLOSING
        + """
        < P. 2:12(10) ack 2     ; data+stray (data_after_close) | TIME-WAIT CLOSED
        """,
        close="four-segment",
    )
    assert played.built().close.data_lost


def test_acknowledgement_after_the_close(play: Player) -> None:
    play(
        OPENING + CLOSING + "< . 2:2(0) ack 2         ; stray (duplicate_ack) | TIME-WAIT CLOSED",
        close="four-segment",
    )


def test_data_of_before_the_fin_repeated_after_the_close(play: Player) -> None:
    played = play(
        OPENING
        + """
        > P. 1:11(10) ack 1     ; data
        > F. 11:11(0) ack 1     ; close-1
        < F. 1:1(0) ack 12      ; close-2+close-3
        > . 12:12(0) ack 2      ; close-4
        +0.3 > P. 1:11(10) ack 1 ; data (spurious_retransmission)
        """,
        close="three-segment",
    )
    assert not played.built().close.data_lost


# Resets.


def test_reset_by_the_first(play: Player) -> None:
    played = play(
        OPENING
        + """
        > P. 1:11(10) ack 1     ; data
        < . 1:1(0) ack 11       ; ack
        > R. 11:11(0) ack 1     ; reset | CLOSED CLOSED
        """,
        close="reset",
        closed_by="first",
    )
    assert not played.built().close.data_lost
    assert played.built().close.frames == (6,)


def test_reset_by_the_second_loses_data(play: Player) -> None:
    played = play(
        OPENING
        + """
        > P. 1:11(10) ack 1     ; data
        < R. 1:1(0) ack 1       ; reset | CLOSED CLOSED
        """,
        close="reset",
        closed_by="second",
    )
    assert played.built().close.data_lost
    assert played.built().client_data.unacknowledged_bytes == 10


def test_reset_after_fin(play: Player) -> None:
    play(
        OPENING
        + """
        > F. 1:1(0) ack 1       ; close-1 | FIN-WAIT-1 CLOSE-WAIT
        < . 1:1(0) ack 2        ; close-2 | FIN-WAIT-2 CLOSE-WAIT
        < R. 1:1(0) ack 2       ; reset | CLOSED CLOSED
        """,
        close="reset-after-fin",
        closed_by="first",
    )


def test_reset_in_time_wait(play: Player) -> None:
    # RFC 9293 3.10.7.4: it deletes what is left of the connection; the close was complete before it.
    play(
        OPENING + CLOSING + "< R 2:2(0)        ; reset | CLOSED CLOSED",
        close="four-segment",
        closed_by="first",
    )


def test_data_after_reset(play: Player) -> None:
    played = play(
        OPENING
        + """
        < R. 1:1(0) ack 1       ; reset | CLOSED CLOSED
        > P. 1:11(10) ack 1     ; data+stray (data_after_reset) | CLOSED CLOSED
        < R 1:1(0)              ; reset | CLOSED CLOSED
        > . 11:11(0) ack 1      ; stray (duplicate_ack) | CLOSED CLOSED
        """,
        close="reset",
        closed_by="second",
    )
    assert played.built().close.data_lost


def test_reset_before_the_window(play: Player) -> None:
    play(
        OPENING
        + """
        > P. 1:11(10) ack 1     ; data
        < . 1:1(0) ack 11       ; ack
        > R 1:1(0)              ; reset (unacceptable_reset) | ESTABLISHED ESTABLISHED
        > P. 11:21(10) ack 1    ; data | ESTABLISHED ESTABLISHED
        """,
        close="open",
        closed_by="nobody",
    )


def test_reset_beyond_what_was_sent(play: Player) -> None:
    # RFC 9293 3.10.7.4: in the window but not exactly the next number draws a challenge ACK (RFC 5961 3.2).
    play(
        OPENING
        + """
        > P. 1:11(10) ack 1     ; data
        < . 1:1(0) ack 11       ; ack
        > R 500:500(0)          ; reset (unacceptable_reset) | ESTABLISHED ESTABLISHED
        < . 1:1(0) ack 11       ; ack (challenge_ack) {duplicate_ack} | ESTABLISHED ESTABLISHED
        """,
        close="open",
    )


def test_reset_between_acknowledged_and_sent(play: Player) -> None:
    play(
        OPENING
        + """
        > P. 1:11(10) ack 1     ; data
        > P. 11:21(10) ack 1    ; data
        < . 1:1(0) ack 11       ; ack
        > R 21:21(0)            ; reset | CLOSED CLOSED
        """,
        close="reset",
        closed_by="first",
    )


def test_challenge_of_a_repeated_syn(play: Player) -> None:
    # RFC 9293 3.10.7.4, fourth: a SYN in a synchronized state is answered with a challenge ACK.
    play(
        OPENING
        + """
        > P. 1:11(10) ack 1     ; data
        < . 1:1(0) ack 11       ; ack
        > S 0:0(0)              ; handshake-1 (syn_retransmission, retransmission) | ESTABLISHED ESTABLISHED
        < . 1:1(0) ack 11       ; ack (challenge_ack) {duplicate_ack} | ESTABLISHED ESTABLISHED
        """,
        handshake="complete",
        close="open",
    )


# The same pair again.


def test_new_connection_on_the_same_pair(play: Player) -> None:
    played = play(
        OPENING
        + CLOSING
        + """
        +5 > S 0:0(0) isn +70000        ; handshake-1 (reused_ports) | SYN-SENT SYN-RECEIVED
        < S. 0:0(0) isn +90000 ack 1    ; handshake-2 | ESTABLISHED SYN-RECEIVED
        > . 1:1(0) ack 1                ; handshake-3 | ESTABLISHED ESTABLISHED
        """,
        handshake="complete",
        close="open",
    )
    assert len(played.table.connections) == 2
    assert played.built(0).close.outcome == "four-segment"
    assert played.built(1).notes == {"reused_ports": 1}


def test_new_connection_opened_by_the_other_side(play: Player) -> None:
    played = play(
        OPENING
        + CLOSING
        + """
        +5 < S 0:0(0) isn +70000        ; handshake-1 (reused_ports) | SYN-RECEIVED SYN-SENT
        > R. 1:1(0) ack 1               ; reset | CLOSED CLOSED
        """,
        handshake="refused",
        close="none",
    )
    assert played.built(1).client.port == 80


def test_new_connection_challenged_because_the_old_one_lives(play: Player) -> None:
    play(
        OPENING
        + """
        > S 0:0(0) isn +70000           ; handshake-1 (reused_ports) | SYN-SENT SYN-RECEIVED
        < . 1:1(0) ack -69999           ; ack (challenge_ack) | SYN-SENT SYN-RECEIVED
        """
    )


# Addresses.


def test_both_ends_on_one_address(play: Player) -> None:
    for address in ("127.0.0.1", "::1"):
        world = replace(play.world, first=address, second=address, second_port=20000)
        played = play(
            OPENING + CLOSING, handshake="complete", close="four-segment", closed_by="first", world=world
        )
        assert str(played.built().server).endswith(":20000")


def test_ports_and_addresses_that_cross(play: Player) -> None:
    world = replace(play.world, first_port=5000, second_port=5000)
    play(OPENING + CLOSING, handshake="complete", close="four-segment", closed_by="first", world=world)


def test_connection_with_itself(play: Player) -> None:
    # One address and one port: the SYN meets its own sender, and every segment goes the same way.
    world = replace(play.world, second=play.world.first, second_port=play.world.first_port)
    world = replace(world, second_isn=world.first_isn)
    play(
        """
        > S 0:0(0)              ; handshake-1
        > S. 0:0(0) ack 1       ; handshake-2 (simultaneous_open)
        > . 1:1(0) ack 1        ; handshake-3 (duplicate_ack)
        > P. 1:11(10) ack 1     ; data
        > . 11:11(0) ack 11     ; ack
        > F. 11:11(0) ack 11    ; close-1
        > . 12:12(0) ack 12     ; ack
        """,
        world=world,
    )


# Anything at all.

NUMBERS = st.sampled_from(
    [0, 1, 2, 5, 11, 12, 21, 1000, 70_000, 2**31 - 1, 2**31, 2**31 + 1, 2**32 - 2, 2**32 - 1]
)
OPTIONS = st.sampled_from(
    [
        b"",
        b"\x02\x04\x05\xb4",
        b"\x03\x03\x07\x00",
        b"\x22\x02\x00\x00",
        b"\x08\x0a\x00",
        b"\xff" * 4,
        b"\x00" * 40,
    ]
)
SEGMENTS = st.lists(
    st.tuples(
        st.booleans(),
        st.one_of(st.sampled_from([0x02, 0x12, 0x10, 0x18, 0x11, 0x04, 0x14, 0x01]), st.integers(0, 0x1FF)),
        NUMBERS,
        NUMBERS,
        st.sampled_from([0, 0, 0, 1, 2, 10, 1500]),
        st.sampled_from([0, 1, 64240]),
        OPTIONS,
        st.sampled_from([-1_000_000, 0, 500_000, 10_000_000, 1_000_000_000]),
    ),
    max_size=25,
)


@given(segments=SEGMENTS, isn=st.sampled_from([2**32 - 2, 2**31 - 3, 7]))
def test_no_list_of_segments_breaks_it(
    segments: list[tuple[bool, int, int, int, int, int, bytes, int]], isn: int
) -> None:
    table = ConnectionTable(0, 0)
    header = Header()
    now = 1_000_000_000
    ends = (("192.0.2.1", 40000), ("192.0.2.2", 80))
    for frame, (forward, flags, seq, ack, length, window, options, after) in enumerate(segments, 1):
        now += after
        source, destination = ends if forward else ends[::-1]
        seq, ack = (isn + seq) % 2**32, (isn + ack) % 2**32
        options += bytes(-len(options) % 4)
        segment = tcp_segment(source, destination, seq, ack, flags, window, options, bytes(length))
        packet = ip_packet(source[0], destination[0], segment)
        assert header.decode(packet, 0, len(packet), len(packet), RAW) == SEGMENT
        connection = table.observe(header, frame, now)
        step = table.step
        assert label_names(step.labels)
        assert len(note_names(step.notes & 15)) <= 1
        assert step.wireshark_notes < 1 << 15
        assert_path(step.first_before, step.first_path, step.first_after)
        assert_path(step.second_before, step.second_path, step.second_after)
        assert (int(connection.first.state), int(connection.second.state)) == (
            step.first_after,
            step.second_after,
        )
    for connection in table.connections:
        for endpoint in (connection.first, connection.second):
            assert endpoint.bytes >= 0
            assert endpoint.disorder_seen().retransmitted_bytes >= 0
        assert verdict.handshake_outcome(connection) in HANDSHAKE
        assert verdict.close_outcome(connection) in CLOSE
        assert verdict.roles(connection)[1] in ROLE
        assert verdict.close_active(connection) in (0, 1, 2, None)
        assert verdict.fast_open(connection) in {None, *FAST_OPEN}
        assert list(verdict.close_frames(connection)) == sorted(set(verdict.close_frames(connection)))
    sent = sum(length for _, _, _, _, length, _, _, _ in segments)
    both = [end for connection in table.connections for end in (connection.first, connection.second)]
    assert sum(end.bytes + end.disorder_seen().retransmitted_bytes for end in both) <= sent
    assert sum(end.segments for end in both) == len(segments)


def assert_path(before: int, path: int, after: int) -> None:
    """The rows of the table that were taken lead from one state to the other."""
    state = before
    while path:
        row = states.TRANSITIONS[(path & 0xFF) - 1]
        assert row.state == state
        state = row.target
        path >>= 8
    assert state == after


def test_a_state_moves_by_the_table_or_not_at_all(play: Player) -> None:
    connection = play("> . 1:1(0) ack 1 ; ack").connection
    for state in range(len(states.STATES)):
        for given_input in range(len(states.INPUTS)):
            endpoint = Endpoint()
            endpoint.state = state
            step = Step()
            connection._move(step, endpoint, given_input)
            rows = [row for row in states.TRANSITIONS if (row.state, row.input) == (state, given_input)]
            assert endpoint.state == (rows[0].target if rows else state)
            assert (step.second_path != 0) == bool(rows)


# The transcripts themselves.


def test_every_label_note_and_outcome_has_its_transcript() -> None:
    written = Path(__file__).read_text("utf-8")
    lines = [
        line.partition(";")[2] for line in written.splitlines() if re.match(r"\s*(\+[\d.]+ )?[<>] ", line)
    ]
    lines += re.findall(r'"[<>] [^"]*;([^"]*)"', written)
    names = set(re.findall(r"[a-z_0-9-]+", " ".join(lines)))
    assert not ({label.name for label in LABELS} | {note.name for note in NOTES}) - names
    assert not [name for name in HANDSHAKE if f'handshake="{name}"' not in written]
    assert not [name for name in CLOSE if f'close="{name}"' not in written]


@pytest.mark.parametrize(
    "wrong",
    [
        "> S 0:0(0)",
        "> S 0:0(0) ;",
        "> S 0:0(0) ; handshake-9",
        "> S 0:0(0) ; handshake-1 (odd)",
        "> S 0:0(0) ; handshake-1 | SYN-SENT NOWHERE",
        "> S 0:1(0) ; handshake-1",
        "> S 0:0(0) ack 1 ; handshake-1",
        "> S 0:0(0) what 7 ; handshake-1",
        "> S 0:0(0) <odd 7> ; handshake-1",
        "S 0:0(0) ; handshake-1",
    ],
)
def test_a_line_out_of_notation_is_an_error(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read(wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        "> S 0:0(0) ; handshake-2",
        "> S 0:0(0) ; handshake-1+data",
        "> S 0:0(0) ; handshake-1 (fast_open)",
        "> S 0:0(0) <FO> ; handshake-1",
        "> S 0:0(0) ; handshake-1 {retransmission}",
        "> S 0:0(0) ; handshake-1 | SYN-SENT LISTEN",
        "> S 0:0(0) ; handshake-1 | ESTABLISHED SYN-RECEIVED",
        "> . 5:5(0) ack 1 ; ack",
    ],
)
def test_every_expectation_is_compared(play: Player, wrong: str) -> None:
    with pytest.raises(AssertionError, match=r"expected +actual"):
        play(wrong)


def test_the_verdict_is_compared(play: Player) -> None:
    transcript = "> S 0:0(0) ; handshake-1"
    with pytest.raises(AssertionError, match="the verdict"):
        play(transcript, handshake="complete")
    with pytest.raises(AssertionError, match="the verdict"):
        play(transcript, close="open")
    with pytest.raises(AssertionError, match="the verdict"):
        play(transcript, closed_by="first")
