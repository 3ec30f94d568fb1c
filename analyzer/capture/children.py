"""A child process that writes bytes for us, and that certainly ends when this process does.

The child has its own session, so Ctrl-C in the terminal reaches only this process, which then ends the child in order.
A guardian, a second small process, holds the reading end of a pipe whose writing end is ours. When this process is
gone, for any reason, the guardian sees the end of the pipe, ends the child's whole group and removes the folder of its
temporary files. Until the guardian runs, the child is a shell that waits for a word from us, and ends if the pipe ends
first. So no program ever runs that nobody would end.

A parent-death signal is not enough. Linux clears it for a program with capabilities, e.g. a dumpcap that lets ordinary
users capture. It depends on the thread that started the child, and it does not reach the child's own children.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final

from analyzer.errors import InputError
from analyzer.text import inert, say

__all__ = ["Child", "temporary_folder"]

MOST_WORDS: Final = 1 << 16
"""The number of bytes kept from the beginning of the child's standard error, and the same number from its end."""

STOPPED_WITHIN: Final = 5.0  # seconds, after the signal that ends it in order
TERMINATED_WITHIN: Final = 1.0  # seconds, after SIGTERM
LOOK_EVERY: Final = 0.002  # seconds

_GUARDIAN: Final = """
import os, signal, sys, time
if not os.read(0, 1):
    for number, looks in ((signal.SIGTERM, 25), (signal.SIGKILL, 1)) if int(sys.argv[1]) else ():
        try:
            os.killpg(int(sys.argv[1]), number)
            for _ in range(looks):
                time.sleep(0.02)
                os.killpg(int(sys.argv[1]), 0)
        except OSError:
            break
    for path in sys.argv[2:]:
        import shutil
        for _ in range(50):
            shutil.rmtree(path, ignore_errors=True)
            try:
                os.unlink(path)
            except OSError:
                pass
            if not os.path.lexists(path):
                break
            time.sleep(0.02)
"""

_WAITING: Final = 'read -r go && exec "$0" "$@" </dev/null'
"""The child until its guardian runs."""


class Child:
    """A running program. Its standard output is `output`; a thread reads its standard error.

    A context manager: leaving it always ends the program and closes `output`.

    Attributes:
        program: The name of the program.
        output: The reading end of its standard output. It stays open after `end` until `close`, so the last output of
            the program can still be read.
    """

    def __init__(self, command: Sequence[str], *, folder: bool = False) -> None:
        """Start the program and its guardian.

        Args:
            command: The path of the program and its arguments.
            folder: Whether the program gets its own folder for temporary files, which is removed at the end.

        Raises:
            InputError: The program or its guardian cannot be started.
        """
        self._folder = _new_name() if folder else None
        try:
            if not os.access(command[0], os.X_OK):
                # Fail here, because the shell would report this in its own words.
                os.stat(command[0])
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", _WAITING, *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                start_new_session=True,
                env=None if self._folder is None else {**os.environ, "TMPDIR": self._folder},
            )
        except (OSError, ValueError) as error:
            raise InputError(
                say(
                    "the capture program {program} cannot be started ({reason}): install it again",
                    program=inert(command[0]),
                    reason=inert(getattr(error, "strerror", None) or str(error)),
                )
            ) from error
        self.program: str = inert(os.path.basename(command[0]))
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._go = self._process.stdin
        self.output = self._process.stdout
        self._errors = self._process.stderr
        self._said = b""
        self._silent = False
        self._heard = threading.Condition()
        self._interrupted = False
        self._guardian: subprocess.Popen[bytes] | None = None
        self._listener = threading.Thread(target=self._listen, name=f"words of {self.program}", daemon=True)
        try:
            self._guardian = _guard(self._process.pid, *([self._folder] if self._folder else []))
            if self._folder is not None:
                _make_folder(self._folder)
            self._listener.start()
            with suppress(BrokenPipeError):  # it was killed; its end is noticed in the usual way
                self._go.write(b"go\n")
            self._go.close()
        except BaseException:
            self.end(0.0)
            self.output.close()
            raise

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """End the program and close `output`, which no thread may be reading any more."""
        try:
            self.end()
        finally:
            self.output.close()

    @property
    def pid(self) -> int:
        """The number of the process and of its group."""
        return self._process.pid

    def words(self) -> str:
        """Return what it has written to standard error so far, with carriage returns as ends of lines."""
        with self._heard:
            said = self._said
        return said.decode("utf-8", "replace").replace("\r", "\n")

    def wait_for(self, words: re.Pattern[str], within: float) -> bool:
        """Wait until it writes `words` to standard error. Return False if it ends, or `within` seconds pass, first."""
        with self._heard:
            self._heard.wait_for(lambda: self._silent or words.search(self._text()) is not None, within)
            return words.search(self._text()) is not None

    @property
    def silent(self) -> bool:
        """Whether it has closed its standard error, e.g. because it has ended."""
        return self._silent

    def interrupt(self) -> None:
        """Ask it to end in order; the second call ends it by force. For signal handlers and any thread."""
        if self._process.returncode is not None:
            return
        with suppress(ProcessLookupError, PermissionError):
            if self._interrupted:
                os.killpg(self._process.pid, signal.SIGKILL)
            else:
                os.kill(self._process.pid, signal.SIGINT)
        self._interrupted = True

    def end(self, within: float = STOPPED_WITHIN) -> int:
        """Make sure that it and its children have ended.

        What it still writes is lost unless somebody reads `output`. Afterwards only `output` is left.

        Args:
            within: The seconds it has to end in order after SIGINT.

        Returns:
            Its exit status; minus the number of the signal if a signal ended it.
        """
        process = self._process
        try:
            if within > 0 and not self._interrupted:
                self.interrupt()
            self._ended(within)
        finally:
            for number, patience in ((signal.SIGTERM, TERMINATED_WITHIN), (signal.SIGKILL, STOPPED_WITHIN)):
                if self._ended(0.0):
                    break
                self._signal_group(number)
                self._ended(patience)
            # Its own children, if it has left any. No other group gets its number before it is waited for.
            if process.returncode is None:
                self._signal_group(signal.SIGKILL)
                process.wait()
            self._release()
        return process.returncode

    def _ended(self, within: float) -> bool:
        """Whether it ends within this many seconds. Where the system allows, it is not reaped yet."""
        process = self._process
        deadline = time.monotonic() + within
        while process.returncode is None:
            if hasattr(os, "waitid"):
                flags = os.WEXITED | os.WNOWAIT | os.WNOHANG
                if os.waitid(os.P_PID, process.pid, flags) is not None:
                    return True
            elif process.poll() is not None:
                return True
            if time.monotonic() >= deadline:
                return False
            time.sleep(LOOK_EVERY)
        return True

    def _signal_group(self, number: int) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    def _release(self) -> None:
        if self._listener.ident is not None:
            self._listener.join(TERMINATED_WITHIN)
        self._errors.close()
        self._go.close()
        folder, self._folder = self._folder, None
        if folder is not None:
            _remove_folder(folder)
        guardian, self._guardian = self._guardian, None
        _dismiss(guardian)

    def _listen(self) -> None:
        descriptor = self._errors.fileno()
        while True:
            try:
                piece = os.read(descriptor, 4096)
            except OSError:
                piece = b""
            with self._heard:
                self._said += piece
                if len(self._said) > 2 * MOST_WORDS:
                    self._said = self._said[:MOST_WORDS] + self._said[-MOST_WORDS:]
                self._silent = not piece
                self._heard.notify_all()
            if not piece:
                return

    def _text(self) -> str:
        return self._said.decode("utf-8", "replace").replace("\r", "\n")


@contextmanager
def temporary_folder(*others: str) -> Iterator[str]:
    """Make a folder that is removed afterwards, also if this process is killed.

    Args:
        others: Paths of files that are removed with it.

    Yields:
        The path of the folder.

    Raises:
        InputError: The folder or its guardian cannot be made.
    """
    folder = _new_name()
    guardian = _guard(0, folder, *others)
    try:
        _make_folder(folder)
        yield folder
    finally:
        _remove_folder(folder)
        for path in others:
            with suppress(OSError):
                os.unlink(path)
        _dismiss(guardian)


def _new_name() -> str:
    """Choose the name of a temporary folder. Its guardian knows the name before the folder exists."""
    with _making_a_folder():
        return os.path.join(tempfile.gettempdir(), f"tcpanalyze-{secrets.token_hex(8)}")


def _make_folder(name: str) -> None:
    with _making_a_folder():
        os.mkdir(name, 0o700)


@contextmanager
def _making_a_folder() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(
            say(
                "a temporary folder cannot be created ({reason}): set TMPDIR to another folder",
                reason=inert(error.strerror or str(error)),
            )
        ) from error


def _remove_folder(folder: str) -> None:
    """Remove a folder. Repeat this for a while, because killed children may still write into it."""
    deadline = time.monotonic() + TERMINATED_WITHIN
    while True:
        shutil.rmtree(folder, ignore_errors=True)
        if not os.path.exists(folder) or time.monotonic() >= deadline:
            return
        time.sleep(LOOK_EVERY)


def _dismiss(guardian: subprocess.Popen[bytes] | None) -> None:
    """Tell a guardian that it has nothing left to do."""
    if guardian is None or guardian.stdin is None:
        return
    with suppress(OSError):
        guardian.stdin.write(b".")
    with suppress(OSError):
        guardian.stdin.close()
    guardian.wait()


def _guard(group: int, *paths: str) -> subprocess.Popen[bytes] | None:
    """Start the process that ends a group and removes paths when this process is gone.

    Args:
        group: The number of the group; 0 for none.
        paths: The files and folders.

    Returns:
        The guardian; None if there is no Python to run it.

    Raises:
        InputError: It cannot be started.
    """
    if not sys.executable:
        return None
    try:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _GUARDIAN, str(group), *paths],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            start_new_session=True,
        )
    except OSError as error:
        raise InputError(
            say(
                "cannot start {python} ({reason}), and capturing needs it as a second process: "
                "use a Python that you may run",
                python=inert(sys.executable),
                reason=inert(error.strerror or str(error)),
            )
        ) from error
