"""Lays out one connection: which segments get a row, which are omitted, and where a phase begins.

A run of omitted segments shares one row. So a connection of a million segments makes a diagram as small as a
connection of ten.
"""

from __future__ import annotations

import codecs
import unicodedata
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from operator import attrgetter
from typing import Final, NamedTuple

from analyzer.diagram.rows import Arrow, Band, Diagram, Fold, Lifeline, Notice, Phase, Row
from analyzer.tcp.notes import NOTE, names_about
from analyzer.tcp.outcomes import NEVER_OPEN
from analyzer.text import inert
from analyzer.trace.values import Connection, EndpointAddress, IcmpError, Segment
from analyzer.wire.flags import Flags

__all__ = ["ROW_LIMIT", "excerpt", "lay_out"]

# Two pages of A4. A longer diagram also omits segments with notes.
ROW_LIMIT: Final = 60

# Wide enough to recognise a request line, narrow enough to fit on an arrow.
EXCERPT_COLUMNS: Final = 24
# For a summary made by tshark: a request line with its path.
SUMMARY_COLUMNS: Final = 48
# Bytes in hexadecimal that take the same width.
EXCERPT_BYTES: Final = 8

ORDINARY_LABELS: Final = frozenset({"data", "ack"})
RETRANSMISSION_NOTES: Final = names_about("retransmission")

# How much a segment matters to a reader of the diagram.
ORDINARY: Final = 0
NOTED: Final = 1
FIRST_OF_ITS_KIND: Final = 2
TURNING_POINT: Final = 3

SYNCHRONIZED: Final = frozenset(
    {"ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2", "CLOSE-WAIT", "CLOSING", "LAST-ACK", "TIME-WAIT"}
)


class Thrift(NamedTuple):
    """How many segments to omit.

    Attributes:
        keep: Segments that matter less than this form runs.
        head: How many segments at the beginning of a run are shown.
        tail: How many segments at the end of a run are shown.
        least: The fewest segments to omit; a shorter run is shown as it is.
    """

    keep: int
    head: int
    tail: int
    least: int


# Tried in this order until the diagram has at most ROW_LIMIT rows. Head 4 and tail 2: a request, its answer and their
# acknowledgements show the rhythm of the run, the last two segments show where the next phase begins. To omit fewer
# than 5 rows is not worth the attention of the reader.
THRIFT: Final = (
    Thrift(keep=NOTED, head=4, tail=2, least=5),
    Thrift(keep=FIRST_OF_ITS_KIND, head=2, tail=1, least=3),
    Thrift(keep=TURNING_POINT, head=1, tail=1, least=2),
    Thrift(keep=TURNING_POINT, head=0, tail=0, least=2),
)

# How many segments with the same note are shown when the second step omits the rest.
EXAMPLES: Final = 3


class Stretch(NamedTuple):
    """The segments from `first` to `end`, without `end`. If `folded`, they share one row."""

    first: int
    end: int
    folded: bool


def lay_out(
    connection: Connection, *, fold: bool = True, summaries: Mapping[int, str] | None = None
) -> Diagram:
    """Make the sequence diagram of a connection.

    Args:
        connection: The connection.
        fold: Omit long runs of ordinary segments: each run shares one row. If the diagram still needs more than
            `ROW_LIMIT` rows, segments with notes are omitted and counted too. Without `fold` every segment has a row.
        summaries: Frame -> a summary of its payload, to show instead of an excerpt.

    Returns:
        The diagram.
    """
    segments = connection.segments
    errors = connection.icmp_errors
    limits = phase_limits(connection, segments)
    stretches = [Stretch(0, len(segments), False)]
    if fold:
        stretches = fold_runs(importance(segments, beside(errors, segments)), limits)
    start = connection.first_time_ns
    rows: list[Row] = []
    for stretch in stretches:
        if stretch.folded:
            run = [segments[place] for place in range(stretch.first, stretch.end)]
            rows.append(folded(run, start, phase_of(stretch.first, limits)))
        else:
            for place in range(stretch.first, stretch.end):
                rows.append(arrow(segments[place], start, phase_of(place, limits), summaries))
    for error in errors:
        place = sum(_first_frame(row) < error.frame for row in rows)
        phase = rows[max(place - 1, 0)].phase if rows else "data"
        rows.insert(place, notice(error, start, phase))
    client_state, server_state = connection.client_state, connection.server_state
    client_before = segments[0].client_state[0] if segments else client_state
    server_before = segments[0].server_state[0] if segments else server_state
    return Diagram(
        connection=connection,
        left=lifeline("client", connection.client, client_before, client_state),
        right=lifeline("server", connection.server, server_before, server_state),
        rows=tuple(rows),
        bands=tuple(bands(connection, rows)),
    )


def lifeline(role: str, endpoint: EndpointAddress, before: str, after: str) -> Lifeline:
    """One side of the diagram."""
    return Lifeline(role, inert(endpoint.address), endpoint.port, before, after)


def phase_limits(connection: Connection, segments: Sequence[Segment]) -> tuple[int, int]:
    """The places of the first segment after the handshake and of the first segment of the close.

    A segment may do two things. During the handshake it belongs to the handshake (data or a FIN on the third ACK).
    After that it belongs to the later phase (data on the first FIN).
    """
    total = len(segments)
    close_frames = frozenset(connection.close.frames)
    opened = connection.handshake.outcome
    completed = 0
    if opened in NEVER_OPEN and connection.close.outcome == "none":
        return total, total
    if opened != "not-captured":
        completed = after_the_handshake(connection, segments)
    closing = total
    for place in range(total):
        segment = segments[place]
        if begins_close(segment, close_frames):
            closing = place
            break
    return completed, max(completed, closing)


def after_the_handshake(connection: Connection, segments: Sequence[Segment]) -> int:
    """How many segments the handshake has, including retransmissions before it is complete."""
    last_of_opening = -1
    close_frames = frozenset(connection.close.frames)
    for place, segment in enumerate(segments):
        completing = "handshake-3" in segment.labels or segment.frame == connection.handshake.ack_frame
        both = segment.client_state[1] in SYNCHRONIZED and segment.server_state[1] in SYNCHRONIZED
        opening = "handshake-1" in segment.labels or "handshake-2" in segment.labels
        if completing or (opening and both):
            return place + 1
        if begins_close(segment, close_frames):
            return place
        if opening:
            last_of_opening = place
        elif both and "stray" not in segment.labels:
            # The third ACK was not captured: what follows is data.
            break
    if connection.handshake.outcome in NEVER_OPEN:
        return len(segments)
    return last_of_opening + 1


def begins_close(segment: Segment, close_frames: frozenset[int]) -> bool:
    """Whether the close begins with this segment, unless it began earlier."""
    if segment.frame in close_frames or "close-1" in segment.labels:
        return True
    return "reset" in segment.labels and "unacceptable_reset" not in segment.notes and not close_frames


def phase_of(place: int, limits: tuple[int, int]) -> Phase:
    """The phase of the segment at `place`."""
    if place < limits[0]:
        return "handshake"
    return "data" if place < limits[1] else "close"


def _first_frame(row: Row) -> int:
    return row.first_frame if isinstance(row, Fold) else row.frame


def beside(errors: Sequence[IcmpError], segments: Sequence[Segment]) -> frozenset[int]:
    """The frames that need their own row because of an ICMP error: the one it answers, and the one after it."""
    answered = {error.answers for error in errors if error.answers is not None}
    after = {bisect_left(segments, error.frame, key=attrgetter("frame")) for error in errors}
    return frozenset(answered | {segments[place].frame for place in after if place < len(segments)})


def importance(segments: Iterable[Segment], beside_errors: frozenset[int] = frozenset()) -> bytearray:
    """How much each segment matters to a reader."""
    matters = bytearray()
    seen: Counter[str] = Counter()
    for segment in segments:
        states = segment.client_state, segment.server_state
        if segment.frame in beside_errors or any(before != after for before, after in states):
            matters.append(TURNING_POINT)
            continue
        kinds: list[str] = [name for name in segment.labels if name not in ORDINARY_LABELS]
        kinds += [name for name in segment.notes if NOTE[name].kind == "trouble"]
        rank = NOTED if kinds else ORDINARY
        for kind in kinds:
            seen[kind] += 1
            if seen[kind] <= EXAMPLES:
                rank = FIRST_OF_ITS_KIND
        matters.append(rank)
    return matters


def fold_runs(matters: Sequence[int], limits: tuple[int, int]) -> list[Stretch]:
    """The stretches of the diagram. They omit as few segments as `ROW_LIMIT` allows."""
    stretches: list[Stretch] = []
    for thrift in THRIFT:
        stretches = folded_with(thrift, matters, limits)
        if height(stretches) <= ROW_LIMIT:
            return stretches
    return cut_in_the_middle(len(matters), limits)


def folded_with(thrift: Thrift, matters: Sequence[int], limits: tuple[int, int]) -> list[Stretch]:
    """The stretches, with the runs of every phase omitted according to `thrift`."""
    stretches: list[Stretch] = []
    shown_from = 0
    for begin, end in pairwise((0, *limits, len(matters))):
        run_begin = begin
        for place in range(begin, end + 1):
            if place < end and matters[place] < thrift.keep:
                continue
            first, after = run_begin + thrift.head, place - thrift.tail
            run_begin = place + 1
            if after - first >= thrift.least:
                if first > shown_from:
                    stretches.append(Stretch(shown_from, first, False))
                stretches.append(Stretch(first, after, True))
                shown_from = after
    if shown_from < len(matters):
        stretches.append(Stretch(shown_from, len(matters), False))
    return stretches


def cut_in_the_middle(total: int, limits: tuple[int, int]) -> list[Stretch]:
    """The beginning and the end, for a connection whose states change all the time. The middle is omitted."""
    first, after = ROW_LIMIT // 2, total - (ROW_LIMIT // 2 - 3)
    cuts = sorted({first, after, *(limit for limit in limits if first < limit < after)})
    middle = [Stretch(begin, end, True) for begin, end in pairwise(cuts)]
    return [Stretch(0, first, False), *middle, Stretch(after, total, False)]


def height(stretches: Iterable[Stretch]) -> int:
    """How many rows the stretches need."""
    return sum(1 if stretch.folded else stretch.end - stretch.first for stretch in stretches)


def arrow(segment: Segment, start_ns: int, phase: Phase, summaries: Mapping[int, str] | None = None) -> Arrow:
    """The row of one segment."""
    summary = summaries.get(segment.frame) if summaries and segment.length else None
    client_before, client_after = segment.client_state
    server_before, server_after = segment.server_state
    return Arrow(
        frame=segment.frame,
        time_ns=segment.time_ns - start_ns,
        to_right=segment.sender == "client",
        flags=segment.flags,
        seq=segment.seq,
        ack=segment.ack,
        length=segment.length,
        window=segment.window,
        text=excerpt(segment.payload, segment.length) if summary is None else shortened(summary),
        labels=segment.labels,
        notes=segment.notes,
        left_state=client_after if client_after != client_before else None,
        right_state=server_after if server_after != server_before else None,
        why=segment.why,
        phase=phase,
        retransmission=not RETRANSMISSION_NOTES.isdisjoint(segment.notes),
        reset=Flags.RST in segment.flags,
    )


def notice(error: IcmpError, start_ns: int, phase: Phase) -> Notice:
    """The row of an ICMP error."""
    return Notice(error.frame, error.time_ns - start_ns, error, phase)


def folded(run: Sequence[Segment], start_ns: int, phase: Phase) -> Fold:
    """The row of a run of omitted segments."""
    notes = Counter(name for segment in run for name in segment.notes)
    return Fold(
        first_frame=run[0].frame,
        last_frame=run[-1].frame,
        first_time_ns=run[0].time_ns - start_ns,
        last_time_ns=run[-1].time_ns - start_ns,
        segments_to_right=sum(segment.sender == "client" for segment in run),
        segments_to_left=sum(segment.sender == "server" for segment in run),
        bytes_to_right=sum(segment.length for segment in run if segment.sender == "client"),
        bytes_to_left=sum(segment.length for segment in run if segment.sender == "server"),
        phase=phase,
        retransmissions=sum(not RETRANSMISSION_NOTES.isdisjoint(segment.notes) for segment in run),
        noted=tuple((name, notes[name]) for name in sorted(notes, key=lambda name: NOTE[name].bit)),
    )


def bands(connection: Connection, rows: Sequence[Row]) -> list[Band]:
    """The phases that have rows, from top to bottom."""
    outcomes: dict[Phase, str] = {
        "handshake": connection.handshake.outcome,
        "data": "",
        "close": connection.close.outcome,
    }
    found: list[Band] = []
    for phase, outcome in outcomes.items():
        places = [place for place, row in enumerate(rows) if row.phase == phase]
        if places:
            found.append(Band(phase, places[0], places[-1], outcome))
    return found


def shortened(summary: str) -> str:
    """A summary that is safe to show, at most `SUMMARY_COLUMNS` wide."""
    shown: list[str] = []
    width = 0
    before = ""
    for character in summary:
        piece = inert(character) if character == "\\" else harmless(character, before)
        width += sum(2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in piece)
        if width >= SUMMARY_COLUMNS:
            return "".join(shown) + "…"
        shown.append(piece)
        before = character
    return "".join(shown)


def excerpt(payload: bytes, length: int) -> str:
    """The beginning of a payload of `length` bytes, safe to show and about 30 columns wide at most.

    Text is in quotes, with control characters escaped. Anything else is shown as bytes in hexadecimal.
    """
    payload = payload[:length]
    if not payload:
        return ""
    text = as_text(payload, complete=len(payload) == length)
    if text is None:
        data = payload[:EXCERPT_BYTES].hex(" ")
        return f"{data} …" if length > EXCERPT_BYTES else data
    shown: list[str] = []
    width = 0
    decoded = 0
    before = ""
    for character in text:
        piece = harmless(character, before)
        columns = sum(2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in piece)
        if width + columns > EXCERPT_COLUMNS:
            break
        shown.append(piece)
        width += columns
        decoded += len(character.encode())
        before = character
    return f'"{"".join(shown)}"' + ("…" if decoded < length else "")


def as_text(payload: bytes, *, complete: bool) -> str | None:
    """The payload as text; None if it is not UTF-8 or has too many control characters."""
    try:
        # A character that is cut at the end of the captured bytes is left out.
        text = codecs.getincrementaldecoder("utf-8")().decode(payload, final=complete)
    except UnicodeDecodeError:
        return None
    odd = sum(not (character.isprintable() or character in "\t\n\r") for character in text)
    readable = sum(character.isprintable() for character in text)
    # A single line break is text. A single NUL is not.
    return text if text and (readable > 4 * odd or not odd) else None


def harmless(character: str, before: str) -> str:
    """The character, or an escape if it controls a terminal or stacks marks on the character before it."""
    if character == "\\":
        return "\\\\"
    combining = unicodedata.category(character).startswith("M")
    if combining and (not before or not before.isprintable() or unicodedata.category(before).startswith("M")):
        return character.encode("unicode_escape").decode("ascii")
    return inert(character)
