"""Active learning: which decisions are worth a label, and which are labelled at random so that they can judge.

A score is higher where a label tells more. What a strategy picks is no sample of anything: a metric over it is biased.
So a share of every batch is drawn at random, by lots (`labels.acquired`), and those rows alone calibrate and judge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from setpoint.core.errors import DataError, NameUnknown
from setpoint.declare.hand import RANDOM_SHARE
from setpoint.labels.acquired import lots
from setpoint.measure.confident_learning import two_classes
from setpoint.measure.rows import Array
from setpoint.rollout.spread import k_center, weighted_clusters

UNCERTAINTY, MARGIN, ENTROPY = "uncertainty", "margin", "entropy"
COMMITTEE, COST, DIVERSITY, CLUSTERS, RANDOM = "committee", "cost", "diversity", "clusters", "random"
STRATEGIES = (UNCERTAINTY, MARGIN, ENTROPY, COMMITTEE, COST, DIVERSITY, CLUSTERS, RANDOM)

BROADER = 10
"""Clusters are made of so many times more rows than are picked: the most uncertain ones (Zhdanov 2019)."""


def uncertainty(p: Array) -> Array:
    """One less the greatest probability of each row (Lewis and Gale 1994); `p` has a column for each class.

    >>> uncertainty(np.array([[0.5, 0.5], [0.9, 0.1]])).round(2)
    array([0.5, 0.1])
    """
    return np.asarray(1.0 - p.max(axis=1))


def margin(p: Array) -> Array:
    """One less the lead of the first class over the second (Scheffer, Decomain and Wrobel 2001).

    >>> margin(np.array([[0.5, 0.4, 0.1], [0.9, 0.1, 0.0]])).round(2)
    array([0.9, 0.2])
    """
    highest = np.sort(p, axis=1)
    return np.asarray(1.0 - (highest[:, -1] - highest[:, -2]))


def entropy(p: Array) -> Array:
    """Shannon's entropy of each row as a share of the most there can be.

    >>> entropy(np.array([[0.5, 0.5], [1.0, 0.0]]))
    array([1., 0.])
    """
    logs = np.log(np.where(p > 0, p, 1.0))
    return np.asarray(-(p * logs).sum(axis=1) / np.log(p.shape[1])) + 0.0


def disagreement(members: Array) -> Array:
    """How far the members of a committee differ: the entropy of their mean less the mean of their entropies.

    `members` is members x rows x classes. This is the mean divergence of the members from their mean (McCallum and
    Nigam 1998, "Employing EM and Pool-Based Active Learning for Text Classification").

    >>> disagreement(np.array([[[1.0, 0.0], [0.5, 0.5]], [[0.0, 1.0], [0.5, 0.5]]]))
    array([1., 0.])
    """
    apart = np.mean([entropy(each) for each in members], axis=0)
    return np.asarray(np.maximum(entropy(members.mean(axis=0)) - apart, 0.0))


def stakes(p: Array, false_positive: Array, false_negative: Array) -> Array:
    """What not knowing a decision's truth costs: the expected cost of its better action.

    With the truth at hand neither error would be made, so this is the expected value of perfect information on the
    decision (Howard 1966, "Information Value Theory"); `p` is of the positive class.

    >>> stakes(np.array([0.5, 0.1, 0.1]), np.array([1.0, 1.0, 1.0]), np.array([1.0, 1.0, 100.0])).round(2)
    array([0.5, 0.1, 0.9])
    """
    return np.asarray(np.minimum(p * np.maximum(false_negative, 0.0), (1.0 - p) * np.maximum(false_positive, 0.0)))


@dataclass(frozen=True)
class Pool:
    """Decisions without a label: their keys, and what strategies need of them.

    `p` is the probability of the positive class by the model that decides. `members` (models x rows) are those of a
    committee, `costs` what the two errors of each row would cost, `points` the rows as numbers and `labelled` those of
    rows that have a label.
    """

    keys: Sequence[str]
    p: Array
    members: Array | None = field(default=None, repr=False)
    costs: tuple[Array, Array] | None = field(default=None, repr=False)
    points: Array | None = field(default=None, repr=False)
    labelled: Array | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Pick:
    """A decision to label: its place in the pool, its priority in the queue, and why; `random` ones can judge."""

    place: int
    key: str
    priority: float
    reason: str
    random: bool


def pick(pool: Pool, strategy: str, n: int, *, random_share: float = RANDOM_SHARE, seed: int = 0) -> list[Pick]:
    """The next `n` decisions to label by a strategy, a share of them at random, spread evenly; the first come first.

    "uncertainty", "margin" and "entropy" order two classes alike. "committee" asks where models disagree, "cost" where
    not knowing costs most, "diversity" for rows far from all that is labelled, and "clusters" for the middles of
    clusters of the uncertain ones. Raises DataError where the pool lacks what a strategy needs.

    >>> pool = Pool(["a", "b", "c", "d"], np.array([0.9, 0.5, 0.1, 0.45]))
    >>> [(each.key, each.reason) for each in pick(pool, "margin", 2, random_share=0.0)]
    [('b', 'margin 1.00'), ('d', 'margin 0.90')]
    """
    if strategy not in STRATEGIES:
        raise NameUnknown("strategy", strategy, STRATEGIES, where="Active learning")
    if not 0.0 <= random_share <= 1.0:
        raise DataError(f"A share of {random_share} is to be random.", expected="0 to 1")
    if n < 1:
        raise DataError(f"{n} decisions are to be picked.", expected="1 or more")
    n = min(n, len(pool.keys))
    drawn = n if strategy == RANDOM else drawn_of(n, random_share)
    by_lot = np.argsort(lots(pool.keys, seed=seed), kind="stable")[:drawn]
    rest = np.setdiff1d(np.arange(len(pool.keys)), by_lot)
    chosen, words = _chosen(pool, strategy, rest, n - drawn, seed=seed)
    found = [(int(place), "at random, to judge with", True) for place in by_lot]
    found += [(int(place), why, False) for place, why in zip(chosen, words, strict=True)]
    turn = np.concatenate([(np.arange(drawn) + 0.5) / max(drawn, 1), (np.arange(n - drawn) + 0.5) / max(n - drawn, 1)])
    return [
        Pick(found[i][0], pool.keys[found[i][0]], 1.0 - rank / max(n, 1), found[i][1], found[i][2])
        for rank, i in enumerate(np.argsort(turn, kind="stable"))
    ]


def drawn_of(n: int, share: float) -> int:
    """How many of a batch are drawn at random: the share of it, and one at least where there is to be any.

    >>> drawn_of(50, 0.2), drawn_of(2, 0.2), drawn_of(2, 0.0)
    (10, 1, 0)
    """
    return min(n, max(round(n * share), int(share > 0)))


def _chosen(pool: Pool, strategy: str, rest: np.ndarray, n: int, *, seed: int) -> tuple[np.ndarray, list[str]]:
    """Places that a strategy picks of the rest, best first, with words for each."""
    if n == 0:
        return rest[:0], []
    if strategy == DIVERSITY:
        points = _needed(pool.points, strategy, "the rows as numbers")
        places, far = k_center(points[rest], n, known=pool.labelled)
        return rest[places], [
            f"{each:.2f} from what is labelled" if np.isfinite(each) else "the middle" for each in far
        ]
    if strategy == CLUSTERS:
        points, worth = _needed(pool.points, strategy, "the rows as numbers"), margin(two_classes(pool.p))
        near = rest[np.argsort(-worth[rest], kind="stable")[: n * BROADER]]
        places = near[weighted_clusters(points[near], worth[near] + 1e-9, n, seed=seed)]
        places = places[np.argsort(-worth[places], kind="stable")]
        return places, [f"stands for others like it; margin {worth[place]:.2f}" for place in places]
    worth, words = _worth(pool, strategy)
    places = rest[np.argsort(-worth[rest], kind="stable")[:n]]
    return places, [f"{words} {worth[place]:.2f}" for place in places]


def _worth(pool: Pool, strategy: str) -> tuple[Array, str]:
    p = two_classes(pool.p)
    if strategy == COMMITTEE:
        members = _needed(pool.members, strategy, "the probabilities of several models")
        return disagreement(np.stack([two_classes(each) for each in members])), "disagreement"
    if strategy == COST:
        if pool.costs is None:
            raise _lacking(strategy, "what errors cost")
        return stakes(pool.p, *pool.costs), "not knowing costs"
    score = {UNCERTAINTY: uncertainty, MARGIN: margin, ENTROPY: entropy}[strategy]
    return score(p), strategy


def _needed(values: Array | None, strategy: str, what: str) -> Array:
    if values is None:
        raise _lacking(strategy, what)
    return values


def _lacking(strategy: str, what: str) -> DataError:
    return DataError(f"The strategy {strategy!r} lacks {what}.", expected=f"a pool with {what}")
