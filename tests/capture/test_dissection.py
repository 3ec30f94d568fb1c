"""tshark and pyshark behind their wall: what they find, how they fail, and that nothing of them is left.

The failing tsharks are scripts of a few lines in a folder of their own, first on PATH.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from analyzer.capture import dissection
from analyzer.capture.dissection import disabled_protocols, dissection_of, matching_frames, summaries_of
from analyzer.errors import DissectionError, UsageError

ROOT = Path(__file__).resolve().parent.parent.parent
ECHO = str(ROOT / "captures" / "echo.pcap")
PROC = Path("/proc/self")


def descriptors() -> set[str]:
    return set(os.listdir(PROC / "fd")) if PROC.exists() else set()


def children() -> set[str]:
    if not PROC.exists():
        return set()
    tasks = (PROC / "task").iterdir()
    return {child for task in tasks for child in (task / "children").read_text().split()}


@pytest.fixture(autouse=True)
def nothing_is_left(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """No child, descriptor, temporary file, thread or warning (pytest makes errors of those) afterwards."""
    temporary = tmp_path_factory.mktemp("temporary")
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    gc.collect()
    before = descriptors(), children()
    yield
    gc.collect()
    # The thread by which asyncio waits for a child ends just after the child.
    deadline = time.monotonic() + 5
    while any(thread.name.startswith("waitpid") for thread in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert descriptors() <= before[0]
    assert children() <= before[1]
    assert os.listdir(temporary) == []


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeTshark:
    return FakeTshark(tmp_path / "bin", monkeypatch)


class FakeTshark:
    """Puts a shell script in tshark's place."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        folder.mkdir()
        self.script = folder / "tshark"
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def does(self, *lines: str) -> None:
        self.script.write_text("\n".join(["#!/bin/sh", *lines, ""]))
        self.script.chmod(0o755)


# The real one.


def test_one_frame(tshark: str) -> None:
    found = dissection_of(ECHO, 4, ("dnp3",))
    assert [layer.name for layer in found.layers] == ["eth", "ip", "tcp", "DATA"]
    assert "Destination Port: 20000" in found.layers[2].fields
    assert found.layers[3].fields[0] == "Data: 4142"
    assert found.application == ""


def test_the_application_is_named(tshark: str, corpus: Path) -> None:
    found = dissection_of(str(corpus / "PcapPlusPlus__four_ipv6_http_streams.pcap"), 4)
    assert found.application == "http"


@pytest.mark.slow
def test_one_frame_again_and_again(tshark: str) -> None:
    before = len(descriptors())
    for frame in (1, 9, 10):
        assert dissection_of(ECHO, frame).layers
    assert len(descriptors()) <= before


def test_a_frame_that_is_not_there(tshark: str) -> None:
    with pytest.raises(DissectionError, match="tshark cannot find frame 11"):
        dissection_of(ECHO, 11)


def test_a_file_that_is_not_there(tshark: str, tmp_path: Path) -> None:
    with pytest.raises(DissectionError, match="No such file"):
        dissection_of(str(tmp_path / "nowhere.pcap"), 1)
    (tmp_path / "text").write_text("no capture")
    with pytest.raises(DissectionError, match="not available"):
        dissection_of(str(tmp_path / "text"), 1)


@pytest.mark.slow
def test_names_of_files_are_only_names(tshark: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("-w", "-", "; touch x;.pcap"):
        (tmp_path / name).write_bytes(Path(ECHO).read_bytes())
        assert dissection_of(name, 4).layers
        assert matching_frames(name, "frame.number == 4") == {4}
    assert sorted(os.listdir(tmp_path)) == sorted(["-w", "-", "; touch x;.pcap"])


def test_the_current_loop_is_left_alone(tshark: str) -> None:
    loop = asyncio.new_event_loop()
    try:
        asyncio.set_event_loop(loop)
        assert dissection_of(ECHO, 4).layers
        assert asyncio.get_event_loop_policy().get_event_loop() is loop
    finally:
        asyncio.set_event_loop(None)
        loop.close()


def test_inside_a_running_loop_it_is_a_sentence(tshark: str) -> None:
    async def inside() -> None:
        with pytest.raises(DissectionError, match="not available"):
            dissection_of(ECHO, 4)

    with asyncio.Runner() as runner:
        runner.run(inside())


@pytest.mark.slow
def test_summaries(tshark: str, corpus: Path) -> None:
    path = str(corpus / "PcapPlusPlus__four_ipv6_http_streams.pcap")
    found = summaries_of(path, {1, 4, 7})
    assert found == {4: "HTTP GET / HTTP/1.1", 7: "HTTP/1.1 200 OK  (text/html)"}
    assert summaries_of(path, set()) == {}
    assert summaries_of(ECHO, range(1, 11)) == {}


@pytest.mark.slow
def test_matching_frames(tshark: str) -> None:
    assert matching_frames(ECHO, "tcp.len > 0") == {4, 6}
    assert matching_frames(ECHO, "udp") == set()
    assert matching_frames(ECHO, "") == set(range(1, 11))


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("tcp.len >", "Unexpected end of filter expression"),
        ("no.such == 1", "no.such"),
        ("-w", "the display filter -w is not valid"),
    ],
)
def test_a_filter_it_does_not_understand(tshark: str, expression: str, reason: str) -> None:
    with pytest.raises(UsageError) as caught:
        matching_frames(ECHO, expression)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_a_capture_that_breaks_off_is_filtered_as_far_as_it_goes(tshark: str, tmp_path: Path) -> None:
    cut = tmp_path / "cut.pcap"
    cut.write_bytes(Path(ECHO).read_bytes()[:-5])
    assert matching_frames(str(cut), "tcp.flags.fin == 1") == {8, 9}
    assert matching_frames(str(cut), "udp") == set()


# Ports of the laboratory.


def test_what_is_disabled_for_which_ports() -> None:
    assert disabled_protocols(("127.0.0.1", "127.0.0.1"), (40000, 20000)) == ("dnp3",)
    assert disabled_protocols(("::1", "::1"), (20000, 40000)) == ("dnp3",)
    assert disabled_protocols(("192.0.2.1", "192.0.2.2"), (40000, 20000)) == ()
    assert disabled_protocols(("127.0.0.1", "127.0.0.1"), (40000, 8888)) == ()


@pytest.mark.slow
def test_an_echo_that_looks_like_dnp3_is_data(tshark: str, tmp_path: Path) -> None:
    payload = bytes.fromhex("056405c903000400bd71")
    segment = struct.pack(">HHIIBBHHH", 40000, 20000, 1, 1, 0x50, 0x18, 5, 0, 0) + payload
    loopback = bytes([127, 0, 0, 1])
    packet = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(segment), 1, 0, 64, 6, 0) + 2 * loopback + segment
    header = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)
    capture = tmp_path / "echo.pcap"
    capture.write_bytes(header + struct.pack("<IIII", 0, 0, len(packet), len(packet)) + packet)
    assert dissection_of(str(capture), 1).application == "dnp3"
    assert dissection_of(str(capture), 1, ("dnp3",)).application == ""
    assert "DNP" in summaries_of(str(capture), {1})[1]
    assert summaries_of(str(capture), {1}, ("dnp3",)) == {}


# A tshark that is not there, or does not do its part.


def test_without_tshark(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for call in (
        lambda: dissection_of(ECHO, 4),
        lambda: summaries_of(ECHO, {4}),
        lambda: matching_frames(ECHO, "tcp"),
    ):
        with pytest.raises(
            DissectionError, match=r"^dissection by tshark is not available: tshark is not installed"
        ):
            call()


@pytest.mark.parametrize(
    "error", [ImportError("No module named 'pyshark'"), AttributeError("set_child_watcher")]
)
def test_without_pyshark(fake: FakeTshark, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    class Refusing:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "pyshark":
                raise error

    fake.does("exit 0")
    for name in [name for name in sys.modules if name.split(".")[0] == "pyshark"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Refusing(), *sys.meta_path])
    with pytest.raises(DissectionError, match="cannot load pyshark"):
        dissection_of(ECHO, 4)


def test_a_tshark_that_crashes(fake: FakeTshark) -> None:
    fake.does("echo 'tshark: a dissector bug' >&2", "exit 3")
    with pytest.raises(DissectionError, match="not available"):
        dissection_of(ECHO, 4)
    with pytest.raises(DissectionError, match="a dissector bug"):
        summaries_of(ECHO, {4})
    with pytest.raises(UsageError, match="a dissector bug"):
        matching_frames(ECHO, "tcp")


def test_a_tshark_that_is_killed(fake: FakeTshark) -> None:
    fake.does("kill -KILL $$")
    with pytest.raises(DissectionError):
        dissection_of(ECHO, 4)
    with pytest.raises(DissectionError, match="status -9"):
        summaries_of(ECHO, {4})


@pytest.mark.slow
def test_a_tshark_that_hangs(fake: FakeTshark) -> None:
    fake.does("exec sleep 600")
    began = time.monotonic()
    with pytest.raises(DissectionError, match=r"longer than 0\.3 seconds"):
        dissection_of(ECHO, 4, patience=0.3)
    assert time.monotonic() - began < 5


@pytest.mark.slow
def test_a_tshark_that_never_stops_talking(fake: FakeTshark) -> None:
    fake.does("exec yes '<packet>'")
    with pytest.raises(DissectionError, match="longer than"):
        dissection_of(ECHO, 4, patience=0.3)


@pytest.mark.slow
def test_a_tshark_that_closes_its_output_and_lives_on(fake: FakeTshark) -> None:
    fake.does("exec >&- 2>&-", "exec sleep 600")
    with pytest.raises(DissectionError, match="cannot find frame 4"):
        dissection_of(ECHO, 4, patience=2)


@pytest.mark.parametrize(
    "output",
    [
        "<packet></packet>",
        "<packet><proto/></packet>",
        '<packet><proto name="geninfo"/></packet>',
        "<packet>&unknown;<<<</packet>",
        "\\377\\376<packet>\\000</packet>",
        "nothing of the kind",
    ],
)
def test_a_tshark_that_talks_nonsense(fake: FakeTshark, output: str) -> None:
    fake.does(f"printf '{output}'", "printf '\\377\\n' >&2")
    with pytest.raises(DissectionError):
        dissection_of(ECHO, 4)
    assert summaries_of(ECHO, {4}) == {}
    assert matching_frames(ECHO, "tcp") == set()


def test_what_cannot_be_run(fake: FakeTshark) -> None:
    fake.script.write_bytes(b"\x7fELF nonsense")
    fake.script.chmod(0o755)
    with pytest.raises(DissectionError, match="Exec format error"):
        dissection_of(ECHO, 4)
    with pytest.raises(DissectionError, match="Exec format error"):
        matching_frames(ECHO, "tcp")


def test_hostile_text_is_made_harmless(fake: FakeTshark) -> None:
    fake.does(
        r"printf '4\tEvil\tGET /\033[2J\342\200\256x\n'",
        r"printf 'tshark: \033[2J\n' >&2",
        "exit 2",
    )
    assert summaries_of(ECHO, {4}) == {4: "Evil GET /\\x1b[2J\\u202ex"}
    with pytest.raises(DissectionError) as caught:
        summaries_of(ECHO, {5})
    assert "\x1b" not in str(caught.value)
    with pytest.raises(UsageError) as refused:
        matching_frames(ECHO, "a\x1bb")
    assert str(refused.value).isprintable()


def test_hostile_fields_are_made_harmless(fake: FakeTshark) -> None:
    proto = '<proto name="%s"><field name="a" showname="x\u202ey\u009bz" show="1"/></proto>'
    fake.does(
        "cat <<'END'",
        "<packet>",
        *(proto % name for name in ("geninfo", "frame", "tcp", "ev\u202eil")),
        "</packet>",
        "END",
    )
    found = dissection_of(ECHO, 4)
    assert found.application == "ev\\u202eil"
    assert found.layers[0].fields == ("x\\u202ey\\x9bz",)


@pytest.mark.slow
def test_an_interrupt_ends_the_child(fake: FakeTshark) -> None:
    fake.does("exec sleep 600")
    timer = threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        dissection_of(ECHO, 4)
    timer.join()


@pytest.mark.slow
def test_an_interrupt_ends_the_child_that_filters(fake: FakeTshark) -> None:
    fake.does("exec sleep 600")
    timer = threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        matching_frames(ECHO, "tcp")
    timer.join()


@pytest.mark.slow
def test_a_configuration_in_the_current_folder_is_not_believed(
    tshark: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # pyshark reads config.ini where it is started, which may be a folder of somebody else's captures.
    evil = tmp_path / "evil"
    evil.write_text("#!/bin/sh\ntouch ran\n")
    evil.chmod(0o755)
    (tmp_path / "config.ini").write_text(f"[tshark]\ntshark_path = {evil}\n")
    program = f"from analyzer.capture.dissection import dissection_of; dissection_of({ECHO!r}, 4)"
    done = subprocess.run(
        [sys.executable, "-W", "error::ResourceWarning", "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert not (tmp_path / "ran").exists()


@pytest.mark.slow
def test_the_version_that_loses_child_watchers_is_not_needed(
    tshark: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Python 3.14 has none: with a loop of our own pyshark never asks for one.
    for name in ("set_child_watcher", "SafeChildWatcher"):
        monkeypatch.delattr(asyncio, name, raising=False)
    assert dissection_of(ECHO, 4).layers


def test_so_many_fields_and_no_more(fake: FakeTshark, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dissection, "MOST_FIELDS", 3)
    fields = "".join(f'<field name="f{number}" show="{number}"/>' for number in range(9))
    protos = "".join(f'<proto name="{name}">{fields}</proto>' for name in ("geninfo", "frame", "tcp"))
    fake.does("cat <<'END'", f"<packet>{protos}</packet>", "END")
    assert dissection_of(ECHO, 4).layers[0].fields == ("0", "1", "2")
