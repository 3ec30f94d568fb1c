"""What TCP means: sequence numbers, states, endpoints, connections, labels, notes, verdicts.

No I/O, no clock, nothing installed but mypy_extensions: time comes with each segment.

mypyc compiles these modules (`COMPILED` in setup.py), and that has a price which a reader pays. What is read for every
packet is a number: states, labels and notes are `Final` integers, sets of them are masks, an endpoint is 0, 1 or -1,
and fields are `i64`, `i32` or `i16`, the small ones last. An enum, a frozenset or a tuple would be an object to make or
to look up for each of them. In return a packet takes about 1,500 instructions, and a connection less than a kibibyte.
The tables in `states.py`, `labels.py`, `notes.py` and `corrections.py` give every number its name.
"""
