"""Screens: what a person looks at, made of data alone."""
