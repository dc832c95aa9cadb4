"""What a model of a kind is expected to lose: the predictions' own say, and what judged rows lost beyond it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy.special import xlogy

from setpoint.learn.kinds.count import Count
from setpoint.learn.kinds.kind import Kind
from setpoint.learn.kinds.multiclass import Multiclass
from setpoint.learn.kinds.multilabel import Multilabel
from setpoint.learn.kinds.quantile import Quantile
from setpoint.learn.kinds.regression import Regression
from setpoint.learn.kinds.row_losses import row_loss
from setpoint.learn.kinds.survival import CLOSE, Survival
from setpoint.learn.sides import Examples
from setpoint.measure.sequential import paired_mean
from setpoint.measure.statistic import Sums

ONE_SIDED = 0.9
"""The two bounds of a 90 % interval are one-sided 95 % bounds."""


class Lost(NamedTuple):
    """Of the rows that say something: what each lost, what its prediction `said` it would, and how far it was off.

    `above` is by how much the outcome is above the prediction, `place` which rows these are.
    """

    place: np.ndarray
    loss: np.ndarray
    said: np.ndarray
    above: np.ndarray


def lost_by(kind: Kind, rows: Examples, predicted: np.ndarray) -> Lost:
    """What predictions of rows lost. The items of a ranking lose together, at the first item of each query.

    Probabilities say what they expect to lose: their entropy, or p (1 - p) where the loss is a square. A number does
    not. A quantile is above its outcome as often as it says, which is told in the place of how far.

    >>> import pyarrow as pa
    >>> from setpoint.declare.goal import Metric
    >>> from setpoint.learn.kinds.regression import Regression
    >>> rows = Examples(pa.table({}), pa.table({}), np.array([3.0]), np.array([0]))
    >>> lost_by(Regression(Metric("rmse")), rows, np.array([1.0])).loss
    array([4.])
    """
    y, every, nothing = rows.y, np.arange(rows.y.size), np.zeros(rows.y.size)
    found = row_loss(kind)
    if found is None:
        return _of_queries(kind, rows, predicted)
    loss = found.of(y, predicted)
    if isinstance(kind, Multiclass):
        return Lost(every, loss, np.asarray(-xlogy(predicted, predicted).sum(axis=1)), nothing)
    if isinstance(kind, Multilabel):
        said = np.mean(predicted * (1 - predicted), axis=1)
        return Lost(every, loss, said, np.mean(kind.matrix(y) - predicted, axis=1))
    if isinstance(kind, Survival):
        known = np.flatnonzero((y > 0) | (-y >= kind.within - CLOSE))
        p = predicted[known]
        return Lost(known, loss[known], p * (1 - p), (y[known] > 0) - p)
    if isinstance(kind, Quantile):
        return Lost(every, loss, nothing, _missed(kind, y, predicted))
    return Lost(every, loss, nothing, y - predicted)


@dataclass(frozen=True)
class Expected:
    """What a model lost where it was judged, which later rows are watched against.

    `excess` is the most that its mean loss may be beyond what its predictions say, by the 95 % bound; `bias` the mean
    of how far outcomes were above predictions, in units of `scale`, and `within` how far off that mean may be.
    """

    excess: float
    bias: float
    within: float
    scale: float

    def to_dict(self) -> dict[str, float]:
        """The expectation as JSON-like data."""
        return {"excess": self.excess, "bias": self.bias, "within": self.within, "scale": self.scale}

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> Expected:
        """The expectation that `to_dict` wrote.

        >>> Expected.from_dict(Expected(0.0, 0.1, 0.2, 1.0).to_dict()).within
        0.2
        """
        return Expected(**{name: float(data[name]) for name in ("excess", "bias", "within", "scale")})


def expect(kind: Kind, rows: Examples, predicted: np.ndarray) -> Expected:
    """What judged rows say of the losses to come, with bounds by the days of the rows.

    >>> import pyarrow as pa
    >>> from setpoint.declare.goal import Metric
    >>> from setpoint.learn.kinds.regression import Regression
    >>> y, at = np.tile([1.0, -1.0], 50), np.arange(100) * 86_400_000_000
    >>> found = expect(Regression(Metric("rmse")), Examples(pa.table({}), pa.table({}), y, at), np.zeros(100))
    >>> found.excess, found.bias, found.scale
    (1.0, 0.0, 1.0)
    """
    lost = lost_by(kind, rows, predicted)
    if not lost.place.size:
        return Expected(0.0, 0.0, 0.0, 1.0)
    day, nothing = rows.days[lost.place], np.zeros(lost.place.size)
    scale = float(np.std(lost.above)) if isinstance(kind, (Regression, Count)) else 1.0
    scale = scale if scale > 0 else 1.0
    beyond = paired_mean(nothing, lost.loss - lost.said, cluster=day).fixed(level=ONE_SIDED)
    above = paired_mean(nothing, lost.above / scale, cluster=day).fixed(level=ONE_SIDED)
    excess = beyond.high if np.isfinite(beyond.high) else beyond.estimate
    within = above.high - above.estimate
    return Expected(max(0.0, excess), above.estimate, within if np.isfinite(within) else 0.0, scale)


def _of_queries(kind: Kind, rows: Examples, predicted: np.ndarray) -> Lost:
    """What each query lacks of the best value of the metric, 1, at its first item."""
    found = kind.statistic(kind.trial, rows, predicted)
    assert isinstance(found, Sums), "metrics of rankings are means over queries"
    value, counted = found.adds.T
    place = np.flatnonzero(counted > 0)
    nothing = np.zeros(place.size)
    return Lost(place, 1.0 - value[place] / counted[place], nothing, nothing)


def _missed(kind: Quantile, y: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """How much more often an outcome is above its quantile, or outside its interval, than the metric asks."""
    if predicted.ndim == 1:
        return np.asarray((y > predicted) - (1.0 - kind.quantiles[0]))
    outside = (y < predicted[:, 0]) | (y > predicted[:, 1])
    return np.asarray(outside - (kind.quantiles[0] + 1.0 - kind.quantiles[1]))
