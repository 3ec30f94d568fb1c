"""Delay signals during a step that must not be interrupted."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["undisturbed"]

_WAITING: tuple[str, ...] = ("SIGINT", "SIGTERM", "SIGHUP")  # not every system has SIGHUP


@contextmanager
def undisturbed() -> Iterator[None]:
    """Delay signals that would end this process until the block is left. For short steps only.

    A signal while a child is started would leave a child that nobody knows. An extension module of matplotlib that is
    interrupted while it loads raises an ImportError, and Python aborts. Only the main thread receives signals, so the
    block changes nothing in any other thread.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    waiting: list[int] = []
    numbers = [signal.Signals[name] for name in _WAITING if name in signal.Signals.__members__]
    before = {number: signal.getsignal(number) for number in numbers}
    ours = {number: known for number, known in before.items() if known not in {None, signal.SIG_IGN}}
    for number in ours:
        signal.signal(number, lambda received, _: waiting.append(received))
    try:
        yield
    finally:
        for number, handler in ours.items():
            signal.signal(number, handler)
        for received in waiting[:1]:
            signal.raise_signal(received)
