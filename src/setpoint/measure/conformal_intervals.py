"""Intervals of numbers that hold the outcome as often as is promised."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from setpoint.core.errors import DataError
from setpoint.measure.conformal import Cuts, fit_cuts
from setpoint.measure.quantile_metrics import Bounds, ends
from setpoint.measure.rows import Array, column

Form = Literal["absolute", "normalised", "quantiles"]


@dataclass(frozen=True)
class ConformalIntervals:
    """What makes intervals of predictions.

    absolute    prediction +- threshold: one width for all rows
    normalised  prediction +- threshold x spread, which says how hard each row is to predict (Lei and others 2018)
    quantiles   predicted quantiles moved out, or in, by the threshold (Romano, Patterson and Candes 2019: CQR)
    """

    form: Form
    cuts: Cuts

    def apply(
        self, p: npt.ArrayLike | Bounds, *, spread: npt.ArrayLike | None = None, group: npt.ArrayLike | None = None
    ) -> Bounds:
        """The two ends of each row's interval; quantiles that moved in past each other meet in their middle.

        >>> fit_intervals([1.0, 2.0, 4.0], [0.0, 0.0, 0.0], level=0.5).apply([10.0])
        Bounds(low=array([8.]), high=array([12.]))
        """
        if form_of(p, spread) != self.form:
            raise DataError(
                f"Intervals of form {form_of(p, spread)!r} were asked for.", expected=f"{self.form!r}, as calibrated"
            )
        if isinstance(p, Bounds):
            low, high = ends(p, np.asarray(p.low).size)
            limit = self.cuts.of(group, low.size)
            out_low, out_high = low - limit, high + limit
            crossed = out_low > out_high
            middle = np.where(crossed, (low + high) / 2, 0.0)
            return Bounds(np.where(crossed, middle, out_low), np.where(crossed, middle, out_high))
        guesses = column(p, "predictions")
        half = self.cuts.of(group, guesses.size)
        if spread is not None:
            half = half * _spreads(spread, guesses.size)
        return Bounds(guesses - half, guesses + half)

    def to_dict(self) -> dict[str, Any]:
        """The intervals as JSON-like data; `from_dict` gives back the same."""
        return {"form": self.form, "cuts": self.cuts.to_dict()}

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> ConformalIntervals:
        """The intervals that `to_dict` wrote.

        >>> intervals = fit_intervals([1.0, 2.0, 4.0], [0.0, 0.0, 0.0], level=0.5)
        >>> ConformalIntervals.from_dict(intervals.to_dict()) == intervals
        True
        """
        return ConformalIntervals(data["form"], Cuts.from_dict(data["cuts"]))


def fit_intervals(
    y: npt.ArrayLike,
    p: npt.ArrayLike | Bounds,
    *,
    level: float = 0.9,
    spread: npt.ArrayLike | None = None,
    group: npt.ArrayLike | None = None,
    cluster: npt.ArrayLike | None = None,
    weight: npt.ArrayLike | None = None,
    least: int | None = None,
) -> ConformalIntervals:
    """Intervals that hold the outcome with a chance of `level`, by rows that the model did not learn from.

    `p` are predictions (with `spread`, how hard each is to make: above 0), or predicted quantiles as `Bounds`. With
    `group` the chance holds in each group with at least `least` rows.

    >>> y = np.random.default_rng(0).normal(size=20_000)
    >>> intervals = fit_intervals(y[:10_000], np.zeros(10_000), level=0.9)
    >>> low, high = intervals.apply(np.zeros(10_000))
    >>> round(float(((y[10_000:] >= low) & (y[10_000:] <= high)).mean()), 2)
    0.9
    """
    outcomes = column(y, "outcomes")
    if isinstance(p, Bounds):
        low, high = ends(p, outcomes.size)
        scores = np.maximum(low - outcomes, outcomes - high)
    else:
        guesses = column(p, "predictions")
        if guesses.size != outcomes.size:
            raise DataError(
                f"There are {outcomes.size} outcomes and {guesses.size} predictions.", expected="one of each"
            )
        scores = np.abs(outcomes - guesses)
        if spread is not None:
            scores = scores / _spreads(spread, outcomes.size)
    cuts = fit_cuts(scores, level=level, group=group, cluster=cluster, weight=weight, least=least)
    return ConformalIntervals(form_of(p, spread), cuts)


def form_of(p: npt.ArrayLike | Bounds, spread: npt.ArrayLike | None) -> Form:
    """The form of intervals that predictions ask for.

    >>> form_of([1.0], [0.5])
    'normalised'
    """
    if isinstance(p, Bounds):
        if spread is not None:
            raise DataError("There are quantiles and a spread.", expected="one of the two")
        return "quantiles"
    return "absolute" if spread is None else "normalised"


def _spreads(spread: npt.ArrayLike, n: int) -> Array:
    spreads = column(spread, "spreads")
    if spreads.size != n or not (spreads > 0).all():
        raise DataError(f"There are {n} predictions and {spreads.size} spreads.", expected="one above 0 for each")
    return spreads
