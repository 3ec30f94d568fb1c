"""A trace or a diagram -> text, JSON, SVG, PNG, PDF. Nothing here decides anything about TCP."""
