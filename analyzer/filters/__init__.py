"""The language in which connections are chosen and sorted. It knows no report: the schema and the described
connections come in as values."""
