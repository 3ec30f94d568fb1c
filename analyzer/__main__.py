"""`python -m analyzer` is the command `tcpanalyze`."""

from __future__ import annotations

from analyzer.cli import main

main()
