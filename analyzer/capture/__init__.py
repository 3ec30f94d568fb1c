"""Where frames come from: stored and running captures, read one record after the other.

`open_capture` opens a path (or `-`, standard input), and `open_stream` opens anything with a `read`. Both return
`Records`, whose `advance` steps from frame to frame without an object for each frame. The formats are pcap (both byte
orders, microseconds and nanoseconds, the modified record header), pcapng (several sections, several interfaces) and
snoop, plain or compressed with gzip, zstd, lz4, xz or bzip2. The first bytes of a file decide its format, never its
name. Records cannot rewind: for a second pass, open the path again.

`open_live` in `analyzer.capture.live_capture` returns `Records` from a capture program. It is not imported here,
because a stored capture does not need it.
"""

from __future__ import annotations

from analyzer.capture.open import open_capture, open_stream
from analyzer.capture.records import Records

__all__ = ["Records", "open_capture", "open_stream"]
