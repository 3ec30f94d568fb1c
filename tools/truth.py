"""How far our analysis agrees with what tshark and Zeek say of the captures of other projects.

    python -m tools.truth CORPUS [--directory .]

CORPUS is a folder of captures; beside each `NAME` lies `NAME.truth.json` with what tshark 4.0.17 says of it in two
passes, and Zeek's rows where its own test suite has them. The command writes docs/truth.md.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any, Final, NamedTuple

import click

from analyzer.analysis.loop import segments
from analyzer.analysis.reading import ORDINARY
from analyzer.capture import open_capture
from analyzer.errors import AnalyzerError, InputError
from analyzer.tcp.corrections import CORRECTIONS, SECOND_READING, explains
from analyzer.tcp.machine import Machine
from analyzer.tcp.notes import NOTES, REUSED_PORTS, WIRESHARK_NOTES, note_names
from analyzer.tcp.step import Step
from analyzer.tcp.verdict import reused_in_hindsight
from analyzer.text import inert, say
from analyzer.wire.header import Header
from tools.documentation import write

__all__ = [
    "NAMES",
    "NOT_FOLLOWED",
    "PAGE",
    "ZEEK_REASONS",
    "Agreement",
    "Observed",
    "ZeekRow",
    "agreement",
    "by_frame",
    "expected_masks",
    "measure",
    "observe",
    "page",
    "zeek_rows",
]

NAMES: Final = tuple(note.name for note in NOTES if note.bit & WIRESHARK_NOTES)

PAGE: Final = "docs/truth.md"

_ALTERED: Final = "this run has a script of its own, which may alter what is analysed"

ZEEK_REASONS: Final[Mapping[tuple[str, int, str], str]] = {
    ("zeek__smtp.pcap", 0, "Sh"): _ALTERED,
    ("zeek__smtp.pcap", 2, "Sh"): _ALTERED,
    ("zeek__wikipedia.pcap", 0, "D"): "this run has a script of its own, which may alter what is analysed",
    (
        "zeek__wikipedia.pcap",
        9,
        "H",
    ): "where no protocol is loaded no port is known as a server's, by which others turn it round",
}
"""Capture, connection and Zeek's history -> why they cannot be expected to match."""


NOT_FOLLOWED: Final[Mapping[str, str]] = {
    "suricata-verify__bug-6875-01__fuzz.pcap": "tshark takes the file for one whose records have longer headers, and "
    "looks for the frame eight bytes on",
}
"""Captures in which tshark sees other connections, and why it is not followed."""


class Observed(NamedTuple):
    """A segment as we see it. notes: ours, of the fifteen; wireshark: in the mode of that name. rules: between them."""

    frame: int
    direction: int
    flags: int
    length: int
    notes: int
    wireshark: int
    corrections: int


class ZeekRow(NamedTuple):
    """`conn_state` and `history` in a row of Zeek's conn.log, and ours for the same connection."""

    capture: str
    stream: int
    theirs: tuple[str, str]
    ours: tuple[str, str]


class Agreement:
    """What was counted over captures. Notes count frames. aside: names of captures not compared."""

    def __init__(self) -> None:
        self.captures = 0
        self.aside: list[str] = []
        self.connections = 0
        self.segments = 0
        self.theirs: Counter[str] = Counter()
        self.strict: Counter[str] = Counter()
        self.default: Counter[str] = Counter()
        self.rules: Counter[tuple[str, str]] = Counter()
        self.unexplained = 0
        self.disagreeing = 0
        self.zeek: list[ZeekRow] = []


def observe(path: Path) -> tuple[list[Machine], list[list[Observed]]]:
    """The connections of a capture, and the segments of each."""
    keeper = _Keeper()
    with open_capture(str(path)) as records:
        segments(records, ORDINARY, keeper).run()
    return keeper.machines, keeper.segments


class _Keeper:
    """Keeps the segments of each connection as they are compared. machines: by number, complete at the end."""

    def __init__(self) -> None:
        self.machines: list[Machine] = []
        self.segments: list[list[Observed]] = []

    def segment(self, header: Header, step: Step, connection: Machine, frame: int, time_ns: int) -> None:
        number = int(connection.number)
        if number == len(self.segments):
            self.segments.append([])
        self.segments[number].append(
            Observed(
                frame,
                int(step.direction),
                int(header.flags),
                int(header.payload_length),
                int(step.notes) & WIRESHARK_NOTES,
                int(step.wireshark_notes),
                int(step.corrections),
            )
        )

    def ended(self, connection: Machine, left: bool) -> None:
        self.machines.append(connection)
        reused = reused_in_hindsight(connection)
        if reused:
            own = self.segments[int(connection.number)]
            own[:] = [_with_hindsight(segment) if segment.frame in reused else segment for segment in own]


def _with_hindsight(segment: Observed) -> Observed:
    if segment.wireshark & REUSED_PORTS:
        return segment
    return segment._replace(
        wireshark=segment.wireshark | REUSED_PORTS, corrections=segment.corrections | 1 << SECOND_READING
    )


def expected_masks(analysis: Mapping[str, Iterable[int]]) -> dict[int, int]:
    """Frame -> mask, from the lists of a stream. `retransmission` there holds the fast and the spurious ones too."""
    masks: dict[int, int] = {}
    for note in NOTES:
        for frame in analysis.get(note.name, ()):
            masks[frame] = masks.get(frame, 0) | note.bit
    general, *particular = (note.bit for note in NOTES[:3])
    return {
        frame: mask & ~general if any(mask & bit for bit in particular) else mask
        for frame, mask in masks.items()
    }


def agreement(captures: Iterable[Path]) -> Agreement:
    """Count over captures with their truth beside them, but for those in which tshark sees other segments."""
    counted = Agreement()
    for capture in captures:
        truth = json.loads(Path(f"{capture}.truth.json").read_text("utf-8"))
        counted.captures += 1
        machines, segments = observe(capture)
        streams = truth["streams"]
        seen = [stream["packets_ab"] + stream["packets_ba"] for stream in streams]
        if list(map(len, segments)) != seen:
            counted.aside.append(capture.name)
            continue
        counted.connections += len(streams)
        counted.segments += sum(seen)
        for stream, own in zip(streams, segments, strict=True):
            _count(counted, by_frame(own), expected_masks(stream["analysis"]))
        counted.zeek += zeek_rows(capture.name, truth, machines)
    return counted


def by_frame(segments: Iterable[Observed]) -> Iterator[Observed]:
    """One for each frame: tshark has one list of notes for a frame, whatever number of segments it holds."""
    for _, same in groupby(segments, key=lambda segment: segment.frame):
        whole, *others = same
        for other in others:
            whole = whole._replace(
                notes=whole.notes | other.notes,
                wireshark=whole.wireshark | other.wireshark,
                corrections=whole.corrections | other.corrections,
            )
        yield whole


def _count(counted: Agreement, segments: Iterable[Observed], expected: Mapping[int, int]) -> None:
    for segment in segments:
        theirs = expected.get(segment.frame, 0)
        counted.disagreeing += theirs != segment.wireshark
        counted.unexplained += not explains(segment.corrections, segment.notes, segment.wireshark)
        counted.theirs.update(note_names(theirs))
        counted.strict.update(note_names(segment.wireshark & theirs))
        counted.default.update(note_names(segment.notes))
        differing = segment.notes ^ segment.wireshark
        if differing:
            for rule, correction in enumerate(CORRECTIONS):
                if segment.corrections >> rule & 1:
                    touched = differing & (correction.removes | correction.adds)
                    counted.rules.update((name, correction.name) for name in note_names(touched))


def zeek_rows(name: str, truth: Mapping[str, Any], machines: list[Machine]) -> Iterator[ZeekRow]:
    """What Zeek's baselines say of each connection, every answer once, with ours.

    Not every run can be expected to match: scripts may drop segments, and what is loaded decides which ports are
    known as servers'.
    """
    seen: set[tuple[int, tuple[str, str]]] = set()
    for run in truth.get("zeek_conn") or ():
        for row in run["rows"]:
            theirs = (row["conn_state"], row["history"])
            for stream in row.get("tshark_streams") or ():
                if row["proto"] == "tcp" and (stream, theirs) not in seen:
                    seen.add((stream, theirs))
                    machine = machines[stream]
                    yield ZeekRow(name, stream, theirs, (machine.conn_state(), machine.history()))


def measure(folder: Path) -> Agreement:
    """Count over every capture of a corpus. Raises `InputError` where there is none."""
    truths = sorted(folder.glob("*.truth.json")) if folder.is_dir() else []
    if not truths:
        raise InputError(say("{path} holds no truth about captures", path=inert(str(folder))))
    return agreement(Path(str(truth).removesuffix(".truth.json")) for truth in truths)


def page(counted: Agreement) -> str:
    """docs/truth.md."""
    strict = sum(counted.strict[name] for name in NAMES)
    theirs = sum(counted.theirs[name] for name in NAMES)
    lines = [
        "# Agreement with Wireshark and Zeek",
        "",
        "Made by `python -m tools.truth CORPUS`, not by hand.",
        "",
        f"Measured on {counted.captures} captures from the test suites and sample collections of other projects, each",
        "with what tshark 4.0.17 says of it in two passes. "
        f"{counted.captures - len(counted.aside)} of them hold the same segments and connections to",
        f"both programs, and are compared here: {counted.connections:,} connections, "
        f"{counted.segments:,} TCP segments.",
        *(f"Not so `{name}`: {NOT_FOLLOWED.get(name, 'unexplained')}." for name in counted.aside),
        "",
        "## The fifteen notes, frame by frame",
        "",
        "`--wireshark` gives Wireshark's notes to the letter. By default the deliberate differences below apply.",
        "",
        "| note | Wireshark | same with `--wireshark` | by default | deliberate differences |",
        "|---|---:|---:|---:|---|",
    ]
    for name in NAMES:
        rules = sorted((rule, count) for (note, rule), count in counted.rules.items() if note == name)
        shown = ", ".join(f"{rule} {count:,}" for rule, count in rules)
        lines.append(
            f"| `{name}` | {counted.theirs[name]:,} | {counted.strict[name]:,} | {counted.default[name]:,} | {shown} |"
        )
    lines += [
        f"| all | {theirs:,} | {strict:,} | {sum(counted.default[name] for name in NAMES):,} | |",
        "",
        f"Frames on which `--wireshark` differs from tshark: {counted.disagreeing}. "
        f"Frames on which the default differs without one of the rules: {counted.unexplained}.",
        "",
        "## The deliberate differences",
        "",
        "| name | Wireshark | here | because | see |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {rule.name} | {rule.wireshark} | {rule.ours} | {rule.why} | {rule.source} |"
        for rule in CORRECTIONS
    ]
    same = sum(row.theirs == row.ours for row in counted.zeek)
    lines += [
        "",
        "## Zeek",
        "",
        "`conn_state` and `history` against the rows of Zeek's own baselines about these connections:",
        f"{same} of {len(counted.zeek)} are equal.",
    ]
    different = [row for row in counted.zeek if row.theirs != row.ours]
    if different:
        lines += ["", "| capture | connection | Zeek | here | because |", "|---|---:|---|---|---|"]
        lines += [
            f"| {row.capture} | {row.stream} | {' '.join(row.theirs)} | {' '.join(row.ours)} | {_zeek_reason(row)} |"
            for row in different
        ]
    return "\n".join(lines) + "\n"


def _zeek_reason(row: ZeekRow) -> str:
    return ZEEK_REASONS.get((row.capture, row.stream, row.theirs[1]), "")


@click.command()
@click.argument("corpus")
@click.option("--directory", default=".", show_default=True, help="The top of the checkout.")
def main(corpus: str, directory: str) -> None:
    """Measure the agreement on the captures in CORPUS and write docs/truth.md."""
    try:
        write(Path(directory).resolve() / PAGE, page(measure(Path(corpus))))
    except AnalyzerError as error:
        click.echo(str(error), err=True)
        raise click.exceptions.Exit(error.exit_status) from None


if __name__ == "__main__":
    main()
