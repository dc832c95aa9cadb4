"""Predictions that get worse are found for every kind of goal, and calm ones raise no more alarms than budgeted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pytest

from setpoint.core.times import DAY
from setpoint.declare.goal import Metric
from setpoint.learn.kinds.count import Count
from setpoint.learn.kinds.expected import Expected, expect, lost_by
from setpoint.learn.kinds.kind import Kind
from setpoint.learn.kinds.multiclass import Multiclass
from setpoint.learn.kinds.multilabel import Multilabel
from setpoint.learn.kinds.quantile import Quantile
from setpoint.learn.kinds.ranking import Ranking
from setpoint.learn.kinds.regression import Regression
from setpoint.learn.kinds.survival import Survival
from setpoint.learn.sides import Examples
from setpoint.watch.finding import Finding
from setpoint.watch.performance_of_kind import check_predictions, quality_of_predictions

DAYS, EACH, CHANGED = 80, 80, 52
ALPHA = 0.2 * 1 / 30
"""What the labels' monitors may spend a day where one false alarm a month is declared."""
TOPICS = ("a", "b", "c")

World = Callable[[np.random.Generator, np.ndarray], tuple[np.ndarray, np.ndarray]]
"""From what is seen of rows, and whether the world has changed: outcomes and predictions."""


@dataclass(frozen=True)
class Case:
    """A kind of goal and a world of it."""

    kind: Kind
    world: World


def numbers(rng: np.random.Generator, changed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Errors of unit size; the mean moves by half of that."""
    p = rng.normal(10, 3, changed.size)
    return p + rng.normal(size=p.size) + 0.5 * changed, p


def wide(rng: np.random.Generator, changed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Errors get larger, on both sides."""
    p = rng.normal(10, 3, changed.size)
    return p + rng.normal(size=p.size) * (1 + 0.6 * changed), p


def quantiles(rng: np.random.Generator, changed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The .8 quantile; outcomes move above it."""
    centre = rng.normal(10, 3, changed.size)
    return centre + rng.normal(size=centre.size) + 0.5 * changed, centre + 0.8416


def intervals(rng: np.random.Generator, changed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """An interval of 80 %, out of which outcomes spread."""
    centre = rng.normal(10, 3, changed.size)
    spread = 1 + 0.6 * changed
    return centre + rng.normal(size=centre.size) * spread, np.stack([centre - 1.2816, centre + 1.2816], axis=1)


def counts(rng: np.random.Generator, changed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Poisson counts, a quarter more of them."""
    p = np.exp(rng.normal(1, 0.5, changed.size))
    return rng.poisson(p * (1 + 0.25 * changed)).astype(float), p


def classes(rng: np.random.Generator, changed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Classes drawn from what is predicted; later a fifth of them at random."""
    p = rng.dirichlet([1.0, 1.0, 1.0], changed.size)
    y = (p.cumsum(axis=1) < rng.random((p.shape[0], 1))).sum(axis=1)
    return np.where(changed & (rng.random(y.size) < 0.2), rng.integers(0, 3, y.size), y).astype(float), p


def sets(rng: np.random.Generator, changed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Labels as likely as is predicted; later likelier."""
    p = rng.beta(1, 2, (changed.size, 3))
    has = rng.random(p.shape) < np.where(changed[:, None], p**0.7, p)
    return (has @ np.array([1.0, 2.0, 4.0])), p


def times(rng: np.random.Generator, changed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Days until an event within ten; later they come sooner."""
    rate = np.exp(rng.normal(-2.5, 0.6, changed.size))
    days = rng.exponential(1 / (rate * (1 + 0.5 * changed)))
    return np.where(days <= 10, days, -10.0), 1 - np.exp(-10 * rate)


def ranks(rng: np.random.Generator, changed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Items in pairs, ordered by what they are worth; later by chance."""
    worth = rng.normal(size=changed.size)
    relevance = np.digitize(worth + rng.normal(0, 0.7, worth.size), [-0.5, 1.0]).astype(float)
    return relevance, np.where(changed, rng.normal(size=worth.size), worth)


CASES = {
    "regression": Case(Regression(Metric("rmse")), numbers),
    "regression of medians": Case(Regression(Metric("mae")), wide),
    "quantile": Case(Quantile(Metric("pinball", 0.8)), quantiles),
    "interval": Case(Quantile(Metric("interval_score", 0.8)), intervals),
    "count": Case(Count(Metric("poisson_deviance")), counts),
    "multiclass": Case(Multiclass(Metric("log_loss"), TOPICS), classes),
    "multilabel": Case(Multilabel(Metric("hamming"), TOPICS), sets),
    "survival": Case(Survival(Metric("concordance"), 10.0), times),
    "ranking": Case(Ranking(Metric("ndcg"), "query"), ranks),
}


def draw(case: Case, rng: np.random.Generator, *, days: int, since: int) -> tuple[Examples, np.ndarray]:
    """Decisions of some days, and what was predicted; the world changes `since` a day."""
    at = np.repeat(np.arange(days), EACH) * DAY + np.tile(np.arange(EACH), days)
    y, predicted = case.world(rng, at >= since * DAY)
    fields = pa.table({"query": np.arange(y.size) // 2})
    return Examples(fields, fields, y, at), predicted


def watched(case: Case, seed: int, *, since: int = DAYS) -> list[Finding]:
    """What is found on the last day, of a model that twenty days judged."""
    rng = np.random.default_rng(seed)
    judged = expect(case.kind, *draw(case, rng, days=20, since=20))

    def expected(_: str) -> Expected:
        return judged

    rows, predicted = draw(case, rng, days=DAYS, since=since)
    window = quality_of_predictions(case.kind, rows, predicted, model=["m"] * rows.y.size, expected=expected)
    return check_predictions(window, alpha=ALPHA, expected=expected)


@pytest.mark.parametrize("name", CASES)
def test_predictions_that_got_worse_are_found(name: str) -> None:
    """Within four weeks, each by its own sign, and dated near the day on which the world changed."""
    found = watched(CASES[name], 1, since=CHANGED)
    assert found
    assert all(abs(each.at // DAY - CHANGED) <= 7 for each in found)


@pytest.mark.parametrize("name", CASES)
def test_calm_predictions_raise_hardly_any_alarm(name: str) -> None:
    """Of ten quiet worlds at most one has an alarm after 80 days; half of one is what the budget allows."""
    assert sum(bool(watched(CASES[name], seed)) for seed in range(10)) <= 1


def test_probabilities_say_what_they_expect_to_lose() -> None:
    """The mean loss of outcomes that come as predicted is what the predictions say."""
    for name in ("multiclass", "multilabel", "survival"):
        rows, predicted = draw(CASES[name], np.random.default_rng(0), days=300, since=300)
        lost = lost_by(CASES[name].kind, rows, predicted)
        assert abs(lost.loss.mean() - lost.said.mean()) < 0.01, name


def test_a_ranking_is_told_by_its_queries() -> None:
    """One loss for each query with something relevant, at its first item: what it lacks of the best order."""
    fields = pa.table({"query": [7, 7, 8, 8, 9, 9]})
    rows = Examples(fields, fields, np.array([1.0, 0.0, 0.0, 1.0, 0.0, 0.0]), np.zeros(6, dtype=np.int64))
    lost = lost_by(CASES["ranking"].kind, rows, np.array([2.0, 1.0, 2.0, 1.0, 2.0, 1.0]))
    assert lost.place.tolist() == [0, 2]
    assert lost.loss.round(4).tolist() == [0.0, 0.3691]
