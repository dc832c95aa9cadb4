"""What gold rows say about ways to make labels: scores that no row had a part in, and a choice that is judged apart.

Gold rows are cut into folds. A way's temperature, and whatever else it learns from gold, comes from the other folds;
so does the choice among ways, which is made anew for each fold by scores within the rest (nested cross-validation:
Stone 1974; Varma and Simon 2006). What the choice is worth is told by the folds that it did not see.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from setpoint.core.digest import digest_bytes
from setpoint.core.errors import DataError
from setpoint.core.rng import seed_for
from setpoint.labels.label_model_table import softmax
from setpoint.labels.vote_patterns import Floats, Votes
from setpoint.measure.class_calibration import fit_sharpness_many
from setpoint.measure.class_metrics import ClassMetric

FOLDS = 5
Codes = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]

Scored = Callable[[Mask], Floats]
"""Scores of all gold rows by what is learned from those that a mask keeps; a kept row has no part in its own."""


@dataclass(frozen=True)
class Gold:
    """Rows whose class was looked up: their numbers in the vote matrix, their classes, and what each weighs."""

    rows: npt.NDArray[np.int64]
    y: Codes
    weight: Floats

    @staticmethod
    def of(rows: npt.ArrayLike, y: npt.ArrayLike, weight: npt.ArrayLike | None = None) -> Gold:
        """Gold rows, refused where they do not fit together.

        >>> Gold.of([4, 7], [0, 1]).weight
        array([1., 1.])
        """
        places, codes = np.asarray(rows, dtype=np.int64), np.asarray(y, dtype=np.intp)
        weights = np.ones(places.size) if weight is None else np.asarray(weight, dtype=np.float64)
        if not places.shape == codes.shape == weights.shape or places.ndim != 1:
            raise DataError(
                f"There are {places.size} gold rows, {codes.size} classes and {weights.size} weights.",
                expected="one of each for each row",
            )
        if np.unique(places).size != places.size:
            raise DataError("A row is among the gold rows twice.", expected="each once")
        if not (np.isfinite(weights).all() and (weights > 0).all()):
            raise DataError("A gold row has no positive weight.", expected="weights above zero")
        return Gold(places, codes, weights)

    @property
    def digest(self) -> str:
        """The digest of the rows, their classes and weights."""
        return digest_bytes(self.rows.tobytes(), self.y.astype(np.int64).tobytes(), self.weight.tobytes())

    def counts(self, classes: int) -> Floats:
        """The weight of each class."""
        return np.bincount(self.y, weights=self.weight, minlength=classes).astype(np.float64)


def draw_gold(rows: int, *, size: int = 200, seed: int = 0) -> npt.NDArray[np.int64]:
    """Which rows to look up as gold: drawn at random without replacement, the same for the same seed.

    >>> draw_gold(1000, size=5, seed=1).size
    5
    """
    if not 0 < size <= rows:
        raise DataError(f"{size} gold rows are to be drawn of {rows}.", expected="fewer than there are")
    drawn = np.random.default_rng(seed_for(seed, "gold rows")).choice(rows, size=size, replace=False)
    return np.sort(drawn).astype(np.int64)


@dataclass(frozen=True)
class Choice:
    """The way chosen, and what gold rows say: of each way, of the choice, and of what it is held against.

    `chosen_p` and the values of `beside_p` are probabilities of the gold rows by folds that had no part in them.
    """

    way: str
    sharpness: float
    shift: Floats
    ways: Mapping[str, float]
    chosen_p: Floats
    beside_p: Mapping[str, Floats]


def choose(
    ways: Mapping[str, Scored],
    beside: Mapping[str, Scored],
    gold: Gold,
    *,
    metric: ClassMetric,
    seed: int = 0,
) -> Choice:
    """The best of some ways to make labels, and what to hold it against, by a metric; of equals the first.

    >>> from setpoint.measure.class_metrics import CLASS_METRICS
    >>> y = np.arange(40) % 2
    >>> ways = {"right": always(4.0 * np.eye(2)[y]), "silent": always(np.zeros((40, 2)))}
    >>> choose(ways, {}, Gold.of(np.arange(40), y), metric=CLASS_METRICS["log_loss"]).way
    'right'
    """
    fold = folds_of(gold.y, seed=seed)
    left_out = [(), *[(i,) for i in range(FOLDS)], *combinations(range(FOLDS), 2)]
    kept = np.stack([~np.isin(fold, out) for out in left_out])
    scored = [np.stack([way(mask) for mask in kept]) for way in (*ways.values(), *beside.values())]
    scores = np.concatenate(scored)
    sharpness, shift = fit_sharpness_many(scores, gold.y, np.tile(kept * gold.weight, (len(scored), 1)))
    p = softmax(sharpness[:, None, None] * scores + shift[:, None]).reshape(
        len(scored), len(left_out), *scores.shape[1:]
    )
    without = {out: place for place, out in enumerate(left_out)}

    def pooled(way: int, *out: int) -> Floats:
        """Probabilities of the rows of each fold by what was learned without it, and without the folds `out`."""
        found = np.empty(p.shape[2:])
        for i in range(FOLDS):
            found[fold == i] = p[way, without[tuple(sorted({i, *out}))], fold == i]
        return found

    def best(*out: int) -> int:
        rows = ~np.isin(fold, out)
        values = [metric(gold.y[rows], pooled(way, *out)[rows], weight=gold.weight[rows]) for way in range(len(ways))]
        signed = np.array(values) if metric.greater_is_better else -np.array(values)
        return int(np.argmax(np.nan_to_num(signed, nan=-np.inf)))

    chosen_p = np.empty(p.shape[2:])
    for o in range(FOLDS):
        chosen_p[fold == o] = p[best(o), without[(o,)], fold == o]
    whole = best()
    names = [*ways, *beside]
    each = {name: metric(gold.y, pooled(way), weight=gold.weight) for way, name in enumerate(names)}
    place = whole * len(left_out)
    return Choice(
        names[whole],
        float(sharpness[place]),
        shift[place],
        each,
        chosen_p,
        {name: pooled(len(ways) + way) for way, name in enumerate(beside)},
    )


def folds_of(y: Codes, *, seed: int) -> Codes:
    """The fold of each gold row: each class is dealt out to all folds.

    >>> np.bincount(folds_of(np.zeros(12, dtype=int), seed=0))
    array([3, 3, 2, 2, 2])
    """
    order = np.random.default_rng(seed_for(seed, "gold folds")).permutation(y.size)
    found = np.empty(y.size, dtype=np.intp)
    found[order[np.argsort(y[order], kind="stable")]] = np.arange(y.size) % FOLDS
    return found


def always(scores: Floats) -> Scored:
    """Scores that nothing of gold has a part in.

    >>> always(np.zeros((1, 2)))(np.array([True])).tolist()
    [[0.0, 0.0]]
    """
    return lambda _kept: scores


def majority_scores(votes: Votes, classes: int) -> Floats:
    """Scores of the class with the most votes; the classes share where they tie, or where nobody votes.

    >>> majority_scores(np.array([[0, 0, 1], [-1, -1, -1]], dtype=np.int8), 2).round(1)
    array([[-0. , -4.6], [-0.7, -0.7]])
    """
    counted = (votes[:, :, None] == np.arange(classes, dtype=np.int8)).sum(axis=1)
    winners = counted == counted.max(axis=1, keepdims=True)
    share = winners / winners.sum(axis=1, keepdims=True)
    return np.asarray(np.log(share * 0.98 + 0.02 / classes))


@dataclass(frozen=True)
class GoldRates:
    """How often each program gives each vote to each class, as gold rows say on top of a prior.

    `prior` has a plane for each program, a line for each vote (abstain first) and a column for each class, each column
    as many rows as the prior counts for. The estimate is the mean of a Dirichlet posterior.
    """

    votes: Votes
    y: Codes
    weight: Floats
    prior: Floats
    balance: Floats
    influence: Floats

    def counted(self, kept: Mask) -> Floats:
        """The prior and the votes of some gold rows, together."""
        found = self.prior.copy()
        program = np.arange(found.shape[0])
        for c in range(found.shape[2]):
            rows = np.flatnonzero(kept & (self.y == c))
            lines = self.votes[rows].astype(np.intp) + 1
            np.add.at(found[:, :, c], (np.broadcast_to(program, lines.shape), lines), self.weight[rows, None])
        return found

    def points(self, kept: Mask) -> Floats:
        """What each vote gives to each class."""
        counted = self.counted(kept)
        return np.asarray(np.log(counted / counted.sum(axis=1, keepdims=True)) * self.influence[:, None, None])

    def scores(self, kept: Mask) -> Floats:
        """Scores of all gold rows; a kept row is taken out of the counts that score it."""
        counted = self.counted(kept)
        of_vote = counted[np.arange(counted.shape[0]), self.votes.astype(np.intp) + 1]
        of_class = np.broadcast_to(counted.sum(axis=1), of_vote.shape).copy()
        rows = np.flatnonzero(kept)
        of_vote[rows, :, self.y[rows]] -= self.weight[rows, None]
        of_class[rows, :, self.y[rows]] -= self.weight[rows, None]
        chances = np.log(np.maximum(of_vote, 1e-12) / of_class)
        return np.asarray(np.log(self.balance) + np.einsum("gmc,m->gc", chances, self.influence))


def check_gold(gold: Gold, *, rows: int, classes: Sequence[object]) -> None:
    """Refuses gold rows that are not there, or in which a class is missing."""
    if gold.rows.size and not 0 <= int(gold.rows.min()) <= int(gold.rows.max()) < rows:
        raise DataError(f"A gold row is number {gold.rows.max()} of {rows}.", expected=f"0 to {rows - 1}")
    if gold.y.size and not 0 <= int(gold.y.min()) <= int(gold.y.max()) < len(classes):
        raise DataError(f"A gold row has class number {gold.y.max()}.", expected=f"0 to {len(classes) - 1}")
    there = np.bincount(gold.y, minlength=len(classes))
    for name, count in zip(classes, there, strict=True):
        if count < FOLDS:
            raise DataError(
                f"{int(count)} of the {gold.y.size} gold rows are {name!r}.",
                expected=f"at least {FOLDS} of each class",
                hint="Look at more rows, drawn at random; or draw them by class and give each its weight.",
            )
