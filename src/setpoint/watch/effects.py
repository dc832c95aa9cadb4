"""Additive effects: how far each bin of each input moves the score, so that counts foretell a day's mean score."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from setpoint.watch.binning import Codes, Numbers

SWEEPS = 4
STIFFNESS = 20.0
"""A bin's effect is shrunk towards zero as if this many more rows had none."""


def additive_effects(codes: Sequence[Codes], sizes: Sequence[int], target: Numbers) -> list[Numbers]:
    """The effect on the target of each value that the codes of each column can take.

    Backfitting of an additive model (Hastie and Tibshirani 1986, "Generalized additive models", Statistical Science
    1(3)), with shrunken means of bins as smoother. The mean over rows of the sum of effects follows the mean of the
    target, and needs no rows: it is linear in the counts of the bins.

    >>> one, two = np.array([0, 0, 1, 1] * 999), np.array([0, 1] * 1998)
    >>> effects = additive_effects([one, two], [2, 2], 2.0 * one + 0.0 * two)
    >>> round(float(effects[0][1] - effects[0][0]), 1), round(float(effects[1][1] - effects[1][0]), 1)
    (2.0, 0.0)
    """
    effects = [np.zeros(size) for size in sizes]
    residual = target - target.mean() if target.size else target
    for _ in range(SWEEPS):
        for column, size, effect in zip(codes, sizes, effects, strict=True):
            rows = np.bincount(column, minlength=size)
            partial = np.bincount(column, weights=residual, minlength=size) + rows * effect
            new = partial / (rows + STIFFNESS)
            residual = residual - (new - effect)[column]
            effect[:] = new
    return effects
