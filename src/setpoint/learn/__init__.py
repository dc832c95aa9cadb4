"""Training: search, calibration, threshold, leak audit, baselines and the gate; `train.py` is the story."""
