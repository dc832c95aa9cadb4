"""What `benchmarks/contracts.py` measures: orders of which some break a rule, and the rules."""
