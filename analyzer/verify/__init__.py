"""Compares our analysis of a capture with that of the installed tshark, frame by frame."""
