"""Metrics of rankings against scikit-learn query by query, and what ties do to them."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics as sk

from setpoint.core.errors import DataError
from setpoint.measure.ranking_metrics import Judged, mean_average_precision, mrr, ndcg


def queries(seed: int = 0, count: int = 60, *, ties: bool = False) -> tuple[Judged, np.ndarray, np.ndarray]:
    """Queries of 3 to 12 items in a shuffled order, some without a relevant item; scores, and a weight a query."""
    rng = np.random.default_rng(seed)
    query = rng.permutation(np.repeat(np.arange(count), rng.integers(3, 13, count)))
    relevance = rng.integers(0, 4, query.size) * (rng.random(query.size) < 0.5)
    scores = relevance + rng.normal(0, 2, query.size)
    return Judged(relevance, query), np.round(scores) if ties else scores, rng.integers(1, 4, count)[query]


def over_queries(judged: Judged, scores: np.ndarray, weight: np.ndarray, of) -> float:  # type: ignore[no-untyped-def]
    """The weighted mean of a function of each query's relevances and scores, in a loop."""
    relevance, query = np.asarray(judged.relevance), np.asarray(judged.query)
    values, weights = [], []
    for each in np.unique(query):
        mine = query == each
        if relevance[mine].any():
            values.append(of(relevance[mine], scores[mine]))
            weights.append(weight[mine][0])
    return float(np.average(values, weights=weights))


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("k", [None, 1, 5])
def test_ndcg_is_that_of_scikit_learn(k: int | None, ties: bool) -> None:
    """The mean of `ndcg_score` over queries, ties averaged."""
    judged, scores, weight = queries(ties=ties)
    wanted = over_queries(judged, scores, weight, lambda r, s: sk.ndcg_score([r], [s], k=k))
    assert ndcg(judged, scores, k=k, weight=weight) == pytest.approx(wanted)


@pytest.mark.parametrize("ties", [False, True])
def test_mean_average_precision_is_that_of_scikit_learn(ties: bool) -> None:
    """The mean of `average_precision_score` over queries."""
    judged, scores, weight = queries(1, ties=ties)
    wanted = over_queries(judged, scores, weight, lambda r, s: sk.average_precision_score(r > 0, s))
    assert mean_average_precision(judged, scores, weight=weight) == pytest.approx(wanted)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("k", [None, 2])
def test_the_reciprocal_rank_is_that_of_the_worst_order(k: int | None, ties: bool) -> None:
    """Sorted by score, and among equals by rising relevance."""
    judged, scores, weight = queries(2, ties=ties)

    def reciprocal(relevance: np.ndarray, score: np.ndarray) -> float:
        place = int(np.flatnonzero(relevance[np.lexsort((relevance, -score))] > 0)[0]) + 1
        return 1 / place if k is None or place <= k else 0.0

    assert mrr(judged, scores, k=k, weight=weight) == pytest.approx(over_queries(judged, scores, weight, reciprocal))


def test_the_example_that_encyclopedias_print_is_reproduced() -> None:
    """Relevances 3, 2, 3, 0, 1, 2 in this order: DCG 6.861 over an ideal 7.141, so 0.961."""
    value = ndcg(Judged([3, 2, 3, 0, 1, 2], ["q"] * 6), -np.arange(6.0))
    assert value == pytest.approx(6.861 / 7.141, abs=1e-3)
    assert round(value, 3) == 0.961


def test_a_constant_score_looks_no_better_than_it_is() -> None:
    """It gets what random orders get on average or less, wherever the relevant rows stand."""
    judged = Judged([1, 0, 0, 0], ["q"] * 4)
    constant = np.zeros(4)
    random_orders = np.random.default_rng(0).random((2000, 4))
    for metric in (ndcg, mean_average_precision, mrr):
        chance = np.mean([metric(judged, order) for order in random_orders])
        assert metric(judged, constant) <= chance + 0.02
    assert mrr(judged, constant) == 0.25


def test_queries_without_a_relevant_item_are_left_out() -> None:
    """And where there is none, there is no value."""
    judged = Judged([1, 0, 0, 0], ["a", "a", "b", "b"])
    assert ndcg(judged, [1.0, 0.0, 1.0, 0.0]) == mrr(judged, [1.0, 0.0, 1.0, 0.0]) == 1.0
    assert np.isnan(ndcg(Judged([0, 0], ["a", "a"]), [1.0, 0.0]))


def test_what_means_nothing_is_refused() -> None:
    """A k below one, relevance below zero, weights that differ within a query, lengths that differ."""
    judged = Judged([1, 0], ["a", "a"])
    for call in (
        lambda: ndcg(judged, [1.0, 0.0], k=0),
        lambda: ndcg(Judged([-1, 1], ["a", "a"]), [1.0, 0.0]),
        lambda: mrr(judged, [1.0, 0.0], weight=[1, 2]),
        lambda: mrr(judged, [1.0]),
    ):
        with pytest.raises(DataError):
            call()
