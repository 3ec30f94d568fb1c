"""Running captures: with stand-ins for the bad days, and for real on loopback."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from analyzer.analysis.stored import analyze
from analyzer.capture import live_capture as module
from analyzer.capture import open_capture, waiting
from analyzer.capture.backends import NAMED, PYSHARK
from analyzer.capture.live_capture import Live, open_live
from analyzer.errors import AnalyzerError, InputError, OutputError, UsageError
from tests import programs
from tests.capture.stand_ins import StandIns, soon
from tests.live import exchange, need


def count(live: Live) -> int:
    while live.records.advance():
        pass
    return int(live.records.frame)


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mode", "kind", "sentence"),
    [
        (
            "forbidden",
            InputError,
            r"lo needs permission to capture: run this with sudo, or .* or run 'sudo setcap",
        ),
        ("filter", UsageError, r"the capture filter 'tcp' is not valid \(syntax error\)"),
        (
            "down",
            InputError,
            r"^interface lo is down: bring it up \(.*'tcpanalyze interfaces' lists them$",
        ),
        ("crash", InputError, r"failed: tcpdump ended before it was ready; try another"),
        ("odd", InputError, r"with the message: the moon\\x1b\[2J is full; try"),
        ("never", InputError, r"was not ready in time"),
    ],
)
def test_what_hinders_the_start_is_a_sentence(
    tmp_path: Path, mode: str, kind: type[AnalyzerError], sentence: str
) -> None:
    stand_ins = StandIns(tmp_path)
    before = open_files(), threading.active_count()
    patience = 0.5 if mode == "never" else 10
    kept = tmp_path / "kept"
    with pytest.raises(kind, match=sentence):
        open_live("lo", "tcp", write=kept, find_program=stand_ins.install(mode), ready_within=patience)
    assert (open_files(), threading.active_count()) == before
    assert stand_ins.running() == []
    assert not kept.exists()


@pytest.mark.slow
@pytest.mark.parametrize("backend", NAMED)
@pytest.mark.parametrize("wrong", ["tcp prot 1", "tcp port 99999", "port nosuchport"])
def test_each_program_says_what_is_no_filter(backend: str, wrong: str) -> None:
    need("tshark" if backend == "pyshark" else backend)
    with pytest.raises(UsageError, match=rf"^the capture filter '{wrong}' is not valid \("):
        open_live("lo", wrong, backend)


def test_what_is_not_installed_is_named_with_its_package(tmp_path: Path) -> None:
    nothing = StandIns(tmp_path).find
    with pytest.raises(UsageError, match=r"^the back end tcpdump is not installed: .* install tcpdump'$"):
        open_live("lo", backend="tcpdump", find_program=nothing)
    with pytest.raises(UsageError, match=r"^the back end dumpcap is not installed: .* install tshark'$"):
        open_live("lo", backend="dumpcap", find_program=nothing)


def test_where_one_may_not_capture_another_may(tmp_path: Path) -> None:
    stand_ins = StandIns(tmp_path)
    stand_ins.install("forbidden", "tcpdump")
    (tmp_path / "dumpcap").write_text("#!/bin/sh\necho 'File: -' >&2\nexec sleep 60\n")
    (tmp_path / "dumpcap").chmod(0o755)
    with open_live("lo", find_program=stand_ins.find) as live:
        assert live.backend == "dumpcap"


def test_none_installed_or_known() -> None:
    with pytest.raises(UsageError, match=r"needs tcpdump or dumpcap or tshark, but none .* apt-get install"):
        open_live("lo", find_program=lambda _: None)
    with pytest.raises(UsageError, match="back end wireshark does not exist"):
        open_live("lo", backend="wireshark")
    with pytest.raises(UsageError, match="interface -w does not exist"):
        open_live("-w")


def test_pyshark_is_never_chosen_and_its_parts_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match=r"with pyshark needs tshark, which .* apt-get install"):
        open_live("lo", backend="pyshark", find_program=lambda _: None)
    with pytest.raises(UsageError, match=r"with pyshark needs dumpcap, which .* apt-get install"):
        open_live("lo", backend="pyshark", find_program=lambda name: name if name == "tshark" else None)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(UsageError, match="needs pyshark, which is not installed: run 'pip install pyshark'"):
        open_live("lo", backend="pyshark")
    with pytest.raises(UsageError, match="needs tcpdump or dumpcap or tshark, but"):
        open_live("lo", find_program=lambda name: name if name == "pyshark" else None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        (
            "cannot load it (asyncio has none)",
            r"with the message: cannot load it \(asyncio has none\); try",
        ),
        ("You do not have permission", "lo needs permission to capture: run this with sudo"),
    ],
)
def test_pyshark_that_does_not_begin_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, sentence: str
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = open_files()
    code = f"import sys; sys.stderr.write('pyshark: {script}')"
    monkeypatch.setattr(module, "PYSHARK", PYSHARK._replace(command=("-c", code)))
    monkeypatch.setattr("importlib.util.find_spec", lambda _: True)
    with pytest.raises(InputError, match=sentence):
        open_live("lo", backend="pyshark", find_program=lambda name: name)
    assert list(tmp_path.iterdir()) == []
    assert open_files() == before


def test_a_place_that_cannot_be_written_ends_the_child(tmp_path: Path) -> None:
    stand_ins = StandIns(tmp_path)
    with pytest.raises(OutputError):
        open_live("lo", write=tmp_path, find_program=stand_ins.install("frame"))
    assert stand_ins.running() == []


@pytest.mark.parametrize("lost", [0, 1, 12_345])
def test_losses_are_counted_and_kept(tmp_path: Path, lost: int) -> None:
    find = StandIns(tmp_path).install("frame", lost=lost)
    with open_live("lo", find_program=find, write=tmp_path / "kept") as live:
        assert live.records.advance()
        so_far = live.losses
        live.stop()
        assert [live.records.advance(), live.records.advance()] == [False, False]
        assert (so_far, live.losses) == (None, lost)
        assert live.records.lost == lost
        assert live.records.warnings == []
    assert read_again(tmp_path / "kept") == 1
    # What the file says is what the program said.
    assert analyze(tmp_path / "kept").capture.lost_frames == lost


def test_a_child_that_ends_badly_is_told_of(tmp_path: Path) -> None:
    with open_live("lo", find_program=StandIns(tmp_path).install("fails")) as live:
        assert live.records.advance()
        live.stop()
        assert not live.records.advance()
        assert live.records.warnings == ["tcpdump ended with status 2 during the capture"]


@pytest.mark.parametrize(("mode", "truncated"), [("dies", False), ("torn", True)])
def test_a_child_that_is_killed_ends_the_capture_with_a_warning(
    tmp_path: Path, mode: str, truncated: bool
) -> None:
    find = StandIns(tmp_path).install(mode)
    with open_live("lo", find_program=find, write=tmp_path / "kept") as live:
        assert count(live) == 1
        assert live.records.truncated is truncated
        assert "tcpdump ended by signal 9 during the capture" in live.records.warnings
        assert "the number of frames lost by the capture is not known" in live.records.warnings
        assert live.losses is None
    assert read_again(tmp_path / "kept") == 1
    assert analyze(tmp_path / "kept").capture.lost_frames is None


def test_nothing_captured_is_no_fault(tmp_path: Path) -> None:
    with open_live("lo", find_program=StandIns(tmp_path).install("quiet")) as live:
        threading.Timer(0.05, live.stop).start()
        assert count(live) == 0
        assert live.records.warnings == []


def test_what_is_no_capture_is_told(tmp_path: Path) -> None:
    with open_live("lo", find_program=StandIns(tmp_path).install("text")) as live:
        threading.Timer(0.05, live.stop).start()
        assert count(live) == 0
        assert "is a text file" in live.records.warnings[0]
        assert live.records.truncated


@pytest.mark.slow
def test_what_nobody_asks_for_waits_in_bounded_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "MOST_WAITING", 1 << 20)
    before = open_files(), threading.active_count()
    with open_live("lo", find_program=StandIns(tmp_path).install("flood")) as live:
        assert live.records.advance()
        assert soon(lambda: live._waiting.bytes > 1 << 20)
        assert not soon(lambda: live._waiting.bytes > 3 << 20, within=0.2)
    assert open_files() <= before[0]
    assert threading.active_count() <= before[1]


@pytest.mark.slow
def test_a_full_disk_ends_the_keeping_only(tmp_path: Path) -> None:
    with open_live("lo", find_program=StandIns(tmp_path).install("frame"), write=tmp_path / "kept") as live:
        writer = live.records._writer
        assert writer is not None
        writer._file.close()
        writer._file = open("/dev/full", "wb", buffering=0)  # noqa: SIM115
        assert live.records.advance()
        assert "only 0 frames are kept, because" in live.records.warnings[0]
        live.stop()
        assert not live.records.advance()


def read_again(path: Path) -> int:
    with open_capture(path) as records:
        while records.advance():
            pass
        assert not records.truncated
        return int(records.frame)


# For real.


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMED)
def test_every_frame_from_the_start_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    need("tshark" if name == "pyshark" else name)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    before = open_files()
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        kept = tmp_path / "kept.pcapng"
        with open_live("lo", f"tcp port {port}", name, write=kept) as live:
            exchange(server)
            for _ in range(10):
                assert live.records.advance()
            live.stop()
            assert not live.records.advance()
            assert live.losses == 0
            assert live.records.warnings == []
            assert list(live.records.link_types) == [1]
    assert read_again(kept) == 10
    assert open_files() == before
    assert list((tmp_path / "temporary").iterdir()) == []


@pytest.mark.parametrize(
    ("name", "kind"), [("kept.PCAP", "pcap"), ("kept.pcapng", "pcapng"), ("kept", "pcapng")]
)
def test_the_name_of_what_is_kept_chooses_its_format(tmp_path: Path, name: str, kind: str) -> None:
    find = StandIns(tmp_path).install("frame")
    with open_live("lo", find_program=find, write=tmp_path / name) as live:
        assert live.records.advance()
        over_before = live.over
        live.stop()
        assert not live.records.advance()
        assert (over_before, live.over) == (False, True)
        assert live.records.format == kind
    with open_capture(tmp_path / name) as records:
        assert records.advance()
        assert records.format == kind


@pytest.mark.slow
def test_killing_the_real_child(tmp_path: Path) -> None:
    need("tcpdump")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with open_live("lo", f"tcp port {port}", "tcpdump", write=tmp_path / "kept.pcapng") as live:
            exchange(server)
            for _ in range(10):
                assert live.records.advance()
            os.kill(live._child.pid, signal.SIGKILL)
            assert not live.records.advance()
            assert "ended by signal 9" in live.records.warnings[0]
    assert read_again(tmp_path / "kept.pcapng") == 10


@pytest.mark.slow
@pytest.mark.parametrize("name", ["-w", ";rm"])
@pytest.mark.parametrize("backend", NAMED)
def test_an_interface_with_a_hostile_name(name: str, backend: str) -> None:
    need("tshark" if backend == "pyshark" else backend)
    programs.need("ip", "unshare")
    code = (
        "import sys; from analyzer.capture.live_capture import open_live\n"
        "with open_live(sys.argv[1], '', sys.argv[2]) as live: print(live.backend, live.interface)"
    )
    script = 'ip link set dev lo name "$1" && ip link set dev "$1" up || exit 77; exec "$2" -c "$3" "$1" "$4"'
    done = subprocess.run(
        ["unshare", "-n", "sh", "-c", script, "sh", name, sys.executable, code, backend],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    if done.returncode == 77:
        pytest.skip(f"no namespace of its own to be had here: {done.stderr.strip()}")
    assert done.stdout.strip() == f"{backend} {name}", done.stderr
