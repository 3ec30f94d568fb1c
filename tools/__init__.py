"""What makes the documentation, and what sets a checkout up. None of it is in the wheel."""
