"""Decisions: one at a time within a time limit, or many at once, each leaving a record before it is answered."""
