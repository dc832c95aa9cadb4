"""Checked columns of scored decisions: what every metric starts from."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from setpoint.core.errors import DataError

Array = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]


class Rows(NamedTuple):
    """Outcomes (0 or 1), scores and weights of the same decisions, as floats."""

    y: Array
    p: Array
    weight: Array

    def where(self, mask: Mask) -> Rows:
        """The rows that a mask keeps."""
        return Rows(self.y[mask], self.p[mask], self.weight[mask])


def as_rows(y: npt.ArrayLike, p: npt.ArrayLike, weight: npt.ArrayLike | None = None) -> Rows:
    """Outcomes, scores and weights, refused when a value means nothing; without weights each row counts once.

    >>> as_rows([True, False], [0.9, 0.2]).weight
    array([1., 1.])
    """
    outcomes, scores = column(y, "outcomes"), column(p, "scores")
    weights = np.ones_like(outcomes) if weight is None else column(weight, "weights")
    if not outcomes.size == scores.size == weights.size:
        raise DataError(
            f"There are {outcomes.size} outcomes, {scores.size} scores and {weights.size} weights.",
            expected="one of each per decision",
        )
    if not ((outcomes == 0) | (outcomes == 1)).all():
        strange = outcomes[(outcomes != 0) & (outcomes != 1)][0]
        raise DataError(f"An outcome is {strange}.", expected="0 or 1", hint="Leave out rows without a label.")
    if (weights < 0).any():
        raise DataError(f"A weight is {weights.min()}.", expected="zero or more")
    return Rows(outcomes, scores, weights)


class Clustered(NamedTuple):
    """The rows that have weight, the number of each one's cluster, and which of the given rows they are."""

    rows: Rows
    codes: Codes
    clusters: int
    kept: Mask


def clustered_rows(
    y: npt.ArrayLike, p: npt.ArrayLike, *, cluster: npt.ArrayLike | None, weight: npt.ArrayLike | None
) -> Clustered:
    """Checked rows with their clusters; rows of weight zero are left out, for they say nothing.

    >>> clustered_rows([1, 0, 1], [0.9, 0.2, 0.4], cluster=["a", "b", "a"], weight=[1, 0, 2]).clusters
    1
    """
    rows = as_rows(y, p, weight)
    codes, clusters = codes_for(cluster, rows.y.size)
    kept = rows.weight > 0
    if kept.all():
        return Clustered(rows, codes, clusters, kept)
    codes, clusters = codes_for(codes[kept], int(kept.sum()))
    return Clustered(rows.where(kept), codes, clusters, kept)


def column(values: npt.ArrayLike, what: str) -> Array:
    """One column of finite floats; `what` names it in the error."""
    array = np.ascontiguousarray(values, dtype=np.float64)
    if array.ndim != 1:
        raise DataError(f"The {what} have shape {array.shape}.", expected="one dimension")
    if not np.isfinite(array).all():
        raise DataError(f"{int((~np.isfinite(array)).sum())} of the {what} are not finite.", expected="numbers")
    return array


def need_probabilities(p: Array) -> None:
    """Refuses scores outside 0 to 1, for metrics that read them as probabilities."""
    if p.size and not (p.min() >= 0 and p.max() <= 1):
        raise DataError(
            f"The scores run from {p.min():g} to {p.max():g}.",
            expected="probabilities",
            hint="Calibrate the scores first, or use a metric of ranks such as auc.",
        )


def codes_of(labels: npt.ArrayLike) -> tuple[npt.NDArray[np.generic], Codes]:
    """The distinct labels in order and the number of each row's label, for clusters and groups.

    >>> codes_of(["b", "a", "b"])[1]
    array([1, 0, 1])
    """
    array = np.asarray(labels)
    if array.ndim != 1:
        raise DataError(f"The labels of rows have shape {array.shape}.", expected="one dimension")
    names, codes = np.unique(array, return_inverse=True)
    return names, codes.astype(np.intp, copy=False)


def codes_for(labels: npt.ArrayLike | None, n: int) -> tuple[Codes, int]:
    """The cluster number of each of `n` rows and how many clusters there are; None makes every row its own."""
    if labels is None:
        return np.arange(n, dtype=np.intp), n
    names, codes = codes_of(labels)
    if codes.size != n:
        raise DataError(f"There are {n} rows and {codes.size} cluster labels.", expected="one per row")
    return codes, names.size


def effective(weight: Array) -> float:
    """How many rows of equal weight say as much as rows of these weights: (sum of w)^2 / sum of w^2.

    Kish (1965), "Survey Sampling", section 11.7; their number over it is the design effect of the weights.

    >>> effective(np.array([1.0, 1.0, 0.0])), effective(np.array([3.0, 1.0]))
    (2.0, 1.6)
    """
    squares = float((weight**2).sum())
    return float(weight.sum()) ** 2 / squares if squares > 0 else 0.0


def newest_of(at: npt.ArrayLike, share: float) -> Mask:
    """The newest share of rows, such as those that calibrate; rows of one time stay together.

    >>> newest_of([3, 1, 2, 2], 0.5)
    array([ True, False,  True,  True])
    """
    times = np.asarray(at)
    if not 0 < share < 1:
        raise DataError(f"newest={share}.", expected="a share between 0 and 1")
    if times.size == 0:
        return np.zeros(0, dtype=bool)
    first = min(int(times.size * (1 - share)), times.size - 1)
    return np.asarray(times >= np.partition(times, first)[first])


def totals(codes: Codes, values: Array, size: int) -> Array:
    """The sum of the values of each code below `size`.

    >>> totals(np.array([0, 2, 0]), np.array([1.0, 2.0, 3.0]), 3)
    array([4., 0., 2.])
    """
    return np.bincount(codes, weights=values, minlength=size).astype(np.float64, copy=False)
