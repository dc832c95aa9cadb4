"""fairlearn's MetricFrame with its bootstrap; MIT licence: fairness_fairlearn.py FILE DRAWS."""

from __future__ import annotations

import sys

import numpy as np
from common.costs import peak_mb, spent, tell
from fairlearn.metrics import (
    MetricFrame,
    equalized_odds_difference,
    false_negative_rate,
    false_positive_rate,
    selection_rate,
    true_positive_rate,
)
from sklearn.metrics import accuracy_score, precision_score

with np.load(sys.argv[1]) as file:
    y, acted, group = (file[name] for name in ("y", "acted", "group"))
draws = int(sys.argv[2])
METRICS = {
    "selection_rate": selection_rate,
    "recall": true_positive_rate,
    "false_positive_rate": false_positive_rate,
    "false_negative_rate": false_negative_rate,
    "precision": precision_score,
    "accuracy": accuracy_score,
}


def judge(size: int, draws: int) -> MetricFrame:
    """The rates and gaps of the first rows, each with its interval."""
    frame = MetricFrame(
        metrics=METRICS,
        y_true=y[:size],
        y_pred=acted[:size],
        sensitive_features=group[:size],
        n_boot=draws,
        ci_quantiles=[0.05, 0.5, 0.95],
        random_state=0,
    )
    frame.by_group_ci, frame.difference_ci(), frame.ratio_ci()
    return frame


judge(500, 2)
held, before = peak_mb(), spent()
frame = judge(y.size, draws)
cost, peak = spent() - before, peak_mb() - held
low, high = frame.by_group_ci[0]["selection_rate"].iloc[0], frame.by_group_ci[2]["selection_rate"].iloc[0]
tell(
    cpu=cost,
    peak=peak,
    rates={name: frame.by_group[name].tolist() for name in METRICS},
    gaps={name: float(frame.difference()[name]) for name in METRICS},
    ratios={name: float(frame.ratio()[name]) for name in METRICS},
    odds=float(equalized_odds_difference(y, acted, sensitive_features=group)),
    spread=float(high - low) / (2 * 1.6448536),
)
