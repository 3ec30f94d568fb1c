from __future__ import annotations

from dataclasses import replace

from analyzer.tcp import notes
from analyzer.tcp.ledger import ERRORS_KEPT, HISTORY_KEPT, Ledger
from analyzer.tcp.machine import Machine
from analyzer.tcp.step import FIRST, NOBODY, SECOND
from analyzer.wire.header import Header
from analyzer.wire.icmp import ERROR_KINDS, ErrorMessage
from tests.tcp.transcript import FIRST_WRAPS, SECOND_WRAPS, Player, World, frames, read

SYN = "> S 0:0(0) ; handshake-1"
SYN_ACK = "< S. 0:0(0) ack 1 ; handshake-2"
OPENING = f"{SYN}\n{SYN_ACK}\n> . 1:1(0) ack 1 ; handshake-3\n"
PORT_UNREACHABLE = ERROR_KINDS[4, 3, 3]


def decoded(line: str, world: World = FIRST_WRAPS) -> Header:
    [(frame, _, _)] = frames(read(line), world)
    header = Header()
    header.decode(frame + bytes(8), 0, len(frame), len(frame), world.link_type)
    return header


def test_each_direction_has_its_endpoint() -> None:
    ledger = Ledger(0, decoded(SYN), 1, 0, False)
    assert ledger.direction_of(decoded(SYN)) == FIRST
    assert ledger.direction_of(decoded(SYN_ACK)) == SECOND
    assert ledger.direction_of(decoded(SYN, SECOND_WRAPS)) == NOBODY
    assert ledger.direction_of(decoded(SYN, replace(FIRST_WRAPS, first_port=1))) == NOBODY


def test_zeek_has_the_sender_of_a_syn_ack_for_the_responder() -> None:
    assert not Ledger(0, decoded(SYN), 1, 0, False).zeek_second_originates
    assert Ledger(0, decoded(SYN_ACK), 1, 0, False).zeek_second_originates


def test_a_history_ends_where_no_real_one_does(play: Player) -> None:
    resets = [f"> R {seq}:{seq}(0) ; reset (unacceptable_reset)\n" for seq in range(2, HISTORY_KEPT + 9)]
    history = play(OPENING + "".join(resets)).built().history
    assert history == "ShA" + "R" * (HISTORY_KEPT - 3)


def test_errors_are_counted_and_the_first_are_kept() -> None:
    machine = Machine(0, decoded(SYN), 1, 0)
    before = machine.first.state, machine.second.state
    for frame in range(2, ERRORS_KEPT + 5):
        machine.hear(ErrorMessage(PORT_UNREACHABLE, 0, 0, 7, decoded(SYN)), frame, frame * 1000)
    machine.hear(ErrorMessage(PORT_UNREACHABLE, 0, 0, 7, decoded(SYN_ACK)), 99, 0)
    assert machine.error_count == ERRORS_KEPT + 4
    assert [error.frame for error in machine.errors or []] == list(range(2, ERRORS_KEPT + 2))
    assert {error.direction for error in machine.errors or []} == {FIRST}
    assert (machine.first.state, machine.second.state) == before


def test_an_error_answers_the_segment_sent_last(play: Player) -> None:
    machine = play(f"{SYN}\n{SYN_ACK}", world=FIRST_WRAPS).connection
    quoted = decoded(SYN_ACK)
    machine.hear(ErrorMessage(PORT_UNREACHABLE, 0, 0, 7, quoted), 3, 0)
    older = play(f"{SYN}\n{SYN_ACK}\n< . 1:9(8) ack 1 ; data", world=FIRST_WRAPS).connection
    older.hear(ErrorMessage(PORT_UNREACHABLE, 0, 0, 7, quoted), 4, 0)
    answered = [(error.direction, error.answers) for error in (machine.errors or [])[:1]]
    too_late = [(error.direction, error.answers) for error in (older.errors or [])[:1]]
    assert (answered, too_late) == ([(SECOND, 2)], [(SECOND, 0)])


def test_notes_are_counted_by_their_combination(play: Player) -> None:
    machine = play(
        OPENING
        + """
        < . 1:1(0) ack 1                    ; ack (duplicate_ack)
        < . 1:1(0) ack 1 win 0              ; ack (zero_window)
        < . 1:1(0) ack 1 win 0              ; ack (zero_window)
        """
    ).connection
    assert machine.note_counts == [
        *(notes.DUPLICATE_ACK, notes.DUPLICATE_ACK, 1),
        *(notes.ZERO_WINDOW, notes.ZERO_WINDOW, 2),
    ]


def test_a_syn_counts_to_wireshark_as_the_first_segment_alone(play: Player) -> None:
    played = play(
        """
        > S 0:4(4)                  ; handshake-1+data (data_in_syn)
        > S 0:4(4) isn +9           ; handshake-1+data (data_in_syn, reused_ports)
        < S 0:4(4)                  ; handshake-1+data (data_in_syn, simultaneous_open)
        < SR 0:0(0)                 ; reset (bad_flags, retransmission)
        """
    )
    older, newer = played.table.connections
    assert (older.completeness, newer.completeness) == (1 | 8, 1 | 32)
