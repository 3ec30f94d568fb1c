"""The result of an analysis as plain values: a trace, its connections, their segments. It has no rules.

Times are integer nanoseconds since the epoch, durations integer nanoseconds, lengths bytes. `seq` and `ack` are
relative to the first sequence number of their endpoint. Sides are the strings "client" and "server". States, labels,
notes and outcomes have the names of the documentation.

The values contain no sentences. A `Presenter` makes them when they are needed (`present_with`).
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
    """One endpoint of a connection.

    Attributes:
        address: The IP address as text.
        port: The TCP port.
    """

    address: str
    port: int

    def __str__(self) -> str:
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


@dataclass(frozen=True, slots=True)
class EndpointOptions:
    """The options in the SYN or SYN-ACK of one endpoint.

    Attributes:
        maximum_segment_size: The MSS in bytes; None without the option.
        window_scale: The shift of the window scale; None without the option.
        sack_permitted: Whether selective acknowledgements are permitted.
        timestamps: Whether it has the timestamps option.
        ecn: Whether the flags request ECN.
        fast_open_cookie: The length of the Fast Open cookie in bytes; 0 for a request; None without the option.
    """

    maximum_segment_size: int | None
    window_scale: int | None
    sack_permitted: bool
    timestamps: bool
    ecn: bool
    fast_open_cookie: int | None


@dataclass(frozen=True, slots=True)
class Handshake:
    """The opening of a connection.

    Attributes:
        outcome: How it ended.
        syn_frame: The frame of the first SYN; None if it was not captured.
        syn_ack_frame: The frame of the first SYN-ACK; None if it was not captured.
        ack_frame: The frame of the ACK that completes the handshake; None if it was not captured.
        syn_rtt_ns: Nanoseconds from SYN to SYN-ACK at the place of the capture; None if a retransmission makes it
            ambiguous (RFC 6298 3, Karn's algorithm).
        ack_rtt_ns: Nanoseconds from SYN-ACK to ACK; None in the same cases.
        syn_retries: How many times the SYN was retransmitted.
        syn_ack_retries: How many times the SYN-ACK was retransmitted.
        syn_retry_delays_ns: Nanoseconds from the first SYN to each retransmission.
        syn_ack_retry_delays_ns: Nanoseconds from the first SYN-ACK to each retransmission.
        client_options: The options of the client; None if its SYN was not captured.
        server_options: The options of the server; None if its SYN-ACK was not captured.
        effective_mss: The smaller one of the two MSS, in bytes; None if unknown.
        sack: Whether both permit selective acknowledgements; None if unknown.
        timestamps: Whether both use timestamps; None if unknown.
        window_scaling: Whether both scale their windows; None if unknown.
        ecn: Whether ECN was negotiated; None if unknown.
        fast_open: Whether Fast Open worked: the data in the SYN was acknowledged. None if it was not tried.
        reset_by: The side whose RST refused or aborted the handshake; None for every other outcome.
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
    reset_by: Side | None = None


@dataclass(frozen=True, slots=True)
class Direction:
    """What one endpoint sent.

    Attributes:
        segments: All its segments.
        data_segments: Its segments with a payload.
        bytes: Payload bytes, each byte counted once.
        retransmitted_segments: Segments that are retransmissions.
        retransmitted_bytes: Payload bytes that were sent again.
        out_of_order_segments: Segments that arrived out of order.
        unacknowledged_bytes: Payload bytes without an acknowledgement at the end of the capture or the connection.
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
    """The close of a connection.

    Attributes:
        outcome: How it ended.
        active: The side that closed first; None if no side closed.
        frames: The frames with the labels close-1 to close-4, and the first acceptable RST, in the order of the wire.
        time_wait: The sides that are in TIME-WAIT at the end.
        data_lost: Whether bytes were unacknowledged when a RST ended the connection, or data was sent after its end.
    """

    outcome: CloseOutcome
    active: Literal["client", "server", "both"] | None
    frames: tuple[int, ...]
    time_wait: tuple[Side, ...]
    data_lost: bool


class Reason(NamedTuple):
    """Why an endpoint changed its state. `str()` gives the reason as a sentence.

    Attributes:
        transition: The row of `tcp.states.TRANSITIONS`.
        me: The side that changed its state.
        seq: The relative sequence number of the segment.
        ack: Its relative acknowledgement number.
        fin: The relative sequence number of a FIN in the segment.
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
        """The names of the states before and after."""
        return STATES[self.transition.state], STATES[self.transition.target]

    def __str__(self) -> str:
        return _presenters[0].reason(self) if _presenters else " → ".join(self.states)

    def __repr__(self) -> str:
        before, after = self.states
        section = self.transition.section
        return f"<Reason {self.me} {before} → {after} seq={self.seq} ack={self.ack} [RFC 9293 {section}]>"


@dataclass(frozen=True, slots=True)
class Segment:
    """One TCP segment of a connection, with its labels.

    Attributes:
        frame: The number of its frame, from 1.
        time_ns: When it was captured, in nanoseconds since the epoch.
        sender: The side that sent it.
        flags: The flags. `str()` gives their names in the order SYN, FIN, RST, PSH, ACK, URG, ECE, CWR, AE, e.g.
            "SYN,ACK" or "FIN,ACK".
        seq: The relative sequence number.
        ack: The relative acknowledgement number; None without the flag ACK.
        length: Payload bytes, from the IP header.
        window: The window in bytes, scaled if the scale is known.
        labels: What the segment does.
        notes: What is notable about it.
        client_state: The states of the client before and after the segment.
        server_state: The states of the server before and after the segment.
        why: The reason for each change of state, the sender's first; empty if no state changed.
        payload: The first bytes of the payload as captured, at most 33. They are hostile: escape them before you
            show them.
    """

    frame: int
    time_ns: int
    sender: Side
    flags: Flags
    seq: int
    ack: int | None
    length: int
    window: int
    labels: tuple[LabelName, ...]
    notes: tuple[NoteName, ...]
    client_state: tuple[State, State]
    server_state: tuple[State, State]
    why: tuple[Reason, ...]
    payload: bytes = field(repr=False, default=b"")

    def __repr__(self) -> str:
        arrow = "→" if self.sender == "client" else "←"
        acknowledges = "" if self.ack is None else f" ack={self.ack}"
        length = f" len={self.length}" if self.length else ""
        marks = "+".join(self.labels) + "".join(f" ({note})" for note in self.notes)
        return f"<Segment {self.frame} {arrow} {self.flags} seq={self.seq}{acknowledges}{length} {marks}>"


@dataclass(frozen=True, slots=True)
class Folded:
    """Counts of the connections that left memory, because the capture has too many.

    A later segment of such a connection began a new connection.

    Attributes:
        connections: How many connections left memory.
        segments: Their segments.
        bytes: Their payload bytes, each byte counted once.
        handshakes: Outcome of the handshake -> count, the most frequent outcome first.
        closes: Outcome of the close -> count, the most frequent outcome first.
        server_ports: Server port -> count, for the ports with the most connections.
    """

    connections: int
    segments: int
    bytes: int
    handshakes: Mapping[HandshakeOutcome, int]
    closes: Mapping[CloseOutcome, int]
    server_ports: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class IcmpError:
    """An ICMP error about a segment of the connection. It is not a segment and does not change a state.

    Attributes:
        frame: The number of its frame, from 1.
        time_ns: When it was captured, in nanoseconds since the epoch.
        sender: The address that sent the error.
        error: The row of `wire.icmp.ERROR_KINDS`.
        number: A number in the error, as `error.detail` describes it, e.g. the MTU of the next link; 0 without one.
        about: The side that sent the segment.
        seq: The relative sequence number of the segment; None if its base is unknown.
        answers: The frame of the segment: the last one before the error with that sequence number. None if it was
            not captured. If the segments of a large capture were not read, also None unless it was the last one sent.
    """

    frame: int
    time_ns: int
    sender: str
    error: ErrorKind
    number: int
    about: Side
    seq: int | None
    answers: int | None

    @property
    def kind(self) -> str:
        """The name of the error, e.g. "port-unreachable"."""
        return self.error.name

    @property
    def mtu(self) -> int | None:
        """The MTU of the next link in bytes; None if the error does not have it."""
        return self.number or None if self.error.detail == MTU else None


@dataclass(frozen=True, slots=True)
class Capture:
    """What was read, and what was not.

    Attributes:
        path: The path of the capture.
        format: The file format.
        link_types: The numbers of its link types.
        link_type_names: The names of its link types.
        frames: How many frames were analysed.
        tcp_segments: How many TCP segments they have.
        skipped: Reason -> how many frames were not analysed for that reason.
        first_time_ns: The time of the first frame, in nanoseconds since the epoch; None without frames.
        last_time_ns: The time of the last frame.
        truncated: Whether the capture is cut off.
        warnings: Warnings for the user.
        lost_frames: How many frames the capture lost, at most; None if unknown, as in every pcap file.
        display_filter: The filter with which tshark chose the frames; None if all frames were analysed.
        icmp_errors_elsewhere: Kind -> count, for ICMP errors about TCP connections that the capture does not have.
        notes_by: Whose notes the segments have: `OURSELVES`, or `WIRESHARK` with exactly its definitions.
        folded: Counts of the connections that left memory; None if none did.
    """

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
    display_filter: str | None = None
    icmp_errors_elsewhere: Mapping[str, int] = field(default_factory=dict)
    notes_by: str = OURSELVES
    folded: Folded | None = None


class Source(Protocol):
    """Gives a connection the segments that are not kept with it."""

    def segments(self, number: int) -> Sequence[Segment]:
        """The segments of a connection, with their labels."""

    def at_hand(self, number: int) -> bool:
        """Whether the segments of a connection are available without reading a file."""


class Presenter(Protocol):
    """Turns values into sentences and pictures."""

    def verdict(self, connection: Connection, /) -> str:
        """How the connection opened and ended, in one sentence."""

    def picture(self, connection: Connection, /) -> str:
        """The diagram of the connection as an SVG document."""

    def reason(self, reason: Reason, /) -> str:
        """Why an endpoint changed its state, in one sentence."""


_presenters: Final[list[Presenter]] = []
"""The presenter; empty before the first `present_with`."""


def present_with(presenter: Presenter | None) -> None:
    """Set the presenter of all values. With None, values show their names instead of sentences."""
    _presenters[:] = [] if presenter is None else [presenter]


@dataclass(eq=False, slots=True, weakref_slot=True)
class Connection:
    """One TCP connection: both directions of one incarnation.

    Attributes:
        id: Its number, from 0.
        client: The address and port of the client.
        server: The address and port of the server.
        roles: The rule that decided which endpoint is the client.
        first_frame: The frame of the first segment, from 1.
        last_frame: The frame of the last segment.
        first_time_ns: The time of the first segment, in nanoseconds since the epoch.
        last_time_ns: The time of the last segment.
        handshake: The opening of the connection.
        client_data: What the client sent.
        server_data: What the server sent.
        close: The close of the connection.
        client_state: The state of the client at the end.
        server_state: The state of the server at the end.
        completeness: Wireshark's `tcp.completeness`.
        conn_state: Zeek's `conn_state`.
        history: Zeek's `history`.
        notes: Name of a note -> how many segments have it.
        segment_count: How many segments there are.
        source: Gives the segments.
        doubts: What might differ if the capture had lost no frames: names of `trace.confidence.DOUBTS`.
        errors_heard: The ICMP errors as they were known when they arrived. Use `icmp_errors` instead.
        icmp_error_count: How many ICMP errors were about this connection. Only the first 16 are kept.
    """

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
    errors_heard: tuple[IcmpError, ...] = field(default=(), repr=False)
    icmp_error_count: int = 0

    @property
    def icmp_errors(self) -> tuple[IcmpError, ...]:
        """The ICMP errors about segments of this connection, in the order of the capture; at most 16."""
        errors = self.errors_heard
        if any(error.answers is None for error in errors) and self.source.at_hand(self.id):
            segments = self.segments
            return tuple(_with_answer(error, segments) for error in errors)
        return errors

    @property
    def confidence(self) -> Confidence:
        """Either "full", or "lowered" if frames that the capture lost may explain what seems to be missing."""
        return "lowered" if self.doubts else "full"

    @property
    def segments(self) -> Sequence[Segment]:
        """Every segment in the order of the capture.

        The segments of a large capture are read from the file again at the first access.

        Raises:
            InputError: The file cannot be read any more.
        """
        return self.source.segments(self.id)

    @property
    def duration_ns(self) -> int:
        """Nanoseconds from the first segment to the last."""
        return self.last_time_ns - self.first_time_ns

    @property
    def verdict(self) -> str:
        """How the connection opened, what it carried and how it ended, in one sentence."""
        if _presenters:
            return _presenters[0].verdict(self)
        return f"{self.handshake.outcome}, {self.close.outcome}"

    def _repr_svg_(self) -> str | None:
        """The sequence diagram that Jupyter shows."""
        return _presenters[0].picture(self) if _presenters else None

    def __repr__(self) -> str:
        return f"<Connection {self.id} {self.client} → {self.server}: {self.verdict}>"


def _with_answer(error: IcmpError, segments: Sequence[Segment]) -> IcmpError:
    """The error with `answers` set: the frame of the last segment before it with the quoted sequence number."""
    if error.answers is not None:
        return error
    for segment in reversed(segments):
        if segment.frame < error.frame and segment.sender == error.about and segment.seq == error.seq:
            return replace(error, answers=segment.frame)
    return error


class Trace:
    """The analysis of one capture.

    Iterate over a trace to get its connections. `trace[3]` is the connection with the number 3. The connections of a
    stored capture are made on access, so that a million of them need little memory. If the capture has too many
    connections at a time, some are only counted in `capture.folded`.

    Attributes:
        capture: What was read.
        connections: The connections in the order of their numbers.
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
