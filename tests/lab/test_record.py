"""Recording: for real where capturing is allowed, and with stand-ins for the bad days."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import dpkt
import pytest

from analyzer.capture import open_capture
from analyzer.errors import AnalyzerError, InputError, OutputError, UsageError
from analyzer.lab import record as module
from analyzer.lab.promise import Promise
from analyzer.lab.record import performing, record
from analyzer.lab.scenarios import SCENARIOS
from analyzer.lab.stage import Exchange, Stage, bound
from tests.capture.stand_ins import StandIns, processes_with, soon

CAPTURES = Path(__file__).parents[2] / "captures"
SYN, SYN_ACK, ACK, PUSH_ACK, FIN_ACK, RST_ACK = 0x02, 0x12, 0x10, 0x18, 0x11, 0x14
for_real = pytest.mark.usefixtures("dumpcap")

QUIET_SCENARIO = replace(
    SCENARIOS["echo"],
    name="quiet",
    perform=lambda stage: Exchange(stage.port),
    expected=Exchange(0),
    promise=Promise((), {"IEEE 802.3 LLC": 1}),
    fewest_segments=1,
)


@pytest.fixture
def stand_ins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIns]:
    """Stand-ins, short waits, and the proof afterwards that nothing is left."""
    for wait, seconds in (("COMPLETE_WITHIN", 0.5), ("STOPPED_WITHIN", 0.3), ("QUIET_FOR", 0.05)):
        monkeypatch.setattr(module, wait, seconds)
    programs, temporary = tmp_path / "programs", tmp_path / "temporary"
    programs.mkdir()
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    before = open_descriptors(), threading.active_count()
    stand_ins = StandIns(programs)
    yield stand_ins
    assert (open_descriptors(), threading.active_count()) == before
    assert stand_ins.running() == []
    assert os.listdir(temporary) == []


def open_descriptors() -> int:
    return len(os.listdir("/dev/fd"))


def free_port() -> int:
    with bound(0) as holder:
        return int(holder.getsockname()[1])


def flags_of(path: Path, port: int) -> list[tuple[str, int, int]]:
    """Of each segment: who sent it, its flags, how many bytes of data."""
    found = []
    with path.open("rb") as file:
        for _, data in dpkt.pcap.UniversalReader(file):
            segment = dpkt.ethernet.Ethernet(data).data.data
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


@pytest.mark.slow
@for_real
def test_a_recorded_echo_is_whole_twice_in_a_row(tmp_path: Path) -> None:
    port = free_port()
    before = open_descriptors()
    for _ in range(2):
        path = record(SCENARIOS["echo"], tmp_path / "new", port=port)
        check_echo(flags_of(path, port))
    assert sorted(os.listdir(tmp_path / "new")) == ["echo.json", "echo.pcap"]
    assert open_descriptors() == before


@pytest.mark.slow
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


@pytest.mark.slow
@pytest.mark.usefixtures("dumpcap", "tshark")
def test_tshark_serves_where_the_others_are_missing(tmp_path: Path) -> None:
    def find(program: str) -> str | None:
        return shutil.which(program) if program == "tshark" else None

    port = free_port()
    path = record(SCENARIOS["refused"], tmp_path, port=port, find_program=find)
    assert flags_of(path, port) == [("client", SYN, 0), ("server", RST_ACK, 0)]


def test_the_stand_in_is_recorded(stand_ins: StandIns, tmp_path: Path) -> None:
    path = record(QUIET_SCENARIO, tmp_path / "out", find_program=stand_ins.install("frame"))
    with open_capture(path) as records:
        assert records.format == "pcap"
        assert records.advance()
        assert (records.time_ns, records.captured) == (1_000_002_000, 60)
        assert not records.advance()
    assert sorted(os.listdir(tmp_path / "out")) == ["quiet.json", "quiet.pcap"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mode", "sentence"),
    [
        (
            "forbidden",
            r"^lo needs permission to capture: run this with sudo, .*-common.* setcap .*(dumpcap|tcpdump)'$",
        ),
        (
            "odd",
            r"ended before it was ready with the message: the moon\\x1b\[2J is full; try another --backend$",
        ),
        ("crash", r"^the capture on lo failed: tcpdump ended before it was ready; try"),
        ("dies", r"^the capture on lo failed: tcpdump ended by signal 9 during the capture$"),
        ("quiet", r"^the capture on lo failed: tcpdump did not deliver all frames; run it again$"),
        ("fails", r"^the capture on lo failed: tcpdump ended with status 2 during the capture$"),
        ("loses", r"^the capture on lo failed: it lost up to 3 frames; run it again$"),
        ("deaf", r"^the capture on lo failed: tcpdump ended by signal 9 during the capture$"),
    ],
)
def test_a_capture_that_fails_is_one_sentence_and_leaves_nothing(
    stand_ins: StandIns, tmp_path: Path, mode: str, sentence: str
) -> None:
    find = stand_ins.install("frame", lost=3) if mode == "loses" else stand_ins.install(mode)
    with pytest.raises(InputError, match=sentence):
        record(QUIET_SCENARIO, tmp_path / "out", find_program=find)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("error", [AnalyzerError("the scenario failed"), KeyboardInterrupt()])
def test_a_scenario_that_fails_or_is_interrupted_leaves_nothing(
    stand_ins: StandIns, tmp_path: Path, error: BaseException
) -> None:
    def perform(stage: Stage) -> Exchange:
        raise error

    scenario = replace(QUIET_SCENARIO, perform=perform)
    with pytest.raises(type(error)):
        record(scenario, tmp_path / "out", find_program=stand_ins.install("frame"))
    assert not (tmp_path / "out").exists()


def test_who_reads_the_frames_and_fails_ends_the_capture(stand_ins: StandIns) -> None:
    scenario = replace(QUIET_SCENARIO, fewest_segments=1000)
    find = stand_ins.install("frame")

    def fail() -> None:
        with performing(scenario, None, print, find_program=find) as live:
            assert live.records.advance()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()


@pytest.mark.slow
def test_a_recording_that_cannot_be_written(stand_ins: StandIns, tmp_path: Path) -> None:
    find = stand_ins.install("frame")
    in_the_way = tmp_path / "out" / "quiet.pcap"
    in_the_way.mkdir(parents=True)
    with pytest.raises(OutputError, match=r"cannot write .*quiet\.pcap: .*directory"):
        record(QUIET_SCENARIO, tmp_path / "out", find_program=find)
    assert os.listdir(tmp_path / "out") == ["quiet.pcap"]
    with pytest.raises(OutputError, match="cannot write"):
        record(QUIET_SCENARIO, stand_ins.folder / "tcpdump", find_program=find)


def test_no_program_at_all(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none is installed: .* 'sudo apt-get install tshark'"):
        record(QUIET_SCENARIO, tmp_path / "out", find_program=lambda program: None)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_only_a_port_can_be_recorded(tmp_path: Path, port: int) -> None:
    with pytest.raises(UsageError, match="is not a port"):
        record(QUIET_SCENARIO, tmp_path, port=port)


@pytest.mark.slow
@for_real
@pytest.mark.parametrize("step", ["keep_promise", "write_document"])
def test_killed_while_it_records_it_leaves_nothing(tmp_path: Path, step: str) -> None:
    code = (
        "import os, signal, sys; from analyzer.lab import record as module; "
        "from analyzer.lab.scenarios import SCENARIOS; "
        f"module.{step} = lambda *_: os.kill(os.getpid(), signal.SIGKILL); "
        "module.record(SCENARIOS['echo'], sys.argv[1], port=int(sys.argv[2]))"
    )
    temporary, kept = tmp_path / "temporary", tmp_path / "kept"
    temporary.mkdir()
    environment = {**os.environ, "PYTHONPATH": str(CAPTURES.parent), "TMPDIR": str(temporary)}
    command = [sys.executable, "-c", code, str(kept), str(free_port())]
    assert subprocess.run(command, env=environment, check=False).returncode == -signal.SIGKILL
    assert soon(lambda: os.listdir(temporary) == [])
    assert soon(lambda: processes_with(str(temporary).encode(), "environ") == [])
    assert [path.name for path in kept.glob("*")] == (["echo.pcap"] if step == "write_document" else [])


@pytest.mark.slow
@for_real
def test_killed_between_writing_and_naming_it_leaves_nothing(tmp_path: Path) -> None:
    code = (
        "import os, pathlib, signal, sys; from analyzer.lab import record as module; "
        "from analyzer.lab.scenarios import SCENARIOS; "
        "pathlib.Path.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL); "
        "module.record(SCENARIOS['echo'], sys.argv[1], port=int(sys.argv[2]))"
    )
    kept = tmp_path / "kept"
    environment = {**os.environ, "PYTHONPATH": str(CAPTURES.parent), "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", code, str(kept), str(free_port())]
    assert subprocess.run(command, env=environment, check=False).returncode == -signal.SIGKILL
    assert soon(lambda: os.listdir(kept) == [] and os.listdir(tmp_path) == ["kept"])
