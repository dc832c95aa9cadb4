"""The counts of each group of held-out rows as a model decided them: guardrails, card and report read the same."""

from __future__ import annotations

import numpy as np

from setpoint.core.rng import seed_for
from setpoint.learn.sides import Examples
from setpoint.measure.fairness_counts import GroupCounts, count_groups
from setpoint.measure.metrics import log_losses, squared_errors

RATE_OF = {
    **{name: name for name in ("selection_rate", "false_positive_rate", "recall", "precision", "accuracy")},
    "log_loss": "log_loss",
    "brier": "brier",
    "business": "value",
}
"""Metrics whose gap is read from the counts, and the rate of each there."""


def counts_of(
    rows: Examples, groups: np.ndarray, *, p: np.ndarray, acted: np.ndarray, value: np.ndarray, draws: int, seed: int
) -> GroupCounts:
    """The counts of each group by outcome and action, and the sums of calibration, losses and value.

    Rows of a day (UTC) are drawn together, and alike for all attributes of the same rows.

    >>> import pyarrow as pa
    >>> rows = Examples(pa.table({}), pa.table({}), np.array([1.0, 0.0]), np.zeros(2, dtype=np.int64))
    >>> half, acted = np.array([0.5, 0.5]), np.array([True, False])
    >>> found = counts_of(rows, np.array(["a", "b"]), p=half, acted=acted, value=half, draws=10, seed=0)
    >>> found.values("selection_rate").tolist(), found.values("calibration").tolist()
    ([1.0, 0.0], [-0.5, 0.5])
    """
    means = {
        "calibration": p - rows.y,
        "log_loss": log_losses(rows.y, p),
        "brier": squared_errors(rows.y, p),
        "value": value,
    }
    return count_groups(
        groups,
        rows.y,
        acted,
        means=means,
        cluster=rows.days,
        weight=rows.weight,
        draws=draws,
        seed=seed_for(seed, "gate", "groups"),
    )
