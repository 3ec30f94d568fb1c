"""A process that decompresses gives what decompressing alone gives, in the same order, and leaves nothing behind."""

from __future__ import annotations

import gzip
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from analyzer.capture import decompress_ahead, open_capture
from analyzer.capture.compression import CompressedBytes
from analyzer.capture.decompress_ahead import DecompressAhead
from analyzer.capture.source import SourceFault, bytes_of_path
from tests.capture.builders import COMPRESSORS, pcap

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="elsewhere no process is used"),
    # What runs the tests may have threads; the tool begins no process then, which a test below holds.
    pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning"),
]

BLOCK = 4096
CONTENT = random.Random(9).randbytes(20 * BLOCK)
MAY_FORK = decompress_ahead._may_fork


@pytest.fixture(autouse=True)
def small_and_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decompress_ahead, "BLOCK_BYTES", BLOCK)
    monkeypatch.setattr(decompress_ahead, "ALONE_BYTES", 2 * BLOCK)
    monkeypatch.setattr(decompress_ahead, "_may_fork", lambda: True)


@pytest.fixture(autouse=True)
def no_descriptor_is_left() -> Iterator[None]:
    before = os.listdir("/proc/self/fd")
    yield
    assert os.listdir("/proc/self/fd") == before


def packed(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "capture.gz"
    path.write_bytes(content)
    return path


def compressed(path: Path) -> CompressedBytes:
    return CompressedBytes(bytes_of_path(path))


def ahead_of(data: CompressedBytes) -> DecompressAhead:
    file = data.file()
    assert file is not None
    return DecompressAhead(data, file)


def everything(ahead: DecompressAhead) -> bytes:
    return b"".join(iter(lambda: ahead.read(BLOCK), b""))


def until_a_fault(ahead: DecompressAhead) -> tuple[bytes, str]:
    came = b""
    try:
        while piece := ahead.read(BLOCK):
            came += piece
    except SourceFault as fault:
        return came, str(fault)
    return came, "none"


def number_of(ahead: DecompressAhead) -> int:
    assert ahead._process is not None
    return ahead._process._number


def is_gone(number: int) -> bool:
    """Ended, whether its parent has taken note or not."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def soon(true: Callable[[], bool]) -> bool:
    end = time.monotonic() + 30
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


@pytest.mark.parametrize("name", COMPRESSORS)
def test_the_same_bytes(name: str, tmp_path: Path) -> None:
    ahead = ahead_of(compressed(packed(tmp_path, COMPRESSORS[name](CONTENT))))
    assert everything(ahead) == CONTENT
    number = number_of(ahead)
    assert ahead.read(BLOCK) == b""
    assert ahead._file.position() == ahead._file.size
    ahead.close()
    assert is_gone(number)


def test_what_was_peeked_before_comes_first(tmp_path: Path) -> None:
    data = compressed(packed(tmp_path, gzip.compress(CONTENT)))
    assert data.peek(4) == CONTENT[:4]
    ahead = ahead_of(data)
    assert ahead.peek(6) == CONTENT[:6]
    assert everything(ahead) == CONTENT
    ahead.close()


def test_little_needs_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fork", lambda: pytest.fail("a process began"))
    ahead = ahead_of(compressed(packed(tmp_path, gzip.compress(CONTENT[: 2 * BLOCK - 1]))))
    assert everything(ahead) == CONTENT[: 2 * BLOCK - 1]
    ahead.close()


def test_it_goes_on_while_nobody_asks_and_not_too_far(tmp_path: Path) -> None:
    ahead = ahead_of(compressed(packed(tmp_path, gzip.compress(CONTENT))))
    ahead.read(BLOCK)
    ahead.read(BLOCK)
    process = ahead._process
    assert process is not None
    assert soon(lambda: process._blocks[:] == CONTENT[2 * BLOCK : 6 * BLOCK])
    time.sleep(0.05)
    assert process._blocks[:] == CONTENT[2 * BLOCK : 6 * BLOCK]
    assert ahead.read(BLOCK) == CONTENT[2 * BLOCK : 3 * BLOCK]
    assert soon(lambda: process._blocks[:BLOCK] == CONTENT[6 * BLOCK : 7 * BLOCK])
    ahead.close()


def test_how_far_the_file_was_read_is_how_far_we_have_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analyzer.capture.compression._COMPRESSED_BYTES", BLOCK)
    ahead = ahead_of(compressed(packed(tmp_path, gzip.compress(CONTENT))))
    for block in range(1, 11):
        ahead.read(BLOCK)
        time.sleep(0.01)
        assert block - 1 <= ahead._file.position() // BLOCK <= block + 2
    ahead.close()


def test_a_fault_comes_after_what_was_before_it_and_stays(tmp_path: Path) -> None:
    content = gzip.compress(CONTENT)
    path = packed(tmp_path, content[: len(content) // 2])
    ahead = ahead_of(compressed(path))
    came, said = until_a_fault(ahead)
    assert said == "it ends inside its gzip stream"
    assert CONTENT.startswith(came)
    assert len(came) > len(content) // 2 - BLOCK
    assert number_of(ahead)
    assert until_a_fault(ahead) == (b"", said)
    ahead.close()


def test_its_warnings_are_ours(tmp_path: Path) -> None:
    content = gzip.compress(CONTENT)
    ahead = ahead_of(compressed(packed(tmp_path, content + b"something else")))
    ahead.warnings.append("an earlier one")
    assert everything(ahead) == CONTENT
    assert number_of(ahead)
    assert ahead.warnings == [
        "an earlier one",
        f"the data from byte {len(content)} of the file on is not gzip data and is ignored",
    ]
    ahead.close()


def test_ended_from_outside(tmp_path: Path) -> None:
    ahead = ahead_of(compressed(packed(tmp_path, gzip.compress(CONTENT))))
    came = ahead.read(BLOCK) + ahead.read(BLOCK)
    os.kill(number_of(ahead), signal.SIGKILL)
    more, said = until_a_fault(ahead)
    assert "was killed" in said
    assert CONTENT.startswith(came + more)
    ahead.close()


def test_ctrl_c_is_for_its_parent(tmp_path: Path) -> None:
    ahead = ahead_of(compressed(packed(tmp_path, gzip.compress(CONTENT))))
    came = ahead.read(BLOCK) + ahead.read(BLOCK) + ahead.read(BLOCK)
    os.kill(number_of(ahead), signal.SIGINT)
    assert came + everything(ahead) == CONTENT
    ahead.close()


def test_ctrl_c_while_it_begins_loses_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fork = os.fork

    def interrupted() -> int:
        number = fork()
        if number:
            signal.raise_signal(signal.SIGINT)
        return number

    monkeypatch.setattr(os, "fork", interrupted)
    ahead = ahead_of(compressed(packed(tmp_path, gzip.compress(CONTENT))))
    ahead.read(BLOCK)
    with pytest.raises(KeyboardInterrupt):
        ahead.read(BLOCK)
    number = number_of(ahead)
    assert not is_gone(number)
    ahead.close()
    assert is_gone(number)


def test_left_in_the_middle(tmp_path: Path) -> None:
    ahead = ahead_of(compressed(packed(tmp_path, gzip.compress(CONTENT))))
    ahead.read(BLOCK)
    ahead.read(BLOCK)
    number = number_of(ahead)
    assert not is_gone(number)
    ahead.close()
    ahead.close()
    assert is_gone(number)
    assert ahead._stream.closed


def test_two_at_a_time(tmp_path: Path) -> None:
    """The second process has the first one's pipes, which must not keep anybody waiting."""
    path = packed(tmp_path, gzip.compress(CONTENT))
    first, second = ahead_of(compressed(path)), ahead_of(compressed(path))
    for ahead in (first, second):
        ahead.read(BLOCK)
        ahead.read(BLOCK)
    first.close()
    assert len(everything(second)) == len(CONTENT) - 2 * BLOCK
    second.close()


def test_where_no_process_is_granted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> int:
        raise BlockingIOError

    monkeypatch.setattr(os, "fork", refuse)
    ahead = ahead_of(compressed(packed(tmp_path, gzip.compress(CONTENT))))
    assert everything(ahead) == CONTENT
    assert ahead._process is None
    ahead.close()


def test_not_beside_threads_nor_on_one_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = "import os; from analyzer.capture.decompress_ahead import _may_fork; print(_may_fork())"
    said = subprocess.run([sys.executable, "-c", alone], capture_output=True, text=True, check=True).stdout
    assert said == f"{len(os.sched_getaffinity(0)) > 1}\n"
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    done = threading.Event()
    thread = threading.Thread(target=done.wait, daemon=True)
    thread.start()
    assert not MAY_FORK()
    done.set()
    thread.join()
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    monkeypatch.setattr(os, "listdir", lambda _: ["1"])
    assert not MAY_FORK()


def large(tmp_path: Path, pack: Callable[[bytes], bytes] = lambda content: gzip.compress(content, 0)) -> Path:
    frame = random.Random(9).randbytes(60_000)
    return packed(tmp_path, pack(pcap([frame] * 400)))


def test_it_ends_with_its_parent(tmp_path: Path) -> None:
    code = (
        "import os, sys, time\nfrom analyzer.capture import decompress_ahead, open_capture\n"
        "decompress_ahead._may_fork = lambda: True\nrecords = open_capture(sys.argv[1])\n"
        "for _ in range(200): records.advance()\n"
        "print(records._bytes._process._number, flush=True)\ntime.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, large(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        number = int(parent.stdout.readline())
        assert not is_gone(number)
        parent.kill()
    assert soon(lambda: is_gone(number))


@pytest.mark.slow
@pytest.mark.parametrize("name", COMPRESSORS)
def test_large_compressed_files_are_read_so(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(decompress_ahead, "_may_fork", lambda: True)
    with open_capture(large(tmp_path, COMPRESSORS[name])) as records:
        assert isinstance(records._bytes, DecompressAhead)
        frames = 0
        while records.advance():
            frames += 1
        assert (frames, records.truncated, records.warnings) == (400, False, [])
        assert number_of(records._bytes)


def test_small_ones_are_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    echo = Path(__file__).resolve().parents[2] / "captures" / "echo.pcap"
    with open_capture(packed(tmp_path, gzip.compress(echo.read_bytes()))) as records:
        while records.advance():
            pass
        assert isinstance(records._bytes, DecompressAhead)
        assert records._bytes._process is None
