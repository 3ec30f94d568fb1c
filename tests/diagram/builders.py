"""Connections to draw, made by hand: a `Stage` on which segments are sent one after another.

Nothing here knows TCP: a test says which labels, notes and states a segment has.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from operator import or_
from typing import Literal, cast

from analyzer.tcp.labels import LabelName
from analyzer.tcp.notes import NoteName
from analyzer.tcp.outcomes import CloseOutcome, HandshakeOutcome
from analyzer.tcp.states import State
from analyzer.trace.values import (
    Close,
    Connection,
    Direction,
    EndpointAddress,
    Handshake,
    IcmpError,
    Segment,
    Side,
)
from analyzer.wire.flags import Flags
from analyzer.wire.icmp import ERROR_KINDS

NextState = State | Literal[""]
"""The state that a segment leads to; empty where it leads to none."""

HANDSHAKE = Handshake(
    outcome="complete",
    syn_frame=None,
    syn_ack_frame=None,
    ack_frame=None,
    syn_rtt_ns=None,
    ack_rtt_ns=None,
    syn_retries=0,
    syn_ack_retries=0,
    syn_retry_delays_ns=(),
    syn_ack_retry_delays_ns=(),
    client_options=None,
    server_options=None,
    effective_mss=None,
    sack=None,
    timestamps=None,
    window_scaling=None,
    ecn=None,
    fast_open=None,
)


def flags_of(names: str) -> Flags:
    """Flags by their names: "SYN,ACK"."""
    return reduce(or_, (Flags[name] for name in names.split(",") if name), Flags(0))


@dataclass
class Stage:
    """Collects segments and makes a connection of them; also the source it reads them from."""

    client: EndpointAddress = field(default_factory=lambda: EndpointAddress("127.0.0.1", 42014))
    server: EndpointAddress = field(default_factory=lambda: EndpointAddress("127.0.0.1", 20000))
    opened: HandshakeOutcome = "complete"
    closed: CloseOutcome = "open"
    client_state: State = "CLOSED"
    server_state: State = "LISTEN"
    now_ns: int = 1_700_000_000_000_000_000
    sent: list[Segment] = field(default_factory=list)
    errors: list[IcmpError] = field(default_factory=list)

    def send(
        self,
        sender: Side,
        flags: str,
        seq: int,
        ack: int | None,
        labels: str,
        *,
        payload: bytes = b"",
        length: int | None = None,
        notes: str = "",
        client: NextState = "",
        server: NextState = "",
        after_us: int = 15,
    ) -> Stage:
        """One segment; labels and notes separated by spaces, `client` and `server` the states it leads to."""
        if self.sent:
            self.now_ns += after_us * 1000
        before = self.client_state, self.server_state
        self.client_state, self.server_state = client or before[0], server or before[1]
        self.sent.append(
            Segment(
                frame=len(self.sent) + len(self.errors) + 1,
                time_ns=self.now_ns,
                sender=sender,
                flags=flags_of(flags),
                seq=seq,
                ack=ack,
                length=len(payload) if length is None else length,
                window=65536,
                labels=cast("tuple[LabelName, ...]", tuple(labels.split())),
                notes=cast("tuple[NoteName, ...]", tuple(notes.split())),
                client_state=(before[0], self.client_state),
                server_state=(before[1], self.server_state),
                why=(),
                payload=payload[:64],
            )
        )
        return self

    def hear(
        self, answers: int | None, sender: str = "10.0.0.254", seq: int = 1, mtu: int | None = None
    ) -> Stage:
        """A router speaks."""
        self.now_ns += 15_000
        frame = len(self.sent) + len(self.errors) + 1
        kind = ERROR_KINDS[(4, 3, 1 if mtu is None else 4)]
        self.errors.append(IcmpError(frame, self.now_ns, sender, kind, mtu or 0, "client", seq, answers))
        return self

    def open(self) -> Stage:
        """The three segments of a handshake."""
        self.send("client", "SYN", 0, None, "handshake-1", client="SYN-SENT", server="SYN-RECEIVED")
        self.send("server", "SYN,ACK", 0, 1, "handshake-2", client="ESTABLISHED")
        return self.send("client", "ACK", 1, 1, "handshake-3", server="ESTABLISHED")

    def exchange(self, payload: bytes, times: int = 1, *, start: int = 1) -> Stage:
        """The client sends, the server acknowledges, so many times."""
        seq = start
        for _ in range(times):
            self.send("client", "PSH,ACK", seq, 1, "data", payload=payload)
            seq += len(payload)
            self.send("server", "ACK", 1, seq, "ack")
        return self

    def close(self, seq: int = 1, ack: int = 1) -> Stage:
        """Three segments, the client first."""
        self.closed = "three-segment"
        self.send("client", "FIN,ACK", seq, ack, "close-1", client="FIN-WAIT-1", server="CLOSE-WAIT")
        self.send("server", "FIN,ACK", ack, seq + 1, "close-2 close-3", client="TIME-WAIT", server="LAST-ACK")
        return self.send("client", "ACK", seq + 1, ack + 1, "close-4", server="CLOSED")

    def at_hand(self, number: int) -> bool:
        return True

    def segments(self, number: int) -> Sequence[Segment]:
        """What the connection reads."""
        return self.sent

    def connection(self, *, close_frames: tuple[int, ...] | None = None) -> Connection:
        """All that was sent, as one connection."""
        if close_frames is None:
            close_frames = tuple(
                segment.frame
                for segment in self.sent
                if any(label.startswith("close") for label in segment.labels)
            )
        return Connection(
            id=0,
            client=self.client,
            server=self.server,
            roles="syn",
            first_frame=1,
            last_frame=len(self.sent),
            first_time_ns=self.sent[0].time_ns if self.sent else self.now_ns,
            last_time_ns=self.now_ns,
            handshake=replace(HANDSHAKE, outcome=self.opened),
            client_data=self._direction("client"),
            server_data=self._direction("server"),
            close=Close(self.closed, None, close_frames, (), data_lost=False),
            client_state=self.client_state,
            server_state=self.server_state,
            completeness=31,
            conn_state="SF",
            history="ShADadFf",
            notes=Counter(note for segment in self.sent for note in segment.notes),
            segment_count=len(self.sent),
            source=self,
            errors_heard=tuple(self.errors),
            icmp_error_count=len(self.errors),
        )

    def _direction(self, sender: Side) -> Direction:
        sent = [segment for segment in self.sent if segment.sender == sender]
        return Direction(
            segments=len(sent),
            data_segments=sum(segment.length > 0 for segment in sent),
            bytes=sum(segment.length for segment in sent),
            retransmitted_segments=0,
            retransmitted_bytes=0,
            out_of_order_segments=0,
            unacknowledged_bytes=0,
        )


def handshake_only() -> Stage:
    return Stage().open()


def echo() -> Stage:
    """Ten segments: `AB` there and back."""
    stage = Stage().open()
    stage.send("client", "PSH,ACK", 1, 1, "data", payload=b"AB").send("server", "ACK", 1, 3, "ack")
    stage.send("server", "PSH,ACK", 1, 3, "data", payload=b"AB").send("client", "ACK", 3, 3, "ack")
    return stage.close(3, 3)


def refused() -> Stage:
    stage = Stage(opened="refused", closed="none")
    stage.send("client", "SYN", 0, None, "handshake-1", client="SYN-SENT")
    return stage.send("server", "RST,ACK", 0, 1, "reset", client="CLOSED", server="CLOSED")


def unreachable(times: int = 1) -> Stage:
    """A SYN that a router answers; by default once."""
    stage = Stage(opened="unanswered", closed="none")
    stage.send("client", "SYN", 0, None, "handshake-1", client="SYN-SENT", server="SYN-RECEIVED")
    for _ in range(times):
        stage.hear(1)
    return stage


def narrow() -> Stage:
    """Errors with long texts and addresses, in the middle of what would be folded."""
    stage = Stage().open().exchange(b"x" * 100, 20)
    stage.hear(24, mtu=1400).hear(None, "2001:db8:1111:2222:3333:4444:5555:6666", seq=77, mtu=1400)
    return stage.exchange(b"x" * 100, 20, start=2001).close(4001)


def reset() -> Stage:
    stage = Stage(closed="reset").open().exchange(b"ping")
    return stage.send("client", "RST,ACK", 5, 1, "reset", client="CLOSED", server="CLOSED")


def long_run(times: int = 400) -> Stage:
    return Stage().open().exchange(bytes(range(200)) * 7, times).close(1 + 1400 * times)


def lossy(times: int = 3) -> Stage:
    """Losses of every kind, each so many times."""
    stage = Stage().open()
    seq = 1
    for _ in range(times):
        stage.send("client", "ACK", seq, 1, "data", payload=b"x" * 40, length=1448)
        stage.send("server", "ACK", 1, 1, "ack", notes="duplicate_ack")
        stage.send(
            "client", "ACK", seq, 1, "data", payload=b"x" * 40, length=1448, notes="fast_retransmission"
        )
        stage.send("client", "ACK", seq, 1, "data", payload=b"x" * 40, length=1448, notes="retransmission")
        stage.send("client", "ACK", seq + 1448, 1, "data", length=1448, notes="out_of_order snapped")
        stage.send("server", "ACK", 1, seq, "ack", notes="zero_window")
        stage.send("client", "ACK", seq, 1, "probe", length=1, notes="zero_window_probe", after_us=900_000)
        seq += 2896
    return stage.close(seq)


def crowded() -> Stage:
    """The longest of everything: addresses, numbers, flags, labels, notes, payload."""
    stage = Stage(
        client=EndpointAddress("2001:0db8:85a3:1234:5678:8a2e:0370:7334", 65535),
        server=EndpointAddress("2001:0db8:85a3:1234:5678:8a2e:0370:7335", 64999),
    )
    stage.open()
    huge = 4_294_967_295
    for sender in ("client", "server", "client"):
        stage.send(
            "client" if sender == "client" else "server",
            "SYN,FIN,RST,PSH,ACK,URG,ECE,CWR,AE",
            huge,
            huge,
            "handshake-3 data close-1 close-2 close-3 reset",
            payload=b"GET /a/very/long/path/indeed HTTP/1.1\r\n",
            length=65535,
            notes="spurious_retransmission ack_lost_segment zero_window_probe_ack simultaneous_open "
            "bad_syn_ack data_after_close unacceptable_reset captured_twice",
            client="SYN-RECEIVED",
            server="FIN-WAIT-2",
            after_us=3_600_000_000,
        )
        stage.send("server", "ACK", huge, huge, "ack", after_us=86_400_000_000)
    return stage


def speaking(text: str) -> Stage:
    """The client says something in a script of its own."""
    return Stage().open().exchange(text.encode(), 2).close(1 + 2 * len(text.encode()))
