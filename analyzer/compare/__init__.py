"""Compares two captures of the same exchange: what is missing, extra, late or changed. The words are in `report/`."""
