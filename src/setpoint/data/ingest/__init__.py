"""Ingest: files become rows under contract; what breaks it is set aside with its reason."""
