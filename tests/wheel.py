"""Whether an installed tool works: `python -P tests/wheel.py compiled|interpreted captures/echo.pcap`."""

from __future__ import annotations

import sys

from analyzer import analyze
from analyzer.commands.version import build

wanted, capture = sys.argv[1:]
assert build().startswith(wanted), build()
trace = analyze(capture)
assert [connection.close.outcome for connection in trace] == ["three-segment"], trace
