"""Reductions: people of two groups whose past outcomes were judged unequally, and our side of the comparison."""
