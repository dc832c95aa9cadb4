"""Linear models of several classes, of numbers and of counts, fitted by scikit-learn: an intercept and weights each."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

Solved = tuple[float, np.ndarray]
"""The intercept, and the weights of the columns."""


def solve_classes(
    design: Any, labels: np.ndarray, settings: Mapping[str, Any], *, classes: int, weight: np.ndarray | None
) -> list[Solved]:
    """The linear score of each class of a softmax regression; a class that no row has gets a small rate of its own."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    mass = np.ones(labels.size) if weight is None else weight
    codes = labels.astype(np.intp)
    there = np.unique(codes)
    rates = (np.bincount(codes, weights=mass, minlength=classes) + 0.5) / (mass.sum() + 0.5 * classes)
    found = [(float(np.log(rate)), np.zeros(design.shape[1])) for rate in rates]
    if there.size < 2:
        return found
    solver = LogisticRegression(C=settings["c"], max_iter=int(settings["steps"]), tol=1e-4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the steps are the budget
        solver.fit(design, codes, sample_weight=weight)
    weights, starts = np.asarray(solver.coef_, dtype=np.float64), np.asarray(solver.intercept_, dtype=np.float64)
    if there.size == 2:  # scikit-learn gives the log odds of the second one
        weights, starts = np.stack([-weights[0] / 2, weights[0] / 2]), np.array([-starts[0] / 2, starts[0] / 2])
    lowest = float(np.log(rates[there]).max())
    for place, start, each in zip(there.tolist(), starts.tolist(), weights, strict=True):
        found[place] = (start, each)
    middle = float(np.mean(starts))
    return [
        solved if place in set(there.tolist()) else (middle + solved[0] - lowest, solved[1])
        for place, solved in enumerate(found)
    ]


def solve_ridge(design: Any, labels: np.ndarray, settings: Mapping[str, Any], *, weight: np.ndarray | None) -> Solved:
    """Ridge regression (Hoerl and Kennard 1970) of a number, whose penalty is that of the logistic regression."""
    from sklearn.linear_model import Ridge

    solver = Ridge(alpha=1 / settings["c"], solver="sparse_cg", tol=1e-10, max_iter=1000)
    middle = float(np.average(labels, weights=weight))  # so that large numbers lose no digits
    solver.fit(design, labels - middle, sample_weight=weight)
    return float(solver.intercept_) + middle, np.asarray(solver.coef_, dtype=np.float64)


def solve_counts(design: Any, labels: np.ndarray, settings: Mapping[str, Any], *, weight: np.ndarray | None) -> Solved:
    """Poisson regression of a count (Nelder and Wedderburn 1972), with the same penalty."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import PoissonRegressor

    mass = float(labels.size if weight is None else weight.sum())
    if not labels.any():
        return float(np.log(0.5 / (mass + 1))), np.zeros(design.shape[1])
    solver = PoissonRegressor(alpha=1 / (settings["c"] * mass), max_iter=int(settings["steps"]), tol=1e-6)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the steps are the budget
        solver.fit(design, labels, sample_weight=weight)
    return float(solver.intercept_), np.asarray(solver.coef_, dtype=np.float64)
