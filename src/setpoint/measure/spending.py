"""Boundaries for looking at a running test a planned number of times without raising its false alarms."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Literal

import numpy as np
from scipy.special import ndtr, ndtri

from setpoint.core.errors import DataError
from setpoint.measure.rows import Array

Spending = Literal["obrien_fleming", "pocock"]
LEAST_SPENT = 1e-13
"""Less than this cannot be told from nothing: such a look cannot stop the test."""


def spent(fraction: float, *, alpha: float, spending: Spending = "obrien_fleming") -> float:
    """How much of a one-sided alpha may be spent up to a fraction of the information (Lan and DeMets 1983).

    >>> spent(1.0, alpha=0.025).__round__(6)
    0.025
    """
    if spending == "pocock":
        return float(alpha * np.log(1 + (np.e - 1) * min(fraction, 1.0)))
    return float(2 * ndtr(ndtri(alpha / 2) / np.sqrt(min(fraction, 1.0))))


def group_sequential(
    fractions: Sequence[float],
    *,
    alpha: float = 0.05,
    sides: Literal[1, 2] = 2,
    spending: Spending = "obrien_fleming",
) -> tuple[float, ...]:
    """The z value at which a test may stop at each look, given the fractions of information at the looks so far.

    Fractions are of the planned maximum, ascending; they need not be planned ahead, and boundaries of past looks do
    not move when later ones are added. A look too early to stop at has an infinite boundary. Two-sided tests spend
    half of alpha on each side. Armitage, McPherson and Rowe (1969) for the recursion; Lan and DeMets (1983).

    >>> [round(z, 3) for z in group_sequential([0.2, 0.4, 0.6, 0.8, 1.0])]
    [4.877, 3.357, 2.68, 2.29, 2.031]
    """
    times = tuple(float(fraction) for fraction in fractions)
    if not times or times[0] <= 0 or any(b <= a for a, b in pairwise(times)):
        raise DataError(f"fractions={times}.", expected="ascending fractions above 0, such as (0.25, 0.5, 1.0)")
    if not 0 < alpha < 1:
        raise DataError(f"alpha={alpha}.", expected="a chance between 0 and 1")
    return _boundaries(times, alpha / sides, sides, spending)


def crossing_chance(fractions: Sequence[float], boundaries: Sequence[float], *, sides: Literal[1, 2] = 2) -> float:
    """How often chance alone crosses the boundaries at any look: the false-alarm rate of a plan of looks.

    >>> crossing_chance([1 / 3, 2 / 3, 1.0], [1.96, 1.96, 1.96]).__round__(3)
    0.107
    """
    paths, crossed = _Paths(sides), 0.0
    for time, z in zip(fractions, boundaries, strict=True):
        crossed += paths.chance_above(z, time) * sides
        paths.survive(z, time)
    return crossed


@lru_cache(maxsize=256)
def _boundaries(times: tuple[float, ...], tail: float, sides: Literal[1, 2], spending: Spending) -> tuple[float, ...]:
    paths, found, before = _Paths(sides), [], 0.0
    for time in times:
        until, boundary = spent(time, alpha=tail, spending=spending), np.inf
        if until - before >= LEAST_SPENT:
            boundary = _solve(paths, time, until - before)
            before = until
        paths.survive(boundary, time)
        found.append(boundary)
    return tuple(found)


class _Paths:
    """The density of a Brownian motion that has not crossed a boundary yet, on Gauss-Legendre nodes."""

    def __init__(self, sides: Literal[1, 2]) -> None:
        self.sides = sides
        self.time = 0.0
        self.nodes, self.mass = np.zeros(1), np.ones(1)

    def chance_above(self, z: float, time: float) -> float:
        """The chance of being above z at a time and inside the boundaries before."""
        step, root = np.sqrt(time - self.time), np.sqrt(time)
        return float((self.mass * ndtr((self.nodes - z * root) / step)).sum())

    def survive(self, z: float, time: float) -> None:
        """Moves on to a time, keeping the paths that are inside the boundary z there."""
        step, root = np.sqrt(time - self.time), np.sqrt(time)
        high = min(z, 9.0) * root
        low = -high if self.sides == 2 else -9.0 * root
        at, width = _gauss_legendre(int(np.clip(4 * (high - low) / step, 64, 2000)))
        nodes = (high + low) / 2 + (high - low) / 2 * at
        kernel = np.exp(-0.5 * ((nodes[:, None] - self.nodes[None, :]) / step) ** 2) / (step * np.sqrt(2 * np.pi))
        self.mass = np.einsum("ij,j->i", kernel, self.mass) * width * (high - low) / 2
        self.nodes, self.time = nodes, time


def _solve(paths: _Paths, time: float, target: float) -> float:
    low, high = -9.0, 9.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if paths.chance_above(middle, time) > target else (low, middle)
    return (low + high) / 2


@lru_cache(maxsize=64)
def _gauss_legendre(points: int) -> tuple[Array, Array]:
    at, width = np.polynomial.legendre.leggauss(points)
    return np.asarray(at), np.asarray(width)
