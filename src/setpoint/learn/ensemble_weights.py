"""The weights of members, from predictions of rows that none of them has seen: newer ones, block by block."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy.optimize import minimize

from setpoint.core.errors import DataError
from setpoint.declare.plan import Plan
from setpoint.learn.origins import Origin
from setpoint.learn.pooled import NUMBER, ODDS, pool

STEPS = 25
"""How often a greedy choice adds a member."""


def greedy_weights(scores: np.ndarray, value: Callable[[np.ndarray], float], scale: str) -> np.ndarray:
    """The share of each model in a bag that is filled by whichever model makes its pooled predictions best.

    Caruana, Niculescu-Mizil, Crew and Ksikes (2004), "Ensemble Selection from Libraries of Models": models are added
    with replacement, the best one first; the best bag on the way is taken. `value` is the greater the better.

    >>> truth = np.array([1.0, 2.0, 3.0])
    >>> scores = np.array([[2.0, 3.0, 4.0], [0.0, 1.0, 2.0], [9.0, 9.0, 9.0]])
    >>> greedy_weights(scores, lambda made: -float(np.abs(made - truth).sum()), NUMBER)
    array([0.5, 0.5, 0. ])
    """
    counts, best, kept = np.zeros(len(scores)), -np.inf, np.zeros(len(scores))
    for _ in range(STEPS):
        tried = []
        for place in range(len(scores)):
            more = counts.copy()
            more[place] += 1
            tried.append(value(pool(scores, more / more.sum(), 0.0, scale)))
        place = int(np.nanargmax(tried))
        counts[place] += 1
        if tried[place] > best:
            best, kept = tried[place], counts.copy()
    return np.asarray(kept / kept.sum())


def stacked_weights(scores: np.ndarray, loss: Callable[[np.ndarray], float], scale: str) -> tuple[np.ndarray, float]:
    """The weights, none below 0, and the number added, at which the pooled predictions lose least.

    Breiman (1996), "Stacked Regressions": weights that may be below 0 play models off against each other, and
    predict worse. Nothing is added on scales of classes and counts.

    >>> truth = np.array([1.0, 2.0, 4.0])
    >>> weights, bias = stacked_weights(truth[None] / 2, lambda made: float(((made - truth) ** 2).mean()), NUMBER)
    >>> bool(abs(weights[0] - 2) < 0.01), bool(abs(bias) < 0.02)
    (True, True)
    """
    members, free = len(scores), scale in (ODDS, NUMBER)
    found = minimize(
        lambda each: loss(pool(scores, each[:members], float(each[members]), scale)),
        np.append(np.full(members, 1 / members), 0.0),
        method="L-BFGS-B",
        bounds=[*[(0.0, None)] * members, (None, None) if free else (0.0, 0.0)],
    )
    weights = np.where(found.x[:members] < 1e-6, 0.0, found.x[:members])
    if not np.isfinite(weights).all() or weights.sum() == 0:
        return np.full(members, 1 / members), 0.0
    return weights, float(found.x[members])


def check_apart(plan: Plan, origins: Sequence[Origin]) -> None:
    """Raises DataError where a block was predicted by a model that has seen it, or labels of its time.

    Weights that are learned from such predictions go to whichever member has learned its rows by heart.
    """
    for origin in origins:
        older = np.concatenate([origin.sides.split.train, origin.sides.split.validation])
        ended, begins = int(origin.sides.rows.at[older].max()), int(origin.sides.held_out.at.min())
        if ended + plan.embargo > begins:
            raise DataError(
                "A block of rows is to be predicted by models that have seen it, or labels of its time.",
                expected="models of rows whose labels had settled before the block begins",
            )
