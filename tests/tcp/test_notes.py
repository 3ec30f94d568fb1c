from __future__ import annotations

from typing import get_args

from analyzer.tcp import notes
from analyzer.tcp.notes import NOTE, NOTES, WIRESHARK_NOTES, NoteName, Topic, names_about, note_names

# The fields `tcp.analysis.*` of Wireshark 4.0.17 that are flags.
WIRESHARK = [
    "retransmission",
    "fast_retransmission",
    "spurious_retransmission",
    "out_of_order",
    "duplicate_ack",
    "lost_segment",
    "ack_lost_segment",
    "zero_window",
    "zero_window_probe",
    "zero_window_probe_ack",
    "window_update",
    "window_full",
    "keep_alive",
    "keep_alive_ack",
    "reused_ports",
]


def test_the_first_fifteen_are_wiresharks() -> None:
    assert [note.name for note in NOTES[:15]] == WIRESHARK
    assert note_names(WIRESHARK_NOTES) == WIRESHARK
    assert [note.name for note in NOTES if note.wireshark] == WIRESHARK


def test_every_note_has_a_bit_a_name_and_a_meaning_of_its_own() -> None:
    assert [note.bit for note in NOTES] == [1 << place for place in range(len(NOTES))]
    assert len({note.name for note in NOTES}) == len(NOTES)
    assert len({note.shown for note in NOTES}) == len(NOTES)
    assert all(note.meaning and note.shown for note in NOTES)
    assert get_args(NoteName) == tuple(note.name for note in NOTES) == tuple(NOTE)
    for note in NOTES:
        assert getattr(notes, note.name.upper()) == note.bit


def test_every_topic_has_notes_and_the_repeated_ones_are_the_number_for_the_path_of_a_packet() -> None:
    assert {note.topic for note in NOTES} == set(get_args(Topic))
    assert names_about("retransmission") == set(note_names(notes.RETRANSMISSIONS))


def test_a_question_has_its_answer_about_the_same() -> None:
    questions = [note for note in NOTES if note.answer]
    assert questions
    assert all(NOTE[note.answer].topic == note.topic for note in questions if note.answer)


def test_names_come_in_the_order_of_the_table() -> None:
    assert note_names(notes.BAD_FLAGS | notes.ZERO_WINDOW) == ["zero_window", "bad_flags"]
    assert note_names(0) == []
