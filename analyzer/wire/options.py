"""The options of a TCP header (RFC 9293 3.1; kinds from the IANA registry)."""

from __future__ import annotations

from typing import Final

from librt.strings import read_i64_be
from mypy_extensions import i64

__all__ = ["Options"]

END: Final = 0
NO_OPERATION: Final = 1
MAXIMUM_SEGMENT_SIZE: Final = 2
WINDOW_SCALE: Final = 3
SACK_PERMITTED: Final = 4
SACK: Final = 5
TIMESTAMPS: Final = 8
MULTIPATH: Final = 30
FAST_OPEN: Final = 34
EXPERIMENT_1: Final = 253
EXPERIMENT_2: Final = 254
# RFC 7413 appendix A: the number of the experiment, before the cookie.
FAST_OPEN_MAGIC: Final = 0xF989

MULTIPATH_SUBTYPES: Final = 8
"""The subtypes of RFC 8684 3 except MP_TCPRST."""
MULTIPATH_LEAST: Final = (4, 3, 4, 4, 3, 3, 12, 12, 4, 3, 3, 3, 3, 3, 3, 3)
"""The shortest option of each subtype, in bytes."""
MULTIPATH_KEY: Final = 12
"""The shortest MP_CAPABLE with a key, in bytes (RFC 8684 3.1)."""

WINDOW_SCALE_LIMIT: Final = 14
"""RFC 7323 2.3: a greater shift must be read as 14."""


class Options:
    """The options of the latest header. -1 means that an option is absent.

    Attributes:
        maximum_segment_size: The MSS.
        window_scale: The shift; a greater one than 14 counts as 14.
        sack_permitted: Whether SACK is permitted.
        sack_blocks: The number of SACK blocks; 0 without any.
        sack_left: The left edge of the first block, which is the newest (RFC 2018 4).
        sack_right: The right edge of the first block.
        timestamp_value: TSval.
        fast_open_cookie: The length of the cookie in bytes; 0 is a request for one.
        multipath: A bit for each subtype of the MPTCP option. An MP_CAPABLE without a key does not count.
        well_formed: False if a length is below 2, runs past the header, or does not fit its kind. The options before
            the fault are kept (RFC 9293 MUST-7: garbage must not crash the reader).
        cut: Whether the capture ends inside the options.
        broken: Whether Wireshark's dissection ends inside the options: where the capture ends, or at a SACK or MPTCP
            option that is too short to hold anything.
    """

    def __init__(self) -> None:
        self.maximum_segment_size: i64 = -1
        self.window_scale: i64 = -1
        self.sack_permitted: bool = False
        self.sack_blocks: i64 = 0
        self.sack_left: i64 = -1
        self.sack_right: i64 = -1
        self.timestamp_value: i64 = -1
        self.fast_open_cookie: i64 = -1
        self.multipath: i64 = 0
        self.well_formed: bool = True
        self.cut: bool = False
        self.broken: bool = False

    def parse(self, block: bytes, offset: i64, length: i64, complete: bool) -> None:
        """Read the options in `block[offset : offset + length]`.

        Args:
            block: The bytes that hold the header.
            offset: Where the options begin.
            length: The captured length of the options.
            complete: Whether the whole header was captured. If not, an option that runs past the end is not a fault
                of the sender.
        """
        self.maximum_segment_size = -1
        self.window_scale = -1
        self.sack_permitted = False
        self.sack_blocks = 0
        self.sack_left = -1
        self.sack_right = -1
        self.timestamp_value = -1
        self.fast_open_cookie = -1
        self.multipath = 0
        self.well_formed = True
        self.cut = False
        self.broken = False
        at = offset
        end = offset + length
        while at < end:
            kind: i64 = block[at]
            if kind == END:
                return
            if kind == NO_OPERATION:
                at += 1
                continue
            if at + 1 >= end:
                break
            size: i64 = block[at + 1]
            if size < 2:
                self.well_formed = False
                return
            if at + size > end:
                break
            if not self._take(block, at, kind, size):
                self.well_formed = False
            at += size
        self.cut = not complete
        self.broken = self.broken or self.cut
        if at < end and complete:
            self.well_formed = False

    def _take(self, block: bytes, at: i64, kind: i64, size: i64) -> bool:
        """Keep one option. Return False if its length does not fit its kind."""
        if kind == TIMESTAMPS:
            if size != 10:
                return False
            both = read_i64_be(block, at + 2)
            self.timestamp_value = (both >> 32) & 0xFFFFFFFF
        elif kind == SACK:
            if size < 10:
                self.broken = True
                return False
            if (size - 2) % 8:
                return False
            self.sack_blocks = (size - 2) // 8
            edges = read_i64_be(block, at + 2)
            self.sack_left = (edges >> 32) & 0xFFFFFFFF
            self.sack_right = edges & 0xFFFFFFFF
        elif kind == MAXIMUM_SEGMENT_SIZE:
            if size != 4:
                return False
            self.maximum_segment_size = (block[at + 2] << 8) | block[at + 3]
        elif kind == WINDOW_SCALE:
            if size != 3:
                return False
            shift: i64 = block[at + 2]
            self.window_scale = WINDOW_SCALE_LIMIT if shift > WINDOW_SCALE_LIMIT else shift
        elif kind == SACK_PERMITTED:
            if size != 2:
                return False
            self.sack_permitted = True
        elif kind == MULTIPATH:
            subtype: i64 = block[at + 2] >> 4 if size > 2 else 0
            if size < MULTIPATH_LEAST[subtype]:
                self.broken = True
                return False
            if subtype < MULTIPATH_SUBTYPES and (subtype != 0 or size >= MULTIPATH_KEY):
                self.multipath |= 1 << subtype
        elif kind == FAST_OPEN:
            self.fast_open_cookie = size - 2
        elif kind in (EXPERIMENT_1, EXPERIMENT_2) and size >= 4:
            magic: i64 = (block[at + 2] << 8) | block[at + 3]
            if magic == FAST_OPEN_MAGIC:
                self.fast_open_cookie = size - 4
        return True
