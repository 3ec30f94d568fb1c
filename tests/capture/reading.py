"""What the capture tests share: reading a capture to its end, and streams that behave badly."""

from __future__ import annotations

import io
from typing import BinaryIO, NamedTuple, cast

from analyzer.capture import Records, open_stream


class Frame(NamedTuple):
    """One frame as `Records` showed it."""

    frame: int
    data: bytes
    original: int
    time_ns: int
    link_type: int


def frames_of(records: Records) -> list[Frame]:
    """Every frame to the end; also that the end is the end, and that each frame lies inside its block."""
    frames = []
    while records.advance():
        data = records.block[records.offset : records.offset + records.captured]
        assert len(data) == records.captured
        assert type(records.block) is bytes
        frames.append(Frame(records.frame, data, records.original, records.time_ns, records.link_type))
    assert not records.advance()
    return frames


def opened(content: bytes) -> Records:
    """The records of a capture in memory."""
    return open_stream(io.BytesIO(content), "test")


def in_pieces(content: bytes, size: int) -> BinaryIO:
    """A stream that gives at most `size` bytes a read, as a pipe may, and has neither read1 nor seek."""
    return cast(BinaryIO, _Pieces(content, size))


class _Pieces:
    def __init__(self, content: bytes, size: int) -> None:
        self._content = io.BytesIO(content)
        self._size = size

    def read(self, count: int) -> bytes:
        return self._content.read(min(count, self._size))


def failing(content: bytes, error: BaseException) -> BinaryIO:
    """A stream that gives `content` and then raises `error`."""
    return cast(BinaryIO, _Failing(content, error))


class _Failing:
    def __init__(self, content: bytes, error: BaseException) -> None:
        self._content = io.BytesIO(content)
        self._error = error

    def read(self, count: int) -> bytes:
        piece = self._content.read(count)
        if not piece:
            raise self._error
        return piece
