"""The random baseline: an outcome drawn from those of the training rows, for any kind of goal."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from setpoint.core.rng import seed_for
from setpoint.declare.goal import Metric
from setpoint.declare.goal_kind import COUNT, MULTICLASS, MULTILABEL, QUANTILE, RANKING, SURVIVAL
from setpoint.learn.kinds.kind import Kind
from setpoint.learn.scored import ONE_SIDED, Bench, Scored
from setpoint.learn.sides import Examples
from setpoint.measure.intervals import Interval

HALVED = ("auc", "concordance", "uno_concordance")
"""Metrics of an order, of which an order by chance has one half."""
DRAWS, MOST = 20, 200_000
"""Guesses that a mean is taken over, and about how many rows all of them may have."""
LEAST_COUNT = 0.5
"""What a drawn count of none counts as: a count that is held impossible loses without end when it comes."""


@dataclass(frozen=True)
class Guess:
    """The random baseline on held-out rows: what it is expected to have of a metric, and what a model has more.

    `exact` says that the expectation follows from the shares of outcomes; else it is a mean over guesses.
    """

    how: str
    value: float
    exact: bool
    difference: Interval
    worth: Interval


def draw_outcomes(older: Examples, n: int, *, kind: Kind | None, rng: np.random.Generator) -> np.ndarray:
    """As many outcomes of training rows, drawn by their weights, in the form of predictions of the kind.

    >>> rows = Examples(None, None, np.array([1.0, 1.0]), np.array([0, 1]))
    >>> draw_outcomes(rows, 3, kind=None, rng=np.random.default_rng(0))
    array([1., 1., 1.])
    """
    name = "" if kind is None else kind.name
    if name in (RANKING, SURVIVAL):
        return rng.random(n)
    chance = older.weight / older.weight.sum()
    y = older.y[rng.choice(older.y.size, size=n, p=chance)]
    if kind is None:
        return np.asarray(y > 0, dtype=np.float64)
    shape = kind.constant(older)[1].shape
    if name == MULTICLASS:
        return np.eye(shape[0])[y.astype(np.intp)]
    if name == MULTILABEL:
        return ((y.astype(np.int64)[:, None] >> np.arange(shape[0])) & 1).astype(np.float64)
    if name == QUANTILE and shape:
        other = older.y[rng.choice(older.y.size, size=n, p=chance)]
        return np.sort(np.stack([y, other], axis=1), axis=1)
    return np.maximum(y, LEAST_COUNT) if name == COUNT else y


def judge_guess(
    metric: Metric,
    bench: Bench,
    older: Examples,
    ours: Scored,
    *,
    decide: Callable[[np.ndarray], Scored],
    all_acted: np.ndarray | None,
) -> Guess:
    """The random baseline beside a model: `decide` says what comes of the predictions of one guess.

    `all_acted` is what acting on every row is worth, of goals that act: a guess acts as often as outcomes were positive
    in training, so it is worth that share of it.
    """
    n = bench.rows.y.size
    rng = np.random.default_rng(seed_for(bench.seed, "random guess"))
    many = max(2, min(DRAWS, MOST // max(n, 1)))
    guesses = [decide(draw_outcomes(older, n, kind=bench.kind, rng=rng)) for _ in range(many)]
    share = float(np.average(older.y > 0, weights=older.weight)) if bench.kind is None else None
    exact = _expected(metric, share, bench.rows, all_acted)
    value, difference = _against(metric, bench, guesses, ours, exact=exact)
    money, worth = Metric("business"), NOTHING
    if np.isfinite(ours.value).all():
        _, worth = _against(money, bench, guesses, ours, exact=_expected(money, share, bench.rows, all_acted))
    told = f"the mean of {many} guesses" if exact is None else "expected, whatever is drawn"
    return Guess(f"an outcome of training drawn for each row; {told}", value, exact is not None, difference, worth)


NOTHING = Interval(math.nan, math.nan, math.nan, 0.95, 0, 0, 0, "none")
"""No value is known."""


def _against(
    metric: Metric, bench: Bench, guesses: Sequence[Scored], ours: Scored, *, exact: float | None
) -> tuple[float, Interval]:
    """What guesses have of a metric on average, and what a model has more.

    One guess is compared with the model row by row, and its luck taken off: by so much it misses the average.
    """
    values = np.array([bench.value(metric, each) for each in guesses])
    known = np.flatnonzero(np.isfinite(values))
    if not known.size:
        return (math.nan, NOTHING) if exact is None else (exact, NOTHING)
    value, first = float(values[known].mean()) if exact is None else exact, int(known[0])
    level = 0.95 if metric.name == "business" else ONE_SIDED
    found = bench.difference(metric, guesses[first], ours, level=level)
    luck = float(values[first]) - value
    return value, replace(found, estimate=found.estimate + luck, low=found.low + luck, high=found.high + luck)


def _expected(metric: Metric, share: float | None, rows: Examples, all_acted: np.ndarray | None) -> float | None:
    """What a guess is expected to have that says yes to a share of all rows; None where only draws tell."""
    if metric.name in HALVED:
        return 0.5
    if share is None or metric.option is not None:
        return None
    if metric.name == "business":
        return None if all_acted is None else share * float(np.average(all_acted, weights=rows.weight))
    rate = float(np.average(rows.y > 0, weights=rows.weight))
    wrong = share * (1 - rate) + rate * (1 - share)
    known = {"accuracy": 1 - wrong, "brier": wrong, "precision": rate}
    known |= dict.fromkeys(("recall", "selection_rate", "false_positive_rate"), share)
    return known.get(metric.name)
