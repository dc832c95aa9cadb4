"""One label from many votes: by majority, or weighing annotators by how often they err."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from setpoint.core.errors import DataError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Method = Literal["majority", "dawid-skene"]

NO_CLASS = -1
"""The class of an item without one: nobody voted, or there is a tie."""


@dataclass(frozen=True)
class Majority:
    """What most annotators say of each item.

    `value` is a class number, NO_CLASS where nobody voted or the most votes are tied; `probability` the share of votes
    of each class (NaN without a vote); `confidence` the greatest of them.
    """

    probability: Floats
    value: Ints
    confidence: Floats
    tied: npt.NDArray[np.bool_]
    votes: Ints


@dataclass(frozen=True)
class DawidSkene:
    """True classes and annotators' errors, estimated together.

    `probability` is that of each class for each item; `prevalence` of each class over all; `confusion[a, true, given]`
    how often annotator `a` gives a class where another is true. `log_likelihood` grows with each of the `rounds`.
    """

    probability: Floats
    prevalence: Floats
    confusion: Floats
    rounds: int
    converged: bool
    log_likelihood: float

    @property
    def value(self) -> Ints:
        """The likeliest class of each item; NO_CLASS where two are equally likely."""
        top = np.sort(self.probability, axis=1)
        tied = np.zeros(top.shape[0], bool) if top.shape[1] < 2 else np.isclose(top[:, -1], top[:, -2], atol=1e-9)
        return np.where(tied, NO_CLASS, self.probability.argmax(axis=1))

    @property
    def confidence(self) -> Floats:
        """The probability of the likeliest class."""
        return np.asarray(self.probability.max(axis=1), dtype=np.float64)


def majority(votes: npt.ArrayLike, *, classes: int) -> Majority:
    """The class that most annotators give each item, ties told; `votes` as `dawid_skene` takes them.

    >>> found = majority([[0, 0, 1], [0, 1, -1], [-1, -1, -1]], classes=2)
    >>> found.value.tolist(), found.tied.tolist(), found.votes.tolist()
    ([0, -1, -1], [False, True, False], [3, 2, 0])
    """
    counts = _read(votes, classes).by_item()
    total, best = counts.sum(axis=1), counts.max(axis=1)
    tied = ((counts == best[:, None]).sum(axis=1) > 1) & (total > 0)
    share = np.divide(counts, total[:, None], out=np.full(counts.shape, np.nan), where=total[:, None] > 0)
    value = np.where(tied | (total == 0), NO_CLASS, counts.argmax(axis=1))
    confidence = np.divide(best, total, out=np.full(best.shape, np.nan), where=total > 0)
    return Majority(share, value, confidence, tied, total.astype(np.int64))


def dawid_skene(
    votes: npt.ArrayLike,
    *,
    classes: int,
    smoothing: float = 1.0,
    rounds: int = 200,
    tolerance: float = 1e-8,
) -> DawidSkene:
    """The true classes and each annotator's errors that make the votes likeliest, by EM (Dawid and Skene 1979).

    `votes` are class numbers, items by annotators, -1 for no vote; or counts, items by annotators by classes, where an
    annotator voted on an item more than once. EM begins with the shares of votes, as the paper does. `smoothing` votes
    are added to each annotator's table of errors, spread as the errors of all annotators together are, and `smoothing`
    items to the classes: the most probable estimate under such a Dirichlet prior rather than the likeliest, so that an
    annotator with few votes counts as an average one and never as infallible. With 0 it is the paper's own estimate.

    >>> found = dawid_skene([[0, 0, 1], [1, 1, 1], [0, 0, 1], [1, 1, 1], [0, 0, 0]], classes=2, smoothing=0.1)
    >>> found.value.tolist()
    [0, 1, 0, 1, 0]
    """
    if smoothing < 0:
        raise DataError(f"A smoothing of {smoothing:g} takes votes away.", expected="0 or more")
    given = _read(votes, classes)
    counts = given.by_item()
    voted = counts.sum(axis=1) > 0
    belief = np.full(counts.shape, 1.0 / classes)
    np.divide(counts, counts.sum(axis=1, keepdims=True), out=belief, where=voted[:, None])
    before, told, done, converged = -np.inf, 0.0, 0, False
    while done < rounds and not converged:
        prevalence, confusion = _estimate(belief, given, voted, smoothing)
        belief, told = _believe(given, prevalence, confusion, voted)
        converged = abs(told - before) <= tolerance * max(1.0, abs(told))
        before, done = told, done + 1
    return DawidSkene(belief, prevalence, confusion, done, converged, told)


@dataclass(frozen=True)
class _Given:
    """Votes one by one: the item, the annotator, the class and how often it was given."""

    item: Ints
    annotator: Ints
    value: Ints
    times: Floats
    items: int
    annotators: int
    classes: int

    def by_item(self) -> Floats:
        """How often each item was given each class."""
        flat = np.bincount(self.item * self.classes + self.value, self.times, self.items * self.classes)
        return flat.astype(np.float64).reshape(self.items, self.classes)


def _read(votes: npt.ArrayLike, classes: int) -> _Given:
    given = np.asarray(votes)
    if given.ndim == 3 and given.shape[2] == classes and not (given < 0).any():
        item, annotator, value = np.nonzero(given)
        times = given[item, annotator, value].astype(np.float64)
        return _Given(item, annotator, value, times, given.shape[0], given.shape[1], classes)
    if given.ndim != 2 or (given.size and given.dtype.kind not in "iu"):
        raise DataError(
            f"The votes are {given.ndim}-dimensional {given.dtype} values.",
            expected="a matrix of class numbers, items by annotators, -1 for no vote",
        )
    if given.size and not (given.min() >= NO_CLASS and given.max() < classes):
        raise DataError(
            f"The votes go from {given.min()} to {given.max()}.", expected=f"-1 for no vote, or 0 to {classes - 1}"
        )
    item, annotator = np.nonzero(given >= 0)
    value = given[item, annotator].astype(np.int64)
    return _Given(item, annotator, value, np.ones(item.size), given.shape[0], given.shape[1], classes)


def _estimate(belief: Floats, given: _Given, voted: npt.NDArray[np.bool_], smoothing: float) -> tuple[Floats, Floats]:
    """The M step: prevalence of classes, and each annotator's table of errors."""
    classes = given.classes
    sums = belief[voted].sum(axis=0) + smoothing / classes
    prevalence = sums / sums.sum() if sums.sum() > 0 else np.full(classes, 1.0 / classes)
    place, size = given.annotator * classes + given.value, given.annotators * classes
    each = [np.bincount(place, given.times * belief[given.item, true], size) for true in range(classes)]
    table = np.stack(each, axis=1).reshape(given.annotators, classes, classes).transpose(0, 2, 1)
    if smoothing:
        together = table.sum(axis=0) + 1.0 / classes
        table = table + smoothing * (together / together.sum(axis=1, keepdims=True))[None]
    total = table.sum(axis=2, keepdims=True)
    # Without smoothing an annotator may never have met a class: he then says nothing about it.
    return prevalence, np.divide(table, total, out=np.full(table.shape, 1.0 / classes), where=total > 0)


def _believe(
    given: _Given, prevalence: Floats, confusion: Floats, voted: npt.NDArray[np.bool_]
) -> tuple[Floats, float]:
    """The E step: the probability of each class for each item, and the log-likelihood of the votes."""
    with np.errstate(divide="ignore"):
        # What an annotator never does is as good as impossible, and still a number.
        log_confusion, log_prevalence = (np.maximum(np.log(each), -1e9) for each in (confusion, prevalence))
    each = [
        np.bincount(given.item, given.times * log_confusion[given.annotator, true, given.value], given.items)
        for true in range(given.classes)
    ]
    logits = log_prevalence[None] + np.stack(each, axis=1)
    top = logits.max(axis=1, keepdims=True)
    likely = np.exp(logits - top)
    total = likely.sum(axis=1, keepdims=True)
    return likely / total, float((top + np.log(total))[voted].sum())
