"""Signals while something runs that must not be broken off."""

from __future__ import annotations

import signal
import threading

import pytest

from analyzer.signals import undisturbed


def test_it_waits_for_the_end() -> None:
    reached: list[str] = []

    def load() -> None:
        with undisturbed():
            signal.raise_signal(signal.SIGINT)
            reached.append("what follows inside")
        reached.append("what follows outside")

    with pytest.raises(KeyboardInterrupt):
        load()
    assert reached == ["what follows inside"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_it_comes_before_what_went_wrong() -> None:
    def load() -> None:
        with undisturbed():
            signal.raise_signal(signal.SIGINT)
            raise ImportError

    with pytest.raises(KeyboardInterrupt) as caught:
        load()
    assert isinstance(caught.value.__context__, ImportError)


def test_who_ignores_it_goes_on_ignoring_it() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with undisturbed():
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


def test_signals_wait_while_a_child_is_started() -> None:
    before = signal.getsignal(signal.SIGHUP)
    inside: list[object] = []

    def disturb() -> None:
        with undisturbed():
            signal.raise_signal(signal.SIGINT)
            inside.append(signal.getsignal(signal.SIGHUP))

    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with pytest.raises(KeyboardInterrupt):
            disturb()
        # It came to its end, and a signal that is ignored stayed so.
        assert inside == [signal.SIG_IGN]
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGHUP, before)


def test_another_thread_leaves_signals_alone() -> None:
    found: list[object] = []

    def look() -> None:
        with undisturbed():
            found.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert found == [signal.getsignal(signal.SIGINT)]
