"""The result of an analysis: a trace, its connections, their segments. Plain values, no rules.

Numbers: times are integer nanoseconds since the epoch, durations integer nanoseconds, lengths bytes,
`seq` and `ack` relative to the first sequence number of their endpoint. Sides are the strings
"client" and "server"; states, labels, notes and outcomes are the names of the documentation.

No value holds a sentence of its own: a `Presenter` makes it when it is asked for (`present_with`).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal, NamedTuple, Protocol

from analyzer.tcp.labels import LabelName
from analyzer.tcp.notes import NoteName
from analyzer.tcp.outcomes import CloseOutcome, FastOpen, HandshakeOutcome, RolesRule
from analyzer.tcp.states import STATES, State, Transition
from analyzer.wire.flags import Flags
from analyzer.wire.icmp import MTU, ErrorKind

__all__ = [
    "OURSELVES",
    "WIRESHARK",
    "Capture",
    "Close",
    "Confidence",
    "Connection",
    "Direction",
    "EndpointAddress",
    "EndpointOptions",
    "Folded",
    "Handshake",
    "IcmpError",
    "Presenter",
    "Reason",
    "Segment",
    "Side",
    "Source",
    "Trace",
    "present_with",
]

OURSELVES: Final = "tcpanalyze"
WIRESHARK: Final = "Wireshark 4.0.17"

Side = Literal["client", "server"]
Confidence = Literal["full", "lowered"]


@dataclass(frozen=True, slots=True)
class EndpointAddress:
    """One end of a connection: an IP address as text and a TCP port."""

    address: str
    port: int

    def __str__(self) -> str:
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


@dataclass(frozen=True, slots=True)
class EndpointOptions:
    """What one endpoint announced in its SYN or SYN-ACK; None where the option was absent."""

    maximum_segment_size: int | None
    window_scale: int | None
    sack_permitted: bool
    timestamps: bool
    ecn: bool
    fast_open_cookie: int | None
    """Length of the Fast Open cookie in bytes; 0 is a request for one."""


@dataclass(frozen=True, slots=True)
class Handshake:
    """How the connection was opened.

    `frames` are those of the first SYN, the first SYN-ACK and the completing ACK, None where not
    captured. `syn_rtt_ns` is SYN to SYN-ACK, `ack_rtt_ns` is SYN-ACK to ACK, both as seen where the
    capture was made; None where a repetition makes it ambiguous (RFC 6298 3, Karn's algorithm).
    `syn_retry_delays_ns` is how long after the first SYN each repetition came. The options of an endpoint
    are None where its SYN was not captured; `effective` holds what both together agreed on.
    """

    outcome: HandshakeOutcome
    syn_frame: int | None
    syn_ack_frame: int | None
    ack_frame: int | None
    syn_rtt_ns: int | None
    ack_rtt_ns: int | None
    syn_retries: int
    syn_ack_retries: int
    syn_retry_delays_ns: tuple[int, ...]
    syn_ack_retry_delays_ns: tuple[int, ...]
    client_options: EndpointOptions | None
    server_options: EndpointOptions | None
    effective_mss: int | None
    sack: bool | None
    timestamps: bool | None
    window_scaling: bool | None
    ecn: bool | None
    fast_open: FastOpen | None
    """None where it was not tried; accepted: data in the SYN was acknowledged."""
    reset_by: Side | None = None
    """The side whose RST refused or aborted the handshake; None for every other outcome."""


@dataclass(frozen=True, slots=True)
class Direction:
    """What one endpoint sent.

    `bytes` counts each payload byte once; `retransmitted_bytes` is what was sent more than once, beside it.
    `unacknowledged_bytes` had not been acknowledged when the capture or the connection ended.
    """

    segments: int
    data_segments: int
    bytes: int
    retransmitted_segments: int
    retransmitted_bytes: int
    out_of_order_segments: int
    unacknowledged_bytes: int


@dataclass(frozen=True, slots=True)
class Close:
    """How the connection was closed. `frames` are those of the labels close-1 to close-4 and of the first
    acceptable RST, in the order of the wire; `active` is who closed first."""

    outcome: CloseOutcome
    active: Literal["client", "server", "both"] | None
    frames: tuple[int, ...]
    time_wait: tuple[Side, ...]
    """Who is left in TIME-WAIT."""
    data_lost: bool
    """Bytes were unacknowledged when a reset ended the connection, or data was sent after it had ended."""


class Reason(NamedTuple):
    """Why an endpoint changed its state: the row of `tcp.states.TRANSITIONS` that it took, and what fills its sentence.

    `me` is the side that moved. `seq`, `ack` and `fin` (the number of a FIN in it) are those of the segment, relative.
    As text it is the sentence.
    """

    transition: Transition
    me: Side
    seq: int
    ack: int
    fin: int

    @property
    def peer(self) -> Side:
        """The other side."""
        return "server" if self.me == "client" else "client"

    @property
    def states(self) -> tuple[str, str]:
        """Before and after, by name."""
        return STATES[self.transition.state], STATES[self.transition.target]

    def __str__(self) -> str:
        return _presenters[0].reason(self) if _presenters else " → ".join(self.states)

    def __repr__(self) -> str:
        before, after = self.states
        section = self.transition.section
        return f"<Reason {self.me} {before} → {after} seq={self.seq} ack={self.ack} [RFC 9293 {section}]>"


@dataclass(frozen=True, slots=True)
class Segment:
    """One TCP segment of a connection, labelled."""

    frame: int
    time_ns: int
    sender: Side
    flags: Flags
    """As text their names in the order SYN, FIN, RST, PSH, ACK, URG, ECE, CWR, AE ("SYN,ACK", "FIN,ACK")."""
    seq: int
    ack: int | None
    """None where the ACK flag is not set."""
    length: int
    """Payload bytes, from the IP header."""
    window: int
    """Bytes, scaled where the scale is known."""
    labels: tuple[LabelName, ...]
    notes: tuple[NoteName, ...]
    client_state: tuple[State, State]
    """Before and after this segment."""
    server_state: tuple[State, State]
    why: tuple[Reason, ...]
    """The reason for each change of state, the sender's first; empty where no state changed."""
    payload: bytes = field(repr=False, default=b"")
    """The first bytes of the payload as captured, at most 33. Hostile: escape before showing."""

    def __repr__(self) -> str:
        arrow = "→" if self.sender == "client" else "←"
        acknowledges = "" if self.ack is None else f" ack={self.ack}"
        length = f" len={self.length}" if self.length else ""
        marks = "+".join(self.labels) + "".join(f" ({note})" for note in self.notes)
        return f"<Segment {self.frame} {arrow} {self.flags} seq={self.seq}{acknowledges}{length} {marks}>"


@dataclass(frozen=True, slots=True)
class Folded:
    """The connections that left memory before the end of a capture that has too many, as counts.

    handshakes, closes: by outcome, the most frequent first. server_ports: those with the most connections.
    A segment that came later for one of them began a new connection.
    """

    connections: int
    segments: int
    bytes: int
    handshakes: Mapping[HandshakeOutcome, int]
    closes: Mapping[CloseOutcome, int]
    server_ports: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class IcmpError:
    """An ICMP error about a segment of the connection. It is no segment, and changes no state.

    `sender` is the address that the error comes from, `error` its row of `wire.icmp.ERROR_KINDS` and `number` what
    that one's `detail` names, as the MTU of the next link; 0 where it names nothing. `about` is the side that sent the
    segment, `seq` that segment's relative number, None where the capture shows nothing that it could be relative to.
    """

    frame: int
    time_ns: int
    sender: str
    error: ErrorKind
    number: int
    about: Side
    seq: int | None
    answers: int | None
    """The frame of the segment: the latest one before it with that number. None where it was not captured;
    where the segments of a large capture have not been read, also where it was not the last one sent."""

    @property
    def kind(self) -> str:
        """Its name ("port-unreachable")."""
        return self.error.name

    @property
    def mtu(self) -> int | None:
        """What the next link takes, in bytes, where the error says so."""
        return self.number or None if self.error.detail == MTU else None


@dataclass(frozen=True, slots=True)
class Capture:
    """What was read, and what was not."""

    path: str
    format: str
    link_types: tuple[int, ...]
    link_type_names: tuple[str, ...]
    frames: int
    tcp_segments: int
    skipped: Mapping[str, int]
    first_time_ns: int | None
    last_time_ns: int | None
    truncated: bool
    warnings: tuple[str, ...]
    lost_frames: int | None = None
    """How many frames the capture lost, at most; None where nothing says so, as in every pcap file."""
    display_filter: str | None = None
    """The filter by which tshark chose the frames; None where all were analysed. `frames` are the chosen ones."""
    icmp_errors_elsewhere: Mapping[str, int] = field(default_factory=dict)
    """ICMP errors about TCP connections that the capture does not show: `kind` -> count."""
    notes_by: str = OURSELVES
    """Whose notes the segments bear: `OURSELVES`, or `WIRESHARK` with its definitions to the letter."""
    folded: Folded | None = None
    """The connections that are told as counts only; None where there are none."""


class Source(Protocol):
    """Where a connection gets what is not kept with it."""

    def segments(self, number: int) -> Sequence[Segment]:
        """The labelled segments of a connection."""

    def at_hand(self, number: int) -> bool:
        """Whether the segments of a connection can be had without reading a file."""


class Presenter(Protocol):
    """Makes words and pictures of values."""

    def verdict(self, connection: Connection, /) -> str:
        """What became of the connection, in one sentence."""

    def picture(self, connection: Connection, /) -> str:
        """The connection's diagram as an SVG document."""

    def reason(self, reason: Reason, /) -> str:
        """Why an endpoint changed its state, in one sentence."""


_presenters: Final[list[Presenter]] = []
"""The one that speaks; none before the first `present_with`."""


def present_with(presenter: Presenter | None) -> None:
    """Let `presenter` speak for values from now on; without one they show their keys."""
    _presenters[:] = [] if presenter is None else [presenter]


@dataclass(eq=False, slots=True, weakref_slot=True)
class Connection:
    """Both directions of one incarnation of a connection."""

    id: int
    client: EndpointAddress
    server: EndpointAddress
    roles: RolesRule
    first_frame: int
    last_frame: int
    first_time_ns: int
    last_time_ns: int
    handshake: Handshake
    client_data: Direction
    server_data: Direction
    close: Close
    client_state: State
    server_state: State
    completeness: int
    conn_state: str
    history: str
    notes: Mapping[NoteName, int]
    segment_count: int
    source: Source = field(repr=False)
    doubts: tuple[str, ...] = ()
    """What might be otherwise if the capture had lost no frame: names of `trace.confidence.DOUBTS`."""
    errors_heard: tuple[IcmpError, ...] = field(default=(), repr=False)
    """`icmp_errors` as known when they came."""
    icmp_error_count: int = 0
    """How many ICMP errors were about this connection; the first 16 are kept."""

    @property
    def icmp_errors(self) -> tuple[IcmpError, ...]:
        """The ICMP errors about segments of this connection, in the order of the capture."""
        errors = self.errors_heard
        if any(error.answers is None for error in errors) and self.source.at_hand(self.id):
            segments = self.segments
            return tuple(_with_answer(error, segments) for error in errors)
        return errors

    @property
    def confidence(self) -> Confidence:
        """ "lowered" where frames that the capture lost may explain what seems missing, else "full"."""
        return "lowered" if self.doubts else "full"

    @property
    def segments(self) -> Sequence[Segment]:
        """Every segment in the order of the capture.

        Those of a large capture are read from the file again when first asked for; raises
        `InputError` where the file can no longer be read.
        """
        return self.source.segments(self.id)

    @property
    def duration_ns(self) -> int:
        """From the first segment to the last."""
        return self.last_time_ns - self.first_time_ns

    @property
    def verdict(self) -> str:
        """One sentence: how it opened, what it carried, how it ended."""
        if _presenters:
            return _presenters[0].verdict(self)
        return f"{self.handshake.outcome}, {self.close.outcome}"

    def _repr_svg_(self) -> str | None:
        """What Jupyter shows: the sequence diagram."""
        return _presenters[0].picture(self) if _presenters else None

    def __repr__(self) -> str:
        return f"<Connection {self.id} {self.client} → {self.server}: {self.verdict}>"


def _with_answer(error: IcmpError, segments: Sequence[Segment]) -> IcmpError:
    """The error with the frame of the latest segment before it that has the quoted sequence number."""
    if error.answers is not None:
        return error
    for segment in reversed(segments):
        if segment.frame < error.frame and segment.sender == error.about and segment.seq == error.seq:
            return replace(error, answers=segment.frame)
    return error


class Trace:
    """The analysis of one capture: `capture` tells what was read, `connections` what was found.

    Iterating gives the connections, indexing one by its number. Those of a stored capture are made when they are
    asked for, so that a million of them need little memory. Where the capture has had too many at once,
    `capture.folded` counts those that are not among them.
    """

    def __init__(self, capture: Capture, connections: Sequence[Connection]) -> None:
        self.capture = capture
        self.connections = connections

    def __iter__(self) -> Iterator[Connection]:
        return iter(self.connections)

    def __len__(self) -> int:
        return len(self.connections)

    def __getitem__(self, number: int) -> Connection:
        folded = self.capture.folded
        if folded is None:
            return self.connections[number]
        place = bisect_left(self.connections, number, key=lambda connection: connection.id)
        if place < len(self.connections) and self.connections[place].id == number:
            return self.connections[place]
        raise IndexError(number)

    def __repr__(self) -> str:
        return (
            f"<Trace {self.capture.path}: {self.capture.frames} frames, "
            f"{self.capture.tcp_segments} TCP segments, {len(self.connections)} connections>"
        )
