"""A small exact logistic regression for calibration: few columns, many rows, coefficients that may not be negative."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from setpoint.measure.rows import Array

ROUNDS = 60
LARGEST = 100.0
"""No coefficient grows beyond this, so that separable data gives a steep map instead of none."""


def sigmoid(x: Array) -> Array:
    """The logistic function, without overflow.

    >>> sigmoid(np.array([0.0, -1000.0])) * [2, 0]
    array([1., 0.])
    """
    return np.asarray(1 / (1 + np.exp(-np.maximum(np.minimum(x, 700.0), -700.0))))


def fit_logistic(
    columns: Sequence[Array], target: Array, *, weight: Array, not_negative: Sequence[int] = ()
) -> tuple[float, ...]:
    """The coefficients that maximise the likelihood, by Newton's method with halved steps.

    Targets are probabilities. A coefficient of `not_negative` that would be below 0 is set to 0 and the rest fitted
    again (Kull, Silva Filho and Flach 2017).

    >>> fit_logistic([np.ones(4)], np.array([1.0, 0.0, 0.0, 0.0]), weight=np.ones(4))[0].__round__(3)
    -1.099
    """
    kept = list(range(len(columns)))
    while True:
        found = _newton([columns[i] for i in kept], target, weight)
        negative = [i for i, value in zip(kept, found, strict=True) if i in not_negative and value < 0]
        if not negative:
            break
        kept.remove(negative[0])
        if not kept:
            return (0.0,) * len(columns)
    result = [0.0] * len(columns)
    for i, value in zip(kept, found, strict=True):
        result[i] = float(value)
    return tuple(result)


def _newton(columns: list[Array], target: Array, weight: Array) -> Array:
    X = np.stack(columns)
    beta = np.zeros(len(columns))
    loss = _loss(X, beta, target, weight)
    ridge = 1e-10 * float(weight.sum()) * np.eye(len(columns))
    for _ in range(ROUNDS):
        p = sigmoid(np.einsum("kn,k->n", X, beta))
        gradient = np.einsum("kn,n->k", X, weight * (p - target))
        curvature = np.einsum("in,jn,n->ij", X, X, weight * p * (1 - p)) + ridge
        step = np.linalg.solve(curvature, gradient)
        for size in 0.5 ** np.arange(27):
            moved = np.clip(beta - size * step, -LARGEST, LARGEST)
            if (now := _loss(X, moved, target, weight)) <= loss:
                break
        else:
            return beta
        settled = bool(np.abs(moved - beta).max() < 1e-12 * (1 + np.abs(beta).max()))
        beta, loss = moved, now
        if settled:
            break
    return beta


def _loss(X: Array, beta: Array, target: Array, weight: Array) -> float:
    z = np.einsum("kn,k->n", X, beta)
    return float((weight * (np.logaddexp(0, z) - target * z)).sum())
