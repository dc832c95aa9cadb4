"""Baselines: what a model must beat to be worth anything."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from setpoint.data.arrays import to_array
from setpoint.data.language.evaluate import Inputs, evaluate, is_true
from setpoint.declare.plan import Plan
from setpoint.learn.encode import Encoder
from setpoint.learn.sides import Examples, Matrices, Sides
from setpoint.measure.metrics import METRICS

BINS = 20
SMOOTHING = 20.0
"""Rows of the base rate that are mixed into the rate of a bin or level."""
SAMPLE = 20_000
"""Rows of each side on which single features are compared."""


@dataclass(frozen=True)
class Baseline:
    """A trivial model: its name, what it does, and its probabilities for the held-out rows.

    It acts from the probability `acts_at`; None: from the threshold of the model it is compared with.
    """

    name: str
    how: str
    scores: np.ndarray = field(repr=False)
    acts_at: float | None = None


@dataclass(frozen=True)
class Rates:
    """The rate of positives by bin of a number or level of a text; NULL has a rate of its own."""

    edges: np.ndarray | None
    rates: np.ndarray

    def score(self, values: np.ndarray) -> np.ndarray:
        """The rate that each value falls under; an unseen code counts as NULL."""
        return np.asarray(self.rates[_bins(values, self.edges, len(self.rates) - 1)])


def fit_rates(values: np.ndarray, y: np.ndarray, *, coded: bool, weight: np.ndarray | None = None) -> Rates:
    """The smoothed rates of one column of an encoder's matrix: by code if `coded`, else by bins of equal weight.

    >>> fit_rates(np.array([0.0, 0.0, 1.0, np.nan]), np.array([1.0, 0.0, 1.0, 1.0]), coded=True).rates.size
    3
    """
    mass = np.ones(y.size) if weight is None else weight
    filled = ~np.isnan(values)
    known = values[filled]
    if coded:
        edges, size = None, int(known.max(initial=-1)) + 1
    else:
        edges = _edges(known, mass[filled])
        size = edges.size + 1
    place = _bins(values, edges, size)
    count = np.bincount(place, weights=mass, minlength=size + 1)
    hits = np.bincount(place, weights=mass * y, minlength=size + 1)
    base = float(np.average(y, weights=mass)) if y.size else 0.0
    return Rates(edges, (hits + SMOOTHING * base) / (count + SMOOTHING))


def single_feature_aucs(
    encoder: Encoder,
    older: np.ndarray,
    y_older: np.ndarray,
    newer: np.ndarray,
    y_newer: np.ndarray,
    *,
    weights: tuple[np.ndarray, np.ndarray] | None = None,
) -> np.ndarray:
    """The AUC on the newer rows of each feature's rates in the older rows, on a sample of at most 20,000 of each.

    `weights` are those of the older and of the newer rows.
    """
    w_older, w_newer = (np.ones(len(older)), np.ones(len(newer))) if weights is None else weights
    first, second = slice(None, None, _step(len(older))), slice(None, None, _step(len(newer)))
    coded = set(encoder.categories)
    found = np.empty(len(encoder.columns))
    for j in range(len(encoder.columns)):
        rates = fit_rates(older[first, j], y_older[first], coded=j in coded, weight=w_older[first])
        found[j] = METRICS["auc"].function(y_newer[second], rates.score(newer[second, j]), w_newer[second])
    return found


def baselines(plan: Plan, matrices: Matrices, sides: Sides) -> tuple[Baseline, ...]:
    """The prior, the majority, the best single feature and the fallback rule, for the held-out rows.

    They are fitted on the training side. The single feature is the one whose binned rates rank the validation rows
    best. The rule is what decides without a model, and what a first model takes over from.
    """
    encoder, y, weight = matrices.encoder, sides.train.y, sides.train.weight
    stand_for = sides.representative
    prior = float(np.average(stand_for.y, weights=stand_for.weight))
    weights = weight, sides.validation.weight
    aucs = single_feature_aucs(encoder, matrices.train, y, matrices.validation, sides.validation.y, weights=weights)
    best = int(np.argmax(np.nan_to_num(aucs)))
    rates = fit_rates(matrices.train[:, best], y, coded=best in encoder.categories, weight=weight)
    n = len(matrices.held_out)
    return (
        Baseline("prior", f"the rate of positives in training, {prior:.4f}, for every row", np.full(n, prior)),
        Baseline("majority", f"always {'positive' if prior > 0.5 else 'negative'}", np.full(n, float(prior > 0.5))),
        Baseline(
            "best single feature",
            f"the rate of positives by {encoder.names[best]} in training",
            rates.score(matrices.held_out[:, best]),
        ),
        fallback_rule(plan, sides.held_out),
    )


def fallback_rule(plan: Plan, rows: Examples) -> Baseline:
    """The declared fallback as a model of two scores: 1 where it acts, 0 where it does not."""
    condition = plan.system.release.fallback.condition
    inputs = Inputs(
        rows.y.size,
        fields={name: to_array(rows.fields[name], kind) for name, kind in plan.fields.items()},
        features={name: to_array(rows.features[name], kind) for name, kind in plan.features.items()},
        now=rows.at,
    )
    scores = is_true(evaluate(condition, inputs)).astype(np.float64)
    return Baseline("fallback rule", f"acts where {condition}", scores, acts_at=0.5)


def _edges(known: np.ndarray, mass: np.ndarray) -> np.ndarray:
    """The values that cut sorted rows into bins of about equal weight."""
    step = max(1, known.size // SAMPLE)
    sample, each = known[::step], mass[::step]
    order = np.argsort(sample, kind="stable")
    reached = np.cumsum(each[order])
    if not reached.size:
        return np.zeros(0)
    cuts = np.searchsorted(reached, np.arange(1, BINS) * reached[-1] / BINS, side="right")
    return np.unique(sample[order[np.minimum(cuts, order.size - 1)]])


def _bins(values: np.ndarray, edges: np.ndarray | None, size: int) -> np.ndarray:
    """The bin of each value, `size` for NULL and for codes that are not known."""
    if edges is None:
        known = (values >= 0) & (values < size)
        return np.where(known, values, size).astype(np.intp)
    return np.where(np.isnan(values), size, np.searchsorted(edges, values, side="right")).astype(np.intp)


def _step(n: int) -> int:
    return max(1, -(-n // SAMPLE))
