"""Sets of classes that hold the true one as often as is promised."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from setpoint.core.errors import DataError
from setpoint.measure.conformal import Cuts, fit_cuts
from setpoint.measure.rows import Array, Mask

Score = Literal["lac", "aps"]
SCORES: tuple[Score, ...] = ("lac", "aps")


@dataclass(frozen=True)
class ConformalSets:
    """What makes sets of classes of probabilities.

    lac  a class is in if its probability is high enough: the smallest sets on average, which rows that are hard to tell
         may be served worse by (Sadinle, Lei and Wasserman 2019)
    aps  classes are in from the likeliest on until they hold enough probability: larger where rows are hard to tell
         (Romano, Sesia and Candes 2020, not randomised, so meant for three classes and more)

    The likeliest class is always in, which can only raise coverage. With `by_class` each class has its own threshold,
    so that of the rows of every class, the rare ones too, the promised share is held.
    """

    score: Score
    classes: int
    cuts: Cuts
    by_class: bool = False

    def apply(self, p: npt.ArrayLike, *, group: npt.ArrayLike | None = None) -> Mask:
        """Which classes are in each row's set: rows by classes.

        >>> fit_sets([0, 1] * 10, [[0.7, 0.3], [0.2, 0.8]] * 10).apply([[0.8, 0.2], [0.5, 0.5]])
        array([[ True, False],
               [ True, False]])
        """
        chances = class_chances(p)
        if chances.shape[1] != self.classes:
            raise DataError(f"There are {chances.shape[1]} classes.", expected=f"{self.classes}")
        limit = (
            self.cuts.of(np.arange(self.classes), self.classes)[None, :]
            if self.by_class
            else self.cuts.of(group, chances.shape[0])[:, None]
        )
        inside = misfit(chances, self.score) <= limit
        inside[np.arange(chances.shape[0]), chances.argmax(axis=1)] = True
        return inside

    def to_dict(self) -> dict[str, Any]:
        """The sets as JSON-like data; `from_dict` gives back the same sets."""
        return {
            "score": self.score,
            "classes": self.classes,
            "by_class": self.by_class,
            "cuts": self.cuts.to_dict(),
        }

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> ConformalSets:
        """The sets that `to_dict` wrote.

        >>> sets = fit_sets([0, 1] * 10, [[0.7, 0.3], [0.2, 0.8]] * 10)
        >>> ConformalSets.from_dict(sets.to_dict()) == sets
        True
        """
        return ConformalSets(data["score"], data["classes"], Cuts.from_dict(data["cuts"]), data["by_class"])


def fit_sets(
    y: npt.ArrayLike,
    p: npt.ArrayLike,
    *,
    level: float = 0.9,
    score: Score = "lac",
    by_class: bool = False,
    group: npt.ArrayLike | None = None,
    cluster: npt.ArrayLike | None = None,
    weight: npt.ArrayLike | None = None,
    least: int | None = None,
) -> ConformalSets:
    """Sets that hold the true class with a chance of `level`, by rows that the model did not learn from.

    `y` are numbers of classes, `p` probabilities (a column for each class, or those of the second of two). With `group`
    the chance holds in each group with at least `least` rows.

    >>> rng = np.random.default_rng(0)
    >>> p = rng.dirichlet([1, 1, 1], 2000)
    >>> y = (rng.random((2000, 1)) > p.cumsum(axis=1)).sum(axis=1)
    >>> sets = fit_sets(y[:1000], p[:1000], level=0.9)
    >>> float(sets.apply(p[1000:])[np.arange(1000), y[1000:]].mean())
    0.899
    """
    if score not in SCORES:
        raise DataError(f"Sets by {score!r}.", expected=f"one of {', '.join(SCORES)}")
    chances, codes = class_chances(p), np.asarray(y)
    if codes.shape != chances.shape[:1] or (
        codes.size and not ((codes == codes.astype(np.intp)) & (codes >= 0) & (codes < chances.shape[1])).all()
    ):
        raise DataError(
            f"The labels of shape {codes.shape} are no classes of {chances.shape[0]} rows.",
            expected=f"a number from 0 to {chances.shape[1] - 1} for each row",
        )
    if by_class and group is not None:
        raise DataError("Thresholds were asked for by class and by group.", expected="one of the two")
    codes = codes.astype(np.intp)
    scores = misfit(chances, score)[np.arange(codes.size), codes]
    by = codes if by_class else group
    cuts = fit_cuts(scores, level=level, group=by, cluster=cluster, weight=weight, least=least)
    return ConformalSets(score, chances.shape[1], cuts, by_class)


def misfit(p: Array, score: Score) -> Array:
    """How badly each class fits each row: what the others hold (lac), or what is held from the likeliest on (aps).

    >>> misfit(np.array([[0.5, 0.3, 0.2]]), "aps")
    array([[0.5, 0.8, 1. ]])
    """
    if score == "lac":
        return 1 - p
    order = np.argsort(-p, axis=1, kind="stable")
    held = np.cumsum(np.take_along_axis(p, order, axis=1), axis=1)
    found = np.empty_like(p)
    np.put_along_axis(found, order, held, axis=1)
    return found


def class_chances(p: npt.ArrayLike) -> Array:
    """Probabilities with a column for each class; one column alone is that of the second of two classes.

    >>> class_chances([0.25])
    array([[0.75, 0.25]])
    """
    chances = np.asarray(p, dtype=np.float64)
    if chances.ndim == 1:
        chances = np.stack([1 - chances, chances], axis=1)
    if chances.ndim != 2 or chances.shape[1] < 2:
        raise DataError(f"The probabilities have shape {chances.shape}.", expected="a column for each class")
    if not ((chances >= 0).all() and np.allclose(chances.sum(axis=1), 1, atol=1e-6)):
        raise DataError("The probabilities of some row do not sum to 1.", expected="probabilities")
    return chances
