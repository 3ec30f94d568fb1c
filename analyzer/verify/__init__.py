"""Our analysis of a capture beside that of the installed tshark, frame by frame."""
