"""The laboratory: real servers and clients on this machine, whose traffic is captured.

`scenarios` holds the sessions themselves (sockets only, nothing is captured), `stage` what they are made
of, `record` captures one into a file, and `recording` looks after the octets of that file.
"""
