"""What errors cost at the best threshold, whatever the errors cost and however rare positives are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from setpoint.core.errors import DataError
from setpoint.measure.metrics import MetricSpec
from setpoint.measure.rows import Array, as_rows
from setpoint.measure.scores import ScoreTable, rank
from setpoint.measure.statistic import share

POINTS = 101


@dataclass(frozen=True)
class CostCurve:
    """By the share of all possible cost that missed positives would make: what is paid of it, and at which threshold.

    `cost` is that of the best threshold; `alone` is that of the better of always and never acting, 0.5 at most. A
    threshold of infinity is never acting.
    """

    positives_share: Array
    cost: Array
    alone: Array
    threshold: Array

    def at(self, *, false_positive: float, false_negative: float, base_rate: float) -> tuple[float, float]:
        """The cost per decision, and the threshold, where errors cost so much and this share is positive.

        >>> curve = cost_curve([1, 0, 1, 0], [0.9, 0.8, 0.7, 0.1])
        >>> curve.at(false_positive=1.0, false_negative=3.0, base_rate=0.5)
        (0.25, 0.7)
        """
        missed, vain = base_rate * false_negative, (1 - base_rate) * false_positive
        if not (0 <= base_rate <= 1 and min(false_positive, false_negative) >= 0 and missed + vain > 0):
            raise DataError(
                f"Errors cost {false_positive} and {false_negative} at a base rate of {base_rate}.",
                expected="costs of zero or more, and a share",
            )
        at = missed / (missed + vain)
        place = int(np.abs(self.positives_share - at).argmin())
        return float((missed + vain) * np.interp(at, self.positives_share, self.cost)), float(self.threshold[place])

    def to_dict(self) -> dict[str, Any]:
        """The curve as JSON-like data; a threshold that nothing reaches becomes None."""
        return {
            "positives_share": self.positives_share.tolist(),
            "cost": self.cost.tolist(),
            "alone": self.alone.tolist(),
            "threshold": [float(at) if np.isfinite(at) else None for at in self.threshold],
        }


def cost_curve(y: npt.ArrayLike, p: npt.ArrayLike, *, weight: npt.ArrayLike | None = None) -> CostCurve:
    """The cost of the best threshold under every ratio of costs and every base rate, as a share of the most possible.

    Drummond and Holte (2006), "Cost curves: An improved method for visualizing classifier performance", Machine
    Learning 65(1). Thresholds are the best for these very rows, so that the curve flatters a little.

    >>> curve = cost_curve([1, 0, 1, 0], [0.9, 0.8, 0.7, 0.1])
    >>> float(curve.cost[50]), float(curve.alone[50])
    (0.25, 0.5)
    """
    table = rank(as_rows(y, p, weight)).table
    missed, vain = _error_rates(table)
    if not (np.isfinite(missed).all() and np.isfinite(vain).all()):
        raise DataError("All rows are of one class.", expected="positives and negatives")
    shares = np.linspace(0.0, 1.0, POINTS)
    costs = shares[:, None] * missed + (1 - shares[:, None]) * vain
    best = costs.shape[1] - 1 - costs[:, ::-1].argmin(axis=1)  # of equals the threshold that acts on fewest rows
    thresholds = np.append(table.scores, np.inf)
    return CostCurve(shares, costs[np.arange(POINTS), best], np.minimum(shares, 1 - shares), thresholds[best])


def cost_area(y: npt.ArrayLike, p: npt.ArrayLike, *, weight: npt.ArrayLike | None = None) -> float:
    """The area under the cost curve: the mean cost when any ratio of costs is as likely as any other; chance has 0.25.

    >>> cost_area([1, 0, 1, 0], [0.9, 0.8, 0.7, 0.1]).__round__(3)
    0.125
    """
    return COST_AREA.function(y, p, weight)


def area_of(table: ScoreTable, _option: float) -> Array:
    """The area under the cost curve of a table of scores, or of one table for each draw.

    >>> area_of(ScoreTable(np.array([0.2, 0.8]), np.array([0.0, 1.0]), np.array([1.0, 0.0])), 0.5)
    array(0.)
    """
    missed, vain = _error_rates(table)
    shares = np.linspace(0.0, 1.0, POINTS)
    least = np.stack([(at * missed + (1 - at) * vain).min(axis=-1) for at in shares], axis=-1)
    return np.asarray(np.trapezoid(least, shares, axis=-1))


COST_AREA = MetricSpec("cost_area", greater_is_better=False, lower=0, upper=0.25, table=area_of)


def _error_rates(table: ScoreTable) -> tuple[Array, Array]:
    """Shares of positives missed and of negatives acted on, at each score as a threshold and at none."""
    nothing = np.zeros((*table.positives.shape[:-1], 1))
    missed = np.concatenate([nothing, np.cumsum(table.positives, axis=-1)], axis=-1)
    spared = np.concatenate([nothing, np.cumsum(table.negatives, axis=-1)], axis=-1)
    return (
        share(missed, np.broadcast_to(missed[..., -1:], missed.shape)),
        1 - share(spared, np.broadcast_to(spared[..., -1:], spared.shape)),
    )
