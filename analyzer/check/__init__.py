"""Expectations against what a capture shows -> findings. Reads and writes no capture; `captures` wires it."""
