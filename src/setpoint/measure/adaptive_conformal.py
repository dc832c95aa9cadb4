"""Thresholds that follow a world that moves: the level is turned up after misses and down after none."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from setpoint.core.errors import DataError
from setpoint.measure.conformal import NEAR, conformal_quantile
from setpoint.measure.rows import Array, Mask, codes_of, column


class Adapted(NamedTuple):
    """The threshold that was in force for each row, whether the row stayed under it, and each block's level."""

    threshold: Array
    covered: Mask
    level: Array


def adapt(
    scores: npt.ArrayLike, block: npt.ArrayLike, *, level: float, rate: float = 0.05, window: int = 30, delay: int = 1
) -> Adapted:
    """Thresholds of each block of time from the blocks before it, at a level that is corrected by what was missed.

    Gibbs and Candes (2021), "Adaptive Conformal Inference Under Distribution Shift": after each block the share of
    misses aimed at moves by `rate` x (promised - missed). However the world moves, the mean share of misses over T
    blocks is within (1 + rate delay) / (rate T) of the promised one. `window` says how many blocks thresholds are made
    of, and `delay` after how many blocks outcomes are known; a block without older ones has an infinite threshold.

    >>> rng = np.random.default_rng(0)
    >>> day = np.repeat(np.arange(300), 20)
    >>> growing = rng.random(6000) * (1 + day / 10)
    >>> round(float(adapt(growing, day, level=0.9).covered.mean()), 3)
    0.897
    """
    values = column(scores, "scores")
    names, codes = codes_of(block)
    if codes.size != values.size:
        raise DataError(f"There are {values.size} scores and {codes.size} blocks.", expected="one for each row")
    if not (0 < level < 1 and rate > 0 and window >= 1 and delay >= 1):
        raise DataError(
            f"level={level}, rate={rate}, window={window}, delay={delay}.",
            expected="a level between 0 and 1, a rate above 0, and blocks from 1",
        )
    order = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[order], np.arange(names.size + 1))
    ordered = values[order]
    aimed, missed = np.full(names.size, 1 - level), np.zeros(names.size)
    limits = np.full(names.size, np.inf)
    miss = 1 - level
    for now in range(names.size):  # over blocks: each level follows from what the last one missed
        if now >= delay:
            miss += rate * (1 - level - missed[now - delay])
            past = ordered[starts[max(0, now - delay + 1 - window)] : starts[now - delay + 1]]
            limits[now] = _threshold(past, miss)
        aimed[now] = miss
        mine = ordered[starts[now] : starts[now + 1]]
        missed[now] = float((mine > limits[now]).mean())
    threshold = limits[codes]
    return Adapted(threshold, np.asarray(values <= threshold), 1 - aimed)


def _threshold(past: Array, miss: float) -> float:
    if miss <= NEAR:
        return np.inf
    return -np.inf if miss >= 1 - NEAR else conformal_quantile(past, 1 - miss)
