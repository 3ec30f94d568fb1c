"""Recording: for real where capturing is allowed, and with a stand-in for the child's bad days."""

from __future__ import annotations

import os
import shutil
import signal
import struct
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import dpkt
import pytest

from analyzer.errors import AnalyzerError, InputError, OutputError, UsageError
from analyzer.lab import record as module
from analyzer.lab.promise import Promise
from analyzer.lab.record import capture_command, capturing, record
from analyzer.lab.scenarios import SCENARIOS
from analyzer.lab.stage import Exchange, Stage, bound

CAPTURES = Path(__file__).parents[2] / "captures"
SYN, SYN_ACK, ACK, PUSH_ACK, FIN_ACK, RST_ACK = 0x02, 0x12, 0x10, 0x18, 0x11, 0x14
MAY_CAPTURE = os.geteuid() == 0 and shutil.which("dumpcap") is not None
for_real = pytest.mark.skipif(not MAY_CAPTURE, reason="needs dumpcap, and root to capture with it")

AN_EMPTY_FRAME = struct.pack("=LHHLLLL16x", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)

# Behaves like dumpcap up to the point where its mode says otherwise. Its process id is its first words.
STAND_IN = """#!{python}
import os, signal, sys, time
mode, pid_file = sys.argv[1:]
open(pid_file, "w").write(str(os.getpid()))
def say(words): print(words, file=sys.stderr, flush=True)
def stop(*_):
    if mode == "loses": say("Packets received/dropped on interface 'lo': 2/3 (pcap:3/dumpcap:0)")
    sys.exit(2 if mode == "fails" else 0)
signal.signal(signal.SIGINT, signal.SIG_IGN if mode == "deaf" else stop)
say("Capturing on 'lo'")
if mode == "forbidden": sys.exit(say("dumpcap: You do not have permission to capture.") or 1)
if mode == "filter": sys.exit(say("dumpcap: That filter\\x1b[2J is none.") or 1)
if mode == "crash": os.kill(os.getpid(), signal.SIGKILL)
if mode != "never": say("File: -")
if mode == "dies": sys.exit(0)
if mode != "empty": sys.stdout.buffer.write({octets}), sys.stdout.flush()
while True: time.sleep(60)
"""

QUIET_SCENARIO = replace(
    SCENARIOS["echo"],
    name="quiet",
    perform=lambda stage: Exchange(stage.port),
    expected=Exchange(0),
    promise=Promise((), {"cut short by the capture": 1}),
    fewest_segments=1,
)


class StandIn:
    """The stand-in as an installed program called dumpcap."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.pid_file = directory / "pid"
        self.program = directory / "dumpcap"
        self.program.write_text(STAND_IN.format(python=sys.executable, octets=AN_EMPTY_FRAME))
        self.program.chmod(0o755)

    def command(self, mode: str) -> list[str]:
        return [str(self.program), mode, str(self.pid_file)]

    def is_gone(self) -> bool:
        try:
            os.kill(int(self.pid_file.read_text()), 0)
        except ProcessLookupError:
            return True
        return False


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    """A stand-in, short waits, and the proof afterwards that no descriptor was left open."""
    for wait, seconds in (("READY_WITHIN", 2.0), ("COMPLETE_WITHIN", 0.3), ("STOPPED_WITHIN", 0.3)):
        monkeypatch.setattr(module, wait, seconds)
    monkeypatch.setattr(module, "QUIET_FOR", 0.05)
    programs = tmp_path / "programs"
    programs.mkdir()
    before = open_descriptors()
    yield StandIn(programs)
    assert open_descriptors() == before


def open_descriptors() -> int:
    return len(os.listdir("/dev/fd"))


def free_port() -> int:
    with bound(0) as holder:
        return int(holder.getsockname()[1])


def flags_of(path: Path, port: int) -> list[tuple[str, int, int]]:
    """Of each segment: who sent it, its flags, how many octets of data."""
    found = []
    with path.open("rb") as file:
        for _, octets in dpkt.pcap.UniversalReader(file):
            segment = dpkt.ethernet.Ethernet(octets).data.data
            sender = "server" if segment.sport == port else "client"
            found.append((sender, segment.flags, len(segment.data)))
    return found


def check_echo(segments: Sequence[tuple[str, int, int]]) -> None:
    assert segments[:4] == [
        ("client", SYN, 0),
        ("server", SYN_ACK, 0),
        ("client", ACK, 0),
        ("client", PUSH_ACK, 2),
    ]
    assert ("server", PUSH_ACK, 2) in segments
    assert [sender for sender, flags, _ in segments if flags == FIN_ACK] == ["client", "server"]
    assert segments[-1] == ("client", ACK, 0)
    assert 9 <= len(segments) <= 11


@for_real
def test_a_recorded_echo_is_whole_twice_in_a_row(tmp_path: Path) -> None:
    port = free_port()
    before = open_descriptors()
    for _ in range(2):
        path = record(SCENARIOS["echo"], tmp_path / "new", port=port)
        check_echo(flags_of(path, port))
    assert sorted(os.listdir(tmp_path / "new")) == ["echo.json", "echo.pcap"]
    assert open_descriptors() == before


@for_real
def test_a_recorded_half_close_is_a_pcapng_that_keeps_the_machine_to_itself(tmp_path: Path) -> None:
    port = free_port()
    path = record(SCENARIOS["half-close"], tmp_path, port=port)
    segments = flags_of(path, port)
    client_fin = segments.index(("client", FIN_ACK, 0))
    assert [size for sender, _, size in segments[client_fin:] if sender == "server" and size] == [5, 5, 7, 4]
    assert segments[-2:] == [("server", FIN_ACK, 0), ("client", ACK, 0)]
    assert path.suffix == ".pcapng"
    assert os.uname().release.encode() not in path.read_bytes()


@for_real
@pytest.mark.skipif(shutil.which("tshark") is None, reason="needs tshark")
def test_tshark_serves_where_dumpcap_is_missing(tmp_path: Path) -> None:
    def find(program: str) -> str | None:
        return shutil.which(program) if program == "tshark" else None

    port = free_port()
    command = capture_command("lo", f"tcp port {port}", "pcap", find)
    path = record(SCENARIOS["refused"], tmp_path, port=port, command=command)
    assert flags_of(path, port) == [("client", SYN, 0), ("server", RST_ACK, 0)]


@for_real
@pytest.mark.parametrize(
    ("interface", "capture_filter", "sentence"),
    [
        ("-w", "tcp", r'capture on -w failed: .* There is no device named "-w"\.$'),
        ("lo", "tcp pork", r'Invalid capture filter "tcp pork" for interface .lo.\.$'),
    ],
)
def test_what_dumpcap_refuses_is_said_in_its_words(
    interface: str, capture_filter: str, sentence: str
) -> None:
    command = capture_command(interface, capture_filter, "pcap")
    with pytest.raises(InputError, match=sentence), capturing(command, interface):
        pass


def test_the_stand_in_is_recorded(stand_in: StandIn, tmp_path: Path) -> None:
    path = record(QUIET_SCENARIO, tmp_path / "out", command=stand_in.command("works"))
    assert path.read_bytes() == AN_EMPTY_FRAME
    assert stand_in.is_gone()


@pytest.mark.parametrize(
    ("mode", "sentence"),
    [
        ("forbidden", r"^You may not capture on lo: run this as root, .*-common.* setcap .*dumpcap'\.$"),
        ("filter", r"ended before it was ready; it said: That filter\\x1b\[2J is none\.$"),
        ("crash", r"^The capture on lo failed: dumpcap ended before it was ready\.$"),
        ("never", r"dumpcap was not ready in time\.$"),
        ("dies", r"dumpcap ended while it was capturing\.$"),
        ("empty", r"dumpcap did not deliver all that was sent\.$"),
        ("fails", r"dumpcap ended with status 2\.$"),
        ("loses", r"dumpcap lost 3 frames\.$"),
        ("deaf", r"dumpcap ended with status -9\.$"),
    ],
)
def test_a_child_that_fails_is_one_sentence_and_leaves_nothing(
    stand_in: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, sentence: str
) -> None:
    if mode == "never":
        monkeypatch.setattr(module, "READY_WITHIN", 0.3)
    with pytest.raises(InputError, match=sentence):
        record(QUIET_SCENARIO, tmp_path / "out", command=stand_in.command(mode))
    assert not (tmp_path / "out").exists()
    assert stand_in.is_gone()


@pytest.mark.parametrize("error", [AnalyzerError("the scenario failed"), KeyboardInterrupt()])
def test_a_scenario_that_fails_or_is_interrupted_leaves_nothing(
    stand_in: StandIn, tmp_path: Path, error: BaseException
) -> None:
    def perform(stage: Stage) -> Exchange:
        raise error

    with pytest.raises(type(error)):
        record(replace(QUIET_SCENARIO, perform=perform), tmp_path / "out", command=stand_in.command("works"))
    assert not (tmp_path / "out").exists()
    assert stand_in.is_gone()


def test_a_second_interrupt_while_the_child_ends(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STOPPED_WITHIN", 30.0)
    interrupt = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    with pytest.raises(KeyboardInterrupt), capturing(stand_in.command("deaf"), "lo"):
        interrupt.start()
    interrupt.join()
    assert stand_in.is_gone()


def test_a_recording_that_cannot_be_written(stand_in: StandIn, tmp_path: Path) -> None:
    in_the_way = tmp_path / "out" / "quiet.pcap"
    in_the_way.mkdir(parents=True)
    with pytest.raises(OutputError, match=r"quiet\.pcap cannot be written: .*directory"):
        record(QUIET_SCENARIO, tmp_path / "out", command=stand_in.command("works"))
    assert os.listdir(tmp_path / "out") == ["quiet.pcap"]
    with pytest.raises(OutputError, match="cannot be written"):
        record(QUIET_SCENARIO, stand_in.program, command=stand_in.command("works"))


def test_a_program_that_cannot_be_started(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^The capture program .*nothing cannot be started: No such file"):
        record(QUIET_SCENARIO, tmp_path, command=[str(tmp_path / "nothing")])


def test_no_program_at_all() -> None:
    with pytest.raises(UsageError, match=r"neither is installed: .* 'sudo apt-get install tshark'"):
        capture_command("lo", "tcp port 1", "pcap", lambda program: None)


def test_names_stay_names_in_the_command() -> None:
    command = capture_command("-w", ";rm", "pcapng", lambda program: f"/bin/{program}")
    assert command == [
        "/bin/dumpcap", "-q", "-i", "-w", "-f", ";rm", "-a", "duration:60", "-w", "-",
    ]  # fmt: skip
    assert "-P" in capture_command("lo", "tcp", "pcap", lambda program: program)


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_only_a_port_can_be_recorded(tmp_path: Path, port: int) -> None:
    with pytest.raises(UsageError, match="is not a port"):
        record(QUIET_SCENARIO, tmp_path, port=port)
