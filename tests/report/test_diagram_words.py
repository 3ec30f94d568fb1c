from __future__ import annotations

from analyzer.diagram.layout import lay_out
from analyzer.report.diagram_words import carried, label_words, note_words, notice_text, title
from analyzer.tcp.labels import LABELS
from analyzer.tcp.notes import NOTES
from tests.diagram.builders import Stage, echo, narrow, unreachable


def test_the_title_names_the_connection() -> None:
    assert title(lay_out(echo().connection())) == "Connection 0: 127.0.0.1:42014 → 127.0.0.1:20000"


def test_every_label_and_note_has_its_words() -> None:
    assert label_words(("close-2", "close-3")) == ["ACK 2/4", "FIN 3/4"]
    assert note_words(("fast_retransmission",)) == ["fast retransmission"]
    assert all(label_words(label.name for label in LABELS))
    assert all(note_words(note.name for note in NOTES))


def test_who_said_what_about_which_frame() -> None:
    (error,) = unreachable().connection().icmp_errors
    assert notice_text(error) == "ICMP 10.0.0.254: host unreachable (about frame 1)"
    _, long = narrow().connection().errors_heard
    assert notice_text(long) == (
        "ICMP 2001:db8:1111:2222:3333:4444:5555:6666: fragmentation needed, next hop MTU 1400"
    )


def test_what_was_carried() -> None:
    assert carried(echo().connection()) == "the client sent 2 bytes and received 2"
    assert carried(Stage().open().exchange(b"x").connection()) == "the client sent 1 byte and received 0"
    assert carried(Stage().open().connection()) == "no data"
