"""Expectations against what a capture shows -> findings. Reads and writes no capture; `checking` wires it."""
