"""Compares our analysis of a capture with that of the installed tshark, frame by frame.

Both read the file in its order. So only one frame of each is in memory, for a file of any size. Of each connection, the
last `tcp.completeness` is kept.
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
"""The version of Wireshark whose definitions our analysis follows."""

WIRESHARK_NAMES: Final = tuple(note.name for note in NOTES if note.bit & WIRESHARK_NOTES)

ANNOUNCED: Final = "announced"
PASSED_OVER: Final = "passed-over"
DIVIDED: Final = "divided"
WITHOUT_LENGTH: Final = "without-length"

BEYOND_NOTES: Final[Mapping[str, str]] = {
    ANNOUNCED: "a dissector of Wireshark created the connection before its SYN, which Wireshark then does not count",
    PASSED_OVER: "Wireshark counts a connection of which the capture has no segment: an ICMP error quotes it, or the "
    "dissector of a proxy announces it",
    DIVIDED: "Wireshark begins a new connection without a SYN, because an ICMP error quotes an earlier or forged SYN, "
    "or because a dissector requests it",
    WITHOUT_LENGTH: "segmentation offload leaves a length of 0, which Wireshark accepts only in plain IPv4",
}
"""Rule -> its reason, for the rules that explain more than different notes."""

_ERRORS: Final = frozenset({PROTOCOL + ICMP, PROTOCOL + ICMPV6})

_PARTICULAR: Final = frozenset({"fast_retransmission", "spurious_retransmission"})


class Disagreement(NamedTuple):
    """One difference between our analysis and tshark's.

    Attributes:
        frame: The number of the frame, from 1.
        connection: Our number of the connection; -1 if we do not see one.
        about: "notes", "connection" or "completeness".
        ours: Our result; for notes, their names.
        wireshark: tshark's result; for notes, their names.
        rules: The names of the deliberate differences that explain it; empty if nothing explains it.
    """

    frame: int
    connection: int
    about: str
    ours: tuple[str, ...]
    wireshark: tuple[str, ...]
    rules: tuple[str, ...]


def verify(path: str | os.PathLike[str], *, wireshark: bool = False) -> Verification:
    """Compare our analysis of a capture with that of the installed tshark.

    Args:
        path: A stored capture.
        wireshark: Compare the notes that we give with `--wireshark`. Then no difference is deliberate.

    Returns:
        The comparison. Iterate over it to get the disagreements.

    Raises:
        UsageError: The path is standard input.
        DissectionError: tshark is not installed or cannot read the capture; partly raised by the iteration.
        AnalyzerError: The capture cannot be read, as for `open_capture`; raised by the iteration.
    """
    return Verification(stored_file(path), wireshark)


class _Seen(NamedTuple):
    """A frame with TCP as we see it.

    Attributes:
        connection: The number of the connection.
        notes: A mask of notes.
        corrections: A mask of the rules in `corrections.py`.
        opens: Whether it is a SYN.
        without_length: Whether the length in its IP header is 0.
    """

    connection: int
    notes: int
    corrections: int
    opens: bool
    without_length: bool


class _Frame:
    """An observer that keeps the frame that was read last.

    Attributes:
        machines: The machines of the connections by number, complete at the end.
        left: Whether a connection has left the table because there were too many.
    """

    def __init__(self, strict: bool) -> None:
        """Keep nothing yet. strict: compare the notes that Wireshark gives."""
        self._seen: _Seen | None = None
        self.machines: list[Machine] = []
        self.left = False
        self._strict = strict

    def taken(self) -> _Seen | None:
        """Take the frame that was read last; None if it has no segment.

        If it has several segments, it has the connection of the last one and the notes of all, like tshark.
        """
        seen, self._seen = self._seen, None
        return seen

    def segment(self, header: Header, step: Step, connection: Machine, frame: int, time_ns: int) -> None:
        """Keep the segment as part of the current frame."""
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
        """Keep the machine of a connection that has ended."""
        self.machines.append(connection)
        self.left = self.left or left


class Verification:
    """The disagreements in the order of the file. Those about whole connections come last.

    The counts are complete after the iteration.

    Attributes:
        version: The version of the installed tshark.
        frames: How many frames have a TCP segment for us or for tshark.
        agreeing: How many of these frames have the same result in both.
        unexplained: How many disagreements nothing explains.
        differences: Name of a deliberate difference -> how many disagreements it explains.
        warnings: The warnings of our reader.
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
        # Disagreements that later frames may explain.
        self._waiting: list[Disagreement] = []
        # Our number of a connection -> frame and `tcp.completeness` of its last segment; the rule for its differences.
        self._last: dict[int, tuple[int, int]] = {}
        self._apart: dict[int, str] = {}
        # tshark's number of a connection -> ours; our number -> tshark's latest; how far tshark's numbers are ahead;
        # tshark's numbers in frames that we do not read.
        self._streams: dict[int, int] = {}
        self._latest: dict[int, int] = {}
        self._ahead = 0
        self._unread: set[int] = set()

    def __iter__(self) -> Iterator[Disagreement]:
        with ORDINARY.open(self._path) as records:
            theirs = analysed_frames(self._path, WIRESHARK_NAMES)
            try:
                for found in self._frames(records, theirs):
                    yield self._count(found)
            finally:
                theirs.close()
            self.warnings = tuple(records.warnings)
        for found in (*self._hindsight(), *self._completeness()):
            yield self._count(found)

    def _count(self, found: Disagreement) -> Disagreement:
        self.differences.update(found.rules)
        if not found.rules:
            self.unexplained += 1
        return found

    def _frames(self, records: Records, analysed: Iterator[AnalysedFrame]) -> Iterator[Disagreement]:
        run = segments(records, ORDINARY, self._frame)
        theirs = next(analysed, None)
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
                theirs = next(analysed, None)
            same = theirs if theirs is not None and theirs.frame == frame else None
            skipped = int(run.code())
            # tshark gives a segment in an ICMP error a stream, but does not analyse it.
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

    def _numbered_differently(self, seen: _Seen, stream: int) -> tuple[str, ...] | None:
        """The rules that explain a different connection number of tshark; None if the number is the same.

        Both count connections in the order of their first segments. Only tshark leaves numbers out.
        """
        number = seen.connection
        if stream in self._streams:
            # A connection that tshark divided does not return to its first number.
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
        numbered = self._numbered_differently(seen, theirs.stream)
        self._last[number] = (frame, theirs.completeness)
        if numbered is not None:
            numbers = (str(number),), (str(theirs.stream),)
            found.append(Disagreement(frame, number, "connection", *numbers, numbered))
            if not numbered:
                return found
        names = set(theirs.notes)
        # tshark shows the general name in addition to the particular one.
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
