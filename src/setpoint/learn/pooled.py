"""One prediction from those of several models: a weighted sum on the scale on which what inputs add is told.

Probabilities are added as log odds, those of classes as logarithms, counts as logarithms, numbers as they are. So what
each input adds to the whole is the weighted sum of what it adds to each member.
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit, logit

ODDS, SHARES, LOG, NUMBER = "odds", "shares", "log", "number"
"""The scales: probabilities, those of classes that exclude each other, counts, any other numbers."""
OF_TARGET = {"binary": ODDS, "multiclass": SHARES, "count": LOG}
"""The scale of a learner's target, where it is not that of numbers."""
OF_KIND = {"binary": ODDS, "multilabel": ODDS, "survival": ODDS, "multiclass": SHARES, "count": LOG}
"""The scale of the predictions of a kind of goal, where it is not that of numbers."""
TINY = 1e-15
"""Probabilities and counts are taken to be this far from 0, and probabilities from 1."""


def scores_of(predicted: np.ndarray, scale: str) -> np.ndarray:
    """Predictions on their scale.

    >>> scores_of(np.array([0.5]), ODDS)
    array([0.])
    """
    if scale == ODDS:
        return np.asarray(logit(np.clip(predicted, TINY, 1 - TINY)))
    if scale in (SHARES, LOG):
        return np.asarray(np.log(np.maximum(predicted, TINY)))
    return np.asarray(predicted, dtype=np.float64)


def predictions_of(scores: np.ndarray, scale: str) -> np.ndarray:
    """What scores on a scale predict; each row by itself, to the bit.

    >>> predictions_of(np.array([[0.0, 0.0]]), SHARES)
    array([[0.5, 0.5]])
    """
    if scale == ODDS:
        return np.asarray(expit(scores))
    if scale == LOG:
        return np.asarray(np.exp(scores))
    if scale == SHARES:
        sized = np.exp(scores - scores.max(axis=1, keepdims=True, initial=-np.inf))
        return np.asarray(sized / np.cumsum(sized, axis=1)[:, -1:])
    return scores


def pool(scores: np.ndarray, weights: np.ndarray, bias: float, scale: str) -> np.ndarray:
    """The predictions of several models as one: their scores (models x rows, or more) added by weight, and a number.

    >>> pool(np.array([[1.0], [3.0]]), np.array([0.5, 0.5]), 0.0, NUMBER)
    array([2.])
    """
    total = np.full(scores.shape[1:], bias)
    for weight, each in zip(weights.tolist(), scores, strict=True):  # in one order, so that a batch equals its rows
        total = total + weight * each
    return predictions_of(total, scale)
