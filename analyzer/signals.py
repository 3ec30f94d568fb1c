"""Signals that wait for the end of what must not be broken off."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["undisturbed"]

_WAITING: tuple[str, ...] = ("SIGINT", "SIGTERM", "SIGHUP")  # not every system has the last


@contextmanager
def undisturbed() -> Iterator[None]:
    """Inside, signals that would end this wait; for what is short.

    A child that is just being started would be known to nobody. An extension module of matplotlib that is interrupted
    while it loads gives an ImportError, and Python ends with an abort. Only the main thread is told of signals, so that
    elsewhere nothing is changed.
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
