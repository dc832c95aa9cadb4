"""Which decisions are worth a label, and which can judge."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import entropy as shannon

from setpoint.core.errors import DataError, NameUnknown
from setpoint.measure.logistic import fit_logistic, sigmoid
from setpoint.measure.metrics import brier, log_loss
from setpoint.rollout.active import (
    STRATEGIES,
    Pool,
    disagreement,
    entropy,
    evaluation_sample,
    margin,
    pick,
    random_order,
    recalibrated,
    stakes,
    uncertainty,
)


def pool(n: int = 200, *, seed: int = 0) -> Pool:
    """Decisions with everything that a strategy may need."""
    rng = np.random.default_rng(seed)
    return Pool(
        [f"k{i}" for i in range(n)],
        rng.random(n),
        members=rng.random((3, n)),
        costs=(np.ones(n), rng.gamma(2.0, 10.0, n)),
        points=rng.normal(size=(n, 2)),
        labelled=rng.normal(size=(5, 2)),
    )


def test_scores_are_those_of_the_literature() -> None:
    """Entropies are scipy's; for two classes all three scores give one order."""
    p = np.random.default_rng(0).dirichlet(np.ones(3), 50)
    assert np.allclose(entropy(p), shannon(p.T) / np.log(3))
    members = np.random.default_rng(1).dirichlet(np.ones(3), (4, 50))
    mean = members.mean(axis=0)
    divergence = np.mean([[shannon(one, of) for one, of in zip(each, mean, strict=True)] for each in members], axis=0)
    assert np.allclose(disagreement(members), divergence / np.log(3))
    two = np.stack([p[:, 0], 1 - p[:, 0]], axis=1)
    orders = [np.argsort(score(two)).tolist() for score in (uncertainty, margin, entropy)]
    assert orders[0] == orders[1] == orders[2]


def test_what_is_at_stake_is_the_cost_that_the_truth_would_save() -> None:
    """It is the expected cost of the better action, counted here outcome by outcome."""
    p, wrong, missed = np.array([0.2, 0.02, 0.9]), np.array([5.0, 5.0, 5.0]), np.array([40.0, 40.0, 1.0])
    acting, waiting = (1 - p) * wrong, p * missed
    assert stakes(p, wrong, missed).tolist() == np.minimum(acting, waiting).tolist()
    assert np.argmax(stakes(p, wrong, missed)) == 0


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_fills_a_batch(strategy: str) -> None:
    """As many decisions as asked for, each once, the declared share at random, by falling priorities and with words."""
    found = pick(pool(), strategy, 20, seed=3)
    assert len({each.key for each in found}) == 20
    assert sum(each.random for each in found) == (20 if strategy == "random" else 4)
    priorities = [each.priority for each in found]
    assert priorities == sorted(priorities, reverse=True)
    assert all(each.reason for each in found)
    assert [each.key for each in found] == [each.key for each in pick(pool(), strategy, 20, seed=3)]


def test_random_picks_are_spread_over_the_batch() -> None:
    """Who stops half way has labelled half of the random ones."""
    found = pick(pool(), "margin", 20, seed=3)
    assert sum(each.random for each in found[:10]) == 2


def test_diverse_picks_leave_nothing_far_off() -> None:
    """Rows far from what is labelled come first: the farthest row left is nearer than at random."""
    rows = pool(400)

    def farthest(strategy: str, share: float) -> float:
        assert rows.points is not None
        taken = rows.points[[each.place for each in pick(rows, strategy, 20, random_share=share, seed=1)]]
        return float(np.sqrt(((rows.points[:, None] - taken[None]) ** 2).sum(axis=2)).min(axis=1).max())

    assert farthest("diversity", 0.0) < 0.7 * farthest("random", 1.0)


def test_a_pool_that_is_smaller_than_the_batch_is_taken_whole() -> None:
    """No strategy asks for more than there is."""
    for strategy in STRATEGIES:
        assert len(pick(pool(7), strategy, 20)) == 7
    assert pick(Pool([], np.zeros(0)), "random", 5) == []


def test_a_strategy_says_what_it_lacks() -> None:
    """A pool of probabilities alone has no committee, no costs and no points."""
    bare = Pool(["a", "b"], np.array([0.2, 0.4]))
    for strategy, words in (("committee", "several models"), ("cost", "errors cost"), ("clusters", "numbers")):
        with pytest.raises(DataError, match=words):
            pick(bare, strategy, 2, random_share=0.0)
    with pytest.raises(NameUnknown, match="strategy"):
        pick(bare, "guess", 2)
    with pytest.raises(DataError, match="picked"):
        pick(bare, "margin", 0)
    with pytest.raises(DataError, match="share"):
        pick(bare, "margin", 2, random_share=1.5)


def test_the_evaluation_sample_does_not_depend_on_what_was_picked() -> None:
    """In batches of any strategy, the decisions that can judge are the first ones in random order."""
    rows = pool(300)
    asked = np.zeros(300, dtype=bool)
    for strategy in ("margin", "uncertainty", "entropy"):
        left = np.flatnonzero(~asked)
        part = Pool(np.asarray(rows.keys)[left].tolist(), rows.p[left])
        asked[left[[each.place for each in pick(part, strategy, 40, random_share=0.25, seed=9)]]] = True
    sample = evaluation_sample(rows.keys, asked, seed=9)
    assert len(sample) >= 30
    assert sample.index.tolist() == sorted(random_order(rows.keys, seed=9)[: len(sample)].tolist())
    assert sample.weight.sum() == pytest.approx(300)
    assert sample.frame.probability


def test_picked_labels_are_biased_and_the_random_ones_are_not() -> None:
    """The rate over all asked is far off; over the evaluation samples of 200 draws it is right on average."""
    rng = np.random.default_rng(5)
    p = rng.beta(0.5, 4.0, 2000)
    y = (rng.random(2000) < p).astype(float)
    keys = [f"c{i}" for i in range(2000)]
    picked, judged = [], []
    for seed in range(200):
        found = pick(Pool(keys, p), "margin", 300, random_share=1 / 3, seed=seed)
        asked = np.zeros(2000, dtype=bool)
        asked[[each.place for each in found]] = True
        sample = evaluation_sample(keys, asked, seed=seed)
        picked.append(y[asked].mean())
        judged.append(float(np.average(y[sample.index], weights=sample.weight)))
    assert np.mean(picked) > 2 * y.mean()
    error = np.std(judged) / np.sqrt(len(judged))
    assert abs(np.mean(judged) - y.mean()) < 3 * error


def test_a_model_of_picked_labels_is_recalibrated_on_the_random_ones() -> None:
    """A model fitted on rows that were picked by class is wrong about rates; the random labels put that right."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=(6000, 1))
    y = (rng.random(6000) < 1 / (1 + np.exp(2.5 - 1.5 * x[:, 0]))).astype(float)
    positives, negatives = np.flatnonzero(y > 0)[:300], np.flatnonzero(y <= 0)[:300]
    chosen = np.concatenate([positives, negatives])
    start, slope = fit_logistic([np.ones(600), x[chosen, 0]], y[chosen], weight=np.ones(600))
    raw = sigmoid(start + slope * x[:, 0])
    keys = [f"c{i}" for i in range(6000)]
    asked = np.isin(np.arange(6000), random_order(keys, seed=4)[:300])
    sample = evaluation_sample(keys, asked, seed=4)
    labels = np.where(sample.index % 50 == 0, np.nan, y[sample.index])  # people could not tell some
    mended = recalibrated(labels, raw[sample.index], sample).apply(raw)
    fresh = ~asked
    fresh[chosen] = False
    assert abs(mended[fresh].mean() - y[fresh].mean()) < 0.03 < abs(raw[fresh].mean() - y[fresh].mean())
    assert brier(y[fresh], mended[fresh]) < brier(y[fresh], raw[fresh])
    assert log_loss(y[fresh], mended[fresh]) < log_loss(y[fresh], raw[fresh])
