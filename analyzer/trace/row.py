"""What is kept of a segment of a connection whose details are wanted: numbers, as the machine has them."""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from analyzer.tcp.step import Step
from analyzer.wire.header import Header

__all__ = ["PAYLOAD_KEPT", "Row"]

PAYLOAD_KEPT: Final = 64
"""Octets of a payload that stay with its segment, for an excerpt."""


class Row:
    """One segment, as the machine saw it: the fields of `Header` and `Step` that its report needs."""

    def __init__(self, header: Header, step: Step, frame: i64, time_ns: i64, wireshark: bool = False) -> None:
        """Keep the segment just observed.

        frame: from 1. time_ns: since the epoch. wireshark: with the notes and the window that Wireshark shows.
        """
        kept = header.payload_captured
        if kept > PAYLOAD_KEPT:
            kept = PAYLOAD_KEPT
        start = header.payload_offset
        self.frame: i64 = frame
        self.time_ns: i64 = time_ns
        self.direction: i64 = step.direction
        self.flags: i64 = header.flags
        self.seq: i64 = step.relative_seq
        self.ack: i64 = step.relative_ack
        self.length: i64 = header.payload_length
        self.window: i64 = step.wireshark_window if wireshark else step.window
        self.labels: i64 = step.labels
        self.notes: i64 = step.wireshark_notes if wireshark else step.notes
        self.first_before: i64 = step.first_before
        self.first_after: i64 = step.first_after
        self.second_before: i64 = step.second_before
        self.second_after: i64 = step.second_after
        self.first_path: i64 = step.first_path
        self.second_path: i64 = step.second_path
        self.payload: bytes = header.block[start : start + kept] if kept > 0 else b""

    @property
    def before(self) -> tuple[int, int]:
        """The states of the first and the second endpoint before it."""
        return self.first_before, self.second_before

    @property
    def after(self) -> tuple[int, int]:
        """Their states after it."""
        return self.first_after, self.second_after

    @property
    def paths(self) -> tuple[int, int]:
        """The rows of `states.TRANSITIONS` they took."""
        return self.first_path, self.second_path
