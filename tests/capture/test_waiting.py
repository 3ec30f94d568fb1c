"""What a program has written waits in order and in bounded memory. With a capture program: test_live_capture.py."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from typing import BinaryIO

import pytest

from analyzer.capture import waiting as module
from analyzer.capture.waiting import Waiting

Pipe = tuple[BinaryIO, BinaryIO]


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    """The end that a program writes to, and the one that is read."""
    read, write = os.pipe()
    with open(read, "rb", buffering=0) as output, open(write, "wb", buffering=0) as program:
        yield program, output


def test_all_that_was_written_comes_in_order_and_then_the_end(pipe: Pipe) -> None:
    program, output = pipe
    waiting = Waiting(output)
    assert not waiting.seen
    program.write(b"first ")
    program.write(b"second")
    program.close()
    pieces = list(iter(lambda: waiting.read(1), b""))
    assert b"".join(pieces) == b"first second"
    assert (waiting.seen, waiting.bytes, waiting.read(1)) == (True, 0, b"")
    waiting.join(5)


def test_past_the_most_it_is_left_in_the_pipe(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 10)
    monkeypatch.setattr(module, "PIPE_BYTES", 4096)
    program, output = pipe
    os.set_blocking(program.fileno(), False)
    waiting = Waiting(output)
    written = 0
    deadline = time.monotonic() + 0.5
    while time.monotonic() < deadline:
        written += program.write(b"x" * 1024) or 0
    assert 0 < waiting.bytes <= 10 + 4096 < written
    waiting.discard()
    program.close()
    waiting.join(5)


def test_what_nobody_asks_for_any_more_is_taken_and_dropped(pipe: Pipe) -> None:
    program, output = pipe
    waiting = Waiting(output)
    waiting.discard()
    program.write(b"late")
    program.close()
    waiting.join(5)
    assert (waiting.seen, waiting.bytes, waiting.read(1)) == (True, 0, b"")


def test_it_waits_in_short_stretches_so_that_a_signal_is_noticed(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    program, output = pipe
    waiting = Waiting(output)
    stretches: list[float | None] = []
    wait = waiting._changed.wait

    def watched(timeout: float | None = None) -> bool:
        stretches.append(timeout)
        return wait(timeout)

    monkeypatch.setattr(waiting._changed, "wait", watched)
    threading.Timer(0.05, program.write, [b"late"]).start()
    assert waiting.read(1) == b"late"
    assert stretches
    assert all(stretch is not None and stretch <= 0.5 for stretch in stretches)
    program.close()
    waiting.join(5)
