"""The layers that a packet may be wrapped in: how to recognise each, where its content begins, and its values.

The `read` of a row takes the bytes of its layer and returns its contents. Each content has a code of `skips.py`, which
is the key of the next row. Contents without a row are counted under the name of the code. Nothing is guessed: if a
layer does not name its content, or has impossible values, its content is not read.

A row stands next to the function that reads it, in the module of what identifies the layer: a link type
(`link_layers`, `wireless`, `capture_headers`), an EtherType (`in_ethernet`), an IP protocol (`in_ip`), or a port
(`in_udp`).
"""

from __future__ import annotations

from typing import Final

from analyzer.wire.encapsulations import capture_headers, in_ethernet, in_ip, in_udp, link_layers, wireless
from analyzer.wire.encapsulations.span import CutError, Span

__all__ = ["ENCAPSULATIONS", "CutError", "Span"]

_ROWS: Final = (
    *link_layers.ROWS,
    *wireless.ROWS,
    *capture_headers.ROWS,
    *in_ethernet.ROWS,
    *in_ip.ROWS,
    *in_udp.ROWS,
)

ENCAPSULATIONS: Final = {key: row for row in _ROWS for key in row.keys}
"""Code of `skips.py` -> how to read a layer with this code."""

assert len(ENCAPSULATIONS) == sum(len(row.keys) for row in _ROWS), "two rows for one code"
