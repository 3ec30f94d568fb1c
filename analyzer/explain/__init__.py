"""Explains one segment: its frame, its header, what it acknowledges and why it has its labels."""
