"""What a user types after `tcpanalyze`. Each command is a module: its options, its input, and the reports it writes."""

from __future__ import annotations

from typing import Final

__all__ = ["COMMANDS"]

COMMANDS: Final = {
    "live": "capture on an interface and show each segment",
    "check": "check captures against expectations, e.g. in CI",
    "interfaces": "list the network interfaces of this machine",
    "demo": "run a demonstration with real servers and clients",
    "explain": "explain one segment in detail",
    "diff": "compare two captures of the same exchange",
    "verify": "compare with the installed tshark, frame by frame",
}
"""Name of a command, and of the module that holds it -> what it does. Any other first argument is a capture for the
main command, `show`."""
