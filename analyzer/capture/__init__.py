"""Where frames come from: stored captures and running ones, read one record after another.

`open_capture` opens a path (or `-`, standard input), `open_stream` anything with a `read`; both answer
with `Records`, whose `advance` steps from frame to frame without making an object per frame. Read are pcap
(both byte orders, microseconds and nanoseconds, the modified record header), pcapng (several sections, several
interfaces) and snoop, plain or compressed with gzip, zstd, lz4, xz or bzip2. What kind a file is comes from its
first bytes, never from its name. There is no rewinding: for a second pass, open the path again.

`analyzer.capture.live_capture` has `open_live`, whose `Records` come from a capture program; it is not imported here,
because a stored capture needs none of it.
"""

from __future__ import annotations

from analyzer.capture.open import open_capture, open_stream
from analyzer.capture.records import Records

__all__ = ["Records", "open_capture", "open_stream"]
