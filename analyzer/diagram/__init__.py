"""Lays out a connection as a sequence diagram in abstract units. The reports draw it."""
