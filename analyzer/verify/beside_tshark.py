"""The wiring of `verify`: our pass over a capture beside the installed tshark's, frame by frame.

Both go through the file in its order, so whatever its size only one frame of each is looked at a time; of a
connection its last `tcp.completeness` is kept.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from analyzer.analysis.loop import segments
from analyzer.analysis.reading import ORDINARY, stored_file
from analyzer.analysis.stored import too_many_connections
from analyzer.capture import Records
from analyzer.capture.dissection import AnalysedFrame, analysed_frames, version_of_tshark
from analyzer.tcp import completeness as bits
from analyzer.tcp import corrections
from analyzer.tcp.machine import Machine
from analyzer.tcp.notes import NOTES, REUSED_PORTS, WIRESHARK_NOTES, note_names
from analyzer.tcp.step import Step
from analyzer.tcp.verdict import completeness, reused_in_hindsight
from analyzer.wire import header as flag
from analyzer.wire.header import Header
from analyzer.wire.icmp import ICMP, ICMPV6
from analyzer.wire.skips import PROTOCOL, skip_name

__all__ = [
    "ANNOUNCED",
    "BEYOND_NOTES",
    "VERSION",
    "WIRESHARK_NAMES",
    "Disagreement",
    "Verification",
    "verify",
]

VERSION: Final = "4.0.17"
"""The version whose definitions our analysis follows."""

WIRESHARK_NAMES: Final = tuple(note.name for note in NOTES if note.bit & WIRESHARK_NOTES)

ANNOUNCED: Final = "announced"
PASSED_OVER: Final = "passed-over"
DIVIDED: Final = "divided"
WITHOUT_LENGTH: Final = "without-length"

BEYOND_NOTES: Final[Mapping[str, str]] = {
    ANNOUNCED: "a dissector of Wireshark knew of the connection before its SYN, which then does not count",
    PASSED_OVER: "Wireshark counts a connection of which the capture has no segment, only a word: an ICMP error that "
    "quotes it, or a proxy's dissector that announces it",
    DIVIDED: "Wireshark begins another connection where no SYN does, because of an ICMP error that quotes an earlier "
    "or forged SYN, or because a dissector asks for one",
    WITHOUT_LENGTH: "segmentation offload leaves a length of 0, and Wireshark reads on in plain IPv4 alone",
}
"""The rules that account for what is not about notes, or not about them alone, and their reasons."""

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
    return Verification(stored_file(path), wireshark)


class _Seen(NamedTuple):
    """A frame with TCP as we see it.

    notes: their mask. corrections: that of the rules of `corrections.py`. opens: it is a SYN. without_length: its
    packet does not say how long it is.
    """

    connection: int
    notes: int
    corrections: int
    opens: bool
    without_length: bool


class _Frame:
    """Looks on while the frames are read one by one.

    machines: by number, complete at the end. left: a connection has left the table, which held too many.
    """

    def __init__(self, strict: bool) -> None:
        """strict: the notes that Wireshark gives."""
        self._seen: _Seen | None = None
        self.machines: list[Machine] = []
        self.left = False
        self._strict = strict

    def taken(self) -> _Seen | None:
        """The frame read last, None without a segment.

        Of several segments it has the connection of the last and the notes of all, as tshark does.
        """
        seen, self._seen = self._seen, None
        return seen

    def segment(self, header: Header, step: Step, connection: Machine, frame: int, time_ns: int) -> None:
        """A segment has come."""
        notes = int(step.wireshark_notes if self._strict else step.notes) & WIRESHARK_NOTES
        rules = int(step.corrections)
        if self._seen is not None:
            notes |= self._seen.notes
            rules |= self._seen.corrections
        length = int(header.ip_offset) + (4 if header.ip_version == 6 else 2)
        self._seen = _Seen(
            int(connection.number),
            notes,
            rules,
            int(header.flags) & (flag.SYN | flag.ACK) == flag.SYN,
            not any(header.block[length : length + 2]),
        )

    def ended(self, connection: Machine, left: bool) -> None:
        """A connection has ended."""
        self.machines.append(connection)
        self.left = self.left or left


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
        self._frame = _Frame(wireshark)
        # SYN-ACKs that only what comes later may explain.
        self._waiting: list[Disagreement] = []
        # Of our connections: frame and `tcp.completeness` of the last segment, and what accounts for all that differs.
        self._last: dict[int, tuple[int, int]] = {}
        self._apart: dict[int, str] = {}
        # tshark's number of a connection -> ours, and back to the latest; by how much it is ahead; its numbers
        # in frames that we do not read.
        self._streams: dict[int, int] = {}
        self._latest: dict[int, int] = {}
        self._ahead = 0
        self._unread: set[int] = set()

    def __iter__(self) -> Iterator[Disagreement]:
        with ORDINARY.open(self._path) as records:
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
        run = segments(records, ORDINARY, self._frame)
        theirs = next(told, None)
        frame = 0
        more = True
        while more:
            more = run.run(1)
            if self._frame.left:
                raise too_many_connections(self._path)
            if records.frame == frame:
                break
            seen = self._frame.taken()
            frame = int(records.frame)
            while theirs is not None and theirs.frame < frame:
                theirs = next(told, None)
            same = theirs if theirs is not None and theirs.frame == frame else None
            skipped = int(run.code())
            # Of a segment in an ICMP error tshark knows the stream, but analyses nothing.
            if seen is None and (same is None or skipped in _ERRORS):
                continue
            self.frames += 1
            if seen is None:
                if same is not None:
                    self._unread.add(same.stream)
                yield Disagreement(frame, -1, "connection", (skip_name(skipped),), ("TCP",), ())
            elif same is None:
                rules: tuple[str, ...] = ()
                if seen.without_length:
                    self._apart.setdefault(seen.connection, WITHOUT_LENGTH)
                    rules = (WITHOUT_LENGTH,)
                yield Disagreement(frame, seen.connection, "connection", ("TCP",), (), rules)
            else:
                differing = self._compare(frame, seen, same)
                if not differing:
                    self.agreeing += 1
                for found in differing:
                    if self._may_be_hindsight(found):
                        self._waiting.append(found)
                    else:
                        yield found

    def _numbered_otherwise(self, seen: _Seen, stream: int) -> tuple[str, ...] | None:
        """Whether tshark's number stands for another connection than ours: None if not, else the rules for it.

        Both number in the order of the first segments, and only tshark leaves numbers out.
        """
        number = seen.connection
        if stream in self._streams:
            # Once divided, a connection does not come back to its first number.
            return None if self._streams[stream] == number and self._latest[number] == stream else ()
        latest = self._latest.setdefault(number, stream)
        if number in self._last:
            if seen.opens or stream < latest:
                return ()
            self._streams[stream] = number
            self._latest[number] = stream
            self._apart[number] = DIVIDED
            self._ahead += 1
            return (DIVIDED,)
        self._streams[stream] = number
        passed_over = range(number + self._ahead, stream)
        if stream == number + self._ahead:
            return None
        if not passed_over or not self._unread.isdisjoint(passed_over):
            return ()
        self._ahead += len(passed_over)
        return (PASSED_OVER,)

    def _compare(self, frame: int, seen: _Seen, theirs: AnalysedFrame) -> list[Disagreement]:
        number, right = seen.connection, seen.notes
        found = []
        numbered = self._numbered_otherwise(seen, theirs.stream)
        self._last[number] = (frame, theirs.completeness)
        if numbered is not None:
            numbers = (str(number),), (str(theirs.stream),)
            found.append(Disagreement(frame, number, "connection", *numbers, numbered))
            if not numbered:
                return found
        names = set(theirs.notes)
        # The general name is shown beside the particular one.
        if names & _PARTICULAR:
            names.discard("retransmission")
        mask = sum(note.bit for note in NOTES if note.name in names)
        if right == mask:
            return found
        rules: Sequence[str] = ()
        if not self._strict and corrections.explains(seen.corrections, right, mask):
            rules = corrections.correction_names(seen.corrections)
        elif number in self._apart:
            rules = (self._apart[number],)
        names_of_both = tuple(note_names(right)), tuple(note_names(mask))
        return [*found, Disagreement(frame, number, "notes", *names_of_both, tuple(rules))]

    def _may_be_hindsight(self, found: Disagreement) -> bool:
        return not found.rules and set(found.wireshark) ^ set(found.ours) == {note_names(REUSED_PORTS)[0]}

    def _hindsight(self) -> Iterator[Disagreement]:
        machines = self._frame.machines
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
        for machine in self._frame.machines:
            number = int(machine.number)
            if number not in self._last:
                continue
            frame, theirs = self._last[number]
            ours = completeness(machine)
            if ours != theirs:
                rules: tuple[str, ...] = ()
                if number in self._apart:
                    rules = (self._apart[number],)
                elif ours & ~theirs == bits.SYN and not theirs & ~ours:
                    rules = (ANNOUNCED,)
                yield Disagreement(frame, number, "completeness", (str(ours),), (str(theirs),), rules)
