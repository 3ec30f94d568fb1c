"""A connection -> a sequence diagram in abstract units. Draws nothing: the reports do."""
