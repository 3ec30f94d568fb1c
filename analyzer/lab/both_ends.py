"""One exchange recorded at both of its ends, with a router between them that behaves like real ones.

    python -m analyzer.lab.both_ends [--directory captures/both-ends]

The router translates the client's address and port, lowers the MSS of every SYN, decrements the TTL, loses one
segment, and delays one until another has overtaken it.
"""

from __future__ import annotations

import socket
import struct
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import click

from analyzer.capture.live_capture import Live, open_live
from analyzer.errors import AnalyzerError, InputError, OutputError
from analyzer.lab.relay import CLIENT_ADDRESS, DELAY, INTERFACE, LOST, SYN, Packet
from analyzer.lab.stage import (
    Stage,
    accept,
    connect,
    in_background,
    listening,
    receive_all,
    receive_exactly,
    two_machines,
)
from analyzer.text import inert, say
from analyzer.wire.checksum import computed_checksum, ones_complement_sum

__all__ = ["NAMES", "TRANSLATED_ADDRESS", "TRANSLATED_PORT", "Router", "record_both_ends"]

NAMES: Final = ("client.pcap", "server.pcap")
PORT: Final = 20021
TRANSLATED_ADDRESS: Final = "10.99.0.1"
TRANSLATED_PORT: Final = 50000
LOWER_MSS: Final = 1400
PIECE: Final = 1000  # bytes
PIECES: Final = 6
LOST_PIECE: Final = 3  # counted from 1
HELD_BACK: Final = 5  # counted from 1
EXTRA_DELAY: Final = 0.003  # seconds: the next piece overtakes it, but no timer expires
PATIENCE: Final = 10.0  # seconds
QUIET_FOR: Final = 0.5  # seconds: every capture program delivers its frames in less time


class Router:
    """The router between client and server: the rule and the rewriting of a `Relay`.

    Attributes:
        client_port: The port of the client; 0 until the first SYN shows it.
    """

    def __init__(self) -> None:
        self.client_port = 0
        self._pieces: list[int] = []

    def rule(self, packet: Packet) -> float | None:
        """Return the delay of a segment in seconds, or `LOST`."""
        if not packet.from_client or not packet.length or packet.seq in self._pieces:
            return DELAY
        self._pieces.append(packet.seq)
        if len(self._pieces) == LOST_PIECE:
            return LOST
        return DELAY + EXTRA_DELAY if len(self._pieces) == HELD_BACK else DELAY

    def rewrite(self, data: bytes, from_client: bool) -> bytes:
        """Return the packet with translated address and port, a lower TTL, a lower MSS in a SYN, and new checksums."""
        packet = bytearray(data)
        start = packet[0] % 16 * 4
        packet[8] -= 1
        if from_client:
            self.client_port = int.from_bytes(packet[start : start + 2], "big")
            packet[12:16] = socket.inet_aton(TRANSLATED_ADDRESS)
            packet[start : start + 2] = TRANSLATED_PORT.to_bytes(2, "big")
        else:
            packet[16:20] = socket.inet_aton(CLIENT_ADDRESS)
            packet[start + 2 : start + 4] = self.client_port.to_bytes(2, "big")
        # Linux puts the MSS first.
        if packet[start + 13] & SYN and packet[start + 20 : start + 22] == b"\x02\x04":
            announced = int.from_bytes(packet[start + 22 : start + 24], "big")
            packet[start + 22 : start + 24] = min(announced, LOWER_MSS).to_bytes(2, "big")
        segment = bytes(packet[start:])
        checksum = computed_checksum(segment, bytes(packet[12:16]), bytes(packet[16:20]))
        packet[start + 16 : start + 18] = checksum.to_bytes(2, "big")
        packet[10:12] = b"\0\0"
        packet[10:12] = struct.pack("!H", ~ones_complement_sum(bytes(packet[:start])) & 0xFFFF)
        return bytes(packet)


def record_both_ends(directory: Path) -> list[Path]:
    """Run the exchange and capture it at both ends.

    Args:
        directory: The folder for the recordings.

    Returns:
        The paths of the recordings, first that of the client's end.

    Raises:
        UsageError: The process does not run as root.
        InputError: Capturing fails.
        OutputError: The recordings cannot be written.
    """
    with tempfile.TemporaryDirectory(prefix="tcpanalyze-") as folder:
        with two_machines() as stage, ExitStack() as stack:
            lives = []
            for name, host in zip(NAMES, (stage.client, stage.server), strict=True):
                with host.inside():
                    live = open_live(INTERFACE, f"tcp port {PORT}", write=Path(folder, name))
                lives.append(stack.enter_context(live))
            for live in lives:
                stack.enter_context(_drained(live))
            _exchange(stage)
            _wait_until_quiet(lives)
        try:
            directory.mkdir(parents=True, exist_ok=True)
            for name in NAMES:
                (directory / name).write_bytes(Path(folder, name).read_bytes())
        except OSError as error:
            raise OutputError(
                say(
                    "cannot write the recordings to {path}: {reason}",
                    path=inert(str(directory)),
                    reason=inert(error.strerror or str(error)),
                )
            ) from error
    return [directory / name for name in NAMES]


@contextmanager
def _drained(live: Live) -> Iterator[None]:
    """Take every frame in a thread, which writes it to the file. When the block is left, all frames are written."""

    def take() -> None:
        while live.records.advance():
            pass

    with in_background(take) as taking:
        yield
        live.stop()
        taking.result(PATIENCE)


def _wait_until_quiet(lives: list[Live]) -> None:
    counts, since, deadline = (-1, -1), time.monotonic(), time.monotonic() + PATIENCE
    while time.monotonic() - since < QUIET_FOR:
        if time.monotonic() > deadline:
            raise InputError(
                say("frames still arrive {seconds:g} s after the exchange: run it again", seconds=PATIENCE)
            )
        time.sleep(QUIET_FOR / 10)
        now = int(lives[0].records.frame), int(lives[1].records.frame)
        if now != counts:
            counts, since = now, time.monotonic()


def _exchange(stage: Stage) -> None:
    """The client sends six pieces, the server answers once, then both close."""
    assert stage.way is not None
    router = Router()
    stage.way.rule, stage.way.rewrite = router.rule, router.rewrite
    with (
        listening(PORT, stage.server) as listener,
        connect(PORT, stage.server, stage.client) as client,
        accept(listener) as connection,
    ):
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for number in range(PIECES):
            client.sendall(bytes([ord("a") + number]) * PIECE)
        receive_exactly(connection, PIECE * PIECES)
        connection.sendall(b"all of it")
        receive_exactly(client, 9)
        client.shutdown(socket.SHUT_WR)
        receive_all(connection)
        connection.close()
        receive_all(client)


@click.command()
@click.option(
    "--directory",
    default="captures/both-ends",
    show_default=True,
    help="Write the recordings to this folder.",
)
def main(directory: str) -> None:
    """Record one exchange at both of its ends."""
    try:
        for path in record_both_ends(Path(directory)):
            click.echo(inert(str(path)))
    except AnalyzerError as error:
        click.echo(str(error), err=True)
        raise click.exceptions.Exit(error.exit_status) from None


if __name__ == "__main__":
    main()
