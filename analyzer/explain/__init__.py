"""Everything that is known about one segment: its frame, its header, what it answers, and why it has its labels."""
