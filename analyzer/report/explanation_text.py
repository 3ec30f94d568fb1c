"""Explains one segment in text: what it does and why, its neighbours, its header byte by byte.

Every section is a table. Its last column is wrapped, so that it fits into 40 columns or more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Final

from analyzer.explain.explanation import Explanation
from analyzer.explain.neighbours import asks, bytes_of_sequence
from analyzer.report.sentences import error_sentence, label_reason, reason_sentence, verdict
from analyzer.report.terminal import READABLE_WIDTH, Span, Style, columns, finish, flow, foreign, own, tail
from analyzer.report.wording import counted, duration, grouped
from analyzer.tcp.labels import LABEL
from analyzer.tcp.notes import NOTE
from analyzer.text import said, say
from analyzer.trace.values import Segment, Side
from analyzer.wire.fields import FLAGS, TCP_FIELDS, Field
from analyzer.wire.flags import Flags
from analyzer.wire.icmp import ERROR_KINDS
from analyzer.wire.option_list import Option

__all__ = ["dissection_lines", "explanation_lines"]

KIND_MEANINGS: Final = {(version, kind.name): kind.meaning for (version, _, _), kind in ERROR_KINDS.items()}

BYTES_IN_ROW: Final = 16
HEXDUMP_COLUMNS: Final = 4 + 2 + 3 * BYTES_IN_ROW + 2 + BYTES_IN_ROW + 2
"""The columns of a row of the hexdump: offset, bytes, characters."""

OPTION_BYTES: Final = 4
"""Bytes of an option on one line: as many as the widest field of the fixed header has."""

LEAST_MEANING: Final = 28
"""The fewest columns for a meaning next to its field. If there are fewer, it goes below."""

_ByteRow = tuple[str, Sequence[str], str, Sequence[str]]
"""Offset, lines of bytes, name, and the meaning in parts."""

FRAMES_LISTED: Final = 8
DISSECTED_LINES: Final = 200
"""The most lines of one protocol. A DNS answer or a certificate can have thousands."""

CHECKSUMS: Final = {
    "right": "correct: it matches pseudo header, header and payload",
    "partial": "partial: it covers only the pseudo header. The network card adds the rest (offload); on a loopback "
    "interface nobody does",
    "wrong": "incorrect: it should be {computed}. The segment was damaged on the way, or it was captured on the "
    "sender before the network card set the checksum (offload)",
}


def explanation_lines(explanation: Explanation, style: Style) -> Iterator[str]:
    """The lines of the explanation, without line ends."""
    style = style.at_most(READABLE_WIDTH)
    yield from _title(explanation, style)
    for heading, section in (
        (_error_heading(explanation), _error(explanation, style)),
        (say("What it does"), _doing(explanation, style)),
        (say("States"), _states(explanation, style)),
        (say("Before and after"), _around(explanation, style)),
        (say("The frame"), _frame(explanation, style)),
        (_header_heading(explanation), _header(explanation, style)),
        (_options_heading(explanation), _options(explanation, style)),
        (_payload_heading(explanation), _payload(explanation, style)),
    ):
        if heading:
            yield ""
            yield finish([(heading, "title")], style)
            yield from section


def dissection_lines(
    layers: Sequence[tuple[str, Sequence[str]]], application: str, style: Style
) -> Iterator[str]:
    """The lines of Wireshark's dissection, after an empty line. layers: (protocol, its fields) from the outside in."""
    style = style.at_most(READABLE_WIDTH)
    yield ""
    heading = say("Dissected by Wireshark (tshark)")
    if application:
        heading = say("Dissected by Wireshark (tshark): {protocol}", protocol=application)
    yield finish([(heading, "title")], style)
    for name, fields in layers:
        yield finish([("  ", ""), (foreign(name.lower(), style), "state")], style)
        for field in fields[:DISSECTED_LINES]:
            for number, line in enumerate(flow([foreign(field, style)], max(style.width - 6, 8), style)):
                yield finish([("    " if number == 0 else "      ", ""), (line, "")], style)
        hidden = len(fields) - DISSECTED_LINES
        if hidden > 0:
            yield finish([("    ", ""), (_more(hidden), "faint")], style)


def _more(count: int) -> str:
    return counted(count, "… and {count} more field", "… and {count} more fields")


def _title(explanation: Explanation, style: Style) -> Iterator[str]:
    connection, segment = explanation.connection, explanation.segment
    since = segment.time_ns - connection.first_time_ns
    what = say("frame {frame}", frame=segment.frame)
    labels = " + ".join(LABEL[name].shown for name in segment.labels)
    path = tail(
        foreign(said(explanation.capture.path), style),
        max(style.width - columns(what) - columns(labels) - 6, 8),
        style,
    )
    yield finish([(path, "title"), ("   ", ""), (what, "title"), ("   ", ""), (labels, "")], style)
    rows = [
        (
            f"#{connection.id}",
            [
                say(
                    "{client} → {server}",
                    client=foreign(str(connection.client), style),
                    server=foreign(str(connection.server), style),
                ),
                verdict(connection),
            ],
        ),
        (
            say("sent by"),
            [
                say("the {side}", side=say(segment.sender)),
                say(
                    "segment {place} of {count}",
                    place=grouped(explanation.neighbours.place + 1),
                    count=grouped(connection.segment_count),
                ),
                say("{time} after the first one", time=duration(since)) if since else say("the first one"),
            ],
        ),
    ]
    yield from _table(rows, style, indent=0)


def _error_heading(explanation: Explanation) -> str:
    error = explanation.error
    return "" if error is None else say("The ICMP error in frame {frame}", frame=error.frame)


def _error(explanation: Explanation, style: Style) -> Iterator[str]:
    error = explanation.error
    if error is None:
        return iter(())
    version = 6 if ":" in error.sender else 4
    later = error.time_ns - explanation.segment.time_ns
    return _table(
        [
            (
                say("error"),
                [error_sentence(explanation.connection, error), say(KIND_MEANINGS[version, error.kind])],
            ),
            (say("time"), [say("{time} after the segment", time=duration(later))]),
            (
                say("states"),
                [
                    say(
                        "unchanged: a capture does not show how an endpoint reacts to the error, and the error may "
                        "be forged (RFC 5927)"
                    )
                ],
            ),
        ],
        style,
    )


def _doing(explanation: Explanation, style: Style) -> Iterator[str]:
    segment = explanation.segment
    rows = [(LABEL[name].shown, [label_reason(name, segment)]) for name in segment.labels]
    rows += [
        (
            NOTE[name].shown,
            [say("note {name}: {meaning}", name=name, meaning=say(NOTE[name].meaning))],
        )
        for name in segment.notes
    ]
    return _table(rows, style)


def _states(explanation: Explanation, style: Style) -> Iterator[str]:
    segment = explanation.segment
    rows: list[tuple[str, list[str]]] = []
    for side, (before, after) in (("client", segment.client_state), ("server", segment.server_state)):
        text = say("{state}, unchanged", state=before) if before == after else f"{before} → {after}"
        rows.append((say(side), [text]))
    if segment.why:
        rows.append((say("why"), ["; ".join(map(reason_sentence, segment.why))]))
    return _table(rows, style)


def _around(explanation: Explanation, style: Style) -> Iterator[str]:
    segment, around = explanation.segment, explanation.neighbours
    me: Side = segment.sender
    peer: Side = "server" if me == "client" else "client"
    rows: list[tuple[str, list[str]]] = []
    for side, earlier in ((me, around.previous_own), (peer, around.previous_other)):
        text = (
            say("no segment in this capture")
            if earlier is None
            else _mention(earlier, segment.time_ns - earlier.time_ns, "before")
        )
        rows.append((say("{side} before", side=say(side)), [text]))
    if segment.ack is not None:
        rows.append((say("acknowledges"), [_acknowledged(explanation)]))
    answer = around.answer
    if answer is not None:
        rows.append((say("answered by"), [_mention(answer, answer.time_ns - segment.time_ns, "after")]))
    elif bytes_of_sequence(segment) or asks(segment):
        rows.append((say("answered by"), [say("no segment in this capture")]))
    else:
        rows.append(
            (say("answered by"), [say("nothing: it takes no sequence number, so it is not acknowledged")])
        )
    for error in explanation.connection.icmp_errors:
        if error.answers == segment.frame:
            text = say(
                "frame {frame}, {time} later: {error}",
                frame=error.frame,
                time=duration(error.time_ns - segment.time_ns),
                error=error_sentence(explanation.connection, error),
            )
            rows.append((say("ICMP error"), [text]))
    return _table(rows, style)


def _mention(segment: Segment, distance: int, direction: str) -> str:
    """A neighbour in a few words. distance: nanoseconds."""
    parts = [str(segment.flags) or say("no flags"), say("seq {seq}", seq=segment.seq)]
    if segment.ack is not None:
        parts.append(say("ack {ack}", ack=segment.ack))
    if segment.length:
        parts.append(say("len {length}", length=segment.length))
    labels = " + ".join(LABEL[name].shown for name in segment.labels)
    sentence = "frame {frame}, {time} earlier: {labels} ({what})"
    if direction == "after":
        sentence = "frame {frame}, {time} later: {labels} ({what})"
    return say(sentence, frame=segment.frame, time=duration(distance), labels=labels, what=", ".join(parts))


def _acknowledged(explanation: Explanation) -> str:
    segment, covered = explanation.segment, explanation.neighbours.acknowledged
    if not covered:
        return say("no new bytes (ack {ack} was acknowledged before)", ack=segment.ack)
    frames = ", ".join(str(earlier.frame) for earlier in covered[-FRAMES_LISTED:])
    hidden = len(covered) - FRAMES_LISTED
    if hidden > 0:
        frames = say("{frames} and {count} earlier ones", count=grouped(hidden), frames=frames)
    newest = covered[-1]
    waited = duration(segment.time_ns - newest.time_ns)
    if len(covered) == 1:
        return say("frame {frames}, sent {time} earlier", frames=frames, time=waited)
    return say("frames {frames}; the last one was sent {time} earlier", frames=frames, time=waited)


def _frame(explanation: Explanation, style: Style) -> Iterator[str]:
    size = counted(explanation.original, "{count} byte on the wire", "{count} bytes on the wire")
    if explanation.captured < explanation.original:
        kept = say("only the first {count} were captured", count=grouped(explanation.captured))
    else:
        kept = say("all were captured")
    rows: list[tuple[str, Sequence[str]]] = [(say("size"), [size, kept])]
    if explanation.others:
        more = counted(explanation.others, "{count} more TCP segment", "{count} more TCP segments")
        rows.append((say("contains"), [say("this segment, the first one"), more]))
    rows += [(said(layer.name), [said(fact) for fact in layer.facts]) for layer in explanation.layers]
    return _table(rows, style)


def _header_heading(explanation: Explanation) -> str:
    count = explanation.header_length
    if len(explanation.header) < count:
        return say("TCP header: {count} bytes, {kept} captured", count=count, kept=len(explanation.header))
    return say("TCP header: {count} bytes", count=count)


def _header(explanation: Explanation, style: Style) -> Iterator[str]:
    rows: list[_ByteRow] = []
    for field in TCP_FIELDS:
        value = field.read(explanation.header)
        shown = explanation.header[field.offset : field.offset + field.size].hex(" ")
        meaning = [say("not captured")] if value is None else _meaning(field, value, explanation)
        rows.append((str(field.offset), [shown], say(field.name), meaning))
        if field.name == "flags" and value is not None:
            for place, flag in enumerate(FLAGS):
                bit = "1" if value & flag.bit else "0"
                pattern = "." * place + bit + "." * (len(FLAGS) - place - 1)
                state = say(flag.meaning) if value & flag.bit else say("not set")
                rows.append(("", [pattern], f"  {flag.name}", [state]))
    return _byte_table(rows, style)


def _meaning(field: Field, value: int, explanation: Explanation) -> list[str]:
    """The meaning of a field of the fixed header, value first."""
    segment = explanation.segment
    match field.name:
        case "sequence number":
            sentence = "{value}, relative {relative}"
            if Flags.SYN in segment.flags:
                sentence = "{value}: the initial sequence number, relative {relative}"
            return [say(sentence, value=value, relative=segment.seq)]
        case "acknowledgement number":
            if segment.ack is None:
                return [say("{value}: has no meaning, because ACK is not set", value=value)]
            return [
                say(
                    "{value}, relative {relative}: the number expected next",
                    value=value,
                    relative=segment.ack,
                )
            ]
        case "data offset":
            return [say("{value}: the header has 4 × {value} = {bytes} bytes", value=value, bytes=4 * value)]
        case "reserved":
            return [str(value) if not value else say("{value}: should be 0", value=value)]
        case "flags":
            return [str(segment.flags) or say("none")]
        case "window":
            return [_window(value, explanation)]
        case "checksum":
            if explanation.checksum is None:
                return [f"0x{value:04x}", say("not checked: the capture does not hold the whole segment")]
            computed = f"0x{explanation.computed_checksum or 0:04x}"
            return [f"0x{value:04x}", say(CHECKSUMS[explanation.checksum], computed=computed)]
        case "urgent pointer":
            if Flags.URG in segment.flags:
                end = (segment.seq + value) & 0xFFFFFFFF
                return [say("{value}: urgent data ends before sequence number {end}", value=value, end=end)]
            return [
                str(value)
                if not value
                else say("{value}: has no meaning, because URG is not set", value=value)
            ]
        case _:
            return [str(value)]


def _window(value: int, explanation: Explanation) -> str:
    segment, handshake = explanation.segment, explanation.connection.handshake
    if Flags.SYN in segment.flags:
        return say("{value} bytes; in a SYN the window is never scaled", value=value)
    if handshake.window_scaling is None:
        return say("{value}: the handshake was not captured, so the window scale is not known", value=value)
    if not handshake.window_scaling:
        return say("{value} bytes; window scaling was not negotiated", value=value)
    own_options = handshake.client_options if segment.sender == "client" else handshake.server_options
    shift = own_options.window_scale if own_options is not None else None
    return say(
        "{value} × {factor} = {bytes} bytes",
        value=value,
        factor=1 << (shift or 0),
        bytes=segment.window,
    )


def _options_heading(explanation: Explanation) -> str:
    if explanation.header_length == 20:
        return ""
    return say("Options: {count} bytes", count=explanation.header_length - 20)


def _options(explanation: Explanation, style: Style) -> Iterator[str]:
    rows: list[_ByteRow] = []
    for option in explanation.options:
        lines = [
            option.raw[at : at + OPTION_BYTES].hex(" ") for at in range(0, len(option.raw), OPTION_BYTES)
        ]
        rows.append((str(option.offset), lines, said(option.name), _option_value(option)))
    if not rows:
        rows.append(("20", [""], "", [say("not captured")]))
    return _byte_table(rows, style)


def _option_value(option: Option) -> list[str]:
    value = [said(option.value)] if option.value else []
    return [*value, say("malformed: {fault}", fault=said(option.fault))] if option.fault else value


def _payload_heading(explanation: Explanation) -> str:
    length = explanation.segment.length
    if not length:
        return say("No payload")
    shown = len(explanation.payload)
    if shown == length:
        return counted(length, "Payload: {count} byte", "Payload: {count} bytes")
    if not shown:
        return counted(length, "Payload: {count} byte, not captured", "Payload: {count} bytes, none captured")
    return say("Payload: {count} bytes, the first {shown} shown", count=grouped(length), shown=shown)


def _payload(explanation: Explanation, style: Style) -> Iterator[str]:
    in_row = BYTES_IN_ROW if style.width >= HEXDUMP_COLUMNS else BYTES_IN_ROW // 2
    for at in range(0, len(explanation.payload), in_row):
        part = explanation.payload[at : at + in_row]
        # Only printable ASCII is shown as characters, so that no payload can control the terminal.
        text = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in part)
        yield finish(
            [
                ("  ", ""),
                (f"{at:04x}", "faint"),
                ("  ", ""),
                (f"{part.hex(' '):{3 * in_row}} {text}", "data"),
            ],
            style,
        )


def _table(rows: Sequence[tuple[str, Sequence[str]]], style: Style, *, indent: int = 2) -> Iterator[str]:
    """Two columns: names and items. Lines break between items if possible."""
    width = max((columns(own(name, style)) for name, _ in rows), default=0)
    room = style.width - indent - width - 2
    for name, items in rows:
        shown = own(name, style)
        lines = flow(list(items), max(room, 8), style) if items else [""]
        for number, line in enumerate(lines):
            head = shown if number == 0 else ""
            yield finish(
                [(" " * indent, ""), (head + " " * (width - columns(head)), "state"), ("  ", ""), (line, "")],
                style,
            )


def _byte_table(rows: Sequence[_ByteRow], style: Style) -> Iterator[str]:
    """Four columns: offset, bytes, name, meaning. If there is no room, the meaning goes below."""
    offsets = max(len(offset) for offset, _, _, _ in rows)
    bytes_width = max(len(line) for _, raw, _, _ in rows for line in raw)
    names = max(columns(own(name, style)) for _, _, name, _ in rows)
    start = 2 + offsets + 2 + bytes_width + 2 + names + 2
    below = style.width - start < LEAST_MEANING
    indent = 6 + offsets
    for offset, raw, name, items in rows:
        name = own(name, style)
        room = max(style.width - (indent if below else start), 8)
        lines = flow(list(items), room, style) if any(items) else []
        fits = len(lines) == 1 and columns(lines[0]) <= style.width - start
        beside = lines if fits or not below else []
        for number, (line, meaning) in enumerate(zip_longest(raw, beside, fillvalue="")):
            first = number == 0
            padded = name + " " * (names - columns(name)) if first else " " * names
            spans: list[Span] = [
                (f"  {offset if first else '':>{offsets}}  ", "faint"),
                (f"{line:{bytes_width}}  ", "data"),
                (f"{padded}  ", "state"),
                (meaning, ""),
            ]
            yield finish(spans, style)
        if lines is not beside:
            for line in lines:
                yield finish([(" " * indent, ""), (line, "")], style)
