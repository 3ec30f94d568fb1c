"""The interfaces of this machine: their names, their addresses, and whether capturing is permitted."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, NamedTuple

from analyzer.capture.backends import BACKENDS, FORBIDDEN
from analyzer.errors import UsageError
from analyzer.text import Message, inert, say

__all__ = ["NO_PERMISSION", "Interface", "check_interface", "interfaces"]

ANSWERS_WITHIN: Final = 5.0  # seconds

NO_PERMISSION: Final = Message("no permission")

# What libpcap knows in addition to the interfaces of the system. It takes other names for files, hosts or extensions.
_SPECIAL: Final = re.compile(r"any|nflog(?::[0-9,]+)?" if sys.platform == "linux" else r"(?!)")


class Interface(NamedTuple):
    """A network interface.

    Attributes:
        name: Its name in the system.
        addresses: Its IP addresses, as text.
        allowed: Whether a capture program may open it; None if no program is installed.
        reason: Why not, in the words of the program.
    """

    name: str
    addresses: tuple[str, ...]
    allowed: bool | None
    reason: str


def check_interface(name: str) -> None:
    """Raise UsageError if this machine has no interface called `name`."""
    names = [known for _, known in socket.if_nameindex()]
    if name in names or _SPECIAL.fullmatch(name):
        return
    raise UsageError(
        say(
            "interface {name} does not exist: choose one of {names}",
            name=inert(name) or '""',
            names=", ".join(map(inert, names)),
        )
    )


def interfaces(find_program: Callable[[str], str | None] = shutil.which) -> list[Interface]:
    """Find every interface of this machine, in the order of the system.

    Each interface is opened for a moment, to find out whether capturing is permitted.
    """
    names = [name for _, name in socket.if_nameindex()]
    addresses = _addresses()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda name: _try(name, find_program), names))
    return [
        Interface(name, tuple(addresses.get(name, ())), allowed, reason)
        for name, (allowed, reason) in zip(names, answers, strict=True)
    ]


def _try(name: str, find_program: Callable[[str], str | None]) -> tuple[bool | None, str]:
    allowed: bool | None = None
    reason = ""
    for backend in BACKENDS.values():
        program = find_program(backend.name)
        if program is None:
            continue
        try:
            done = subprocess.run(
                [program, "-i", name, "-L"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                timeout=ANSWERS_WITHIN,
                start_new_session=True,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            allowed = False
            reason = reason or Message("{program} does not respond", program=backend.name)
            continue
        if done.returncode == 0:
            return True, ""
        words = done.stderr.decode("utf-8", "replace")
        allowed = False
        if FORBIDDEN.search(words):
            reason = NO_PERMISSION
        elif not reason and (found := re.search(rf"^{backend.name}: +(\S.*)$", words, re.MULTILINE)):
            reason = inert(found[1].removeprefix(f"{name}: "))
    return allowed, reason


def _addresses() -> dict[str, list[str]]:
    """Name of an interface -> its IP addresses; empty if the system does not provide them."""
    import ctypes
    import ctypes.util

    class Entry(ctypes.Structure):
        pass

    # The fields up to the address are the same on every system with getifaddrs.
    Entry._fields_ = [
        ("next", ctypes.POINTER(Entry)),
        ("name", ctypes.c_char_p),
        ("flags", ctypes.c_uint),
        ("address", ctypes.c_void_p),
    ]
    found: dict[str, list[str]] = {}
    try:
        library = ctypes.CDLL(None)
        get, free = library.getifaddrs, library.freeifaddrs
    except (OSError, AttributeError, TypeError):
        return found
    free.argtypes = [ctypes.POINTER(Entry)]
    free.restype = None
    first = ctypes.POINTER(Entry)()
    if get(ctypes.byref(first)) != 0:
        return found
    try:
        entry = first
        while bool(entry):
            name, address = entry.contents.name, entry.contents.address
            if name is not None and address:
                # Linux has a family of 16 bits first; the BSDs a length and a family of 8 bits.
                head = ctypes.string_at(address, 2)
                family = int.from_bytes(head, sys.byteorder) if sys.platform == "linux" else head[1]
                text = ""
                if family == socket.AF_INET:
                    text = socket.inet_ntop(family, ctypes.string_at(address + 4, 4))
                elif family == socket.AF_INET6:
                    text = socket.inet_ntop(family, ctypes.string_at(address + 8, 16))
                if text:
                    found.setdefault(name.decode("utf-8", "surrogateescape"), []).append(text)
            entry = entry.contents.next
    finally:
        free(first)
    return found
