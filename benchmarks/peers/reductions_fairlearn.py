"""fairlearn's ExponentiatedGradient and GridSearch; MIT licence: reductions_fairlearn.py FILE LIMIT."""

from __future__ import annotations

import sys

import numpy as np
from common.costs import peak_mb, spent, tell
from fairlearn.reductions import DemographicParity, ExponentiatedGradient
from sklearn.linear_model import LogisticRegression

with np.load(sys.argv[1]) as file:
    x, y, group, ends = (file[name] for name in ("x", "y", "group", "ends"))
held_out = np.arange(ends[1], ends[2])
# fairlearn bounds each group's distance from all, ours the distance between groups.
limit = DemographicParity(difference_bound=float(sys.argv[2]) / 2)
held, before = peak_mb(), spent()
# The rows that ours validates by are given to fairlearn to train on.
model = ExponentiatedGradient(LogisticRegression(max_iter=200), limit, eps=float(sys.argv[2]) / 2)
model.fit(x[: ends[1]], y[: ends[1]], sensitive_features=group[: ends[1]])
cost, peak = spent() - before, peak_mb() - held
chance = model._pmf_predict(x[held_out])[:, 1]  # the lottery's chance of acting
truth = y[held_out] > 0
rates = [float(chance[group[held_out] == name].mean()) for name in ("a", "b")]
tell(cpu=cost, peak=peak, fair=[float(np.where(truth, 1 - chance, chance).mean()), abs(rates[0] - rates[1])])
