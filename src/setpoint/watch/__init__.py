"""Watching a live system: what the day's decisions and late labels say about its inputs, its scores and its quality."""
