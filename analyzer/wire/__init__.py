"""A captured frame -> the numbers of one TCP segment, or the reason why it holds none."""
