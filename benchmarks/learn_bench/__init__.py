"""Contenders of `learn.py` that are ours."""
