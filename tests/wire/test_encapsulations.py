from __future__ import annotations
from analyzer.wire.header import Header
from analyzer.wire.skips import SEGMENT
from analyzer.wire.unwrap import Unwrapper


def unwrapped(frame: bytes, link_type: int, original: int | None = None) -> tuple[int, Header]:
    """What the decoder and the unwrapper make of a frame that lies in the middle of a block."""
    header, unwrapper = Header(), Unwrapper()
    block = b"\xff" * 7 + frame + b"\xff" * 80
    code = header.decode(block, 7, len(frame), len(frame) if original is None else original, link_type)
    if code != SEGMENT:
        code = unwrapper.unwrap(header, code, 7 + len(frame), 0)
    return int(code), header
