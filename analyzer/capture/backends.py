"""The programs that can capture: how each is called, how it says that it is ready, how it tells its losses.

One row each, the one with the least delay first: tcpdump in immediate mode hands over every frame at once,
dumpcap after at most 250 ms, and tshark starts a dumpcap of its own and takes half a second to be ready.
pyshark, which runs all of these and is far slower, captures only where it is named.
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
"""The kernel keeps this much for a reader that falls behind; the programs' own 2 MiB lose half of a burst.

In immediate mode every frame takes 128 KiB of it on loopback, however short it is, so tcpdump gets twice as
much: 1024 frames, or 20 ms of 50,000 a second.
"""


class Backend(NamedTuple):
    """One program.

    command: its arguments; `{interface}` and `{filter}` stand alone and are replaced as wholes.
    filter_command: what is added where there is a filter.
    ready: matches what it says on standard error when no frame from then on is missed.
    losses: match, in their first groups, the frames that it says were lost.
    closing: matches the words it ends with; without them nobody knows what was lost.
    folder: whether it writes temporary files, and so gets a folder for them that is removed.
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
        # It says "Capturing on ..." some 30 ms too early.
        ready=re.compile(r"-- Capture started|^File: ", re.MULTILINE),
        losses=(re.compile(r"^(?:tshark: )?(\d+) packets? dropped", re.MULTILINE),),
        closing=re.compile(r"^\d+ packets? captured", re.MULTILINE),
    ),
}  # fmt: skip
"""Those that `auto` chooses from."""

PYSHARK: Final = Backend(
    name="pyshark",
    # The program is Python. -P: the folder of the script is no place to import from.
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
"""Those that can be asked for."""

FORBIDDEN: Final = re.compile(
    r"do(?:es)?(?: not|n't) have permission|not permitted|Permission denied|EPERM|EACCES", re.IGNORECASE
)
"""What all of them say, among other things, where capturing is not allowed."""

NO_DEVICE: Final = re.compile(r"no such device|there is no device named", re.IGNORECASE)

NO_FILTER: Final = re.compile(
    r"(?:valid capture filter \(|^tcpdump: (?=can't parse|unknown |illegal |invalid |mask |non-network |"
    r"expected |port '|port range '|'|VLAN |MPLS |[\w -]+ \d+ (?:greater than maximum|overflows) ))"
    r"(?:can't parse filter expression(?:: *)?)?([^\n]*?)\)?\.?$",
    re.MULTILINE,
)
"""A capture filter that libpcap does not compile; its reason in a group. tcpdump says only the reason, as
gencode.c of libpcap words it; what it says of an interface begins with the interface's name."""

DOWN: Final = re.compile(r"\bis not up\b|network is down", re.IGNORECASE)


def command_line(backend: Backend, program: str, interface: str, capture_filter: str) -> list[str]:
    """The argument list that captures from `interface` to standard output.

    program: the path of the program. capture_filter: libpcap's language; empty takes every frame. Neither
    interface nor filter is looked at by a shell, and both stand where only a value can.
    """
    arguments = backend.command + (backend.filter_command if capture_filter else ())
    values = {"{interface}": interface, "{filter}": capture_filter}
    return [program, *(values.get(argument, argument) for argument in arguments)]
