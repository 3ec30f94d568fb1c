from __future__ import annotations

import lzma
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zstandard

from analyzer.capture import compression
from analyzer.capture.compression import (
    DECOMPRESS_FLOOR,
    MAGIC_BYTES,
    CompressedBytes,
    compression_of,
    is_compressed,
)
from analyzer.capture.source import BLOCK_BYTES, Bytes, SourceFault, SourceRefusal, bytes_of_path
from tests.capture.builders import COMPRESSORS, RESERVED, SKIPPABLE, ZSTD_HEADER, zstd_block, zstd_run
from tests.capture.reading import in_pieces


@pytest.fixture(autouse=True, params=["isal", "zlib"])
def with_and_without_isal(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The extra `fast` changes how long gzip takes, and of a sound file nothing else."""
    if request.param == "zlib":
        monkeypatch.setitem(sys.modules, "isal", None)
    compression._inflates.cache_clear()
    assert compression._inflates().__module__.startswith({"isal": "isal", "zlib": "zlib"}[request.param])
    yield
    compression._inflates.cache_clear()


SIZES = [1, 7, 1 << 20]
EVERY = pytest.mark.parametrize("name", COMPRESSORS)


def undone(compressed: bytes, size: int = 1 << 20, limit: int | None = None) -> CompressedBytes:
    return CompressedBytes(Bytes(in_pieces(compressed, size), "test", False), limit)


def everything(data: Bytes) -> bytes:
    return b"".join(iter(lambda: data.read(BLOCK_BYTES), b""))


def until_the_fault(data: Bytes) -> tuple[bytes, SourceFault]:
    read = bytearray()
    try:
        while piece := data.read(BLOCK_BYTES):
            read += piece
    except SourceFault as fault:
        return bytes(read), fault
    raise AssertionError("no fault")


@EVERY
@pytest.mark.parametrize("size", SIZES)
def test_several_members_with_padding(name: str, size: int) -> None:
    pack = COMPRESSORS[name]
    compressed = pack(b"one ") + pack(b"") + bytes(100) + pack(b"two") + bytes(8)
    data = undone(compressed, size)
    assert everything(data) == b"one two"
    assert data.compression == name
    assert data.warnings == []


@pytest.mark.parametrize("name", ["zstd", "lz4"])
@pytest.mark.parametrize("size", SIZES)
def test_skippable_frames(name: str, size: int) -> None:
    pack = COMPRESSORS[name]
    assert is_compressed(SKIPPABLE)
    data = undone(SKIPPABLE * 2 + pack(b"one ") + SKIPPABLE + pack(b"two") + SKIPPABLE, size)
    assert everything(data) == b"one two"
    assert data.warnings == []


def test_nothing_but_skippable_frames_and_one_that_is_cut() -> None:
    assert everything(undone(SKIPPABLE)) == b""
    assert everything(undone(SKIPPABLE[:-2])) == b""


@EVERY
def test_what_it_is_comes_from_its_first_bytes(name: str) -> None:
    assert compression_of(COMPRESSORS[name](b"abc")[:MAGIC_BYTES]) == name
    assert compression_of(b"\xd4\xc3\xb2\xa1") == ""
    assert not is_compressed(b"\xd4\xc3\xb2\xa1")


@EVERY
@pytest.mark.parametrize("size", SIZES[1:])
def test_one_that_ends_early_gives_what_came_before(name: str, size: int) -> None:
    content = os.urandom(30_000) * 3
    data = undone(COMPRESSORS[name](content) + COMPRESSORS[name](content)[:-9], size)
    read, fault = until_the_fault(data)
    assert str(fault) == f"it ends inside its {name} stream"
    assert len(read) >= len(content)
    assert (content * 2).startswith(read)


@pytest.mark.slow
@EVERY
def test_damage_in_the_middle_loses_little_of_what_came_before(name: str) -> None:
    content = os.urandom(3_000_000)
    compressed = bytearray(COMPRESSORS[name](content))
    middle = len(compressed) // 2
    compressed[middle : middle + 4000] = bytes(4000)
    read, fault = until_the_fault(undone(bytes(compressed)))
    # lz4 compresses nothing here and notices at the end of all, by the checksum of the content.
    whole = min(middle - 900_000, len(read))
    assert read[:whole] == content[:whole]
    assert len(read) > middle - 950_000
    assert str(fault)


@pytest.mark.parametrize("size", [7, 1 << 20])
def test_of_damaged_zstd_all_blocks_before_come_out(size: int, tmp_path: Path) -> None:
    block = 1 << 17
    runs = b"".join(zstd_run(bytes([byte]), block) for byte in range(15))
    path = tmp_path / "capture"
    path.write_bytes(ZSTD_HEADER + runs + zstd_block(RESERVED, b""))
    for data in (undone(path.read_bytes(), size), CompressedBytes(bytes_of_path(path))):
        read, _ = until_the_fault(data)
        assert read == b"".join(bytes([byte]) * block for byte in range(15))
        data.close()


@EVERY
def test_a_wrong_checksum(name: str) -> None:
    compressed = bytearray(COMPRESSORS[name](b"abc" * 100))
    # The sum is at the end; in gzip the length follows it, in xz an index and a footer.
    at = {"gzip": -8, "xz": -36, "bzip2": -3}.get(name, -1)
    compressed[at] ^= 0x10
    read, fault = until_the_fault(undone(bytes(compressed)))
    assert len(read) <= 300
    assert not isinstance(fault, SourceRefusal)


@EVERY
@pytest.mark.parametrize("size", SIZES)
def test_what_follows_is_left_out_with_a_warning(name: str, size: int) -> None:
    compressed = COMPRESSORS[name](b"abc")
    other = COMPRESSORS["xz" if name == "gzip" else "gzip"](b"def")
    for garbage in (b"garbage", b"\x01", other):
        data = undone(compressed + garbage, size)
        assert everything(data) == b"abc"
        said = f"the data from byte {len(compressed)} of the file on is not {name} data and is ignored"
        assert data.warnings == [said]


@EVERY
def test_a_block_at_a_time(name: str) -> None:
    data = undone(COMPRESSORS[name](bytes(8 * BLOCK_BYTES)), limit=0)
    count = 0
    while piece := data.read(BLOCK_BYTES):
        assert len(piece) < BLOCK_BYTES + 4096
        count += len(piece)
    assert count == 8 * BLOCK_BYTES


class IntoRoom(Bytes):
    """What `bytes` puts into memory of that many bytes."""

    def __init__(self, data: CompressedBytes, room: int) -> None:
        super().__init__(data._stream, data.name, False)
        self._bytes = data
        self._room = memoryview(bytearray(room))

    def _more(self, most: int) -> bytes:
        return bytes(self._room[: self._bytes.read_into(self._room)])


@EVERY
@pytest.mark.parametrize("room", [5, 4096, BLOCK_BYTES])
def test_into_memory_that_is_there(name: str, room: int) -> None:
    content = os.urandom(5000) + bytes(room * 4) + b"the end"
    data = undone(COMPRESSORS[name](content) + COMPRESSORS[name](b"another"))
    assert data.peek(7) == content[:7]
    assert everything(IntoRoom(data, room)) == content + b"another"
    assert data.read_into(memoryview(bytearray(room))) == 0


@pytest.mark.slow
@EVERY
@pytest.mark.parametrize("room", [4096, BLOCK_BYTES])
def test_into_memory_up_to_a_fault_or_the_limit(name: str, room: int, tmp_path: Path) -> None:
    content = os.urandom(3_000_000)
    path = tmp_path / "capture"
    path.write_bytes(COMPRESSORS[name](content)[:-9])
    for data in (undone(path.read_bytes()), CompressedBytes(bytes_of_path(path))):
        read, fault = until_the_fault(IntoRoom(data, room))
        assert str(fault) == f"it ends inside its {name} stream"
        assert content.startswith(read)
        assert len(read) > len(content) - 950_000
        data.close()
    limited = undone(COMPRESSORS[name](content), limit=100_000)
    read, fault = until_the_fault(IntoRoom(limited, room))
    assert (len(read), type(fault)) == (100_000, SourceRefusal)


@EVERY
@pytest.mark.parametrize("limit", [1, 100_000, 5_000_000])
def test_no_more_than_the_limit_comes_out(name: str, limit: int) -> None:
    read, fault = until_the_fault(undone(COMPRESSORS[name](bytes(5_000_001)), limit=limit))
    assert len(read) == limit
    assert isinstance(fault, SourceRefusal)
    assert f"the limit of {limit} bytes: raise --decompress-limit" in str(fault)
    assert len(everything(undone(COMPRESSORS[name](bytes(limit)), limit=limit))) == limit


@pytest.mark.slow
@EVERY
def test_a_bomb_is_stopped_unless_it_is_trusted(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert DECOMPRESS_FLOOR == 256 << 20
    monkeypatch.setattr(compression, "DECOMPRESS_FLOOR", 3 << 20)
    monkeypatch.setattr(compression, "MOST_EXPANSION", 100)
    bomb = COMPRESSORS[name](bytes(20_000_000))
    read, fault = until_the_fault(undone(bomb))
    assert 3 << 20 <= len(read) <= max(3 << 20, 100 * len(bomb))
    assert "which is unusual for a capture: if you trust it, use --decompress-limit none" in str(fault)
    assert len(everything(undone(bomb, limit=0))) == 20_000_000
    # What is not suspicious is not stopped, however large.
    random = os.urandom(4 << 20)
    assert everything(undone(COMPRESSORS[name](random))) == random


def xz_with_dictionary(data: int) -> Callable[[bytes], bytes]:
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": data}]
    return lambda content: lzma.compress(content, filters=filters)


def zstd_with_window(log: int) -> Callable[[bytes], bytes]:
    def pack(content: bytes) -> bytes:
        # Flushed before the end, so that the frame does not know its length and has to name its window.
        parameters = zstandard.ZstdCompressionParameters.from_level(3, window_log=log)
        compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
        first = compressor.compress(content) + compressor.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
        return first + compressor.flush()

    return pack


@pytest.mark.parametrize("pack", [xz_with_dictionary(64 << 20), zstd_with_window(27)], ids=["xz", "zstd"])
@pytest.mark.parametrize("size", SIZES)
def test_a_large_window_is_granted_and_watched(
    pack: Callable[[bytes], bytes], size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compression, "LARGE_WINDOW_FLOOR", 200_000)
    content = os.urandom(5000)
    assert everything(undone(pack(content), size)) == content
    if size > 1:
        bomb = pack(bytes(4_000_000))
        read, fault = until_the_fault(undone(bomb, size))
        assert 200_000 <= len(read) <= 200_000 + 32 * len(bomb)
        assert "--decompress-limit none" in str(fault)
    assert everything(undone(pack(content), size, limit=10_000)) == content


@pytest.mark.parametrize("pack", [xz_with_dictionary(192 << 20), zstd_with_window(28)], ids=["xz", "zstd"])
def test_a_larger_window_is_not(pack: Callable[[bytes], bytes]) -> None:
    compressed = pack(b"abc" * 100)
    read, fault = until_the_fault(undone(compressed))
    assert read == b""
    assert isinstance(fault, SourceRefusal)
    assert str(fault).startswith(
        "it needs more than 128 MiB of memory to decompress: if you trust it, use --decompress-limit none"
    )
    assert everything(undone(compressed, limit=0)) == b"abc" * 100


def test_a_package_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lz4", None)
    _, fault = until_the_fault(undone(COMPRESSORS["lz4"](b"abc")))
    assert isinstance(fault, SourceRefusal)
    assert str(fault).startswith("the lz4 decompressor is missing (")
