"""Agreement of annotators beyond chance, with an interval from resampled items.

Votes are a matrix of items by annotators: class numbers from 0, -1 where an annotator gave none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from setpoint.core.errors import DataError
from setpoint.core.rng import seed_for
from setpoint.measure.intervals import bootstrap_tails

Floats = npt.NDArray[np.float64]
Votes = npt.NDArray[np.int8]
Weights = Literal["none", "linear", "quadratic"]
Level = Literal["nominal", "ordinal", "interval"]

_BLOCK = 4_000_000
"""How many numbers of a bootstrap are held at once."""


@dataclass(frozen=True)
class Agreement:
    """One coefficient with its interval; NaN where it cannot be told, such as when only one class was ever given.

    `items` are those with at least two votes, which alone can agree.
    """

    name: str
    value: float
    low: float
    high: float
    items: int

    def to_dict(self) -> dict[str, Any]:
        """The coefficient as JSON-like data."""
        numbers = {name: getattr(self, name) for name in ("value", "low", "high")}
        return {
            "name": self.name,
            **{name: None if np.isnan(number) else number for name, number in numbers.items()},
            "items": self.items,
        }


def vote_counts(votes: npt.ArrayLike, classes: int) -> Floats:
    """How many annotators gave each item each class.

    >>> vote_counts([[0, 0, 1], [1, -1, -1]], 2).tolist()
    [[2.0, 1.0], [0.0, 1.0]]
    """
    matrix = _matrix(votes, classes)
    rows, columns = np.nonzero(matrix >= 0)
    flat = rows * classes + matrix[rows, columns]
    return np.bincount(flat, minlength=matrix.shape[0] * classes).reshape(-1, classes).astype(np.float64)


def percent_agreement(
    votes: npt.ArrayLike, *, classes: int, draws: int = 1000, seed: int = 0, level: float = 0.95
) -> Agreement:
    """The share of pairs of votes on an item that are the same, as a mean over items.

    >>> percent_agreement([[0, 0], [1, 1], [0, 1], [1, 1]], classes=2).value
    0.75
    """
    counts = _repeated(vote_counts(votes, classes))
    parts = np.column_stack([_pairs(counts), np.ones(counts.shape[0])])
    return _found("percent", parts, lambda sums: _ratio(sums[:, 0], sums[:, 1]), draws, seed, level)


def cohen_kappa(
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    *,
    classes: int,
    weights: Weights = "none",
    draws: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Agreement:
    """Cohen's kappa of two annotators, over the items that both voted on (Cohen 1960; weighted, Cohen 1968).

    `weights` says how bad a difference is: all alike, by its size ("linear"), or by its square ("quadratic").

    >>> cohen_kappa([0, 0, 1, 1], [0, 1, 1, 1], classes=2).value
    0.5
    """
    a, b = _matrix(np.atleast_2d(first), classes)[0], _matrix(np.atleast_2d(second), classes)[0]
    both = (a >= 0) & (b >= 0)
    parts = np.eye(classes * classes)[a[both] * classes + b[both]]
    apart = np.abs(np.subtract.outer(np.arange(classes), np.arange(classes))).astype(np.float64)
    loss = {"none": (apart > 0).astype(np.float64), "linear": apart, "quadratic": apart**2}[weights]

    def kappa(sums: Floats) -> Floats:
        table = sums.reshape(-1, classes, classes)
        seen = np.einsum("dij,ij->d", table, loss)
        chance = np.einsum("di,ij,dj->d", table.sum(axis=2), loss, table.sum(axis=1))
        return 1.0 - _ratio(seen * table.sum(axis=(1, 2)), chance)

    name = "cohen" if weights == "none" else f"cohen-{weights}"
    return _found(name, parts, kappa, draws, seed, level)


def fleiss_kappa(
    votes: npt.ArrayLike, *, classes: int, draws: int = 1000, seed: int = 0, level: float = 0.95
) -> Agreement:
    """Fleiss' kappa of any number of annotators (Fleiss 1971).

    Where items have different numbers of votes, the agreement of each item counts once and the share of a class is
    that of all votes.

    >>> fleiss_kappa([[0, 0, 0], [1, 1, 1], [0, 0, 1]], classes=2).value.__round__(3)
    0.55
    """
    return fleiss_kappa_of(vote_counts(votes, classes), draws=draws, seed=seed, level=level)


def fleiss_kappa_of(counts: Floats, *, draws: int = 1000, seed: int = 0, level: float = 0.95) -> Agreement:
    """Fleiss' kappa of a table that says how many annotators gave each item each class, as the paper has it.

    >>> fleiss_kappa_of(np.array([[3.0, 0.0], [0.0, 3.0], [2.0, 1.0]])).value.__round__(3)
    0.55
    """
    counts = _repeated(counts)
    parts = np.column_stack([_pairs(counts), np.ones(counts.shape[0]), counts])

    def kappa(sums: Floats) -> Floats:
        seen = _ratio(sums[:, 0], sums[:, 1])
        share = _ratio(sums[:, 2:], sums[:, 2:].sum(axis=1, keepdims=True))
        chance = (share**2).sum(axis=1)
        return _ratio(seen - chance, 1.0 - chance)

    return _found("fleiss", parts, kappa, draws, seed, level)


def krippendorff_alpha(
    values: npt.ArrayLike, *, scale: Level = "nominal", draws: int = 1000, seed: int = 0, level: float = 0.95
) -> Agreement:
    """Krippendorff's alpha of any number of annotators, any of whose votes may be missing (Krippendorff 2011).

    `values` are class numbers with -1 for a missing one, or floats with NaN. `scale` says what a difference means:
    being another class ("nominal"), ranks between ("ordinal") or the distance of the numbers ("interval").

    >>> krippendorff_alpha([[0, 0], [1, 1], [0, 1], [1, 1]]).value.__round__(3)
    0.533
    """
    matrix = np.asarray(values)
    if matrix.ndim != 2:
        raise DataError(f"The votes have {matrix.ndim} dimensions.", expected="a matrix of items by annotators")
    given = ~np.isnan(matrix) if matrix.dtype.kind == "f" else matrix >= 0
    distinct, code = np.unique(matrix[given], return_inverse=True)
    size = max(1, distinct.size)
    counts = np.zeros((matrix.shape[0], size))
    np.add.at(counts, (np.nonzero(given)[0], code), 1.0)
    counts = _repeated(counts)
    numbers = np.zeros(1) if not distinct.size else distinct.astype(np.float64)
    pairs = counts[:, :, None] * counts[:, None, :]
    pairs[:, np.arange(size), np.arange(size)] -= counts
    parts = (pairs / (counts.sum(axis=1) - 1.0)[:, None, None]).reshape(-1, size * size)

    def alpha(sums: Floats) -> Floats:
        table = sums.reshape(-1, size, size)
        each = table.sum(axis=2)
        if scale == "nominal":
            apart = np.broadcast_to(1.0 - np.eye(size), table.shape)
        else:
            # The ordinal distance of two classes is that of their mid-ranks.
            place = np.cumsum(each, axis=1) - each / 2 if scale == "ordinal" else numbers[None, :]
            apart = (place[:, :, None] - place[:, None, :]) ** 2
        seen = (table * apart).sum(axis=(1, 2))
        chance = np.einsum("di,dij,dj->d", each, np.broadcast_to(apart, table.shape), each)
        return 1.0 - _ratio(seen * (each.sum(axis=1) - 1.0), chance)

    return _found(f"alpha-{scale}", parts, alpha, draws, seed, level)


def self_agreement(first: npt.ArrayLike, again: npt.ArrayLike, *, classes: int, seed: int = 0) -> Agreement:
    """How often an annotator gives an item that he is handed a second time the same class.

    >>> self_agreement([0, 1, 1, -1], [0, 1, 0, 1], classes=2).value.__round__(3)
    0.667
    """
    found = percent_agreement(np.column_stack([np.asarray(first), np.asarray(again)]), classes=classes, seed=seed)
    return Agreement("self", found.value, found.low, found.high, found.items)


def _matrix(votes: npt.ArrayLike, classes: int) -> npt.NDArray[np.int64]:
    matrix = np.asarray(votes)
    if matrix.ndim != 2 or (matrix.size and matrix.dtype.kind not in "iu"):
        raise DataError(
            f"The votes are {matrix.ndim}-dimensional {matrix.dtype} values.",
            expected="a matrix of class numbers, items by annotators, -1 for no vote",
        )
    if matrix.size and not (matrix.min() >= -1 and matrix.max() < classes):
        raise DataError(
            f"The votes go from {matrix.min()} to {matrix.max()}.", expected=f"-1 for no vote, or 0 to {classes - 1}"
        )
    return matrix.astype(np.int64)


def _repeated(counts: Floats) -> Floats:
    """The items with two votes or more."""
    return np.asarray(counts[counts.sum(axis=1) >= 2])


def _pairs(counts: Floats) -> Floats:
    """The share of agreeing pairs of votes on each item."""
    votes = counts.sum(axis=1)
    return np.asarray(((counts**2).sum(axis=1) - votes) / (votes * (votes - 1.0)), dtype=np.float64)


def _ratio(above: Floats, below: Floats) -> Floats:
    above, below = np.broadcast_arrays(above, below)
    return np.asarray(np.divide(above, below, out=np.full(above.shape, np.nan), where=np.abs(below) > 1e-12))


def _found(
    name: str, parts: Floats, statistic: Callable[[Floats], Floats], draws: int, seed: int, level: float
) -> Agreement:
    """A statistic of sums over items, and its interval over resampled items: bias-corrected, wider for few items.

    Where every resampling gives the same, as when all agree on everything, there is no interval.
    """
    items = parts.shape[0]
    if not items:
        return Agreement(name, np.nan, np.nan, np.nan, 0)
    value = float(statistic(parts.sum(axis=0, keepdims=True))[0])
    rng = np.random.default_rng(seed_for(seed, "agreement", name))
    # Items that are alike are drawn together: how many of each kind there are is what a resampling says.
    kinds, many = np.unique(parts, axis=0, return_counts=True)
    block = max(1, _BLOCK // max(kinds.shape))
    drawn = [
        statistic(rng.multinomial(items, many / items, size=min(block, draws - done)) @ kinds)
        for done in range(0, draws, block)
    ]
    sample = np.concatenate(drawn)
    sample = sample[~np.isnan(sample)]
    if not sample.size or np.isnan(value):
        return Agreement(name, value, np.nan, np.nan, items)
    if items < 2 or sample.min() == sample.max():
        return Agreement(name, value, np.nan, np.nan, items)
    below = np.clip((np.mean(sample < value) + np.mean(sample <= value)) / 2, 1 / draws, 1 - 1 / draws)
    low, high = np.quantile(sample, bootstrap_tails(level, items, below=float(below)))
    return Agreement(name, value, float(low), float(high), items)
