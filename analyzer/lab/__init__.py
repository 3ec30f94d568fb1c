"""The laboratory: real servers and clients whose traffic is captured.

The modules named after a theme (`basics`, `endings`, `openings`, `trouble`, `by_hand`, `others`) hold the
sessions themselves and `scenarios` lists them; nothing in them knows of any capture. `stage` is what they are
made of, `namespace` and `relay` the machines and networks that are made for them, `needs` what they need,
`promise` what a capture of them must show. `record` captures one into a file, and `recording` looks after the
octets of that file.
"""
