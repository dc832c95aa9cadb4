"""Baselines: the prior, the majority, one feature, the rule."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import setpoint as sp
from setpoint.declare.plan import Plan
from setpoint.learn.baselines import Baseline, baselines, fit_rates
from setpoint.learn.sides import divide, encode
from tests.unit.learn.world import make_examples, make_world_plan, with_features


def found(plan: Plan, **columns: np.ndarray) -> tuple[dict[str, Baseline], np.ndarray]:
    """The baselines by name, and the outcome of the held-out rows."""
    examples = with_features(make_examples(3000, skill=0.0), columns)
    sides = divide(plan, examples)
    matrices = encode(plan, sides)
    return {each.name: each for each in baselines(plan, matrices, sides)}, sides.held_out.y


def test_the_prior_is_the_rate_in_training_and_the_majority_its_side() -> None:
    """Both are one number for every row."""
    plan = make_world_plan()
    each, y = found(plan)
    rate = divide(plan, make_examples(3000, skill=0.0)).train.y.mean()
    assert np.array_equal(each["prior"].scores, np.full(y.size, rate))
    assert np.array_equal(each["majority"].scores, np.zeros(y.size))


def test_the_best_single_feature_is_the_one_that_ranks_newer_rows_best() -> None:
    """A planted feature is found, bent or not, and so is one that tells by being NULL."""
    y = make_examples(3000, skill=0.0).labels.value
    rng = np.random.default_rng(0)
    signal = np.nan_to_num(y) + rng.normal(size=3000)
    for planted in (signal, -signal, (signal - 0.5) ** 2 + np.nan_to_num(y), np.where(signal > 1.2, np.nan, 0.0)):
        each, outcome = found(make_world_plan(), avg_30d=planted)
        best = each["best single feature"]
        assert "avg_30d" in best.how
        assert best.scores[outcome > 0].mean() > best.scores[outcome <= 0].mean() + 0.05


def test_the_rule_acts_where_its_condition_holds() -> None:
    """The declared fallback is judged beside the model that would replace it."""
    plan = make_world_plan()
    each, y = found(plan)
    rule = each["fallback rule"]
    total = divide(plan, make_examples(3000, skill=0.0)).held_out.fields["total"].to_numpy()
    assert np.array_equal(rule.scores, (total > 5000).astype(float))
    assert rule.acts_at == 0.5
    assert y.size == rule.scores.size


@pytest.mark.parametrize("coded", [True, False])
def test_rates_are_smoothed_towards_the_base_rate(coded: bool) -> None:
    """A level of one row stays near the base rate; NULL and unseen values have a rate too."""
    values = np.array([0.0] * 500 + [1.0] * 500 + [2.0])
    y = np.array([0.0, 1.0] * 250 + [1.0] * 500 + [0.0])
    rates = fit_rates(values, y, coded=coded)
    low, high, rare, null = rates.score(np.array([0.0, 1.0, 2.0, np.nan]))
    assert low == pytest.approx(0.51, abs=0.01)
    assert high > 0.95
    assert null == pytest.approx(y.mean())
    if coded:
        assert rare == pytest.approx(y.mean(), abs=0.05)
        assert rates.score(np.array([77.0]))[0] == null


def test_a_column_of_nulls_has_the_base_rate() -> None:
    """Nothing is known by it."""
    rates = fit_rates(np.full(10, np.nan), np.array([1.0, 0.0] * 5), coded=False)
    assert rates.score(np.array([np.nan, 3.0])).tolist() == [0.5, 0.5]


def test_a_rule_on_a_feature_reads_the_features() -> None:
    """A condition on a feature works like one on a field."""
    system = make_world_plan().system
    plan = make_world_plan()
    release = sp.release(sp.shadow("7d"), fallback=sp.rule(sp.feature("n_3d") > 25))
    changed = sp.System(
        "shop",
        decide=system.decide,
        features={feature.name: feature.expr for feature in system.features},
        label=system.label,
        goal=system.goal,
        release=release,
    )
    each, _ = found(replace(plan, system=changed))
    counts = divide(plan, make_examples(3000, skill=0.0)).held_out.features["n_3d"].to_numpy()
    assert np.array_equal(each["fallback rule"].scores, (counts > 25).astype(float))
