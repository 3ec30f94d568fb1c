"""Steps through the records of a capture of any format: a block of bytes, and where the frame lies in it."""

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
"""The largest number of warnings about faults that do not stop the reading. A hostile file could hold millions."""

_MOST_CAPTURED: Final = 256 * 1024
_MOST_CAPTURED_OF_LINK: Final = {
    189: 128 * 1024 * 1024,  # LINKTYPE_USB_LINUX
    220: 128 * 1024 * 1024,  # LINKTYPE_USB_LINUX_MMAPPED
    231: 128 * 1024 * 1024,  # LINKTYPE_DBUS
    249: 128 * 1024 * 1024,  # LINKTYPE_USBPCAP
    279: 32 * 1024 * 1024,  # LINKTYPE_EBHSCR
}


def most_captured(link_type: int) -> int:
    """Return the size of the longest plausible pcap record. A longer record is damaged.

    The snapshot length of the file does not count, as in Wireshark, because real files exceed it. The numbers are those
    of Wireshark's wiretap and libpcap: 256 KiB, or more if a message can be longer.

    Args:
        link_type: The LINKTYPE_ number of the frames.

    Returns:
        The number of bytes.
    """
    return _MOST_CAPTURED_OF_LINK.get(link_type, _MOST_CAPTURED)


class Records:
    """The frames of one capture, one at a time, without an object for each frame.

    After `advance` returns True, the frame is `block[offset : offset + captured]`, until the next `advance`.

    A context manager: leaving it closes the file.

    Attributes:
        block: Bytes read recently. Only a record that lies across two blocks is copied.
        offset: Where the frame begins in `block`.
        captured: The number of captured bytes. They are always there.
        original: The number of bytes on the wire, by the file. So it can be less than `captured`.
        time_ns: Nanoseconds since the epoch; 0 in a simple packet block of pcapng, which has no time.
        link_type: The LINKTYPE_ number of the frame's interface.
        frame: The number of the frame, from 1, as in Wireshark. It gives a number also to some pcapng blocks without a
            packet (journal entries, system calls, custom blocks), so there are gaps.
        format: "pcap", "pcapng" or "snoop".
        truncated: Whether the reading stopped early: the file is truncated or damaged, or the source failed.
        warnings: A sentence for each fault of the reading.
        link_types: The LINKTYPE_ numbers declared so far, in order, each once.
        lost: The largest possible number of frames that the capture lost, by what was read so far; None if the file
            does not report it, e.g. every pcap file. The true number may be smaller: libpcap counts a frame lost on
            loopback twice, and a network card counts frames before the capture filter.
        file: The file that is read; None if the source is not a file.
        compressed: Whether the file is compressed.
    """

    def __init__(self, data: Bytes, capture_format: str) -> None:
        """Begin before the first frame.

        Args:
            data: The bytes of the capture, decompressed.
            capture_format: "pcap", "pcapng" or "snoop".
        """
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
        self._position: i64 = 0  # of the next record, in `block`
        self._block_start: i64 = 0  # of `block[0]`, in the file
        self._ahead: bytes = b""  # the block after `block`, if a record lies across both
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
        """Step to the next frame.

        No content of a file makes this raise an error. If a record is truncated or damaged, or the source fails, it
        sets `truncated`, adds the reason to `warnings` and returns False.

        Returns:
            False at the end, and on all later calls.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Close the file that `open_capture` opened. Standard input and the stream of `open_stream` stay open."""
        self._drop()
        self._bytes.close()

    def _fetch(self, needed: i64) -> bool:
        """Get at least `needed` bytes into `block` from `_position` on. Return False if the source ends first.

        Only a record that lies across two blocks is copied. Memory is allocated only for bytes that were read.
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
        """Read two 32-bit numbers in the byte order of the file. The first is in the upper half of the result.

        If the first is 2**31 or more, the sign of the result depends on the build. So mask each number.
        """
        if not self._little:
            return read_i64_be(self.block, position)
        swapped = read_i64_le(self.block, position)
        return ((swapped & 0xFFFFFFFF) << 32) | ((swapped >> 32) & 0xFFFFFFFF)

    def _skip(self, count: i64) -> bool:
        """Skip `count` bytes. Return False if the source ends first."""
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
        """Where the next record begins in the (decompressed) file, from 0."""
        return self._block_start + self._position

    def _end(self) -> bool:
        """Conclude at the end of the source, which is between two records or inside one."""
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
