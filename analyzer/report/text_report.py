"""The text report: one line about the capture, the three phases of each connection, its segments as a ladder.

Lines come one at a time, without line ends, each as soon as it is known. So a long report can be
read while it is made, and stopped at any line.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from analyzer.filters.spelling import in_short
from analyzer.report.overview import overview_lines
from analyzer.report.selection import Selection, select
from analyzer.report.sentences import error_sentence, handshake_words, losses, verdict
from analyzer.report.terminal import READABLE_WIDTH, Style, columns, finish, flow, foreign, own, tail
from analyzer.report.wording import (
    counted,
    counted_note,
    delays,
    duration,
    grouped,
)
from analyzer.tcp.outcomes import CLOSE, CLOSES, FAST_OPEN, HANDSHAKE, HANDSHAKES, ROLE
from analyzer.text import said, say
from analyzer.trace.values import (
    OURSELVES,
    Capture,
    Close,
    Connection,
    Direction,
    EndpointOptions,
    Folded,
    Handshake,
    Trace,
)

__all__ = ["MANY", "capture_lines", "connection_lines", "report_lines"]

MANY: Final = 20
"""With more connections than this, the report is a table, unless connections are chosen by number."""

PORTS_SHOWN: Final = 3  # server ports of connections that are counted only

DETAILS_ROOM: Final = 32  # columns that the details of a phase need after its outcome

ERRORS_SHOWN: Final = 3  # sentences about ICMP errors above the ladder


def report_lines(
    trace: Trace,
    style: Style,
    *,
    selection: Selection | None = None,
    fold: bool = True,
    segments: bool = True,
    summaries: Mapping[int, str] | None = None,
) -> Iterator[str]:
    """The lines of the report on a trace, without their ends.

    selection: the connections to show, None for all; more than `MANY` become a table, unless chosen by number
    fold:     show long runs of ordinary segments in one line, and only the beginning of a long table
    segments: whether to show the ladders
    summaries: by frame, a summary of the payload, to show instead of its beginning
    """
    shown = select(trace) if selection is None else selection
    folded = trace.capture.folded
    count = len(trace) + (folded.connections if folded else 0)
    yield from capture_lines(trace.capture, count, style)
    yield from _selection_lines(shown, style)
    connections = shown.connections
    if not shown.numbered and len(connections) > MANY:
        yield ""
        yield from overview_lines(connections, style, worst_first=shown.order is None, everything=not fold)
        return
    for connection in connections:
        yield ""
        yield from connection_lines(connection, style)
        if segments:
            yield from _ladder(connection, style, fold, summaries)


def _selection_lines(selection: Selection, style: Style) -> Iterator[str]:
    """How many connections match a filter, and the key that they are sorted by."""
    facts = []
    if selection.only is not None:
        text = in_short(selection.only.text)
        if not selection.connections:
            facts.append(say("no connection matches {filter}", filter=text))
        else:
            facts.append(
                counted(
                    len(selection.connections),
                    "{count} of {all} connections matches {filter}",
                    "{count} of {all} connections match {filter}",
                    all=grouped(selection.of),
                    filter=text,
                )
            )
    if selection.order is not None:
        name = selection.order.key.name
        sentence = "sorted by {key}, largest first" if selection.order.descending else "sorted by {key}"
        facts.append(say(sentence, key=name))
    if facts:
        yield from _paragraph([own(fact, style) for fact in facts], style, indent=0)


def _ladder(
    connection: Connection, style: Style, fold: bool, summaries: Mapping[int, str] | None
) -> Iterator[str]:
    # Not needed for a table, and a large capture is shown as a table.
    from analyzer.diagram.layout import lay_out
    from analyzer.diagram.rows import Fold
    from analyzer.report.ladder import ladder_lines

    diagram = lay_out(connection, fold=fold, summaries=summaries)
    yield ""
    yield from ladder_lines(diagram, style)
    hidden = sum(
        row.segments_to_right + row.segments_to_left for row in diagram.rows if isinstance(row, Fold)
    )
    if hidden:
        sentence = counted(
            hidden,
            "{count} segment omitted (--all shows it)",
            "{count} segments omitted (--all shows them)",
        )
        yield ""
        yield from _paragraph([sentence], style)


def capture_lines(capture: Capture, connections: int, style: Style) -> Iterator[str]:
    """What was read, what was skipped and why, and how many frames the capture lost.

    connections: their number
    """
    narrow = style.at_most(READABLE_WIDTH)
    frames = counted(capture.frames, "{count} frame", "{count} frames")
    tcp = counted(capture.tcp_segments, "{count} TCP segment", "{count} TCP segments")
    facts = [
        capture.format,
        ", ".join(dict.fromkeys(capture.link_type_names)) or say("no link type"),
        f"{frames}, {tcp}",
        counted(connections, "{count} connection", "{count} connections")
        if connections
        else say("no TCP connection"),
    ]
    if capture.first_time_ns is not None and capture.last_time_ns is not None:
        facts.append(duration(capture.last_time_ns - capture.first_time_ns))
    if capture.display_filter is not None:
        facts.append(
            say("only the frames that match {filter}", filter=foreign(capture.display_filter, style))
        )
    if capture.notes_by != OURSELVES:
        facts.append(say("notes by {program}", program=capture.notes_by))
    path = foreign(said(capture.path), style)
    facts = [own(fact, style) for fact in facts]
    line = own(" · ", style).join(facts)
    if columns(path) + 3 + columns(line) <= narrow.width:
        yield finish([(path, "title"), ("   ", ""), (line, "")], narrow)
    else:
        yield finish([(tail(path, narrow.width, narrow), "title")], narrow)
        yield from _paragraph(facts, style)
    if capture.skipped:
        total = sum(capture.skipped.values())
        by_count = sorted(capture.skipped.items(), key=lambda entry: -entry[1])
        reasons = [f"{grouped(count)} {foreign(reason, style)}" for reason, count in by_count]
        head = counted(total, "{count} frame skipped:", "{count} frames skipped:")
        yield from _paragraph([f"{head} {reasons[0]}", *reasons[1:]], style, indent=0)
    if capture.icmp_errors_elsewhere:
        total = sum(capture.icmp_errors_elsewhere.values())
        head = counted(
            total,
            "{count} ICMP error about a TCP connection that is not in this capture:",
            "{count} ICMP errors about TCP connections that are not in this capture:",
        )
        kinds = [f"{grouped(count)} {kind}" for kind, count in capture.icmp_errors_elsewhere.items()]
        yield from _paragraph([f"{head} {kinds[0]}", *kinds[1:]], style, indent=0)
    if capture.folded is not None:
        yield from _paragraph([_folded(capture.folded)], style, indent=0)
    if lost := losses(capture):
        for line in flow([lost], max(narrow.width, 1), narrow):
            yield finish([(line, "odd")], narrow)


def _folded(folded: Folded) -> str:
    """How many connections are counted only, and their outcomes."""
    outcomes: Counter[str] = Counter()
    for opening in HANDSHAKES:
        if not opening.opened:
            outcomes[opening.shown] += folded.handshakes.get(opening.name, 0)
    for closing in CLOSES:
        if closing.folded:
            outcomes[closing.folded] += folded.closes.get(closing.name, 0)
    ports = [
        counted(count, "{count} to port {port}", "{count} to port {port}", port=port)
        for port, count in list(folded.server_ports.items())[:PORTS_SHOWN]
    ]
    return say(
        "{connections}, to keep memory bounded: {outcomes}; {ports}; --stream writes each",
        connections=counted(
            folded.connections, "{count} connection is counted only", "{count} connections are counted only"
        ),
        outcomes=", ".join(
            f"{grouped(count)} {say(words)}" for words, count in outcomes.most_common() if count
        ),
        ports=", ".join(ports),
    )


class _Phase(NamedTuple):
    """One phase of a connection: its name, its outcome in one column, its details in another."""

    name: str
    outcome: str
    details: Sequence[str]
    good: bool


def connection_lines(connection: Connection, style: Style) -> Iterator[str]:
    """The headline, the three phases, and the counted notes."""
    narrow = style.at_most(READABLE_WIDTH)
    number = f"#{connection.id}"
    pair = own(f"{connection.client} → {connection.server}", style)
    sentence = own(verdict(connection), style)
    if columns(number) + columns(pair) + columns(sentence) + 5 <= narrow.width:
        yield finish([(f"{number}  {pair}", "title"), ("   ", ""), (sentence, "")], narrow)
    else:
        ends = [own(f"{connection.client} →", style), str(connection.server)]
        head = f"{number}  "
        for line in flow(ends, max(narrow.width - len(head), 1), narrow, separator=" "):
            yield finish([(head, "title"), (line, "title")], narrow)
            head = " " * len(head)
        yield from _paragraph([sentence], style)
    phases = [_handshake(connection), _data(connection), _close(connection)]
    yield from _phases(phases, narrow)
    counts = [own(counted_note(name, count), style) for name, count in connection.notes.items()]
    width = max(columns(say(phase.name)) for phase in phases)
    room = max(narrow.width - width - 6, 1)
    for name, items in ((say("notes"), counts), (say("ICMP"), _errors(connection))):
        head = f"    {name:<{width}}  "
        for line in flow(items, room, narrow) if items else ():
            yield finish([(head, "faint"), (line, "odd")], narrow)
            head = " " * len(head)


def _errors(connection: Connection) -> list[str]:
    """The ICMP errors about the connection: the first few, and the number of the rest."""
    shown = [error_sentence(connection, error) for error in connection.icmp_errors[:ERRORS_SHOWN]]
    hidden = connection.icmp_error_count - len(shown)
    return [*shown, *([counted(hidden, "and {count} more", "and {count} more")] if hidden else [])]


def _paragraph(items: Sequence[str], style: Style, *, indent: int = 4) -> Iterator[str]:
    """Items that flow, after a margin if there is room for one."""
    narrow = style.at_most(READABLE_WIDTH)
    margin = " " * (indent if narrow.width >= 40 else 0)
    for line in flow(items, max(narrow.width - len(margin), 1), narrow):
        yield finish([(margin, ""), (line, "")], narrow)


def _phases(phases: Sequence[_Phase], style: Style) -> Iterator[str]:
    """The phases in columns, or each as a paragraph if the columns leave too little room for the details."""
    names = [say(phase.name) for phase in phases]
    name_width = max(map(columns, names))
    outcome_width = max(columns(own(phase.outcome, style)) for phase in phases)
    start = 4 + name_width + 2 + outcome_width + 3
    wide = style.width - start >= DETAILS_ROOM
    for phase, name in zip(phases, names, strict=True):
        outcome = own(phase.outcome, style)
        role = "good" if phase.good else "bad"
        head = f"    {name}{'':{name_width - columns(name) + 2}}"
        if wide:
            spans = [(head, "faint"), (outcome + " " * (outcome_width - columns(outcome) + 3), role)]
            hanging = start
            lines = flow(phase.details, style.width - start, style)
        else:
            spans = [(head, "faint"), (outcome, role)]
            hanging = len(head) if style.width >= 40 else 4
            lines = flow(
                ["", *phase.details],
                max(style.width - hanging, 1),
                style,
                first=style.width - len(head) - columns(outcome),
            )
        yield finish([*spans, (lines[0], "")], style)
        for line in lines[1:]:
            yield finish([(" " * hanging, ""), (line, "")], style)


def _handshake(connection: Connection) -> _Phase:
    handshake = connection.handshake
    row = HANDSHAKE[handshake.outcome]
    _, detail = handshake_words(connection)
    details = [
        *_frames((handshake.syn_frame, handshake.syn_ack_frame, handshake.ack_frame)),
        *_explained(detail),
    ]
    if handshake.outcome == "aborted" and handshake.reset_by:
        details.append(say("the {side} sent the RST", side=say(handshake.reset_by)))
    if handshake.syn_rtt_ns is not None and handshake.ack_rtt_ns is not None:
        details.append(
            say(
                "RTT {to_server} to the server, {to_client} to the client",
                to_server=duration(handshake.syn_rtt_ns),
                to_client=duration(handshake.ack_rtt_ns),
            )
        )
    elif handshake.syn_rtt_ns is not None:
        details.append(say("SYN-ACK after {time}", time=duration(handshake.syn_rtt_ns)))
    elif handshake.ack_rtt_ns is not None:
        details.append(say("ACK {time} after the SYN-ACK", time=duration(handshake.ack_rtt_ns)))
    details += _retransmitted("SYN", handshake.syn_retries, handshake.syn_retry_delays_ns)
    details += _retransmitted("SYN-ACK", handshake.syn_ack_retries, handshake.syn_ack_retry_delays_ns)
    details += _agreed(handshake)
    details += _explained(ROLE[connection.roles].detail)
    return _Phase(
        "handshake",
        say(row.shown),
        details,
        row.good,
    )


def _explained(sentence: str) -> list[str]:
    return [say(sentence)] if sentence else []


def _frames(frames: Iterable[int | None]) -> list[str]:
    """The frames of a phase, each once: in a simultaneous open, one SYN-ACK also completes the handshake."""
    captured = [str(frame) for frame in dict.fromkeys(frames) if frame is not None]
    if not captured:
        return []
    return [say("frame {frames}" if len(captured) == 1 else "frames {frames}", frames=" ".join(captured))]


def _retransmitted(segment: str, times: int, after: Sequence[int]) -> list[str]:
    if not times:
        return []
    sentence = "{segment} retransmitted once" if times == 1 else "{segment} retransmitted {count} times"
    sent_again = say(sentence, segment=segment, count=grouped(times))
    if not after:
        return [sent_again]
    return [say("{retransmitted}, after {delays}", retransmitted=sent_again, delays=delays(after))]


def _agreed(handshake: Handshake) -> list[str]:
    """The options that both sides agreed on, or the offer of one side if the other's SYN was not captured."""
    client, server = handshake.client_options, handshake.server_options
    if client is None or server is None:
        return (
            [] if client is server else _announced(client or server, "server" if client is None else "client")
        )
    agreed = []
    sizes = (client.maximum_segment_size, server.maximum_segment_size)
    if sizes[0] is not None and sizes[0] == sizes[1]:
        agreed.append(say("MSS {size}", size=sizes[0]))
    elif sizes != (None, None):
        client_size, server_size = (say("none") if size is None else size for size in sizes)
        agreed.append(
            say(
                "MSS {size} (client {client}, server {server})",
                size=say("unknown") if handshake.effective_mss is None else handshake.effective_mss,
                client=client_size,
                server=server_size,
            )
        )
    if handshake.window_scaling and client.window_scale is not None and server.window_scale is not None:
        factors = (1 << min(client.window_scale, 14), 1 << min(server.window_scale, 14))
        if factors[0] == factors[1]:
            agreed.append(say("window scale ×{factor}", factor=factors[0]))
        else:
            agreed.append(say("window scale ×{client} and ×{server}", client=factors[0], server=factors[1]))
    if handshake.sack:
        agreed.append(say("SACK"))
    if handshake.timestamps:
        agreed.append(say("timestamps"))
    if handshake.ecn:
        agreed.append(say("ECN"))
    if handshake.fast_open is not None:
        agreed += _explained(FAST_OPEN[handshake.fast_open].shown)
    return agreed


def _announced(options: EndpointOptions | None, side: str) -> list[str]:
    if options is None:
        return []
    offers = []
    if options.maximum_segment_size is not None:
        offers.append(say("MSS {size}", size=options.maximum_segment_size))
    if options.window_scale is not None:
        offers.append(say("window scale ×{factor}", factor=1 << min(options.window_scale, 14)))
    if options.sack_permitted:
        offers.append(say("SACK"))
    if options.timestamps:
        offers.append(say("timestamps"))
    if options.ecn:
        offers.append(say("ECN"))
    if options.fast_open_cookie is not None:
        offers.append(say("Fast Open"))
    return [say("the {side} offers {offers}", side=say(side), offers=", ".join(offers))] if offers else []


def _data(connection: Connection) -> _Phase:
    client, server = connection.client_data, connection.server_data
    details = [*_trouble(client, "client"), *_trouble(server, "server")]
    outcome = say("none")
    if client.bytes or server.bytes:
        outcome = counted(
            client.bytes,
            "{count} byte sent, {received} received",
            "{count} bytes sent, {received} received",
            received=grouped(server.bytes),
        )
        details = details or [say("no retransmissions")]
    segments = counted(
        client.segments + server.segments,
        "{count} segment ({to_server} →, {to_client} ←)",
        "{count} segments ({to_server} →, {to_client} ←)",
        to_server=grouped(client.segments),
        to_client=grouped(server.segments),
    )
    if client.bytes or server.bytes:
        carrying = grouped(client.data_segments + server.data_segments)
        segments = say("{segments}, {count} with data", segments=segments, count=carrying)
    clean = not (client.unacknowledged_bytes or server.unacknowledged_bytes)
    return _Phase("data", outcome, [segments, *details], clean)


def _trouble(sent: Direction, side: str) -> list[str]:
    """What one side retransmitted, sent out of order, or sent without an acknowledgement."""
    found = []
    if sent.retransmitted_segments:
        segments = counted(sent.retransmitted_segments, "{count} segment", "{count} segments")
        amount = counted(sent.retransmitted_bytes, "{count} byte", "{count} bytes")
        sentence = "the {side} retransmitted {segments}"
        if sent.retransmitted_bytes:
            sentence = "the {side} retransmitted {segments} with {bytes}"
        found.append(say(sentence, side=say(side), segments=segments, bytes=amount))
    if sent.out_of_order_segments:
        found.append(
            counted(
                sent.out_of_order_segments,
                "{count} segment of the {side} out of order",
                "{count} segments of the {side} out of order",
                side=say(side),
            )
        )
    if sent.unacknowledged_bytes:
        amount = counted(sent.unacknowledged_bytes, "{count} byte", "{count} bytes")
        found.append(say("{bytes} of the {side} not acknowledged", side=say(side), bytes=amount))
    return found


def _close(connection: Connection) -> _Phase:
    close = connection.close
    row = CLOSE[close.outcome]
    details = _frames(close.frames)
    if close.outcome == "reset" and close.active in {"client", "server"}:
        details.append(say("by the {side}", side=say(str(close.active))))
    elif close.active is not None:
        details.append(
            say("both sides closed at once")
            if close.active == "both"
            else say("{side} closed first", side=say(close.active))
        )
    other = {"client": "server", "server": "client"}.get(close.active or "", "other side")
    if row.detail:
        details.append(say(row.detail, other=say(other)))
    details += _left(close)
    if close.data_lost:
        details.append(say("data was lost"))
    return _Phase(
        "close",
        say(row.shown),
        details,
        row.good and not close.data_lost,
    )


def _left(close: Close) -> list[str]:
    if not close.time_wait:
        return []
    if len(close.time_wait) > 1:
        return [say("both sides left in TIME-WAIT")]
    return [say("{side} left in TIME-WAIT", side=say(close.time_wait[0]))]
