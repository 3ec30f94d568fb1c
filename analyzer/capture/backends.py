"""The programs that can capture: how to call each, and how it reports that it is ready and what it lost.

Each has a row. The first row has the shortest delay: tcpdump in immediate mode hands over every frame at once, dumpcap
after at most 250 ms. tshark starts a dumpcap of its own and takes half a second to be ready. pyshark runs dumpcap and
tshark and is far slower, so it captures only if it is named.
"""

from __future__ import annotations

import os
import re
from typing import Final, NamedTuple

__all__ = [
    "BACKENDS",
    "DOWN",
    "FORBIDDEN",
    "KERNEL_BUFFER_MEGABYTES",
    "NAMED",
    "NO_DEVICE",
    "NO_FILTER",
    "PYSHARK",
    "Backend",
    "command_line",
]

KERNEL_BUFFER_MEGABYTES: Final = 64
"""The buffer of the kernel for a reader that falls behind. The programs' default of 2 MiB loses half of a burst.

In immediate mode every frame takes 128 KiB of it on loopback, however short it is. So tcpdump gets twice as much,
which is enough for 1024 frames, or 20 ms at 50,000 frames per second.
"""


class Backend(NamedTuple):
    """One capture program.

    Attributes:
        name: The name of the program.
        command: Its arguments. An argument that is exactly `{interface}` or `{filter}` is replaced.
        filter_command: The arguments added if there is a filter.
        ready: Matches the message on standard error after which no frame is missed.
        losses: Each matches a message about lost frames, with their number in the first group.
        closing: Matches the last message of the program. Without it the number of lost frames is unknown.
        folder: Whether it writes temporary files. It then gets a folder for them, which is removed.
    """

    name: str
    command: tuple[str, ...]
    filter_command: tuple[str, ...]
    ready: re.Pattern[str]
    losses: tuple[re.Pattern[str], ...]
    closing: re.Pattern[str]
    folder: bool = False


BACKENDS: Final[dict[str, Backend]] = {
    "tcpdump": Backend(
        name="tcpdump",
        command=(
            "--immediate-mode", "-U", "-n", "--time-stamp-precision=nano",
            "-B", str(2 * KERNEL_BUFFER_MEGABYTES * 1024), "-w", "-", "-i", "{interface}",
        ),
        filter_command=("--", "{filter}"),
        ready=re.compile(r"listening on ", re.MULTILINE),
        losses=(
            re.compile(r"^(\d+) packets? dropped by kernel", re.MULTILINE),
            re.compile(r"^(\d+) packets? dropped by interface", re.MULTILINE),
        ),
        closing=re.compile(r"^\d+ packets? captured", re.MULTILINE),
    ),
    "dumpcap": Backend(
        name="dumpcap",
        command=("-q", "-B", str(KERNEL_BUFFER_MEGABYTES), "-w", "-", "-i", "{interface}"),
        filter_command=("-f", "{filter}"),
        ready=re.compile(r"^File: ", re.MULTILINE),
        losses=(re.compile(r"^Packets received/dropped on interface '.*': \d+/(\d+) \(", re.MULTILINE),),
        closing=re.compile(r"^Packets received/dropped", re.MULTILINE),
    ),
    "tshark": Backend(
        name="tshark",
        command=("-q", "-n", "-B", str(KERNEL_BUFFER_MEGABYTES), "-w", "-", "-i", "{interface}"),
        filter_command=("-f", "{filter}"),
        # Its message "Capturing on ..." comes about 30 ms too early.
        ready=re.compile(r"-- Capture started|^File: ", re.MULTILINE),
        losses=(re.compile(r"^(?:tshark: )?(\d+) packets? dropped", re.MULTILINE),),
        closing=re.compile(r"^\d+ packets? captured", re.MULTILINE),
    ),
}  # fmt: skip
"""The programs that `auto` chooses from."""

PYSHARK: Final = Backend(
    name="pyshark",
    # The program is Python. -P: do not import from the folder of the script.
    command=(
        "-P", os.path.join(os.path.dirname(os.path.abspath(__file__)), "pyshark_frames.py"),
        "{interface}", "{filter}", str(KERNEL_BUFFER_MEGABYTES),
    ),
    filter_command=(),
    ready=re.compile(r"^pyshark: capturing$", re.MULTILINE),
    losses=(*BACKENDS["dumpcap"].losses, *BACKENDS["tshark"].losses),
    closing=BACKENDS["dumpcap"].closing,
    folder=True,
)  # fmt: skip

NAMED: Final[dict[str, Backend]] = {**BACKENDS, PYSHARK.name: PYSHARK}
"""The programs that `--backend` can name."""

FORBIDDEN: Final = re.compile(
    r"do(?:es)?(?: not|n't) have permission|not permitted|Permission denied|EPERM|EACCES", re.IGNORECASE
)
"""Matches the error messages of all programs if capturing is not permitted."""

NO_DEVICE: Final = re.compile(r"no such device|there is no device named", re.IGNORECASE)

NO_FILTER: Final = re.compile(
    r"(?:valid capture filter \(|^tcpdump: (?=can't parse|unknown |illegal |invalid |mask |non-network |"
    r"expected |port '|port range '|'|VLAN |MPLS |[\w -]+ \d+ (?:greater than maximum|overflows) ))"
    r"(?:can't parse filter expression(?:: *)?)?([^\n]*?)\)?\.?$",
    re.MULTILINE,
)
"""Matches the error message for a capture filter that libpcap does not compile, with the reason in a group. tcpdump
prints only the reason, in the words of libpcap's gencode.c. Its messages about an interface begin with the name of the
interface."""

DOWN: Final = re.compile(r"\bis not up\b|network is down", re.IGNORECASE)


def command_line(backend: Backend, program: str, interface: str, capture_filter: str) -> list[str]:
    """Make the argument list that captures from an interface to standard output.

    No shell reads the interface or the filter, and both stand where the program expects a value.

    Args:
        backend: The row of the program.
        program: The path of the program.
        interface: The name of the interface.
        capture_filter: A capture filter of libpcap; empty captures every frame.

    Returns:
        The program and its arguments.
    """
    arguments = backend.command + (backend.filter_command if capture_filter else ())
    values = {"{interface}": interface, "{filter}": capture_filter}
    return [program, *(values.get(argument, argument) for argument in arguments)]
