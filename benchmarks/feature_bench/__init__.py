"""What `benchmarks/features.py` measures, one file for each way in which features are read or fed."""
