"""The walk over a capture's records, whatever their format: blocks of bytes and where the frame lies."""

from __future__ import annotations

from types import TracebackType
from typing import Final

from librt.strings import read_i64_be, read_i64_le
from mypy_extensions import i64

from analyzer.capture.source import BLOCK_BYTES, Bytes, SourceFault, reason_of
from analyzer.capture.stored_file import StoredFile
from analyzer.text import Message

__all__ = ["MOST_WARNINGS", "Records", "most_captured"]

MOST_WARNINGS: Final = 16
"""How many faults that do not stop the reading are reported; a hostile file could hold millions."""

_MOST_CAPTURED: Final = 256 * 1024
_MOST_CAPTURED_OF_LINK: Final = {
    189: 128 * 1024 * 1024,  # LINKTYPE_USB_LINUX
    220: 128 * 1024 * 1024,  # LINKTYPE_USB_LINUX_MMAPPED
    231: 128 * 1024 * 1024,  # LINKTYPE_DBUS
    249: 128 * 1024 * 1024,  # LINKTYPE_USBPCAP
    279: 32 * 1024 * 1024,  # LINKTYPE_EBHSCR
}


def most_captured(link_type: int) -> int:
    """The most bytes a pcap record of this link type can plausibly hold; a longer one is damage.

    The file's own snapshot length does not count, as it does not for Wireshark: real files break it. The
    numbers are those of Wireshark's wiretap and libpcap: 256 KiB, and more where one message can be longer.
    """
    return _MOST_CAPTURED_OF_LINK.get(link_type, _MOST_CAPTURED)


class Records:
    """The frames of one capture, one at a time, without an object per frame.

    After `advance` answers True the frame is `block[offset:offset + captured]`, until the next `advance`.
    A context manager: leaving it closes the file.

    block: bytes read lately, as `bytes`; at most a record or two of them are copied.
    offset: where in `block` the frame starts.
    captured: bytes captured, never more than are there.
    original: bytes on the wire, as the file says it (so it can be less than `captured`).
    time_ns: integer nanoseconds since the epoch; 0 in a pcapng simple packet block, which has none.
    link_type: the LINKTYPE_ number of this frame's interface.
    frame: the frame's number, from 1, as Wireshark counts; pcapng blocks that Wireshark numbers although
        they hold no packet (journal entries, system calls, custom blocks) leave a gap.
    format: "pcap", "pcapng" or "snoop".
    truncated: the reading stopped before a clean end: cut off, damaged, or the source failed.
    warnings: a sentence for each fault that stopped or marred the reading.
    link_types: the LINKTYPE_ numbers declared so far, in order, each once.
    lost: how many frames the capture lost, at most, as far as it has been read; None where nothing says so,
        as in every pcap file. It is a bound, because libpcap counts a lost frame of loopback twice and a
        network card counts what no capture filter has seen.
    file: the file it is read from; None where it does not come from a file on a disk.
    compressed: whether it was.
    """

    def __init__(self, data: Bytes, capture_format: str) -> None:
        self.block: bytes = b""
        self.offset: i64 = 0
        self.captured: i64 = 0
        self.original: i64 = 0
        self.time_ns: i64 = 0
        self.link_type: i64 = 0
        self.frame: i64 = 0
        self._without_packet: i64 = 0  # numbers given to blocks that hold no packet
        self.format: str = capture_format
        self.truncated: bool = False
        self.warnings: list[str] = data.warnings
        self.link_types: list[int] = []
        self.lost: int | None = None
        self.file: StoredFile | None = None
        self.compressed: bool = False
        self._little: bool = True
        self._bytes: Bytes = data
        self._position: i64 = 0  # in `block`, of the record to come
        self._block_start: i64 = 0  # in the file, of `block[0]`
        self._ahead: bytes = b""  # the block after `block`, where a record lies across both
        self._ahead_position: i64 = 0
        self._ended: bool = False
        self._failure: str = ""
        self._link_types_seen: set[int] = set()

    def __enter__(self) -> Records:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def advance(self) -> bool:
        """Step to the next frame; False at the end, and ever after.

        Nothing in a file makes it raise: where a record is cut off or damaged, or the source fails, it sets
        `truncated`, says why in `warnings` and answers False.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Close what `open_capture` opened (never standard input, nor a stream given to `open_stream`)."""
        self._drop()
        self._bytes.close()

    def _fetch(self, needed: i64) -> bool:
        """Have at least `needed` bytes in `block` from `_position` on; False where the source ends first.

        Only a record that lies across two blocks is copied; allocated is only what was really read.
        """
        have: i64 = len(self.block) - self._position
        if have >= needed:
            return True
        pieces = [self.block[self._position :]]
        self._block_start += self._position
        self._position = 0
        while have < needed:
            left: i64 = len(self._ahead) - self._ahead_position
            if left == 0:
                self._ahead = self._next_block()
                self._ahead_position = 0
                left = len(self._ahead)
                if left == 0:
                    break
            if have == 0 and left >= needed:
                self.block = self._ahead
                self._position = self._ahead_position
                self._block_start -= self._ahead_position
                self._ahead = b""
                self._ahead_position = 0
                return True
            take: i64 = needed - have
            if take > left:
                take = left
            pieces.append(self._ahead[self._ahead_position : self._ahead_position + take])
            self._ahead_position += take
            have += take
        self.block = b"".join(pieces)
        return have >= needed

    def _pair(self, position: i64) -> i64:
        """Two 32-bit numbers in the byte order of the file, the first in the upper half.

        Whether a first one above 2**31 makes it negative depends on the build: mask what is taken from it.
        """
        if not self._little:
            return read_i64_be(self.block, position)
        swapped = read_i64_le(self.block, position)
        return ((swapped & 0xFFFFFFFF) << 32) | ((swapped >> 32) & 0xFFFFFFFF)

    def _skip(self, count: i64) -> bool:
        """Go `count` bytes on without keeping them; False where the source ends first."""
        have: i64 = len(self.block) - self._position
        while have < count:
            count -= have
            self._position += have
            if not self._fetch(1):
                return False
            have = len(self.block) - self._position
        self._position += count
        return True

    def _next_block(self) -> bytes:
        if self._ended:
            return b""
        try:
            piece = self._bytes.read(BLOCK_BYTES)
        except (OSError, SourceFault) as error:
            self._failure = Message("reading stopped: {reason}", reason=reason_of(error))
            piece = b""
        if not piece:
            self._ended = True
        return piece

    def _byte(self) -> int:
        """Where the record to come starts in the (decompressed) file, from 0."""
        return self._block_start + self._position

    def _end(self) -> bool:
        """The source has ended: cleanly between two records, or inside one."""
        if self._failure or self._position < len(self.block):
            return self._stop(self._cut(self._byte()))
        self._drop()
        return False

    def _cut(self, byte: int) -> str:
        if self._failure:
            return self._failure
        frames = self.frame - self._without_packet
        if frames == 0:
            return Message("capture truncated at byte {byte}, before the first complete frame", byte=byte)
        if frames == 1:
            return Message(
                "capture truncated at byte {byte}; showing the one complete frame before it", byte=byte
            )
        return Message(
            "capture truncated at byte {byte}; showing the {count} complete frames before it",
            byte=byte,
            count=frames,
        )

    def _stop(self, sentence: str) -> bool:
        self.truncated = True
        self.warnings.append(sentence)
        self._drop()
        return False

    def _warn(self, sentence: str) -> None:
        if len(self.warnings) < MOST_WARNINGS:
            self.warnings.append(sentence)

    def _drop(self) -> None:
        self._ended = True
        self._failure = ""
        self.block = b""
        self.offset = 0
        self.captured = 0
        self._position = 0
        self._ahead = b""
        self._ahead_position = 0

    def _declare(self, link_type: int) -> None:
        if link_type not in self._link_types_seen:
            self._link_types_seen.add(link_type)
            self.link_types.append(link_type)
