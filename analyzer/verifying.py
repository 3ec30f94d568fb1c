"""The wiring of `verify`: our pass over a capture beside the installed tshark's, frame by frame.

Both go through the file in its order, so whatever its size only one frame of each is looked at a time; of a
connection its last `tcp.completeness` is kept.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from analyzer.capture import Records, open_capture
from analyzer.capture.dissection import AnalysedFrame, analysed_frames, version_of_tshark
from analyzer.errors import UsageError
from analyzer.passes import Pass
from analyzer.tcp import completeness as bits
from analyzer.tcp import corrections
from analyzer.tcp.notes import NOTES, REUSED_PORTS, WIRESHARK_NOTES, note_names
from analyzer.tcp.verdict import completeness, reused_in_hindsight
from analyzer.text import say
from analyzer.wire.icmp import ICMP, ICMPV6
from analyzer.wire.skips import PROTOCOL, skip_name

__all__ = ["ANNOUNCED", "VERSION", "WIRESHARK_NAMES", "Disagreement", "Verification", "verify"]

VERSION: Final = "4.0.17"
"""The version whose definitions our analysis follows."""

WIRESHARK_NAMES: Final = tuple(note.name for note in NOTES if note.bit & WIRESHARK_NOTES)

ANNOUNCED: Final = "announced"
"""A dissector, such as FTP's, knew of the connection before its SYN, which then does not count for Wireshark."""

_ERRORS: Final = frozenset({PROTOCOL + ICMP, PROTOCOL + ICMPV6})

_PARTICULAR: Final = frozenset({"fast_retransmission", "spurious_retransmission"})


class Disagreement(NamedTuple):
    """One thing that both do not say alike.

    frame: from 1. connection: our number, -1 where we see none. about: "notes", "connection" or "completeness".
    ours, wireshark: what each says; for notes their names. rules: the names of the deliberate differences that
    account for it; nothing where it is unexplained.
    """

    frame: int
    connection: int
    about: str
    ours: tuple[str, ...]
    wireshark: tuple[str, ...]
    rules: tuple[str, ...]


def verify(path: str | os.PathLike[str], *, wireshark: bool = False) -> Verification:
    """Compare our analysis of the capture at `path` with the installed tshark's: iterate over what it returns.

    wireshark: compare Wireshark's notes as we compute them, where no difference is deliberate.

    Raises `UsageError` for standard input and what `open_capture` raises; while iterated `DissectionError` where tshark
    is not there or reads nothing.
    """
    name = os.fspath(path)
    if name == "-":
        raise UsageError(say("tshark reads the capture too: store it in a file first"))
    # A file that is none, or no capture, is refused by our own reader, in its own words.
    open_capture(name).close()
    return Verification(name, wireshark)


class _Seen(NamedTuple):
    """A frame with TCP as we see it: connection, mask of notes, mask of the rules of `corrections.py`."""

    connection: int
    notes: int
    corrections: int


class Verification:
    """The disagreements in the order of the file, those about whole connections last; then the counts are complete.

    version: of the installed tshark. frames: with a TCP segment to either. agreeing: of these, the same to both.
    differences: name of a deliberate difference -> how many disagreements it accounts for. warnings: of our reader.
    """

    def __init__(self, path: str, wireshark: bool) -> None:
        self.version = version_of_tshark()
        self.frames = 0
        self.agreeing = 0
        self.unexplained = 0
        self.differences: Counter[str] = Counter()
        self.warnings: tuple[str, ...] = ()
        self._path = path
        self._strict = wireshark
        self._run = Pass(0, set())
        # SYN-ACKs that only what comes later may explain.
        self._waiting: list[Disagreement] = []
        self._last: dict[int, tuple[int, int]] = {}

    def __iter__(self) -> Iterator[Disagreement]:
        with open_capture(self._path) as records:
            told = analysed_frames(self._path, WIRESHARK_NAMES)
            try:
                for found in self._frames(records, told):
                    yield self._count(found)
            finally:
                told.close()
            self.warnings = tuple(records.warnings)
        for found in (*self._hindsight(), *self._completeness()):
            yield self._count(found)

    def _count(self, found: Disagreement) -> Disagreement:
        self.differences.update(found.rules)
        if not found.rules:
            self.unexplained += 1
        return found

    def _frames(self, records: Records, told: Iterator[AnalysedFrame]) -> Iterator[Disagreement]:
        theirs = next(told, None)
        while records.advance():
            known = dict(self._run.skipped)
            seen = self._segments(records)
            frame = int(records.frame)
            while theirs is not None and theirs.frame < frame:
                theirs = next(told, None)
            same = theirs if theirs is not None and theirs.frame == frame else None
            skipped = [code for code, count in self._run.skipped.items() if count != known.get(code)]
            # Of a segment in an ICMP error tshark knows the stream, but analyses nothing.
            if seen is None and (same is None or not _ERRORS.isdisjoint(skipped)):
                continue
            self.frames += 1
            if seen is None:
                yield Disagreement(
                    frame, -1, "connection", tuple(skip_name(code) for code in skipped), ("TCP",), ()
                )
            elif same is None:
                yield Disagreement(frame, seen.connection, "connection", ("TCP",), (), ())
            else:
                found = self._compare(frame, seen, same)
                if found is None:
                    self.agreeing += 1
                elif self._may_be_hindsight(found):
                    self._waiting.append(found)
                else:
                    yield found

    def _segments(self, records: Records) -> _Seen | None:
        """What we see in one frame: of several segments the connection of the last, and the notes of all, as tshark."""
        number = int(self._run.take(records))
        if number < 0:
            return None
        mask = rules = 0
        last = number
        while number >= 0:
            step = self._run.table.step
            mask |= int(step.wireshark_notes if self._strict else step.notes) & WIRESHARK_NOTES
            rules |= int(step.corrections)
            last = number
            number = int(self._run.more(records))
        return _Seen(last, mask, rules)

    def _compare(self, frame: int, seen: _Seen, theirs: AnalysedFrame) -> Disagreement | None:
        self._last[theirs.stream] = (frame, theirs.completeness)
        number, right = seen.connection, seen.notes
        if number != theirs.stream:
            return Disagreement(frame, number, "connection", (str(number),), (str(theirs.stream),), ())
        names = set(theirs.notes)
        # The general name is shown beside the particular one.
        if names & _PARTICULAR:
            names.discard("retransmission")
        mask = sum(note.bit for note in NOTES if note.name in names)
        if right == mask:
            return None
        rules: Sequence[str] = ()
        if not self._strict and corrections.explains(seen.corrections, right, mask):
            rules = corrections.correction_names(seen.corrections)
        return Disagreement(
            frame, number, "notes", tuple(note_names(right)), tuple(note_names(mask)), tuple(rules)
        )

    def _may_be_hindsight(self, found: Disagreement) -> bool:
        return not found.rules and set(found.wireshark) ^ set(found.ours) == {note_names(REUSED_PORTS)[0]}

    def _hindsight(self) -> Iterator[Disagreement]:
        machines = self._run.table.connections
        for found in self._waiting:
            if found.frame not in reused_in_hindsight(machines[found.connection]):
                yield found
            elif self._strict:
                self.agreeing += 1
            else:
                yield found._replace(
                    rules=(corrections.CORRECTIONS[corrections.SECOND_READING].name,),
                )

    def _completeness(self) -> Iterator[Disagreement]:
        for machine in self._run.table.connections:
            number = int(machine.number)
            if number not in self._last:
                continue
            frame, theirs = self._last[number]
            ours = completeness(machine)
            if ours != theirs:
                announced = ours & ~theirs == bits.SYN and not theirs & ~ours
                yield Disagreement(
                    frame,
                    number,
                    "completeness",
                    (str(ours),),
                    (str(theirs),),
                    (ANNOUNCED,) if announced else (),
                )
