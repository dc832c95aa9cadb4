"""Maps from scores to probabilities: fitted on rows, kept as a few numbers, the same bits in any batch."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from setpoint.core.errors import DataError
from setpoint.measure.isotonic import pool_adjacent_violators
from setpoint.measure.logistic import fit_logistic, sigmoid
from setpoint.measure.rows import Array, Rows, as_rows, column, need_probabilities
from setpoint.measure.scores import rank

Kind = Literal["identity", "temperature", "platt", "beta", "isotonic"]
PARAMETERS: dict[str, int | None] = {"identity": 0, "temperature": 1, "platt": 2, "beta": 3, "isotonic": None}
EDGE = 1e-12
"""Scores are kept this far from 0 and 1 before a logarithm is taken."""


@dataclass(frozen=True)
class CalibrationMap:
    """A non-decreasing map of probabilities.

    temperature  parameters (T,):      sigmoid(logit(p) / T)
    platt        parameters (a, b):    sigmoid(a logit(p) + b)
    beta         parameters (a, b, c): sigmoid(a log(p) - b log(1 - p) + c)
    isotonic     parameters are the values at the knots, straight lines between them
    """

    kind: Kind
    parameters: tuple[float, ...] = ()
    knots: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in PARAMETERS:
            raise DataError(f"A calibration of kind {self.kind!r}.", expected=f"one of {', '.join(PARAMETERS)}")
        wanted = len(self.knots) if PARAMETERS[self.kind] is None else PARAMETERS[self.kind]
        if len(self.parameters) != wanted or (self.kind == "isotonic") != bool(self.knots):
            raise DataError(
                f"A calibration of kind {self.kind!r} with {len(self.parameters)} parameters and "
                f"{len(self.knots)} knots.",
                expected=f"{wanted} parameters",
            )

    def apply(self, p: npt.ArrayLike) -> Array:
        """The calibrated probabilities; each element has the same bits whatever batch it comes in.

        >>> CalibrationMap("temperature", (2.0,)).apply([0.5, 0.9]).round(3)
        array([0.5 , 0.75])
        """
        scores = column(p, "scores")
        need_probabilities(scores)
        return np.asarray(self._map(scores))

    def apply_one(self, p: float) -> float:
        """The calibrated probability of one score: `apply` of a batch of one, at a fraction of its cost.

        >>> CalibrationMap("platt", (1.0, 0.0)).apply_one(0.25).__round__(3)
        0.25
        """
        if not 0 <= p <= 1:
            raise DataError(f"The score is {p}.", expected="a probability")
        return self._interpolate_one(p) if self.kind == "isotonic" else float(self._map(np.float64(p)))

    def to_dict(self) -> dict[str, Any]:
        """The map as JSON-like data; `from_dict` gives back the same bits."""
        return {"kind": self.kind, "parameters": list(self.parameters), "knots": list(self.knots)}

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> CalibrationMap:
        """The map that `to_dict` wrote.

        >>> CalibrationMap.from_dict(CalibrationMap("platt", (0.1, 0.3)).to_dict()).parameters
        (0.1, 0.3)
        """
        parameters, knots = (tuple(float(x) for x in data.get(name, ())) for name in ("parameters", "knots"))
        return CalibrationMap(data["kind"], parameters, knots)

    @cached_property
    def _lines(self) -> tuple[Array, Array]:
        return np.array(self.knots), np.array(self.parameters)

    def _map(self, p: Any) -> Any:  # an array or one float: the same operations, so the same bits
        if self.kind == "identity":
            return p + 0.0
        if self.kind == "isotonic":
            return self._interpolate(p)
        inside = np.minimum(np.maximum(p, EDGE), 1 - EDGE)
        if self.kind == "beta":
            a, b, c = self.parameters
            return sigmoid(a * np.log(inside) - b * np.log1p(-inside) + c)
        logit = np.log(inside) - np.log1p(-inside)
        if self.kind == "temperature":
            return sigmoid(logit / self.parameters[0])
        return sigmoid(self.parameters[0] * logit + self.parameters[1])

    def _interpolate(self, p: Array) -> Array:
        knots, values = self._lines
        if knots.size == 1:
            return np.full_like(p, values[0])
        left = np.clip(np.searchsorted(knots, p, side="right") - 1, 0, knots.size - 2)
        share = np.clip((p - knots[left]) / (knots[left + 1] - knots[left]), 0.0, 1.0)
        return np.minimum(values[left] + (values[left + 1] - values[left]) * share, values[left + 1])

    def _interpolate_one(self, p: float) -> float:
        knots, values = self.knots, self.parameters
        if len(knots) == 1:
            return values[0]
        left = min(max(bisect_right(knots, p) - 1, 0), len(knots) - 2)
        share = min(max((p - knots[left]) / (knots[left + 1] - knots[left]), 0.0), 1.0)
        return min(values[left] + (values[left + 1] - values[left]) * share, values[left + 1])


IDENTITY = CalibrationMap("identity")


def fit_temperature(y: npt.ArrayLike, p: npt.ArrayLike, *, weight: npt.ArrayLike | None = None) -> CalibrationMap:
    """One temperature for all logits (Guo, Pleiss, Sun and Weinberger 2017); it cannot move the base rate.

    >>> fit_temperature([1, 0, 1, 0, 1, 0], [0.9, 0.9, 0.9, 0.1, 0.1, 0.1]).parameters[0].__round__(2)
    3.17
    """
    rows = _probabilities(y, p, weight)
    (slope,) = fit_logistic([_logit(rows.p)], rows.y, weight=rows.weight, not_negative=[0])
    return CalibrationMap("temperature", (1 / max(slope, 0.01),))


def fit_platt(y: npt.ArrayLike, p: npt.ArrayLike, *, weight: npt.ArrayLike | None = None) -> CalibrationMap:
    """A line through the logits with Platt's smoothed targets (Platt 1999; Lin, Lin and Weng 2007).

    >>> slope, shift = fit_platt([1, 0, 1, 0, 0, 0], [0.9, 0.9, 0.8, 0.2, 0.1, 0.1]).parameters
    >>> 0 < slope < 1
    True
    """
    rows = _probabilities(y, p, weight)
    columns = [_logit(rows.p), np.ones_like(rows.p)]
    return CalibrationMap("platt", fit_logistic(columns, _smoothed(rows), weight=rows.weight, not_negative=[0]))


def fit_beta(y: npt.ArrayLike, p: npt.ArrayLike, *, weight: npt.ArrayLike | None = None) -> CalibrationMap:
    """Beta calibration, which may bend the two ends apart (Kull, Silva Filho and Flach 2017), with smoothed targets.

    >>> fit_beta([1, 0, 1, 0, 0, 0], [0.9, 0.9, 0.8, 0.2, 0.1, 0.1]).kind
    'beta'
    """
    rows = _probabilities(y, p, weight)
    inside = np.clip(rows.p, EDGE, 1 - EDGE)
    columns = [np.log(inside), -np.log1p(-inside), np.ones_like(inside)]
    found = fit_logistic(columns, _smoothed(rows), weight=rows.weight, not_negative=[0, 1])
    return CalibrationMap("beta", found)


def fit_isotonic(y: npt.ArrayLike, p: npt.ArrayLike, *, weight: npt.ArrayLike | None = None) -> CalibrationMap:
    """The best non-decreasing map (Zadrozny and Elkan 2002), with straight lines between its steps.

    A first block without positives gets half a positive more instead of a rate of 0, a last block without negatives
    the mirror of it: one surprise must not cost an infinite loss.

    >>> fit_isotonic([0, 1, 0, 1], [0.1, 0.4, 0.6, 0.9]).knots
    (0.1, 0.4, 0.6, 0.9)
    """
    rows = _probabilities(y, p, weight)
    table = rank(rows.where(rows.weight > 0)).table
    mass = table.positives + table.negatives
    value, length = pool_adjacent_violators(table.positives / mass, mass)
    ends = np.cumsum(length)
    starts = ends - length
    block = np.add.reduceat(mass, starts)
    if value[0] == 0:
        value[0] = np.append(value[1:2], 0.5 / (block[0] + 1)).min()
    if value[-1] == 1:
        value[-1] = np.append(value[-2:-1], 1 - 0.5 / (block[-1] + 1)).max()
    knots = np.stack([table.scores[starts], table.scores[ends - 1]], axis=1).ravel()
    keep = np.concatenate(([True], knots[1:] > knots[:-1]))
    values = np.repeat(value, 2)[keep]
    return CalibrationMap("isotonic", tuple(values.tolist()), tuple(knots[keep].tolist()))


FITTERS: dict[Kind, Callable[..., CalibrationMap]] = {
    "temperature": fit_temperature,
    "platt": fit_platt,
    "beta": fit_beta,
    "isotonic": fit_isotonic,
}


def _probabilities(y: npt.ArrayLike, p: npt.ArrayLike, weight: npt.ArrayLike | None) -> Rows:
    rows = as_rows(y, p, weight)
    need_probabilities(rows.p)
    if rows.weight.sum() <= 0:
        raise DataError("There are no rows to calibrate on.", expected="at least one row with weight")
    return rows


def _logit(p: Array) -> Array:
    inside = np.clip(p, EDGE, 1 - EDGE)
    return np.asarray(np.log(inside) - np.log1p(-inside))


def _smoothed(rows: Rows) -> Array:
    positives = float((rows.weight * rows.y).sum())
    negatives = float((rows.weight * (1 - rows.y)).sum())
    return np.where(rows.y > 0, (positives + 1) / (positives + 2), 1 / (negatives + 2))
