"""Snapshots: rows as of a time, stored by their content, compared, kept and collected."""
