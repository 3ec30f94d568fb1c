"""The child process and its guardian: whatever happens, nothing is left."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from analyzer.capture import children
from analyzer.capture.children import Child, temporary_folder
from analyzer.errors import InputError
from tests.capture.stand_ins import StandIns, processes_with, soon

READY = re.compile("listening")


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def start(tmp_path: Path, mode: str) -> Child:
    program = StandIns(tmp_path).install(mode)("tcpdump")
    assert program is not None
    return Child([program])


@pytest.mark.parametrize("mode", ["frame", "crash", "child", "odd", "flood"])
def test_nothing_is_left(tmp_path: Path, mode: str) -> None:
    before = open_files()
    with start(tmp_path, mode) as child:
        child.wait_for(READY, 10)
    assert open_files() == before
    assert soon(lambda: StandIns(tmp_path).running() == [])


@pytest.mark.slow
def test_its_folder_goes_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with Child(
        ["/bin/sh", "-c", 'echo x > "$TMPDIR/kept"; echo listening >&2; sleep 60'], folder=True
    ) as child:
        assert child.wait_for(READY, 10)
        assert [path.name for path in tmp_path.glob("*/*")] == ["kept"]
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InputError, match="cannot be started"):
        Child([str(tmp_path / "absent")], folder=True)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "absent"))
    with pytest.raises(InputError, match=r"a temporary folder cannot be created .* TMPDIR"):
        Child(["/bin/true"], folder=True)


def test_one_that_is_deaf_is_ended_by_force(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "STOPPED_WITHIN", 0.1)
    monkeypatch.setattr(children, "TERMINATED_WITHIN", 0.1)
    with start(tmp_path, "deaf") as child:
        assert child.wait_for(READY, 10)
        assert child.end(0.1) == -signal.SIGKILL
    assert StandIns(tmp_path).running() == []


def test_a_second_interruption_is_by_force(tmp_path: Path) -> None:
    with start(tmp_path, "deaf") as child:
        assert child.wait_for(READY, 10)
        child.interrupt()
        child.interrupt()
        assert child.end() == -signal.SIGKILL
        child.interrupt()


def test_waiting_ends_with_the_child_and_with_the_time(tmp_path: Path) -> None:
    with start(tmp_path, "odd") as child:
        assert not child.wait_for(READY, 10)
        assert child.silent
        assert "the moon" in child.words()
    with start(tmp_path, "never") as child:
        assert not child.wait_for(READY, 0.05)
        assert not child.silent


def test_what_cannot_be_started_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be started"):
        Child([str(tmp_path / "absent")])
    with pytest.raises(InputError, match="cannot be started"):
        Child(["/bin/true", "a\0b"])


def test_without_its_guardian_it_does_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = tmp_path / "python"
    python.write_text("")  # which nobody may execute
    program = StandIns(tmp_path).install("frame")("tcpdump")
    before = open_files()
    monkeypatch.setattr(sys, "executable", str(python))
    with pytest.raises(InputError, match=r"cannot start .*python \(Permission denied\), .*: use a Python"):
        Child([str(program)])
    assert open_files() == before
    assert StandIns(tmp_path).running() == []


@pytest.mark.slow
def test_an_interruption_while_it_ends_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(children, "TERMINATED_WITHIN", 0.1)
    interrupt = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with start(tmp_path, "deaf") as child:
            assert child.wait_for(READY, 10)
            interrupt.start()
            with pytest.raises(KeyboardInterrupt):
                child.end(30.0)
            interrupt.join()
            assert StandIns(tmp_path).running() == []
    finally:
        signal.signal(signal.SIGINT, before)
    assert StandIns(tmp_path).running() == []


def test_its_words_take_no_more_memory_than_is_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "MOST_WORDS", 1000)
    deaf = "import signal, sys; signal.signal(signal.SIGINT, signal.SIG_IGN); "
    talk = deaf + "sys.stderr.write('first' + 'x' * 100000 + 'last')"
    with Child([sys.executable, "-c", talk]) as child:
        child.wait_for(re.compile("last$"), 10)
        child.end(5)
        assert len(child.words()) <= 2000 + 4096
        assert child.words().startswith("first")
        assert child.words().endswith("last")


def test_the_guardian_ends_it_when_we_are_killed(tmp_path: Path) -> None:
    program = StandIns(tmp_path).install("child")("tcpdump")
    code = (
        "import re, sys, time; from analyzer.capture.children import Child; "
        "child = Child([sys.argv[1]]); child.wait_for(re.compile('listening'), 10); "
        "print('up', flush=True); time.sleep(60)"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(
        [sys.executable, "-c", code, str(program)], stdout=subprocess.PIPE, env=environment
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"up\n"
        assert len(StandIns(tmp_path).running()) >= 2
        parent.kill()
    assert soon(lambda: StandIns(tmp_path).running() == [])


KILLED_INSIDE = """
import os, re, signal, sys
from analyzer.capture import children

step, moment = sys.argv[2], sys.argv[3]
real = getattr(children, step)

def killed(*arguments):
    if moment == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    real(*arguments)
    os.kill(os.getpid(), signal.SIGKILL)

setattr(children, step, killed)
if sys.argv[4:]:
    with children.temporary_folder(*sys.argv[4:]) as folder:
        for path in (os.path.join(folder, "kept"), *sys.argv[4:]):
            open(path, "w").close()
        children._remove_folder(folder)
else:
    children.Child([sys.argv[1]], folder=True).wait_for(re.compile("listening"), 10)
"""


def run_until_killed(tmp_path: Path, *arguments: str) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "TMPDIR": str(tmp_path / "temporary"),
    }
    (tmp_path / "temporary").mkdir()
    done = subprocess.run([sys.executable, "-c", KILLED_INSIDE, *arguments], env=environment, check=False)
    assert done.returncode == -signal.SIGKILL


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("step", ["_guard", "_make_folder"])
def test_killed_while_it_is_started_we_leave_nothing(tmp_path: Path, step: str, moment: str) -> None:
    started = tmp_path / "started"
    program = tmp_path / "tcpdump"
    program.write_text(f"#!/bin/sh\necho > {started}\nexec sleep 60\n")
    program.chmod(0o755)
    run_until_killed(tmp_path, str(program), step, moment)
    assert soon(lambda: processes_with(str(tmp_path).encode()) == [])
    assert soon(lambda: list((tmp_path / "temporary").iterdir()) == [])
    # It never got as far as running, so that there was nothing to be ended.
    assert not started.exists()


@pytest.mark.parametrize("step", ["_make_folder", "_remove_folder"])
def test_killed_with_a_temporary_folder_we_leave_nothing(tmp_path: Path, step: str) -> None:
    unfinished = tmp_path / "unfinished"
    run_until_killed(tmp_path, "-", step, "before", str(unfinished))
    assert soon(lambda: list((tmp_path / "temporary").iterdir()) == [] and not unfinished.exists())
    assert soon(lambda: processes_with(str(tmp_path).encode()) == [])


def test_a_temporary_folder_goes_with_its_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = open_files()
    other = tmp_path / "unfinished"
    with temporary_folder(str(other)) as folder:
        Path(folder, "kept").write_text("x")
        other.write_text("x")
        assert Path(folder).stat().st_mode & 0o777 == 0o700
    assert list(tmp_path.iterdir()) == []
    assert open_files() == before


def test_what_may_not_be_executed_is_a_sentence(tmp_path: Path) -> None:
    program = tmp_path / "tcpdump"
    program.write_text("")
    with pytest.raises(InputError, match=r"cannot be started \(Permission denied\)"):
        Child([str(program)])
