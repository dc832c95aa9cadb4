"""Outcomes of any kind seen as two classes, for checks that need no more: whether something knows them in advance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from setpoint.declare.goal_kind import BINARY, MULTICLASS, MULTILABEL, SURVIVAL


@dataclass(frozen=True)
class TwoView:
    """How outcomes of a kind become 1.0 and 0.0.

    Numbers are 1 above the median `at`, classes where they are not the commonest `at`, sets with the label `at`, times
    of events that happened.
    """

    kind: str
    at: float = 0.0

    def of(self, y: np.ndarray) -> np.ndarray:
        """The outcomes as two classes.

        >>> TwoView("regression", 2.0).of(np.array([1.0, 2.0, 5.0])).tolist()
        [0.0, 0.0, 1.0]
        """
        if self.kind == BINARY:
            return y
        if self.kind == MULTICLASS:
            return np.asarray(y != self.at, dtype=np.float64)
        if self.kind == MULTILABEL:
            return ((y.astype(np.int64) >> int(self.at)) & 1).astype(np.float64)
        return (y > self.at).astype(np.float64)

    def score(self, predicted: np.ndarray) -> np.ndarray:
        """One number for each row, which is the greater the likelier its outcome is of the second class."""
        if predicted.ndim == 1:
            return predicted
        if self.kind == MULTICLASS:
            return np.asarray(1.0 - predicted[:, int(self.at)])
        if self.kind == MULTILABEL:
            return np.asarray(predicted[:, int(self.at)])
        return np.asarray(predicted.mean(axis=1))


def two_view(kind: str, y: np.ndarray) -> TwoView:
    """The view that suits these outcomes: the two classes are as even as they can be.

    >>> two_view("multiclass", np.array([0.0, 2.0, 2.0])).at
    2.0
    """
    if kind in (BINARY, SURVIVAL) or not y.size:
        return TwoView(kind)
    if kind == MULTICLASS:
        return TwoView(kind, float(np.bincount(y.astype(np.intp)).argmax()))
    if kind == MULTILABEL:
        sets = y.astype(np.int64)
        width = max(int(sets.max()).bit_length(), 1)
        rates = ((sets[:, None] >> np.arange(width)) & 1).mean(axis=0)
        return TwoView(kind, float(np.abs(rates - 0.5).argmin()))
    middle = float(np.median(y))
    return TwoView(kind, middle if (y > middle).any() else float(np.nextafter(middle, -np.inf)))
