"""Connections written as transcripts, in the notation of packetdrill: one segment a line.

    > S 0:0(0) win 64240 <mss 1460,sackOK>      ; handshake-1 | SYN-SENT SYN-RECEIVED
    < S. 0:0(0) ack 1                           ; handshake-2 | ESTABLISHED SYN-RECEIVED
    +0.2 > P. 1:3(2) ack 1                      ; data (retransmission)

Before the semicolon stands what is sent: `+seconds` after the line above (0.01 where it is left out), `>` from the
first endpoint to the second or `<` back, the flags (`S F R P . U E W`, `-` for none), start:end(length) counted
from the sender's ISN, and, as wanted:

    ack N          counted from the other side's ISN     id N     the IPv4 identification
    win N          the window field                      cut N    bytes at the end that were not captured
    isn +N         the sender's ISN is another from here <...>    options, see `_options_of`
    offset N       the data offset in the header, whatever is true

After it stands what must be found: the labels joined by `+`, always; the notes in parentheses, none where there
are no parentheses; Wireshark's notes in braces and the states of both endpoints after `|`, compared where they are
given. Direction, relative numbers and length of every line are compared too.

Both ISNs are part of a `World`: one side starts just below 2**32, so that it wraps within every transcript.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from ipaddress import ip_address
from typing import NamedTuple

from analyzer.tcp import verdict
from analyzer.tcp.labels import LABELS, label_names
from analyzer.tcp.machine import Machine
from analyzer.tcp.notes import NOTES, note_names
from analyzer.tcp.states import STATES
from analyzer.tcp.table import ConnectionTable
from analyzer.trace.build import build_connection
from analyzer.trace.columns import Columns
from analyzer.trace.segments import Segments
from analyzer.trace.values import Connection, Segment, Source
from analyzer.wire.header import Header
from analyzer.wire.link_types import ETHERNET, RAW
from analyzer.wire.skips import SEGMENT, skip_name

START_NS = 1_700_000_000_000_000_000
STEP_NS = 10_000_000
WINDOW = 64240

FLAGS = {"F": 0x01, "S": 0x02, "R": 0x04, "P": 0x08, ".": 0x10, "U": 0x20, "E": 0x40, "W": 0x80}

_LINE = re.compile(
    r"""
    (?: \+ (?P<after> [0-9.]+ ) \s+ )?
    (?P<arrow> [<>] ) \s+
    (?P<flags> [SFRP.UEW]+ | - ) \s+
    (?P<start> -?\d+ ) : (?P<end> -?\d+ ) \( (?P<length> \d+ ) \)
    (?P<rest> [^;]* )
    ; \s* (?P<labels> [a-z0-9+-]+ )
    (?: \s+ \( (?P<notes> [a-z_, ]+ ) \) )?
    (?: \s+ \{ (?P<wireshark> [a-z_, ]* ) \} )?
    (?: \s+ \| \s+ (?P<first> [A-Z0-9-]+ ) \s+ (?P<second> [A-Z0-9-]+ ) )?
    \s*
    """,
    re.VERBOSE,
)
_EXTRA = re.compile(
    r"\s+(?: (ack|win|id|cut|offset) \s+ (-?\d+) | (isn) \s+ \+(-?\d+) | <([^>]*)> )", re.VERBOSE
)

LABEL_NAMES = {label.name for label in LABELS}
NOTE_NAMES = {note.name for note in NOTES}


@dataclass(frozen=True)
class World:
    """Where a transcript is played: the ISNs, the addresses, and what the frames look like."""

    first_isn: int
    second_isn: int
    link_type: int = RAW
    first: str = "192.0.2.1"
    second: str = "198.51.100.2"
    first_port: int = 40000
    second_port: int = 80


FIRST_WRAPS = World(2**32 - 2, 2**31 - 1000, link_type=ETHERNET)
SECOND_WRAPS = World(2**31 + 5, 2**32 - 3, first="2001:db8::1", second="2001:db8::2")


@dataclass
class Line:
    """One line of a transcript, read but not judged."""

    text: str
    after_ns: int
    forward: bool
    flags: int
    start: int
    length: int
    ack: int | None
    window: int
    identification: int | None
    cut: int
    offset: int | None
    isn_change: int
    options: bytes
    labels: list[str]
    notes: list[str]
    wireshark: list[str] | None
    states: tuple[str, str] | None


def read(transcript: str) -> list[Line]:
    """The lines of a transcript; ValueError for one that is not in the notation."""
    return [_read_line(text.strip()) for text in transcript.splitlines() if text.strip()]


def _read_line(text: str) -> Line:
    found = _LINE.fullmatch(text)
    if found is None:
        raise ValueError(f"not a line of a transcript, or no labels: {text}")
    start, end, length = int(found["start"]), int(found["end"]), int(found["length"])
    if end - start != length:
        raise ValueError(f"{start}:{end} is not {length} bytes long: {text}")
    extras: dict[str, int] = {}
    options = b""
    position = 0
    rest = found["rest"].rstrip()
    while position < len(rest):
        extra = _EXTRA.match(rest, position)
        if extra is None:
            raise ValueError(f"cannot read {rest[position:]!r}: {text}")
        if extra[5] is not None:
            options = _options_of(extra[5])
        else:
            extras[extra[1] or extra[3]] = int(extra[2] or extra[4])
        position = extra.end()
    flags = 0 if found["flags"] == "-" else sum(FLAGS[letter] for letter in found["flags"])
    if (flags & FLAGS["."] != 0) != ("ack" in extras):
        raise ValueError(f"the flag and the number of an acknowledgement go together: {text}")
    labels = _names(found["labels"].replace("+", ","), LABEL_NAMES, text)
    if not labels:
        raise ValueError(f"no labels: {text}")
    return Line(
        text=text,
        after_ns=STEP_NS if found["after"] is None else round(float(found["after"]) * 1e9),
        forward=found["arrow"] == ">",
        flags=flags,
        start=start,
        length=length,
        ack=extras.get("ack"),
        window=extras.get("win", WINDOW),
        identification=extras.get("id"),
        cut=extras.get("cut", 0),
        offset=extras.get("offset"),
        isn_change=extras.get("isn", 0),
        options=options,
        labels=labels,
        notes=_names(found["notes"] or "", NOTE_NAMES, text),
        wireshark=None if found["wireshark"] is None else _names(found["wireshark"], NOTE_NAMES, text),
        states=(_state(found["first"]), _state(found["second"])) if found["first"] else None,
    )


def _names(joined: str, known: AbstractSet[str], text: str) -> list[str]:
    names = [name.strip() for name in joined.split(",") if name.strip()]
    if strange := set(names) - known:
        raise ValueError(f"no such name: {', '.join(sorted(strange))}: {text}")
    return names


def _state(name: str) -> str:
    if name not in STATES:
        raise ValueError(f"no such state: {name}")
    return name


def _options_of(text: str) -> bytes:
    """`mss N`, `wscale N`, `sackOK`, `sack`, `TS val N ecr N`, `FO` (a request) or `FO c00c1e`, `FOEXP ...`,
    `nop`, `eol`, `hex 0204...` for bytes as they are; filled up with zeros."""
    data = b""
    for option in text.split(","):
        kind, *values = option.split()
        match kind, values:
            case "mss", [number]:
                data += struct.pack("!BBH", 2, 4, int(number))
            case "wscale", [number]:
                data += bytes((3, 3, int(number)))
            case "sackOK", []:
                data += bytes((4, 2))
            case "sack", [left, right]:
                data += struct.pack("!BBII", 5, 10, int(left), int(right))
            case "TS", ["val", value, "ecr", echo]:
                data += struct.pack("!BBII", 8, 10, int(value), int(echo))
            case "FO", cookie:
                data += _with_length(34, b"", cookie)
            case "FOEXP", cookie:
                data += _with_length(254, b"\xf9\x89", cookie)
            case "nop", []:
                data += b"\x01"
            case "eol", []:
                data += b"\x00"
            case "hex", [digits]:
                data += bytes.fromhex(digits)
            case _:
                raise ValueError(f"no such option: {option}")
    return data + bytes(-len(data) % 4)


def _with_length(kind: int, front: bytes, cookie: list[str]) -> bytes:
    value = front + bytes.fromhex("".join(cookie))
    return bytes((kind, len(value) + 2)) + value


class Found(NamedTuple):
    """What the machine said about one line. after: the states of the transcript's first and second endpoint."""

    connection: int
    forward: bool
    flags: int
    seq: int
    ack: int
    length: int
    labels: int
    notes: int
    wireshark_notes: int
    corrections: int
    after: tuple[int, int]


class Played:
    """A transcript that was played and found right."""

    def __init__(self, table: ConnectionTable, columns: Columns) -> None:
        self.table = table
        self.columns = columns

    @property
    def connection(self) -> Machine:
        """The only connection."""
        assert len(self.table.connections) == 1
        return self.table.connections[0]

    def built(self, number: int = 0) -> Connection:
        """A connection as `analyze` hands it out."""
        return build_connection(self.table.connections[number], _Segments(self))

    def segments(self, number: int = 0) -> list[Segment]:
        """Its segments, likewise."""
        return list(Segments(self.table.connections[number], self.columns, number))


class _Segments(Source):
    def __init__(self, played: Played) -> None:
        self._played = played

    def at_hand(self, number: int) -> bool:
        return True

    def segments(self, number: int) -> list[Segment]:
        return self._played.segments(number)


class Player:
    """Plays transcripts in one world."""

    def __init__(self, world: World) -> None:
        self.world = world

    def __call__(
        self,
        transcript: str,
        *,
        handshake: str | None = None,
        close: str | None = None,
        closed_by: str | None = None,
        world: World | None = None,
    ) -> Played:
        """Play it, compare every line, and the verdict on the last connection where one is expected.

        closed_by: "first" or "second" endpoint, "both", "nobody".
        """
        lines = read(transcript)
        columns = Columns()
        table, found = observe(lines, world or self.world, columns)
        expected = [_expected(line, item) for line, item in zip(lines, found, strict=True)]
        actual = [_actual(line, item) for line, item in zip(lines, found, strict=True)]
        if expected != actual:
            raise AssertionError(_side_by_side(expected, actual))
        last = table.connections[-1]
        _check_verdict(last, handshake, close, closed_by, _is_swapped(last, world or self.world))
        return Played(table, columns)


def observe(
    lines: list[Line], world: World, columns: Columns | None = None
) -> tuple[ConnectionTable, list[Found]]:
    """Feed the lines to a table of connections, as the bytes of frames. columns: keep the segments."""
    table = ConnectionTable(0, 0)
    found = []
    for number, (frame, cut, time_ns) in enumerate(frames(lines, world), 1):
        header = Header()
        block = b"\xee" * 3 + frame[: len(frame) - cut] + b"\xee" * 5
        code = header.decode(block, 3, len(frame) - cut, len(frame), world.link_type)
        assert code == SEGMENT, skip_name(code)
        connection = table.observe(header, number, time_ns)
        step = table.step
        swapped = _is_swapped(connection, world)
        forward = (step.direction == 1) == swapped
        if columns is not None:
            columns.keep(connection.number, header, step, number, time_ns)
        after = (int(step.first_after), int(step.second_after))
        found.append(
            Found(
                int(connection.number),
                forward,
                int(header.flags),
                int(step.relative_seq),
                int(step.relative_ack),
                int(header.payload_length),
                int(step.labels),
                int(step.notes),
                int(step.wireshark_notes),
                int(step.corrections),
                after[::-1] if swapped else after,
            )
        )
    return table, found


def frames(lines: list[Line], world: World) -> list[tuple[bytes, int, int]]:
    """The frame of each line, how much of its end is not captured, and when it is seen."""
    isns = [world.first_isn, world.second_isn]
    now = START_NS - STEP_NS
    made = []
    for number, line in enumerate(lines, 1):
        now += line.after_ns
        side = 0 if line.forward else 1
        isns[side] = (isns[side] + line.isn_change) % 2**32
        seq = (isns[side] + line.start) % 2**32
        ack = (isns[1 - side] + (line.ack or 0)) % 2**32 if line.flags & FLAGS["."] else 0
        payload = bytes(97 + (seq + offset) % 26 for offset in range(line.length))
        ends = [(world.first, world.first_port), (world.second, world.second_port)]
        segment = tcp_segment(
            ends[side], ends[1 - side], seq, ack, line.flags, line.window, line.options, payload
        )
        if line.offset is not None:
            segment = segment[:12] + bytes((line.offset << 4 | segment[12] & 0x0F,)) + segment[13:]
        identification = number if line.identification is None else line.identification
        packet = ip_packet(ends[side][0], ends[1 - side][0], segment, identification)
        made.append((ethernet(packet) if world.link_type == ETHERNET else packet, line.cut, now))
    return made


def tcp_segment(
    source: tuple[str, int],
    destination: tuple[str, int],
    seq: int,
    ack: int,
    flags: int,
    window: int = WINDOW,
    options: bytes = b"",
    payload: bytes = b"",
) -> bytes:
    """A TCP segment with a right checksum."""
    offset_and_flags = (20 + len(options)) // 4 << 12 | flags
    head = struct.pack("!HHIIHH", source[1], destination[1], seq, ack, offset_and_flags, window)
    blank = head + bytes(4) + options + payload
    addresses = ip_address(source[0]).packed + ip_address(destination[0]).packed
    check = checksum(addresses + struct.pack("!HH", 6, len(blank)) + blank)
    return head + struct.pack("!HH", check, 0) + options + payload


def ip_packet(source: str, destination: str, segment: bytes, identification: int = 0) -> bytes:
    """An IPv4 or IPv6 packet around a TCP segment."""
    left, right = ip_address(source), ip_address(destination)
    if left.version == 6:
        return struct.pack("!IHBB", 6 << 28, len(segment), 6, 64) + left.packed + right.packed + segment
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(segment), identification, 0x4000, 64, 6, 0)
    head += left.packed + right.packed
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + segment


def ethernet(packet: bytes) -> bytes:
    """An Ethernet frame around an IP packet, padded to the shortest length allowed."""
    kind = b"\x86\xdd" if packet[0] >> 4 == 6 else b"\x08\x00"
    return (b"\x02" + bytes(4) + b"\x02\x02" + bytes(4) + b"\x01" + kind + packet).ljust(60, b"\0")


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    data += bytes(len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def _low(address: str) -> int:
    low: int = int(ip_address(address)) & 0xFFFFFFFFFFFFFFFF
    return low - (1 << 64) if low >> 63 else low


def _expected(line: Line, found: Found) -> str:
    wireshark = note_names(found.wireshark_notes) if line.wireshark is None else line.wireshark
    return _written(
        line,
        line.forward,
        (line.start % 2**32, line.length, None if line.ack is None else line.ack % 2**32),
        line.labels,
        sorted(line.notes),
        sorted(wireshark) if line.wireshark is not None else None,
        line.states,
    )


def _actual(line: Line, found: Found) -> str:
    return _written(
        line,
        found.forward,
        (found.seq, found.length, found.ack if found.flags & FLAGS["."] else None),
        label_names(found.labels),
        sorted(note_names(found.notes)),
        sorted(note_names(found.wireshark_notes)) if line.wireshark is not None else None,
        (STATES[found.after[0]], STATES[found.after[1]]) if line.states else None,
    )


def _written(
    line: Line,
    forward: bool,
    numbers: tuple[int, int, int | None],
    labels: Sequence[str],
    notes: Sequence[str],
    wireshark: Sequence[str] | None,
    states: tuple[str, str] | None,
) -> str:
    start, length, ack = numbers
    flags = "".join(letter for letter in "SFRP.UEW" if line.flags & FLAGS[letter]) or "-"
    text = f"{'>' if forward else '<'} {flags} {start}:{start + length}({length})"
    text += "" if ack is None else f" ack {ack}"
    text += f" ; {'+'.join(labels)}"
    text += f" ({', '.join(notes)})" if notes else ""
    text += "" if wireshark is None else f" {{{', '.join(wireshark)}}}"
    text += "" if states is None else f" | {states[0]} {states[1]}"
    return text


def _side_by_side(expected: list[str], actual: list[str]) -> str:
    width = max(len(line) for line in ["expected", *expected])
    rows = [f"  {'expected':{width}}   actual"]
    for left, right in zip(expected, actual, strict=True):
        rows.append(f"{' ' if left == right else '!'} {left:{width}}   {right}")
    return "\n" + "\n".join(rows)


def _is_swapped(connection: Machine, world: World) -> bool:
    """Whether the transcript's first endpoint is the connection's second."""
    return connection.first_port != world.first_port or connection.first_low != _low(world.first)


def _check_verdict(
    connection: Machine, handshake: str | None, close: str | None, closed_by: str | None, swapped: bool
) -> None:
    names = ("second", "first") if swapped else ("first", "second")
    who = {0: names[0], 1: names[1], 2: "both", None: "nobody"}[verdict.close_active(connection)]
    actual = (verdict.handshake_outcome(connection), verdict.close_outcome(connection), who)
    expected = (handshake or actual[0], close or actual[1], closed_by or actual[2])
    assert actual == expected, f"the verdict is {actual}, expected was {expected}"
