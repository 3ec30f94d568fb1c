"""The commands of `tcpanalyze`. Each module holds one: its options, what it reads, which reports it writes."""

from __future__ import annotations

from typing import Final

__all__ = ["COMMANDS"]

COMMANDS: Final = {
    "live": "show a running capture, segment by segment",
    "check": "compare captures with expectations, for CI",
    "interfaces": "list the interfaces and whether you may capture there",
    "demo": "run real servers and clients and show their traffic",
    "explain": "explain one segment in full",
    "diff": "compare two captures of the same exchange",
    "verify": "compare the analysis with tshark, frame by frame",
}
"""Name of the command and of its module -> what it does. Any other first argument is a capture to show."""
