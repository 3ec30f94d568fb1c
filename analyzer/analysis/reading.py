"""The options of reading a capture, in one value."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final, NamedTuple

from analyzer.capture import Records, open_capture
from analyzer.errors import UsageError
from analyzer.text import say

__all__ = [
    "CONNECTIONS_HELD",
    "CONNECTIONS_HELD_OF_A_MEBIBYTE",
    "ORDINARY",
    "Reading",
    "Watch",
    "stored_file",
]

CONNECTIONS_HELD: Final = 1_000_000
"""This many connections take about 1 GiB in the compiled build, and three times that in the interpreted one."""

CONNECTIONS_HELD_OF_A_MEBIBYTE: Final = 10_000
"""For each MiB of a compressed file. A flood of SYNs compresses to nearly nothing, but its memory should grow only with
the size of the file. Real captures have a few thousand connections in each MiB."""

Watch = Callable[[Records], None]


class Reading(NamedTuple):
    """The options of reading a capture.

    Attributes:
        display_filter: Read only the frames that match this display filter of tshark. Not for standard input.
        wireshark: Give every segment exactly the notes of Wireshark 4.0.17, even if they are wrong, instead of ours.
        decompress_limit: Decompressed size limit in bytes. 0 means no limit. None means 256 MiB, or 200 times the
            compressed size if that is more. At the limit the analysis ends as if the capture were truncated there.
        hold: The largest number of connections held in memory at once, at least 2. None means `CONNECTIONS_HELD`, or
            for a compressed file `CONNECTIONS_HELD_OF_A_MEBIBYTE` for each MiB if that is less.
        watch: Called several times a second while the capture is read.
        frames: The numbers of the frames to look at; None for all. `for_file` sets it from the filter.
    """

    display_filter: str | None = None
    wireshark: bool = False
    decompress_limit: int | None = None
    hold: int | None = None
    watch: Watch | None = None
    frames: set[int] | None = None

    def for_file(self, path: str) -> Reading:
        """Apply the display filter to a capture.

        Args:
            path: The path of the capture.

        Returns:
            The same options with `frames` set, if there is a filter.

        Raises:
            UsageError: tshark refuses the filter, or the capture is standard input or a pipe.
            InputError: The capture cannot be opened or read.
            DissectionError: tshark is not installed.
        """
        if self.display_filter is None:
            return self
        from analyzer.capture.dissection import matching_frames

        return self._replace(frames=matching_frames(stored_file(path), self.display_filter))

    def open(self, path: str) -> Records:
        """Open a capture with these options. See `analyzer.capture.open.open_capture`."""
        return open_capture(path, self.decompress_limit)

    def limit(self, records: Records) -> int:
        """Compute how many connections may be held in memory.

        Args:
            records: The capture, whose size matters if it is compressed.

        Returns:
            The number of connections.

        Raises:
            UsageError: `hold` is less than 2.
        """
        if self.hold is not None:
            if self.hold < 2:
                raise UsageError(say("hold must be at least 2 connections"))
            return self.hold
        if not records.compressed or records.file is None:
            return CONNECTIONS_HELD
        return min(CONNECTIONS_HELD, CONNECTIONS_HELD_OF_A_MEBIBYTE * ((records.file.size >> 20) + 1))


ORDINARY: Final = Reading()
"""All options at their defaults."""


def stored_file(path: str | os.PathLike[str]) -> str:
    """Check that a capture can be read more than once.

    Args:
        path: The path of the capture.

    Returns:
        The path as a string.

    Raises:
        UsageError: The path is standard input or a pipe.
        InputError: The capture cannot be opened or read.
    """
    name = os.fspath(path)
    if name == "-" or (os.path.exists(name) and not os.path.isfile(name) and not os.path.isdir(name)):
        raise UsageError(
            say(
                "the capture has to be read twice, and a pipe can be read only once: store it in a file first"
            )
        )
    # Our own reader rejects what cannot be read, with its own error, before tshark sees it.
    open_capture(name).close()
    return name
