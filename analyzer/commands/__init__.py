"""What a user types after `tcpanalyze`. Each command is a module: its options, its input, and the reports it writes."""

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
"""Name of a command, and of the module that holds it -> what it does. Any other first argument is a capture for the
main command, `show`."""
