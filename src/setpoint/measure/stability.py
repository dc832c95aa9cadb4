"""How stable a choice of features is: whether other rows of the same kind would have chosen the same ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from setpoint.core.errors import DataError
from setpoint.measure.intervals import normal_quantile
from setpoint.measure.rows import Array


@dataclass(frozen=True)
class Stability:
    """The stability of several choices, with its interval: 1 where all are the same, about 0 where they are by luck.

    `shares` is the share of the choices that took each feature, `chosen` how many features a choice took on average,
    `by_luck` an upper bound on how many features without any effect are among those taken in `threshold` of them.
    NaN where every choice took all features, or none: there is nothing to agree on.
    """

    index: float
    low: float
    high: float
    shares: Array
    chosen: float
    threshold: float
    by_luck: float
    choices: int

    def to_dict(self) -> dict[str, Any]:
        """The stability as JSON-like data, without the shares."""
        numbers = {"index": self.index, "low": self.low, "high": self.high}
        return {
            **{name: value if np.isfinite(value) else None for name, value in numbers.items()},
            "chosen": self.chosen,
            "threshold": self.threshold,
            "by_luck": self.by_luck,
            "choices": self.choices,
        }


def selection_stability(chosen: npt.ArrayLike, *, threshold: float = 0.6, level: float = 0.95) -> Stability:
    """The stability of choices (rows) among features (columns), by Nogueira, Sechidis and Brown (2018).

    "On the Stability of Feature Selection Algorithms", Journal of Machine Learning Research 18(174): the index of
    definition 4, which is corrected for chance, and the interval of its theorem 7, by the delta method. The bound on
    features that are there by luck is that of Meinshausen and Buehlmann (2010), "Stability Selection", Journal of the
    Royal Statistical Society B 72(4), theorem 1, of choices on halves of the rows; it is at most all features.

    >>> found = selection_stability([[1, 1, 0, 0], [1, 1, 0, 0], [1, 0, 1, 0]])
    >>> round(found.index, 3), found.shares.round(2).tolist()
    (0.333, [1.0, 0.67, 0.33, 0.0])
    """
    table = np.asarray(chosen, dtype=np.float64)
    if table.ndim != 2 or table.shape[0] < 2 or table.shape[1] < 1 or not np.isin(table, (0.0, 1.0)).all():
        raise DataError(
            f"The choices are a table of shape {table.shape}.", expected="two rows or more of 0 and 1, one a choice"
        )
    if not 0.5 < threshold <= 1.0:
        raise DataError(f"threshold={threshold}.", expected="more than 0.5 and at most 1")
    choices, features = table.shape
    shares = table.mean(axis=0)
    taken = float(shares.sum())
    by_luck = min(taken**2 / ((2 * threshold - 1) * features), float(features))
    index = low = high = float("nan")
    spread = taken / features * (1 - taken / features)
    if spread > 0:
        kept = 1 - float((shares * (1 - shares)).mean()) / spread
        index = 1 - choices / (choices - 1) * (1 - kept)
        each = table.mean(axis=1) - taken / features
        pull = -((1 - 2 * shares) * (table - shares)).mean(axis=1) + (1 - kept) * (1 - 2 * taken / features) * each
        error = float(np.sqrt(((pull / spread) ** 2).sum())) / choices
        reach = normal_quantile(level) * error
        low, high = max(index - reach, -1.0), min(index + reach, 1.0)
    return Stability(index, low, high, shares, taken, threshold, by_luck, choices)
