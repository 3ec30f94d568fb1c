"""Compares expectations with what a capture shows. Only `captures` reads files; the other modules take values."""
