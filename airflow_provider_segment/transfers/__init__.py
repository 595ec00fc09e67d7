"""Operators that move data from somewhere else to Segment."""
