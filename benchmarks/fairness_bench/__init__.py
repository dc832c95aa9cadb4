"""The parts of benchmarks/fairness.py: rows with unequal groups, and our contender."""
