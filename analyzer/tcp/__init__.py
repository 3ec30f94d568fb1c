"""What TCP means: sequence numbers, states, endpoints, connections, labels, notes, verdicts.

No I/O, no clock, nothing installed but mypy_extensions: time comes with each segment.
"""
