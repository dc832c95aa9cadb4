"""What a model loses without each input: the input's values are shuffled among rows, and the loss is compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from setpoint.core.errors import DataError
from setpoint.core.rng import seed_for
from setpoint.measure.intervals import Interval, t_quantile
from setpoint.measure.rows import codes_for, totals
from setpoint.measure.statistic import weights_for

REPEATS = 3
"""Shuffles of each input, whose losses are averaged row by row."""

Predict = Callable[[np.ndarray], np.ndarray]
Losses = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Shuffled:
    """An input, and by how much the mean loss rises when its values are shuffled among the rows."""

    feature: str
    rise: Interval

    @property
    def matters(self) -> bool:
        """Whether the loss is shown to rise."""
        return bool(self.rise.low > 0)

    def to_dict(self) -> dict[str, Any]:
        """The input as JSON-like data."""
        return {"feature": self.feature, "rise": self.rise.to_dict()}


def permutation_importance(
    predict: Predict,
    matrix: np.ndarray,
    losses: Losses,
    names: Sequence[str],
    *,
    cluster: np.ndarray | None = None,
    weight: np.ndarray | None = None,
    repeats: int = REPEATS,
    seed: int = 0,
    level: float = 0.95,
) -> tuple[Shuffled, ...]:
    """By how much the mean loss rises without each column, greatest first, with intervals clustered by `cluster`.

    `predict` turns a matrix into predictions of any shape, and `losses` those of the rows as they stand into a loss for
    each row. Breiman (2001), "Random Forests", section 10; Fisher, Rudin and Dominici (2019), "All Models are Wrong,
    but Many are Useful". The interval is for this model on other rows: it says nothing of models trained on others. A
    row counts in the error by its own loss and by those of the rows that were given its value, as in a U-statistic
    (Hoeffding 1948).
    Shuffling breaks the link to the other columns too, so of two columns that say the same each seems to matter little,
    and the model is asked about rows that cannot be (Hooker, Mentch and Zhou 2021).

    >>> rng = np.random.default_rng(0)
    >>> rows = rng.normal(size=(400, 2))
    >>> found = permutation_importance(lambda m: m[:, 0], rows, lambda p: (p - rows[:, 0]) ** 2, ["used", "idle"])
    >>> [each.feature for each in found], found[0].matters, found[1].rise.estimate
    (['used', 'idle'], True, 0.0)
    """
    if repeats < 1:
        raise DataError(f"repeats={repeats}.", expected="at least 1")
    n = len(matrix)
    weights, (codes, clusters) = weights_for(weight, n), codes_for(cluster, n)
    before = losses(predict(matrix))
    found = []
    for j, name in enumerate(names):
        rng = np.random.default_rng(seed_for(seed, "permutation", name))
        rises, given, counted = np.zeros(n), np.zeros(n), np.zeros(n)
        for _ in range(repeats):
            shuffled, donor = matrix.copy(), rng.permutation(n)
            shuffled[:, j] = matrix[donor, j]
            rise = losses(predict(shuffled)) - before
            rises += weights * rise
            given[donor] += weights * rise
            counted[donor] += weights
        mean = float(rises.sum() / (repeats * weights.sum()))
        off = (rises + given - mean * (repeats * weights + counted)) / repeats
        found.append(Shuffled(name, clustered_interval(mean, off, weights.sum(), codes, clusters, level=level)))
    return tuple(sorted(found, key=lambda each: (-each.rise.estimate, each.feature)))


def clustered_interval(
    mean: float, off: np.ndarray, weight: float, codes: np.ndarray, clusters: int, *, level: float
) -> Interval:
    """The interval of a weighted mean from what each row puts it off by; without bounds for one cluster.

    Errors are summed by cluster (Binder 1983), with Student's quantile at clusters - 1.

    >>> found = clustered_interval(2.0, np.array([-1.0, 0.0, 1.0]), 3.0, np.arange(3), 3, level=0.95)
    >>> round(found.low, 3), found.estimate, round(found.high, 3)
    (-0.484, 2.0, 4.484)
    """
    sums = totals(codes, off, clusters)
    error = float(np.sqrt(clusters / (clusters - 1) * (sums**2).sum()) / weight) if clusters > 1 else float("nan")
    half = t_quantile(level, clusters - 1) * error
    return Interval(mean, mean - half, mean + half, level, off.size, clusters, 0, "linearised")


def find_unread(predict: Predict, matrix: np.ndarray, columns: Sequence[int], *, seed: int = 0) -> tuple[int, ...]:
    """Which of these columns change no prediction, whatever their values on these rows.

    >>> find_unread(lambda m: m[:, 0], np.arange(8.0).reshape(4, 2), [0, 1])
    (1,)
    """
    before = predict(matrix)

    def same(some: Sequence[int]) -> bool:
        shuffled = matrix.copy()
        for j in some:
            rng = np.random.default_rng(seed_for(seed, "unread", str(j)))
            shuffled[:, j] = matrix[rng.permutation(len(matrix)), j]
        return bool(np.array_equal(predict(shuffled), before))

    if not len(columns) or same(columns):
        return tuple(columns)
    return tuple(j for j in columns if same([j]))
