"""The power law by which an error falls as rows are added, and what it says of more of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from setpoint.core.errors import DataError
from setpoint.measure.rows import Array

RATES = np.concatenate([np.arange(0.05, 1.0, 0.025), np.arange(1.0, 2.01, 0.05)])
"""Exponents that are tried: errors of learners fall by about the root of the rows, hardly ever faster than 1/n^2."""
FEWEST = 3


@dataclass(frozen=True)
class PowerLaws:
    """Errors that fall as `limit + scale * rows ** -rate`, a law for each curve; `limit` and `scale` are 0 or more."""

    limit: Array
    scale: Array
    rate: Array

    def at(self, rows: float) -> Array:
        """The error of each curve with so many rows.

        >>> PowerLaws(np.array([0.1]), np.array([2.0]), np.array([0.5])).at(400.0)
        array([0.2])
        """
        return np.asarray(self.limit + self.scale * rows**-self.rate)

    def gained(self, rows: float, *, times: float = 2.0) -> Array:
        """By how much each error falls with `times` as many rows."""
        return self.at(rows) - self.at(rows * times)


def fit_power_laws(rows: npt.ArrayLike, errors: npt.ArrayLike) -> PowerLaws:
    """The law that is nearest to the errors of each curve: `errors` is curves x sizes, or the errors of one curve.

    Least squares, exactly for the two linear parts (both kept at 0 or more) at each of a grid of exponents. Learning
    curves mostly follow a power law with an offset, and no form fits all of them: Viering and Loog (2023), "The Shape
    of Learning Curves: A Review", IEEE Transactions on Pattern Analysis and Machine Intelligence 45(6).

    >>> sizes = np.array([100.0, 200.0, 400.0, 800.0])
    >>> law = fit_power_laws(sizes, 0.3 + 4 * sizes**-0.5)
    >>> law.limit.round(3).item(), law.scale.round(2).item(), law.rate.round(2).item()
    (0.3, 4.0, 0.5)
    """
    sizes, curves = np.asarray(rows, dtype=np.float64), np.atleast_2d(np.asarray(errors, dtype=np.float64))
    if sizes.size < FEWEST or curves.shape[1] != sizes.size or (sizes <= 0).any():
        raise DataError(
            f"There are {sizes.size} sizes and {curves.shape[1]} errors.",
            expected=f"an error at each of {FEWEST} sizes or more, all above 0",
        )
    best = np.full(len(curves), np.inf)
    found = np.zeros((3, len(curves)))
    middle = curves.mean(axis=1)
    for rate in RATES.tolist():
        falls = sizes**-rate
        off = falls - falls.mean()
        scale = np.maximum(((curves - middle[:, None]) * off).sum(axis=1) / (off**2).sum(), 0.0)
        limit = middle - scale * falls.mean()
        through = (curves * falls).sum(axis=1) / (falls**2).sum()
        scale, limit = np.where(limit < 0, np.maximum(through, 0.0), scale), np.maximum(limit, 0.0)
        missed = ((curves - limit[:, None] - scale[:, None] * falls) ** 2).sum(axis=1)
        better = missed < best
        best = np.where(better, missed, best)
        found[:, better] = np.stack([limit, scale, np.full(len(curves), rate)])[:, better]
    return PowerLaws(*found)
