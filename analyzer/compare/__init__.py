"""Two captures of the same exchange -> what is missing, repeated, later or changed. No I/O, no words for a reader."""
