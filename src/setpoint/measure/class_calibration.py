"""Scores of classes made probabilities on rows whose class is known: one temperature, and a shift for each class."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from setpoint.measure.rows import Array

ROUNDS = 40
SHARPNESS_SPREAD = 0.5
SHIFT_SPREAD = 0.3
"""How far the sharpness is taken to lie from one, and a shift (in natural logarithms) from none: a normal prior."""

DULLEST = 0.01
"""The least sharpness: scores that point away from the truth are made to say nothing."""


def fit_sharpness(
    scores: npt.ArrayLike, y: npt.ArrayLike, *, weight: npt.ArrayLike | None = None
) -> tuple[float, Array]:
    """One over the temperature, and the shift of each class (they sum to 0), that make scores likeliest.

    Temperature scaling (Guo, Pleiss, Sun and Weinberger 2017) with a bias for each class (Alexandari, Kundaje and
    Shrikumar 2020), drawn towards no change by a normal prior, since the rows may be few.

    >>> sharpness, shift = fit_sharpness([[0.0, 4.0], [4.0, 0.0]] * 50, [1, 0] * 40 + [0, 1] * 10)
    >>> sharpness < 0.5
    True
    """
    rows = np.asarray(scores, dtype=np.float64)
    weights = np.ones(rows.shape[0]) if weight is None else np.asarray(weight, dtype=np.float64)
    sharpness, shift = fit_sharpness_many(rows[None], np.asarray(y, dtype=np.intp), weights[None])
    return float(sharpness[0]), shift[0]


def fit_sharpness_many(scores: Array, y: npt.NDArray[np.intp], weight: Array) -> tuple[Array, Array]:
    """`fit_sharpness` of several sets of scores of the same rows (sets, rows, classes), each with its own weights.

    >>> scores = np.array([[[0.0, 1.0], [1.0, 0.0]]] * 2)
    >>> fit_sharpness_many(scores, np.array([1, 0]), np.ones((2, 2)))[0].shape
    (2,)
    """
    sets, rows, classes = scores.shape
    scores = scores - scores.mean(axis=2, keepdims=True)
    truth = np.zeros((rows, classes))
    truth[np.arange(rows), y] = 1.0
    center = np.eye(classes) - 1.0 / classes
    found = np.zeros((sets, 1 + classes))
    found[:, 0] = 1.0
    prior = np.array([1 / SHARPNESS_SPREAD**2, *[1 / SHIFT_SPREAD**2] * classes])
    start = np.concatenate([[1.0], np.zeros(classes)])

    def loss(at: Array) -> Array:
        logits = at[:, :1, None] * scores + (at[:, 1:] @ center)[:, None]
        top = logits.max(axis=2)
        likely = np.take_along_axis(logits, np.broadcast_to(y[None, :, None], (sets, rows, 1)), axis=2)[..., 0]
        each = top + np.log(np.exp(logits - top[..., None]).sum(axis=2)) - likely
        return np.asarray((weight * each).sum(axis=1) + 0.5 * ((at - start) ** 2 * prior).sum(axis=1))

    value = loss(found)
    for _ in range(ROUNDS):
        logits = found[:, :1, None] * scores + (found[:, 1:] @ center)[:, None]
        p = np.exp(logits - logits.max(axis=2, keepdims=True))
        p /= p.sum(axis=2, keepdims=True)
        off = (p - truth) * weight[..., None]
        gradient = np.concatenate([(off * scores).sum(axis=(1, 2))[:, None], off.sum(axis=1) @ center], axis=1)
        gradient += (found - start) * prior
        heavy = p * weight[..., None]
        mean = (p * scores).sum(axis=2, keepdims=True)
        curve = np.zeros((sets, 1 + classes, 1 + classes))
        curve[:, 0, 0] = (heavy * (scores - mean) ** 2).sum(axis=(1, 2))
        cross = (heavy * (scores - mean)).sum(axis=1) @ center
        curve[:, 0, 1:] = curve[:, 1:, 0] = cross
        inner = np.einsum("sc,cd->scd", heavy.sum(axis=1), np.eye(classes)) - np.einsum("snc,snd->scd", heavy, p)
        curve[:, 1:, 1:] = center @ inner @ center
        curve += np.diag(prior)
        step = np.linalg.solve(curve, gradient[..., None])[..., 0]
        size = np.ones(sets)
        for _ in range(30):
            moved = found - size[:, None] * step
            after = loss(moved)
            worse = after > value + 1e-12
            if not worse.any():
                break
            size = np.where(worse, size / 2, size)
        better = after <= value
        found, value = np.where(better[:, None], moved, found), np.where(better, after, value)
        if np.abs(step).max() < 1e-6:  # the error is now about its square
            break
    sharpness = np.maximum(found[:, 0], DULLEST)
    return sharpness, found[:, 1:] @ center
