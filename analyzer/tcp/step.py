"""What the machine found out about one segment: written anew for each, read by whoever keeps it."""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

__all__ = ["FIRST", "NOBODY", "SECOND", "Step"]

FIRST: Final = 0
SECOND: Final = 1
NOBODY: Final = -1
"""An endpoint where a number has to do: the one that sent the first segment captured, the other, or neither yet."""


class Step:
    """The findings on the segment observed last.

    direction: which endpoint of the connection sent it, `FIRST` or `SECOND`.
    labels, notes, wireshark_notes: masks of `labels.py` and `notes.py`; `wireshark_notes` is what
    Wireshark 4.0.17 would say, `notes` is what is right. corrections: the rules of `corrections.py` between them.
    relative_seq, relative_ack: counted from the base of their endpoint, modulo 2**32.
    window: bytes, scaled where the scale is known; `wireshark_window` is what Wireshark shows.
    before, after: states, by endpoint. path: the rows of `states.TRANSITIONS` taken, counted from 1,
    the first in the lowest eight bits.
    """

    def __init__(self) -> None:
        self.direction: i64 = 0
        self.labels: i64 = 0
        self.notes: i64 = 0
        self.wireshark_notes: i64 = 0
        self.corrections: i64 = 0
        self.relative_seq: i64 = 0
        self.relative_ack: i64 = 0
        self.window: i64 = 0
        self.wireshark_window: i64 = 0
        self.first_before: i64 = 0
        self.first_after: i64 = 0
        self.second_before: i64 = 0
        self.second_after: i64 = 0
        self.first_path: i64 = 0
        self.second_path: i64 = 0
