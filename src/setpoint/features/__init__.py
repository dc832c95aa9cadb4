"""Features: folds over what a decision could know, the same bits offline, in batch and online."""
