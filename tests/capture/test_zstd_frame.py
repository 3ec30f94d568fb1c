"""A frame of zstd gives all it holds and no more, however it comes: bytes, end and errors are as RFC 8878 has them."""

from __future__ import annotations

import gc
import itertools
import random
import weakref
from typing import Any

import pytest
import zstandard

from analyzer.capture.zstd_frame import ZstdFrame
from tests.capture.builders import COMPRESSED, RAW_BLOCK, RESERVED, ZSTD_HEADER, zstd_block, zstd_run

WINDOW = 32 << 20
MOST = 1 << 17
WITH_CHECKSUM = ZSTD_HEADER[:4] + bytes([0b0000_0100]) + ZSTD_HEADER[5:]


def contents() -> dict[str, bytes]:
    source = random.Random(7)
    return {
        "nothing": b"",
        "one byte": b"a",
        "what cannot be compressed": source.randbytes(300_000),
        "what can": bytes(source.choices(b"abcdefgh", k=400_000)),
        "runs": b"".join(bytes([byte]) * (3 * MOST) for byte in range(3)),
        "a mixture": b"".join(
            source.randbytes(5000) + bytes(20_000) + bytes(source.choices(b"tcp ", k=9000)) for _ in range(8)
        ),
    }


CONTENTS = contents()


class Fed:
    """A frame that is given `stream` in pieces, and read from whenever it does not ask for more.

    room: bytes it may write into at a time; None has it give them.
    """

    def __init__(
        self, stream: bytes, size: int, most: int = 1 << 20, *, careful: bool = False, room: bool = False
    ):
        self.frame = ZstdFrame(WINDOW, careful=careful)
        self.pieces = iter([stream[at : at + size] for at in range(0, len(stream), size)])
        self.most = most
        self.room = memoryview(bytearray(most)) if room else None
        self.out = b""

    def read(self) -> bytes:
        """All that comes out until its end, or until there are no more pieces."""
        while not self.frame.eof:
            given = b""
            if self.frame.needs_input:
                given = next(self.pieces, b"")
                if not given:
                    break
            if self.room is None:
                piece = self.frame.decompress(given, self.most)
            else:
                piece = bytes(self.room[: self.frame.decompress_into(given, self.room)])
            assert len(piece) <= self.most
            self.out += piece
        return self.out

    def after(self) -> bytes:
        """What has come behind the end, and what has not come yet."""
        return self.frame.unused_data + b"".join(self.pieces)


WAYS = [
    pytest.param(
        {"careful": careful, "room": room, "most": most}, id=f"{'careful ' * careful}{'room ' * room}{most}"
    )
    for careful, room, most in itertools.product([False, True], [False, True], [1000, 2 * MOST, 1 << 20])
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", CONTENTS)
@pytest.mark.parametrize("checksum", [False, True])
def test_all_of_it_comes_out_and_what_follows_is_left(name: str, checksum: bool, way: dict[str, Any]) -> None:
    content = CONTENTS[name]
    for level in (1, 3, 12):
        stream = zstandard.ZstdCompressor(level=level, write_checksum=checksum).compress(content)
        for size in (997, 65_537, 1 << 22):
            fed = Fed(stream + b"what follows", size, **way)
            assert fed.read() == content
            assert fed.frame.eof
            assert fed.after() == b"what follows"


@pytest.mark.parametrize("way", WAYS)
def test_an_byte_at_a_time(way: dict[str, Any]) -> None:
    stream = (
        ZSTD_HEADER
        + zstd_block(RAW_BLOCK, b"raw ")
        + zstd_run(b"-", 9)
        + zstd_block(RAW_BLOCK, b"")
        + zstd_block(RAW_BLOCK, b" end", last=True)
    )
    for size in range(1, len(stream) + 5):
        fed = Fed(stream + b"more", size, **way)
        assert fed.read() == b"raw --------- end"
        assert fed.after() == b"more"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("stop", [1, 2, 3])
def test_what_has_come_is_handed_on_before_there_is_more(stop: int, way: dict[str, Any]) -> None:
    """A pipe may pause behind any block, and the library would hold back what did not fit when it took that in."""
    blocks = [zstd_run(b"a", MOST), zstd_run(b"b", MOST), zstd_run(b"c", MOST)]
    fed = Fed(ZSTD_HEADER + b"".join(blocks[:stop]), 1 << 20, **way)
    assert fed.read() == b"".join(byte * MOST for byte in (b"a", b"b", b"c")[:stop])
    assert fed.frame.needs_input
    assert not fed.frame.eof


@pytest.mark.parametrize("way", WAYS)
def test_of_a_raw_block_what_has_come(way: dict[str, Any]) -> None:
    content = random.Random(3).randbytes(MOST)
    stream = ZSTD_HEADER + zstd_run(b"a", 5) + zstd_block(RAW_BLOCK, content, last=True)
    for cut in (1, 2000, MOST):
        fed = Fed(stream[:-cut], 5000, **way)
        assert fed.read() == b"aaaaa" + content[:-cut]
        assert not fed.frame.eof


@pytest.mark.parametrize("room", [False, True])
@pytest.mark.parametrize("most", [1000, 1 << 20])
def test_an_error_comes_after_all_that_was_before_it(most: int, room: bool) -> None:
    good = [zstd_run(b"a", MOST), zstd_run(b"b", MOST), zstd_block(RAW_BLOCK, b"c" * 7)]
    for bad in (
        zstd_block(RESERVED, b"zzz"),
        zstd_block(COMPRESSED, b"\xff" * 40),
        zstd_run(b"z", MOST + 1),
        zstd_block(RAW_BLOCK, b"z" * (MOST + 1)),
    ):
        fed = Fed(ZSTD_HEADER + b"".join(good) + bad, 1 << 20, most, careful=True, room=room)
        with pytest.raises(zstandard.ZstdError):
            fed.read()
        assert fed.out == b"a" * MOST + b"b" * MOST + b"c" * 7


def test_both_ways_in_turn() -> None:
    content = CONTENTS["a mixture"]
    frame = ZstdFrame(WINDOW, careful=False)
    room = memoryview(bytearray(2 * MOST))
    out = frame.decompress(zstandard.ZstdCompressor().compress(content), 1000)
    for most in itertools.cycle([70_000, None]):
        if frame.eof:
            break
        if most is None:
            out += room[: frame.decompress_into(b"", room)]
        else:
            out += frame.decompress(b"", most)
    assert out == content


def test_where_there_is_room_nothing_is_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    content = CONTENTS["what can"]
    frame = ZstdFrame(WINDOW, careful=False)
    monkeypatch.setattr(frame, "decompress", None)
    room = memoryview(bytearray(2 * len(content)))
    size = frame.decompress_into(zstandard.ZstdCompressor().compress(content), room)
    while count := frame.decompress_into(b"", room[size:]):
        size += count
    assert room[:size] == content


def test_a_wrong_checksum_comes_after_the_content() -> None:
    for content in (b"abc", CONTENTS["a mixture"]):
        stream = bytearray(zstandard.ZstdCompressor(write_checksum=True).compress(content))
        stream[-1] ^= 1
        fed = Fed(bytes(stream), 1 << 20, careful=True)
        with pytest.raises(zstandard.ZstdError, match="checksum"):
            fed.read()
        assert fed.out == content


def test_a_checksum_that_is_cut_is_no_end() -> None:
    stream = WITH_CHECKSUM + zstd_block(RAW_BLOCK, b"abc", last=True)
    for careful in (False, True):
        for cut in range(4):
            fed = Fed(stream + bytes(cut), 1 << 20, careful=careful)
            assert fed.read() == b"abc"
            assert not fed.frame.eof
            assert fed.frame.needs_input


def test_nothing_of_a_frame_is_kept() -> None:
    """A file may have a million of them, and each a window; nobody looks for circles of references meanwhile."""
    frame = ZstdFrame(WINDOW, careful=False)
    assert frame.decompress(zstandard.ZstdCompressor().compress(b"abc"), 100) == b"abc"
    the_frame, its_parts = weakref.ref(frame), weakref.ref(frame._parts)
    gc.disable()
    try:
        del frame
        assert the_frame() is None
        assert its_parts() is None
    finally:
        gc.enable()


def test_a_window_beyond_what_is_allowed() -> None:
    wide = ZSTD_HEADER[:5] + bytes([0b1000_0000]) + zstd_run(b"a", 3, last=True)  # 2**26 bytes
    frame = ZstdFrame(WINDOW, careful=False)
    with pytest.raises(zstandard.ZstdError, match="memory"):
        frame.decompress(wide, 100)
    assert ZstdFrame(2 * WINDOW, careful=False).decompress(wide, 100) == b"aaa"
