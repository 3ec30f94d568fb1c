"""What a fuzzer begins with: the octets of real captures, in the shape that each target takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from analyzer.analysis.loop import Pass
from analyzer.capture import open_capture
from analyzer.errors import AnalyzerError
from tests.capture.builders import COMPRESSORS, SKIPPABLE
from tests.fuzz.targets import LINK_TYPES, pack_frame

__all__ = ["LONGEST", "seeds_of"]

LONGEST = {"options": 64, "frames": 4096, "records": 8192, "compressed": 4096, "files": 8192}
"""Target -> the most octets of an input."""

_FRAMES = 40
"""Frames looked at in one capture."""


def seeds_of(target: str, captures: Iterable[Path]) -> Iterator[bytes]:
    """The seeds of one target from all `captures`, each once."""
    seen: set[bytes] = set()
    for capture in captures:
        for seed in _SEEDS[target](capture):
            if seed and len(seed) <= LONGEST[target] and seed not in seen:
                seen.add(seed)
                yield seed


def _options(capture: Path) -> Iterator[bytes]:
    for run, _, frame in _frames(capture):
        header = run.header
        if header.options_length > 0 and header.tcp_offset >= 0:
            start = int(header.payload_offset - header.options_length)
            yield header.block[start : int(header.payload_offset)] if frame else b""


def _one_by_one_and_together(capture: Path) -> Iterator[bytes]:
    packed = [pack_frame(link, frame) for _, link, frame in _frames(capture) if link in LINK_TYPES]
    yield from packed[:4]
    together = b""
    for seed in packed:
        if len(together) + len(seed) <= LONGEST["frames"]:
            together += seed
    yield together


def _beginning(capture: Path) -> Iterator[bytes]:
    content = capture.read_bytes()
    yield content if len(content) <= LONGEST["files"] else content[: LONGEST["files"] // 2]


def _compressed(capture: Path) -> Iterator[bytes]:
    content = next(_beginning(capture))
    half = len(content) // 2
    for pack in COMPRESSORS.values():
        yield pack(content)
        yield SKIPPABLE + pack(content[:half]) + pack(content[half:]) + bytes(8)


def _frames(capture: Path) -> Iterator[tuple[Pass, int, bytes]]:
    run = Pass(0, set())
    try:
        with open_capture(capture) as records:
            while records.frame < _FRAMES and records.advance():
                segment = run.take(records) >= 0
                frame = records.block[records.offset : records.offset + records.captured]
                yield run, int(records.link_type), frame if segment or records.frame < 4 else b""
    except AnalyzerError:
        return


_SEEDS = {
    "options": _options,
    "frames": _one_by_one_and_together,
    "records": _beginning,
    "compressed": _compressed,
    "files": _beginning,
}
