"""What a user types after `tcpanalyze`. One module a command: its options, what it reads, which reports it writes."""

from __future__ import annotations

from typing import Final

__all__ = ["COMMANDS"]

COMMANDS: Final = {
    "live": "show a running capture, segment by segment",
    "check": "compare captures with expectations, for CI",
    "interfaces": "list where one may capture",
    "demo": "run a demonstration: real servers and clients",
    "explain": "tell everything about one segment",
    "diff": "compare two captures of the same exchange",
    "verify": "compare with the installed tshark, frame by frame",
}
"""Name, which is also that of the module with its `command` -> what it does. Whatever is no name here is the
capture of the main job."""
