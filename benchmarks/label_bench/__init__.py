"""The parts of benchmarks/labels.py: planted votes, the contenders, and how they are judged."""
