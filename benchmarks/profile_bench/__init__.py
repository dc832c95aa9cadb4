"""Profiles of a wide table: the data, and ours."""
