"""The laboratory: real servers and clients whose traffic is captured.

The modules named after a theme (`basics`, `endings`, `openings`, `trouble`, `by_hand`, `others`) hold the sessions
themselves, and `scenarios` lists them. They know nothing of any capture. They use `stage`, which has the sockets and
the second thread, `namespace` and `relay`, which make machines and networks, and `packets`, which makes packets that no
kernel sends. `needs` says what a scenario needs, `promise` what a capture of it must show. `record` captures one
scenario into a file; `both_ends` records one exchange at both of its ends.
"""
