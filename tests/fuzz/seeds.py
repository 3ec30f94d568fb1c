"""What a fuzzer begins with: the bytes of real captures, in the shape that each target takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from analyzer.analysis.loop import segments
from analyzer.analysis.reading import ORDINARY
from analyzer.capture import open_capture
from analyzer.errors import AnalyzerError
from analyzer.tcp.machine import Machine
from analyzer.tcp.step import Step
from analyzer.wire.header import Header
from tests.capture.builders import COMPRESSORS, SKIPPABLE
from tests.fuzz.targets import LINK_TYPES, pack_frame

__all__ = ["LONGEST", "seeds_of"]

LONGEST = {"options": 64, "frames": 4096, "records": 8192, "compressed": 4096, "files": 8192}
"""Target -> the most bytes of an input."""

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
    for options, _, _ in _frames(capture):
        yield options


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


class _Options:
    """Keeps the options of the segment that came last; None where none has come since they were taken."""

    def __init__(self) -> None:
        self._found: bytes | None = None

    def taken(self) -> bytes | None:
        found, self._found = self._found, None
        return found

    def segment(self, header: Header, step: Step, connection: Machine, frame: int, time_ns: int) -> None:
        end = int(header.payload_offset)
        self._found = header.block[end - int(header.options_length) : end]

    def ended(self, connection: Machine, left: bool) -> None:
        pass


def _frames(capture: Path) -> Iterator[tuple[bytes, int, bytes]]:
    """The options of the segment in a frame, its link type, and the frame if it holds one or is among the first."""
    options = _Options()
    try:
        with open_capture(capture) as records:
            run = segments(records, ORDINARY, options)
            before = 0
            while records.frame < _FRAMES and run.run(1):
                found = options.taken()
                frame = records.block[records.offset : records.offset + records.captured]
                yield found or b"", int(records.link_type), frame if found is not None or before < 3 else b""
                before = int(records.frame)
    except AnalyzerError:
        return


_SEEDS = {
    "options": _options,
    "frames": _one_by_one_and_together,
    "records": _beginning,
    "compressed": _compressed,
    "files": _beginning,
}
