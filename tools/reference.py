"""The pages of docs/ that are made from the tables, as Markdown: every transition, every name."""

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
    "UNKNOWN": "the capture has not shown enough yet",
    "CLOSED": "no connection",
    "LISTEN": "waits for a SYN",
    "SYN-SENT": "has sent a SYN and waits for the answer",
    "SYN-RECEIVED": "has received and sent a SYN, and waits for the ACK of its own SYN",
    "ESTABLISHED": "open: data may flow in both directions",
    "FIN-WAIT-1": "has sent the first FIN, and waits for its ACK or the peer's FIN",
    "FIN-WAIT-2": "its FIN is acknowledged; waits for the peer's FIN",
    "CLOSE-WAIT": "has received a FIN; its application may still send data, and then has to close",
    "CLOSING": "the two FINs crossed; waits for the ACK of its own FIN",
    "LAST-ACK": "has sent the second FIN and waits for its ACK",
    "TIME-WAIT": "closed; waits 2MSL (twice the maximum segment lifetime), in case its last ACK was lost",
}

_GENERATED: Final = (
    "<!-- Generated from the tables by `python -m tools.documentation`: change the tables instead. -->"
)


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
        "Each change of state that the tool knows is one row of `TRANSITIONS` in "
        "`analyzer/tcp/states.py`. The sender of a segment *sends* it, and the other endpoint "
        "*receives* it. Each endpoint looks up its own state and that input. A pair without a row changes "
        "nothing.",
        "A capture shows segments pass. It does not show what the application calls, or when a segment "
        "arrives. So a SYN stands for an active OPEN and a FIN for a CLOSE. A segment counts as "
        "received when it is captured. Figures 6 to 14 of RFC 9293 do the same. A later segment may prove that it "
        "arrived later, or that a segment arrived that was not captured. These cases have rows of their own.",
        "![The states of a TCP endpoint, with an arrow for each change](states.svg)",
        "## All rows",
        _table(("", "state", "input", "next state", "reason", "RFC 9293"), rows),
        "In a reason, *endpoint* is the one whose state changes; *seq*, *ack* and *fin* (the number of the FIN "
        "itself) are relative sequence numbers. A report shows the client, the server and the numbers.",
    )


def names_page() -> str:
    """docs/names.md: every name in the text, the pictures and the JSON document, with its meaning."""
    labels = [(f"`{label.name}`", label.shown, label.meaning) for label in LABELS]
    ours = [note for note in NOTES if not note.wireshark]
    wiresharks = [note for note in NOTES if note.wireshark]
    head = ("name", "shown as", "meaning")
    return _page(
        "Names",
        _GENERATED,
        "The JSON document uses these names. Text and pictures use the words under *shown as*.",
        "A verdict takes the client's point of view: `12 bytes sent and 27 received` means that the client sent 12 "
        "bytes and the server sent 27. `→` is the way from the client to the server, and `←` is the way back.",
        "## Labels",
        "A label is what a segment does. One segment can have several labels; they are listed in this order. A "
        "retransmission has the label of the original segment, and a note.",
        _table(head, labels),
        "## Notes",
        "A note is what is odd or notable about a segment. Pictures show calm notes in a faint colour. Segments with "
        "no notes, or only calm ones, may be omitted from a long run. The following notes have the names of "
        "Wireshark's `tcp.analysis.*`. They also have its definitions, except where Wireshark is known to be wrong:",
        _notes(wiresharks),
        "`--wireshark` gives exactly Wireshark's notes. Without it, these are the deliberate differences:",
        _table(
            ("name", "Wireshark", "here", "because", "see"),
            [(rule.name, rule.wireshark, rule.ours, rule.why, rule.source) for rule in CORRECTIONS],
        ),
        "Wireshark has no names for these:",
        _notes(ours),
        "## Outcomes of the handshake",
        _named((row.name, row.meaning) for row in HANDSHAKES),
        "## Outcomes of the close",
        _named((row.name, row.meaning) for row in CLOSES),
        "## Who is the client",
        "`roles` names the rule that decided:",
        _named((row.name, row.meaning) for row in ROLES),
        "## Doubts",
        "If the capture itself has lost frames (`lost_frames`), `doubts` names the values of a connection "
        "that might differ without the loss, and `confidence` is `lowered`:",
        _named(DOUBTS.items()),
        "## ICMP errors",
        "`icmp_errors` lists the ICMP errors about segments of a connection. The quoted addresses, ports and sequence "
        "number show which segment an error is about. An error is not a segment and does not change a state: a capture "
        "does not show how an endpoint reacts to it (RFC 9293 3.9.2.2), and anybody can forge one (RFC 5927).",
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
        "`tcpanalyze diff` reports differences with these names, and `--fail-on` takes them. A 1 marks one that makes "
        "the exit status 1 by default.",
        _table(
            ("name", "by default", "meaning"),
            [(f"`{kind.name}`", "1" if kind.fails else "", kind.meaning) for kind in DIFFERENCES],
        ),
        "## States",
        "[The states of an endpoint](states.md) shows the picture and all changes.",
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
"""Kind of a code -> how the layer is recognised."""


def encapsulations_page() -> str:
    """docs/encapsulations.md: every layer that may be around a segment."""
    rows = []
    for key, row in sorted(ENCAPSULATIONS.items()):
        kind, number = key - key % KIND, key % KIND
        told = (
            _RECOGNISED[kind].format(number=number) if key != ETHERTYPE else "a length in place of the type"
        )
        rows.append((told, skip_name(key), row.source))
    return _page(
        "Layers around a segment",
        _GENERATED,
        "The plain stack is Ethernet with any number of VLAN tags, Linux cooked capture, BSD loopback or raw IP, then "
        "IPv4 or IPv6 with its extension headers and AH. All other layers around a segment are removed by the rows of "
        "`ENCAPSULATIONS` in `analyzer/wire/encapsulations/`. They may be nested in any order. "
        "The connection is the one of the IP header directly around the TCP header. A frame that holds several "
        "packets gives several segments.",
        "A UDP datagram is unwrapped only if its port is in the table and its header fits that protocol. A frame "
        "that cannot be unwrapped is counted under the name of its innermost layer. Such frames are encrypted, are "
        "compressed by a method other than DEFLATE, or have a layer that is not in the table.",
        "IP fragments are reassembled, also inside and around a tunnel. The segment belongs to the frame "
        "that completes it. The other frames are counted as reassembled fragments, or as fragments that were never "
        "complete. If IPv4 fragments overlap, the bytes of the fragment that begins earlier count. IPv6 datagrams with "
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
    """The sentence with names in place of the sides and numbers."""
    return why.format(me="endpoint", peer="peer", seq="*seq*", ack="*ack*", fin="*fin*", before_ack="*fin*")
