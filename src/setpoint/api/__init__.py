"""Decisions over HTTP: a request is checked, one story is called, and every answer explains itself."""
