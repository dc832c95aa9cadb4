"""Metrics of rankings: items of a query in the order of their scores, averaged over queries.

Queries without a relevant item say nothing and are left out. Items of equal score are in no order: NDCG takes the mean
over their orders (McSherry and Najork 2008), average precision takes them at once, and the reciprocal rank takes the
worst order. So a constant score looks no better than it is, whatever the order of rows.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from setpoint.core.errors import DataError
from setpoint.measure.rows import Array, Codes, codes_for, column, totals
from setpoint.measure.statistic import Sums, share, weights_for


class Judged(NamedTuple):
    """How relevant each item is (0: not at all), and the query that it answers."""

    relevance: npt.ArrayLike
    query: npt.ArrayLike


def ndcg(truth: Judged, scores: npt.ArrayLike, *, k: int | None = None, weight: npt.ArrayLike | None = None) -> float:
    """Normalised discounted cumulative gain of the first `k` items of a query, averaged over queries.

    Jarvelin and Kekalainen (2002), "Cumulated gain-based evaluation of IR techniques", with the relevance itself as
    the gain; give `2**relevance - 1` for the gain that rewards the most relevant items more.

    >>> ndcg(Judged([3, 0, 1], ["q", "q", "q"]), [0.2, 0.9, 0.1]).__round__(4)
    0.659
    """
    return ndcg_sums(truth, scores, weight, k).value()


def mean_average_precision(truth: Judged, scores: npt.ArrayLike, *, weight: npt.ArrayLike | None = None) -> float:
    """The mean over queries of the average precision of their items; relevance above 0 is relevant.

    >>> mean_average_precision(Judged([1, 0, 1], [7, 7, 7]), [0.9, 0.8, 0.7]).__round__(4)
    0.8333
    """
    return mean_average_precision_sums(truth, scores, weight).value()


def mrr(truth: Judged, scores: npt.ArrayLike, *, k: int | None = None, weight: npt.ArrayLike | None = None) -> float:
    """Mean over queries of one over the place of the first relevant item; 0 for a place beyond `k`.

    Voorhees (1999), "The TREC-8 Question Answering Track Report".

    >>> mrr(Judged([0, 1, 1, 0], ["a", "a", "b", "b"]), [0.9, 0.8, 0.7, 0.1])
    0.75
    """
    return mrr_sums(truth, scores, weight, k).value()


def ndcg_sums(
    truth: Judged, scores: npt.ArrayLike, weight: npt.ArrayLike | None = None, k: float | None = None
) -> Sums:
    """The sums behind `ndcg`.

    >>> ndcg_sums(Judged([1, 0], ["a", "a"]), [0.9, 0.1]).together
    array([0, 0])
    """
    items = _sorted(truth, scores, weight)
    limit = _limit(k)
    if (items.relevance < 0).any():
        raise DataError(f"A relevance is {items.relevance.min():g}.", expected="zero or more")
    discount = np.where(items.place < limit, 1 / np.log2(items.place + 2.0), 0.0)
    ties = totals(items.tie, np.ones_like(discount), items.ties)
    fair = (totals(items.tie, discount, items.ties) / np.maximum(ties, 1))[items.tie]
    gained = totals(items.query, items.relevance * fair, items.queries)
    best = np.lexsort((-items.relevance, items.query))  # queries keep their places, so discounts fit
    possible = totals(items.query, items.relevance[best] * discount, items.queries)
    return _over_queries(items, share(gained, possible))


def mean_average_precision_sums(truth: Judged, scores: npt.ArrayLike, weight: npt.ArrayLike | None = None) -> Sums:
    """The sums behind `mean_average_precision`.

    >>> mean_average_precision_sums(Judged([1, 0], ["a", "a"]), [0.1, 0.9]).value()
    0.5
    """
    items = _sorted(truth, scores, weight)
    relevant = (items.relevance > 0).astype(np.float64)
    hits, taken = _up_to_tie(items, relevant), _up_to_tie(items, np.ones_like(relevant))
    found = totals(items.query, relevant * hits / np.maximum(taken, 1), items.queries)
    return _over_queries(items, share(found, totals(items.query, relevant, items.queries)))


def mrr_sums(truth: Judged, scores: npt.ArrayLike, weight: npt.ArrayLike | None = None, k: float | None = None) -> Sums:
    """The sums behind `mrr`.

    >>> mrr_sums(Judged([1, 0], ["a", "a"]), [0.1, 0.9]).value()
    0.5
    """
    items = _sorted(truth, scores, weight)
    limit = _limit(k)
    relevant = (items.relevance > 0).astype(np.float64)
    worst = 1 + _up_to_tie(items, 1 - relevant) + (_up_to_tie(items, relevant) - _of_tie(items, relevant))
    reciprocal = np.where((relevant > 0) & (worst <= limit), 1 / worst, 0.0)
    best = np.zeros(items.queries)
    np.maximum.at(best, items.query, reciprocal)
    any_relevant = totals(items.query, relevant, items.queries) > 0
    return _over_queries(items, np.where(any_relevant, best, np.nan))


class _Items(NamedTuple):
    """Items by query and falling score: their place in the query (from 0) and the number of their tie."""

    relevance: Array
    query: Codes
    place: Codes
    tie: Codes
    first: Codes
    weight: Array
    given: Codes
    queries: int
    ties: int


def _sorted(truth: Judged, scores: npt.ArrayLike, weight: npt.ArrayLike | None) -> _Items:
    relevance, score = column(truth.relevance, "relevance"), column(scores, "scores")
    if relevance.size != score.size:
        raise DataError(f"There are {relevance.size} relevances and {score.size} scores.", expected="one of each")
    query, queries = codes_for(truth.query, relevance.size)
    weights = weights_for(weight, relevance.size)
    order = np.lexsort((-score, query))
    ranked, by_score = query[order], score[order]
    starts = np.ones(order.size, dtype=bool)
    starts[1:] = ranked[1:] != ranked[:-1]
    fresh = starts.copy()
    fresh[1:] |= by_score[1:] != by_score[:-1]
    first = np.flatnonzero(starts)
    place = np.arange(order.size) - first[ranked]
    of_query = weights[order[first]]
    if (weights[order] != of_query[ranked]).any():
        raise DataError("The items of one query have several weights.", expected="one weight for each query")
    tie = np.cumsum(fresh) - 1
    return _Items(relevance[order], ranked, place, tie, order[first], of_query, query, queries, int(fresh.sum()))


def _up_to_tie(items: _Items, values: Array) -> Array:
    """For each item the sum of the values in its query down to the end of its tie."""
    running = np.cumsum(values)
    last = np.flatnonzero(np.append(items.tie[1:] != items.tie[:-1], True))  # the last item of each tie
    starts = np.flatnonzero(items.place == 0)
    before = (running - values)[starts]
    return np.asarray(running[last][items.tie] - before[items.query])


def _of_tie(items: _Items, values: Array) -> Array:
    """For each item the sum of the values in its tie."""
    return totals(items.tie, values, items.ties)[items.tie]


def _over_queries(items: _Items, of_query: Array) -> Sums:
    """The mean over queries: each adds to the sums where its first row is."""
    adds = np.zeros((items.given.size, 2))
    known = np.isfinite(of_query)
    adds[items.first, 0] = np.where(known, items.weight * np.where(known, of_query, 0.0), 0.0)
    adds[items.first, 1] = items.weight * known
    return Sums(adds, lambda sums: share(sums[..., 0], sums[..., 1]), items.given)


def _limit(k: float | None) -> float:
    if k is not None and (k < 1 or k != int(k)):
        raise DataError(f"k={k}.", expected="a whole number from 1")
    return np.inf if k is None else float(k)
