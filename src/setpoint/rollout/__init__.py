"""Releasing models: when to train, what the shadow shows, and what follows from it."""
