"""The frames of a running capture, read from the output of the capture program as it comes."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO, cast

from analyzer.capture.frame_writer import FrameWriter
from analyzer.capture.marker import Marker
from analyzer.capture.open import open_stream
from analyzer.capture.pcap_writer import PcapWriter
from analyzer.capture.records import Records
from analyzer.capture.source import Bytes
from analyzer.capture.waiting import Waiting
from analyzer.errors import CaptureFormatError, OutputError
from analyzer.text import Message

__all__ = ["LiveRecords"]


class LiveRecords(Records):
    """The frames of a running capture, numbered from 1. Each frame is written to the file before it is returned."""

    def __init__(
        self,
        waiting: Waiting,
        interface: str,
        writer: FrameWriter | None,
        marker: Marker | None = None,
        *,
        meet: Callable[[int], None],
        conclude: Callable[[], None],
    ) -> None:
        """Make the records; the output of the program is opened at the first `advance`.

        Args:
            waiting: The output of the program.
            interface: The name of the interface, for messages.
            writer: The file that keeps the frames; None if there is none.
            marker: The markers to look for; None if there are none.
            meet: Called with the number of each marker that was captured.
            conclude: Called when the frames have ended.
        """
        # The program writes a file header, at the latest with its first frame. The true format is known then.
        super().__init__(
            Bytes(cast(BinaryIO, waiting), interface, False),
            "pcap" if isinstance(writer, PcapWriter) else "pcapng",
        )
        self._interface = interface
        self._meet = meet
        self._conclude = conclude
        self._waiting = waiting
        self._writer = writer
        self._marker = marker
        self._inner: Records | None = None
        self._over = False

    def advance(self) -> bool:
        """Wait for the next frame and step to it. Return False if the capture has ended. See `Records.advance`."""
        if self._over or not (self._inner or self._open()):
            return self._finish()
        inner = self._inner
        assert inner is not None
        while True:
            if not inner.advance():
                return self._finish()
            if self._marker is None or not (number := self._marker.number_in(inner)):
                break
            if number > 0:
                self._meet(number)
        self.block = inner.block
        self.offset = inner.offset
        self.captured = inner.captured
        self.original = inner.original
        self.time_ns = inner.time_ns
        self.link_type = inner.link_type
        self.frame += 1
        if self._writer is not None:
            try:
                self._writer.add(inner)
            except OutputError as error:
                self._writer = None
                sentence = Message(
                    "only {count} frames are kept, because {reason}", count=self.frame - 1, reason=error
                )
                self._warn(sentence)
        return True

    def close(self) -> None:
        """Close the records. See `Records.close`."""
        self._over = True
        if self._inner is not None:
            self._inner.close()
        super().close()

    def _open(self) -> bool:
        try:
            self._inner = open_stream(cast(BinaryIO, self._waiting), self._interface)
        except CaptureFormatError as error:
            if self._waiting.seen:
                self._stop(str(error))
            return False
        if self._writer is None:
            self.format = self._inner.format
        self.link_types = self._inner.link_types
        return True

    def _finish(self) -> bool:
        if not self._over:
            self._over = True
            if self._inner is not None:
                self.truncated = self._inner.truncated
                self.warnings.extend(self._inner.warnings)
            self._conclude()
            self._drop()
        return False
