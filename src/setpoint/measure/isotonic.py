"""Isotonic regression: the best non-decreasing rate of a score."""

from __future__ import annotations

import numpy as np

from setpoint.measure.rows import Array, Codes

ROUNDS = 50


def pool_adjacent_violators(mean: Array, weight: Array) -> tuple[Array, Codes]:
    """The non-decreasing values nearest to `mean` in weighted squares, as blocks: each block's value and length.

    Runs of falling blocks are pooled all at once until none falls; what is left after 50 rounds is pooled one by
    one. Ayer et al. (1955); Best and Chakravarti (1990).

    >>> value, length = pool_adjacent_violators(np.array([0.2, 0.6, 0.4, 0.9]), np.ones(4))
    >>> value, length
    (array([0.2, 0.5, 0.9]), array([1, 2, 1]))
    """
    total, mass = mean * weight, weight.astype(np.float64)
    length = np.ones(mean.size, dtype=np.intp)
    for _ in range(ROUNDS):
        value = total / mass
        starts = np.flatnonzero(np.concatenate(([True], value[1:] > value[:-1])))
        if starts.size == value.size:
            return value, length
        total, mass = np.add.reduceat(total, starts), np.add.reduceat(mass, starts)
        length = np.add.reduceat(length, starts)
    return _one_by_one(total, mass, length)


def _one_by_one(total: Array, mass: Array, length: Codes) -> tuple[Array, Codes]:
    blocks: list[tuple[float, float, int]] = []
    for block in zip(total.tolist(), mass.tolist(), length.tolist(), strict=True):
        sums, mass_, size = block
        while blocks and blocks[-1][0] * mass_ >= sums * blocks[-1][1]:
            before = blocks.pop()
            sums, mass_, size = sums + before[0], mass_ + before[1], size + before[2]
        blocks.append((sums, mass_, size))
    values = np.array([sums / mass_ for sums, mass_, _ in blocks])
    return values, np.array([size for _, _, size in blocks], dtype=np.intp)
