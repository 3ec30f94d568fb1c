"""Every deliberate difference from Wireshark: a transcript that shows both, and one that almost does."""

from __future__ import annotations

import re

import pytest

from analyzer.tcp.corrections import CORRECTIONS, correct, correction_names, explains
from analyzer.tcp.notes import (
    DUPLICATE_ACK,
    FAST_RETRANSMISSION,
    NOTES,
    WIRESHARK_NOTES,
    NoteName,
    note_names,
)
from analyzer.tcp.step import Step
from analyzer.tcp.verdict import newly_reused_in_hindsight, reused_in_hindsight
from analyzer.trace.columns import Columns
from analyzer.trace.segments import Segments
from tests.tcp.transcript import FIRST_WRAPS, SECOND_WRAPS, World, observe, read

OPENING = """
    > S 0:0(0) <wscale 2,sackOK>            ; handshake-1
    < S. 0:0(0) ack 1 <wscale 2,sackOK>     ; handshake-2
    > . 1:1(0) ack 1                        ; handshake-3
"""
DATA = "> . 1:11(10) ack 1 ; data\n> . 11:21(10) ack 1 ; data\n> . 21:31(10) ack 1 ; data\n"

# rule -> (Wireshark's notes, ours, transcript); what is expected is said of its last line. Ours are of the fifteen.
CASES: dict[str, tuple[list[str], list[str], str]] = {
    "forgotten-byte": (
        ["lost_segment"],
        [],
        "< . 1:1(0) ack 1 win 0 ; ack (zero_window)\n> . 1:2(1) ack 1 ; probe (zero_window_probe)\n"
        "< . 1:1(0) ack 2 ; ack\n> . 2:11(9) ack 1 ; data",
    ),
    "nothing-missing": (
        ["ack_lost_segment"],
        [],
        "< . 1:1(0) ack 1 win 0 ; ack (zero_window)\n> . 1:2(1) ack 1 ; probe (zero_window_probe)\n"
        "< . 1:1(0) ack 2 ; ack",
    ),
    "captured-twice": (
        ["retransmission"],
        [],
        "> . 1:11(10) ack 1 id 7 ; data\n+0.0001 > . 1:11(10) ack 1 id 7 ; data",
    ),
    "handshake-ack-again": (
        ["duplicate_ack"],
        [],
        "< S. 0:0(0) ack 1 <wscale 2,sackOK> ; handshake-2 (retransmission, syn_ack_retransmission)\n"
        "> . 1:1(0) ack 1 ; handshake-3",
    ),
    "close-ack-again": (
        ["duplicate_ack"],
        [],
        "< F. 1:1(0) ack 1 ; close-1\n> . 1:1(0) ack 2 ; close-2\n"
        "+1 < F. 1:1(0) ack 1 ; close-1 (retransmission, fin_retransmission)\n> . 1:1(0) ack 2 ; close-2",
    ),
    "linux-probe": (
        ["keep_alive"],
        ["zero_window_probe"],
        "> . 1:11(10) ack 1 ; data\n< . 1:1(0) ack 11 win 0 ; ack (zero_window)\n> . 10:10(0) ack 1 ; probe",
    ),
    "probe-refused": (
        ["zero_window"],
        ["zero_window", "zero_window_probe_ack"],
        "> . 1:11(10) ack 1 ; data\n< . 1:1(0) ack 11 win 0 ; ack (zero_window)\n"
        "> . 10:10(0) ack 1 ; probe (zero_window_probe)\n< . 1:1(0) ack 11 win 0 ; probe",
    ),
    "outstanding-byte": (
        ["keep_alive"],
        ["retransmission"],
        "> . 1:2(1) ack 1 ; data\n+1 > . 1:2(1) ack 1 ; data",
    ),
    "selective-duplicate": (
        ["window_update"],
        ["duplicate_ack"],
        "> . 1:11(10) ack 1 ; data\n> . 21:31(10) ack 1 ; data\n< . 1:1(0) ack 11 ; ack\n"
        "< . 1:1(0) ack 11 win 60000 <sack 21 31> ; ack",
    ),
    "asked-selectively": (
        ["retransmission"],
        ["fast_retransmission"],
        DATA + "< . 1:1(0) ack 11 ; ack\n< . 1:1(0) ack 11 win 60000 <sack 21 25> ; ack\n"
        "< . 1:1(0) ack 11 win 60001 <sack 21 31> ; ack\n+0.001 > . 11:21(10) ack 1 ; data",
    ),
    "not-asked": (
        ["fast_retransmission", "ack_lost_segment"],
        ["retransmission", "ack_lost_segment"],
        "> . 1:11(10) ack 1 ; data\n< F. 1:1(0) ack 11 ; close-1\n> . 21:31(10) ack 1 ; data\n"
        "> . 31:41(10) ack 1 ; data\n< F. 1:1(0) ack 41 ; close-1\n> . 51:61(10) ack 1 ; data\n"
        "< F. 1:1(0) ack 61 ; close-1\n> . 61:71(10) ack 1 ; data\n+0.001 < F. 1:1(0) ack 75 ; close-1",
    ),
    "challenge-ack": (
        ["duplicate_ack"],
        [],
        "> . 1:11(10) ack 1 ; data\n< . 1:1(0) ack 11 ; ack\n< R 100:100(0) ; reset (unacceptable_reset)\n"
        "> . 11:11(0) ack 1 ; ack",
    ),
    "bad-header": (
        ["retransmission"],
        [],
        "> . 1:11(10) ack 1 offset 4 ; stray (bad_header)\n+1 > . 1:11(10) ack 1 ; data",
    ),
    "options-broken": (
        [],
        ["spurious_retransmission"],
        "> . 1:11(10) ack 1 ; data\n< . 1:1(0) ack 11 ; ack\n"
        "+1 > . 1:11(10) ack 1 <TS val 1 ecr 1> cut 14 ; data",
    ),
    "sent-earlier": (
        ["retransmission"],
        ["out_of_order"],
        "> . 1:11(10) ack 1 <TS val 100 ecr 1> ; data\n> . 21:31(10) ack 1 <TS val 102 ecr 1> ; data\n"
        "+1 > . 11:21(10) ack 1 <TS val 101 ecr 1> ; data",
    ),
}  # fmt: skip


def last_of(
    transcript: str, world: World, opening: str = OPENING
) -> tuple[list[NoteName], list[NoteName], list[str]]:
    # The edges of SACK blocks stand there relative to the first ISN, as everything else.
    absolute = re.sub(
        r"<sack (\d+) (\d+)>",
        lambda edges: "<sack {} {}>".format(
            *((world.first_isn + int(edge)) % 2**32 for edge in edges.groups())
        ),
        opening + transcript,
    )
    _, found = observe(read(absolute), world)
    last = found[-1]
    return (
        note_names(last.wireshark_notes),
        note_names(last.notes & WIRESHARK_NOTES),
        correction_names(last.corrections),
    )


@pytest.mark.parametrize("world", [FIRST_WRAPS, SECOND_WRAPS], ids=["first-wraps", "second-wraps"])
@pytest.mark.parametrize("rule", CASES)
def test_both_modes(rule: str, world: World) -> None:
    wireshark, ours, transcript = CASES[rule]
    assert last_of(transcript, world) == (wireshark, ours, [rule])


def test_a_sack_without_a_block_breaks_the_options_too() -> None:
    transcript = "> . 1:11(10) ack 1 ; data\n< . 1:1(0) ack 11 ; ack\n< . 1:1(0) ack 11 <hex 0502> ; ack"
    assert last_of(transcript, FIRST_WRAPS) == ([], ["duplicate_ack"], ["options-broken"])


WITHOUT_OPENING: dict[str, tuple[list[str], list[str], str]] = {
    "simultaneous-open": (
        ["retransmission"],
        [],
        "> S 0:0(0) ; handshake-1\n< S 0:0(0) ; handshake-1\n> S. 0:0(0) ack 1 ; handshake-2",
    ),
    "first-syn-ack": (
        ["lost_segment", "reused_ports"],
        [],
        "> S 0:0(0) ; handshake-1\n< R -9:-9(0) ; reset\n< S. 0:0(0) ack 1 ; handshake-2",
    ),
    "syn-ack-acknowledged": (
        ["ack_lost_segment"],
        [],
        "> S 0:0(0) ; handshake-1\n< R -9:-9(0) ; reset\n< S. 0:0(0) ack 1 ; handshake-2\n"
        "> . 1:1(0) ack 1 ; handshake-3",
    ),
}


@pytest.mark.parametrize("world", [FIRST_WRAPS, SECOND_WRAPS], ids=["first-wraps", "second-wraps"])
@pytest.mark.parametrize("rule", WITHOUT_OPENING)
def test_both_modes_of_an_opening(rule: str, world: World) -> None:
    wireshark, ours, transcript = WITHOUT_OPENING[rule]
    assert last_of(transcript, world, opening="") == (wireshark, ours, [rule])


# Where the next sequence number is 0: Wireshark has no other word for "not seen".
AT_ZERO: dict[str, tuple[list[str], list[str], str]] = {
    "number-zero": (
        [],
        ["retransmission"],
        OPENING + "> F. 1:1(0) ack 1 ; close-1\n+1 > F. 1:1(0) ack 1 ; close-1",
    ),
    "first-segment": (["keep_alive"], [], "> . 1:1(0) ack 1 ; ack"),
}


@pytest.mark.parametrize("rule", AT_ZERO)
def test_both_modes_at_zero(rule: str) -> None:
    wireshark, ours, transcript = AT_ZERO[rule]
    assert last_of(transcript, FIRST_WRAPS, opening="") == (wireshark, ours, [rule])


def test_both_modes_of_a_second_reading() -> None:
    columns = Columns(wireshark=True)
    table, found = observe(
        read(
            """
            > S 0:0(0)                  ; handshake-1
            < S. 0:0(0) ack 1           ; handshake-2
            < S. 0:0(0) ack 1 isn +500  ; handshake-2
            """
        ),
        FIRST_WRAPS,
        columns,
    )
    assert [note_names(item.notes & WIRESHARK_NOTES) for item in found][:2] == [[], []]
    assert [note_names(item.wireshark_notes) for item in found][:2] == [[], []]
    machine = table.connections[0]
    assert reused_in_hindsight(machine) == newly_reused_in_hindsight(machine) == (2,)
    shown = Segments(machine, columns, 0, wireshark=True)
    assert [segment.notes for segment in shown][1] == ("reused_ports",)


def test_each_rule_is_shown() -> None:
    names = {*CASES, *WITHOUT_OPENING, *AT_ZERO, "second-reading"}
    assert names == {correction.name for correction in CORRECTIONS}


ALMOST = {
    "a keep-alive whose byte was acknowledged": (
        "keep_alive",
        "> . 1:2(1) ack 1 ; data\n< . 1:1(0) ack 2 ; ack\n+1 > . 1:2(1) ack 1 ; keep-alive",
    ),
    "a window update that reports nothing new": (
        "window_update",
        "< . 1:1(0) ack 1 <sack 11 21> ; ack\n< . 1:1(0) ack 1 win 60000 <sack 11 21> ; ack",
    ),
    "a duplicate SACK below the acknowledgement": (
        "window_update",
        "> . 1:11(10) ack 1 ; data\n< . 1:1(0) ack 11 ; ack\n< . 1:1(0) ack 11 win 60000 <sack 1 11> ; ack",
    ),
    "duplicates of another acknowledgement": (
        "retransmission",
        DATA + "< . 1:1(0) ack 1 ; ack\n< . 1:1(0) ack 1 ; ack\n< . 1:1(0) ack 1 ; ack\n< . 1:1(0) ack 11 ; ack\n"
        "+0.001 > . 11:21(10) ack 1 ; data",
    ),
    "bytes seen before, with an older timestamp": (
        "retransmission",
        "> . 1:11(10) ack 1 <TS val 100 ecr 1> ; data\n> . 11:21(10) ack 1 <TS val 102 ecr 1> ; data\n"
        "+1 > . 1:11(10) ack 1 <TS val 101 ecr 1> ; data",
    ),
    "bytes never seen before, sent at the same tick": (
        "retransmission",
        "> . 1:11(10) ack 1 <TS val 100 ecr 1> ; data\n> . 21:31(10) ack 1 <TS val 102 ecr 1> ; data\n"
        "+1 > . 11:21(10) ack 1 <TS val 102 ecr 1> ; data",
    ),
}  # fmt: skip


@pytest.mark.parametrize("world", [FIRST_WRAPS, SECOND_WRAPS], ids=["first-wraps", "second-wraps"])
@pytest.mark.parametrize("case", ALMOST)
def test_almost(case: str, world: World) -> None:
    name, transcript = ALMOST[case]
    assert last_of(transcript, world) == ([name], [name], [])


def test_the_table_is_that_of_the_numbers() -> None:
    names = [correction.name for correction in CORRECTIONS]
    assert len(set(names)) == len(names) < 60
    for correction in CORRECTIONS:
        assert correction.why[0].islower() or correction.why.startswith("Wireshark")
        assert correction.source.startswith("RFC ")
        assert (correction.removes | correction.adds) & ~sum(note.bit for note in NOTES) == 0


def test_a_rule_that_changes_nothing_is_not_remembered() -> None:
    step = Step()
    correct(step, 7)
    assert step.corrections == 0
    step.notes = DUPLICATE_ACK
    correct(step, 7)
    assert correction_names(step.corrections) == ["close-ack-again"]


def test_what_no_rule_covers_is_not_explained() -> None:
    step = Step()
    step.notes = DUPLICATE_ACK
    correct(step, 7)
    assert explains(step.corrections, 0, DUPLICATE_ACK)
    assert not explains(step.corrections, FAST_RETRANSMISSION, DUPLICATE_ACK)
    assert not explains(0, 0, DUPLICATE_ACK)
