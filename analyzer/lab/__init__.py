"""The laboratory: real servers and clients whose traffic is captured.

The modules named after a theme (`basics`, `endings`, `openings`, `trouble`, `by_hand`, `others`) hold the scenarios,
and `scenarios` lists them. A scenario does not know that it is captured. It uses `stage`, which has the sockets and the
second thread, `namespace` and `relay`, which make machines and networks, and `packets`, which makes packets that a
kernel never sends. `needs` lists what a scenario may need, and `promise` what its capture must show. `record` captures
a scenario into a file. `both_ends` records one exchange at both of its ends.
"""
