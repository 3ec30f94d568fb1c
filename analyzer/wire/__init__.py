"""Turns a captured frame into the numbers of one TCP segment, or into the reason why it holds none."""
