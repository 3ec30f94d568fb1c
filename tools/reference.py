"""The pages of docs/ that list what the tables say, as Markdown: every transition, every name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from analyzer.compare.differences import DIFFERENCES
from analyzer.tcp.corrections import CORRECTIONS
from analyzer.tcp.labels import LABELS
from analyzer.tcp.notes import NOTES, Note
from analyzer.tcp.outcomes import CLOSES, HANDSHAKES, ROLES
from analyzer.tcp.states import INPUTS, STATES, TRANSITIONS
from analyzer.trace.confidence import DOUBTS
from analyzer.wire.encapsulations import ENCAPSULATIONS
from analyzer.wire.icmp import ERROR_KINDS
from analyzer.wire.skips import ETHERTYPE, KIND, LINK_TYPE, OTHER, PPP_PROTOCOL, PROTOCOL, UDP_PORT, skip_name

__all__ = ["STATE_MEANINGS", "encapsulations_page", "names_page", "states_page"]

STATE_MEANINGS: Final = {
    "UNKNOWN": "the capture has not yet shown enough to tell",
    "CLOSED": "no connection",
    "LISTEN": "waits for a SYN",
    "SYN-SENT": "has sent a SYN and waits for the answer",
    "SYN-RECEIVED": "has received and sent a SYN and waits for the ACK of its own",
    "ESTABLISHED": "open: data may flow in both directions",
    "FIN-WAIT-1": "has sent a FIN, the first, and waits for its ACK or the peer's FIN",
    "FIN-WAIT-2": "its FIN is acknowledged; waits for the peer's FIN",
    "CLOSE-WAIT": "has received a FIN; its application may still send, and has to close",
    "CLOSING": "both FINs crossed; waits for the ACK of its own",
    "LAST-ACK": "has sent the second FIN and waits for its ACK",
    "TIME-WAIT": "closed; waits for twice the maximum segment lifetime, in case its last ACK was lost",
}

_GENERATED: Final = "<!-- Made from the tables by `python -m tools.documentation`: change those instead. -->"


def states_page() -> str:
    """docs/states.md: the picture, and every row of the table."""
    rows = [
        (
            str(number),
            STATES[row.state],
            INPUTS[row.input],
            STATES[row.target],
            _with_names(row.why),
            f"[{row.section}](https://www.rfc-editor.org/rfc/rfc9293#section-{row.section})",
        )
        for number, row in enumerate(TRANSITIONS, 1)
    ]
    return _page(
        "The states of an endpoint",
        _GENERATED,
        "Every change of state that the tool knows is one row of `TRANSITIONS` in "
        "`analyzer/tcp/states.py`. A segment is something its sender *sends* and the other endpoint "
        "*receives*; each of them looks up its own state and that input. A pair without a row changes "
        "nothing.",
        "A capture shows segments pass. It shows neither what the application calls nor when a segment "
        "arrives. So a SYN stands for an active OPEN and a FIN for a CLOSE, and a segment counts as "
        "received when it is seen, as in figures 6 to 14 of RFC 9293. Where a later segment proves that it "
        "arrived later, or that one arrived which was not captured, a row of its own says so.",
        "![The states of a TCP endpoint, with an arrow for each change](states.svg)",
        "## All rows",
        _table(("", "state", "input", "next state", "reason", "RFC 9293"), rows),
        "In a reason, *endpoint* is the one whose state changes; *seq*, *ack* and *fin* (that of the FIN "
        "itself) are relative sequence numbers. In a report the client or the server and the numbers stand "
        "there.",
    )


def names_page() -> str:
    """docs/names.md: every name that the text, the pictures and the JSON document use, with its meaning."""
    labels = [(f"`{label.name}`", label.shown, label.meaning) for label in LABELS]
    ours = [note for note in NOTES if not note.wireshark]
    wiresharks = [note for note in NOTES if note.wireshark]
    head = ("name", "shown as", "meaning")
    return _page(
        "Names",
        _GENERATED,
        "These names are used in the JSON document and, as shown, in text and pictures.",
        "## Labels",
        "What a segment does. One segment can do several things; its labels are listed in this order. A "
        "repeated segment bears the label of the one it repeats, and a note that says so.",
        _table(head, labels),
        "## Notes",
        "What is odd or notable about a segment. Pictures show the calm ones in a faint colour, and a long run of "
        "segments that have no others is folded. These bear the names and, but for what Wireshark is known "
        "to get wrong, the definitions of Wireshark's `tcp.analysis.*`:",
        _notes(wiresharks),
        "`--wireshark` gives Wireshark's own answer. Without it, these are the deliberate differences:",
        _table(
            ("name", "Wireshark", "here", "because", "see"),
            [(rule.name, rule.wireshark, rule.ours, rule.why, rule.source) for rule in CORRECTIONS],
        ),
        "These say what Wireshark has no name for:",
        _notes(ours),
        "## Outcomes of the handshake",
        _named((row.name, row.meaning) for row in HANDSHAKES),
        "## Outcomes of the close",
        _named((row.name, row.meaning) for row in CLOSES),
        "## Who is the client",
        "`roles` names the rule that decided:",
        _named((row.name, row.meaning) for row in ROLES),
        "## Doubts",
        "Where the capture itself has lost frames (`lost_frames`), `doubts` names the places of a connection "
        "that might read otherwise without that, and `confidence` is `lowered`:",
        _named(DOUBTS.items()),
        "## ICMP errors",
        "What the network says about a segment (`icmp_errors`), by the quoted addresses, ports and sequence number. "
        "An error is no segment and changes no state: a capture does not show what an endpoint makes of it (RFC 9293 "
        "3.9.2.2), and anybody can forge one (RFC 5927).",
        _table(
            ("name", "shown as", "ICMP type and code", "meaning"),
            [
                (
                    f"`{kind.name}`",
                    kind.shown.format(detail="…"),
                    f"{'ICMP' if version == 4 else 'ICMPv6'} {type_}{'' if code < 0 else f', {code}'}",
                    kind.meaning,
                )
                for (version, type_, code), kind in ERROR_KINDS.items()
            ],
        ),
        "## Differences",
        "What `tcpanalyze diff` calls by these names; `--fail-on` takes them. Those that make its exit status 1 "
        "when nothing else is asked for are marked.",
        _table(
            ("name", "by default", "meaning"),
            [(f"`{kind.name}`", "1" if kind.fails else "", kind.meaning) for kind in DIFFERENCES],
        ),
        "## States",
        "[The states of an endpoint](states.md) has the picture and every change.",
        _table(("state", "meaning"), [(state, STATE_MEANINGS[state]) for state in STATES]),
    )


_RECOGNISED: Final = {
    LINK_TYPE: "link type {number}",
    ETHERTYPE: "EtherType 0x{number:04x}",
    PROTOCOL: "IP protocol {number}",
    UDP_PORT: "UDP port {number}",
    PPP_PROTOCOL: "PPP protocol 0x{number:04x}",
    OTHER: "inside another layer",
}
"""Kind of a code -> how what it stands for is recognised."""


def encapsulations_page() -> str:
    """docs/encapsulations.md: every layer that may lie around a segment."""
    rows = []
    for key, row in sorted(ENCAPSULATIONS.items()):
        kind, number = key - key % KIND, key % KIND
        told = (
            _RECOGNISED[kind].format(number=number) if key != ETHERTYPE else "a length in place of the type"
        )
        rows.append((told, skip_name(key), row.source))
    return _page(
        "Ways a segment is wrapped",
        _GENERATED,
        "Ethernet with any stack of VLAN tags, Linux cooked captures, BSD loopback and raw IP, then IPv4 or IPv6 with "
        "its extension headers and AH, are the plain stack. Whatever else lies around a segment is taken off by the "
        "rows of `ENCAPSULATIONS` in `analyzer/wire/encapsulations/`, one inside the other in any order. "
        "The connection is that of the IP header directly around the TCP header. A frame that holds several "
        "packets gives several segments.",
        "A datagram is looked into for a port only where its header says what the port promises. What is compressed "
        "by anything but DEFLATE, encrypted, or in no row is counted by the name of its innermost layer.",
        "IP fragments are put together, also inside a tunnel and around one. The segment belongs to the frame "
        "that completes it; the other frames are counted as fragments that were put together, or that never were. "
        "Where fragments of IPv4 overlap, the bytes of the one that begins earlier count; IPv6 datagrams with "
        "overlapping fragments are dropped (RFC 5722).",
        _table(("recognised by", "layer", "defined in"), rows),
    )


def _page(title: str, *blocks: str) -> str:
    return "\n\n".join([f"# {title}", *blocks]) + "\n"


def _notes(notes: Iterable[Note]) -> str:
    return _table(
        ("name", "shown as", "about", "kind", "meaning"),
        [(f"`{note.name}`", note.shown, note.topic, note.kind, note.meaning) for note in notes],
    )


def _named(entries: Iterable[tuple[str, str]]) -> str:
    return _table(("name", "meaning"), [(f"`{name}`", meaning) for name, meaning in entries])


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(_row(cells) for cells in (head, ["---"] * len(head), *rows))


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _with_names(why: str) -> str:
    """The sentence with names where the sides and numbers will stand."""
    return why.format(me="endpoint", peer="peer", seq="*seq*", ack="*ack*", fin="*fin*", before_ack="*fin*")
