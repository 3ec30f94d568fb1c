"""What the decoder and the unwrapper make of a frame, and one row of the table of some bytes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from analyzer.wire.encapsulations import ENCAPSULATIONS, Span
from analyzer.wire.encapsulations.encapsulation import Encapsulation
from analyzer.wire.header import Header
from analyzer.wire.skips import SEGMENT, skip_name
from analyzer.wire.unwrap import Unwrapper
from tests.wire.wrappings import WRAPPED

BEFORE, BEHIND = b"\xff" * 7, b"\xff" * 80


def unwrapped(frame: bytes, link_type: int, original: int | None = None) -> tuple[int, Header, Unwrapper]:
    """What the decoder and the unwrapper make of a frame that lies in the middle of a block."""
    header, unwrapper = Header(), Unwrapper()
    block = BEFORE + frame + BEHIND
    original = len(frame) if original is None else original
    code = header.decode(block, len(BEFORE), len(frame), original, link_type)
    if code != SEGMENT:
        code = unwrapper.unwrap(header, code, len(BEFORE) + len(frame), 0)
    return int(code), header, unwrapper


def inside(key: int, data: bytes) -> Sequence[Span]:
    """What the row of a code finds in bytes that are all there is."""
    return ENCAPSULATIONS[key].read(Span(key, data, 0, len(data), len(data), 0))


def untried(rows: Iterable[Encapsulation]) -> list[str]:
    """The rows that no frame of `wrappings.py` goes through, by name."""
    met = set()
    for link_type, frame, _, _ in WRAPPED.values():
        span = unwrapped(frame, link_type)[2].found
        while span is not None:
            met.add(span.key)
            span = span.outer
    # The rows of one function differ in nothing but their number.
    tried = {ENCAPSULATIONS[key].read for key in met if key in ENCAPSULATIONS}
    return [skip_name(row.keys[0]) for row in rows if row.read not in tried]
