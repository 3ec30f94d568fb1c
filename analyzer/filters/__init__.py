"""The language that chooses and sorts connections. It does not import a report: it gets the schema and the described
connections as values."""
