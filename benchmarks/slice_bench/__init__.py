"""The parts of benchmarks/slices.py: rows with planted slices, and our contender."""
