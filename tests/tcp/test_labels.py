from __future__ import annotations

from typing import get_args

from analyzer.tcp import labels
from analyzer.tcp.labels import LABEL, LABELS, LabelName, label_names


def test_the_labels_are_those_of_the_documentation_in_their_order() -> None:
    assert [(label.name, label.shown) for label in LABELS] == [
        ("handshake-1", "SYN 1/3"),
        ("handshake-2", "SYN-ACK 2/3"),
        ("handshake-3", "ACK 3/3"),
        ("data", "DATA"),
        ("close-1", "FIN 1/4"),
        ("close-2", "ACK 2/4"),
        ("close-3", "FIN 3/4"),
        ("close-4", "ACK 4/4"),
        ("reset", "RST"),
        ("keep-alive", "KEEP-ALIVE"),
        ("probe", "PROBE"),
        ("ack", "ACK"),
        ("stray", "?"),
    ]
    assert [label.bit for label in LABELS] == [1 << place for place in range(len(LABELS))]
    assert all(label.meaning and label.reason for label in LABELS)
    assert get_args(LabelName) == tuple(label.name for label in LABELS) == tuple(LABEL)


def test_names_come_in_the_order_of_the_table() -> None:
    assert label_names(labels.CLOSE_3 | labels.DATA | labels.CLOSE_2) == ["data", "close-2", "close-3"]
    assert label_names(0) == []
