"""The one loop over the frames of a capture (`loop`), and what feeds it: stored captures (`stored`), captures that
grow (`growing`), a capture around a piece of code (`session`). `reading` holds all options of reading."""
