"""The choice of a calibration by what it would have done on newer rows than it was fitted on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from setpoint.core.errors import DataError
from setpoint.measure.calibrators import FITTERS, IDENTITY, CalibrationMap, Kind
from setpoint.measure.metrics import log_losses
from setpoint.measure.rows import (
    Array,
    Codes,
    Rows,
    as_rows,
    codes_for,
    effective,
    need_probabilities,
    newest_of,
    totals,
)

BLOCKS = 20
"""Without clusters, the newest rows are taken as this many stretches of time, alike within."""
LEAST_CLASS = 30
"""Fewer positives or negatives than this on either side decide nothing: the scores stay as they are."""


@dataclass(frozen=True)
class Trial:
    """What a calibration fitted on older rows gains on the newest: log loss of the scores minus its own."""

    kind: Kind
    gain: float
    standard_error: float


@dataclass(frozen=True)
class CalibrationChoice:
    """The map chosen, refitted on all rows, and the trials behind it."""

    map: CalibrationMap
    trials: tuple[Trial, ...]
    fitted: int
    judged: int
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """The choice as JSON-like data; an error that too few days leave unknown becomes None."""
        trials = [
            {
                "kind": trial.kind,
                "gain": trial.gain,
                "standard_error": trial.standard_error if math.isfinite(trial.standard_error) else None,
            }
            for trial in self.trials
        ]
        counts = {"fitted": self.fitted, "judged": self.judged}
        return {"map": self.map.to_dict(), "trials": trials, **counts, "reason": self.reason}


def choose_calibration(
    y: npt.ArrayLike,
    p: npt.ArrayLike,
    at: npt.ArrayLike,
    *,
    kinds: Sequence[Kind] = ("temperature", "platt", "isotonic"),
    newest: float = 0.25,
    cluster: npt.ArrayLike | None = None,
    weight: npt.ArrayLike | None = None,
) -> CalibrationChoice:
    """The calibration that lowers the log loss of the newest share of rows when fitted on the older ones.

    Scores stay as they are unless a map beats them by more than one standard error, and so on along `kinds`, simplest
    first; errors are clustered by `cluster` or by stretches of time. The chosen kind is then refitted on all rows.
    Random halves would mislead: there isotonic maps look excellent that are worth nothing a month later. `p` are
    predictions on rows the model was not trained on.

    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> score = rng.random(8000)
    >>> outcome = rng.random(8000) < score**2
    >>> choose_calibration(outcome, score, np.arange(8000)).map.kind
    'platt'
    """
    rows, times = as_rows(y, p, weight), np.asarray(at)
    need_probabilities(rows.p)
    if times.shape != rows.y.shape:
        raise DataError(f"There are {rows.y.size} rows and times of shape {times.shape}.", expected="one time per row")
    judged = newest_of(times, newest)
    older, newer = rows.where(~judged), rows.where(judged)
    sizes = {"fitted": older.y.size, "judged": newer.y.size}
    if min(_scarcer(older), _scarcer(newer)) < LEAST_CLASS:
        reason = f"fewer than {LEAST_CLASS} rows of one class to fit or to judge on"
        return CalibrationChoice(IDENTITY, (), reason=reason, **sizes)
    codes, clusters = _clusters(times[judged], None if cluster is None else np.asarray(cluster)[judged])
    scored = log_losses(newer.y, newer.p)
    chosen, least, trials = None, scored, []
    for kind in kinds:
        fitted = FITTERS[kind](older.y, older.p, weight=older.weight)
        losses = log_losses(newer.y, fitted.apply(newer.p))
        trials.append(Trial(kind, *_mean_and_error(scored - losses, newer.weight, codes, clusters)))
        gain, error = _mean_and_error(least - losses, newer.weight, codes, clusters)
        if gain > error:
            chosen, least = trials[-1], losses
    if chosen is None:
        reason = "no map beats the scores by more than one standard error on the newest rows"
        return CalibrationChoice(IDENTITY, tuple(trials), reason=reason, **sizes)
    reason = f"{chosen.kind} lowers the log loss of the newest rows by {chosen.gain:.2g} +- {chosen.standard_error:.2g}"
    refitted = FITTERS[chosen.kind](rows.y, rows.p, weight=rows.weight)
    return CalibrationChoice(refitted, tuple(trials), reason=reason, **sizes)


def _scarcer(rows: Rows) -> float:
    """The effective number of rows of the scarcer class."""
    return min(effective(rows.weight[rows.y > 0]), effective(rows.weight[rows.y == 0]))


def _clusters(times: npt.NDArray[Any], cluster: npt.NDArray[Any] | None) -> tuple[Codes, int]:
    if cluster is not None:
        return codes_for(cluster, times.size)
    place = np.empty(times.size, dtype=np.intp)
    place[np.argsort(times, kind="stable")] = np.arange(times.size)
    return place * BLOCKS // max(times.size, 1), BLOCKS


def _mean_and_error(value: Array, weight: Array, codes: Codes, clusters: int) -> tuple[float, float]:
    total = float(weight.sum())
    mean = float((weight * value).sum()) / total
    residual = totals(codes, weight * (value - mean), clusters)
    units = int((totals(codes, weight, clusters) > 0).sum())
    if units < 2:
        return mean, float("inf")
    return mean, float(np.sqrt(units / (units - 1) * (residual**2).sum())) / total
