"""The layers that a packet may be wrapped in: how each is recognised, where its inside begins, what it says.

A row's `read` is given the bytes of its layer and answers with what is inside: each inside is named by a code of
`skips.py`, which is the key of the next row. What has no row is counted under that code's name. Nothing is guessed: a
layer that does not say what it holds, or says something impossible, holds nothing that is read.

A row stands beside the function that reads it, in the module of what the layer is known by: a link type
(`link_layers`, `wireless`, `capture_headers`), an EtherType (`in_ethernet`), a protocol of IP (`in_ip`), a port
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
"""Code of `skips.py` -> how what it names is read."""

assert len(ENCAPSULATIONS) == sum(len(row.keys) for row in _ROWS), "two rows for one code"
