"""Which decisions are worth a label, and which can judge."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import entropy as shannon

from setpoint.core.errors import DataError, NameUnknown
from setpoint.labels.acquired import Asked, Draw, limit_of
from setpoint.rollout.active import (
    STRATEGIES,
    Pool,
    disagreement,
    entropy,
    margin,
    pick,
    stakes,
    uncertainty,
)

KEYS = [f"c{i}" for i in range(2000)]


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


def asked_in_batches(p: np.ndarray, at: np.ndarray, *, seed: int) -> Asked:
    """Three batches by margin, of all decisions taken by then that nobody was asked about."""
    left, draws = np.ones(at.size, dtype=bool), []
    picked: dict[str, tuple[int, int]] = {}
    for now, until in enumerate((1000, 1500, 2000), 1):
        pool = np.flatnonzero(left & (at < until))
        names = [KEYS[place] for place in pool]
        found = pick(Pool(names, p[pool]), "margin", 200, random_share=0.25, seed=seed)
        limit = limit_of(names, sum(each.random for each in found), seed=seed)
        draws.append(Draw(now, 0, until - 1, limit))
        for each in found:
            left[pool[each.place]] = False
            picked[each.key] = (now, int(at[pool[each.place]]))
    return Asked(picked, draws=draws, seed=seed)


def test_picked_labels_are_biased_and_the_random_ones_are_not() -> None:
    """The rate of all labels is far off; that of the random ones, by their chance, is right over 100 draws."""
    rng = np.random.default_rng(5)
    at = np.arange(2000)
    p = rng.beta(0.5, 4.0, 2000)
    y = (rng.random(2000) < p).astype(float)
    picked, weighed, totals = [], [], []
    for seed in range(100):
        asked = asked_in_batches(p, at, seed=seed)
        chance = np.array([(asked.chances(KEYS[i], 9)[-1][1] or 0.0) if KEYS[i] in asked.picked else 0.0 for i in at])
        drawn = chance > 0
        picked.append(y[[KEYS[i] in asked.picked for i in at]].mean())
        weighed.append(float(np.average(y[drawn], weights=1 / chance[drawn])))
        totals.append(float((1 / chance[drawn]).sum()))
    assert np.mean(picked) > 2 * y.mean()
    assert abs(np.mean(weighed) - y.mean()) < 3 * np.std(weighed) / np.sqrt(100)
    assert abs(np.mean(totals) - 2000) < 3 * np.std(totals) / np.sqrt(100)
