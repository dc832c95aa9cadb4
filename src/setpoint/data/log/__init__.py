"""Logs: what was told to a system and what it took in, kept for good, and the rows that were set aside."""
