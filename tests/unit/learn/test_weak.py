"""Weak slices at the gate: a planted one is refused with its reason, and a clean model passes."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import setpoint as sp
from setpoint.core.times import DAY
from setpoint.declare.goal import Goal
from setpoint.features.training_set import TrainingSet
from setpoint.learn.gate import FAILS, HOLDS, UNKNOWN, GateReport, judge
from setpoint.learn.scored import Bench, Scored, act_on
from setpoint.learn.sides import Examples
from setpoint.learn.threshold import Costs
from setpoint.learn.train import Candidate, train
from setpoint.learn.weak import losses_of, propose_weak, table_of, tell_weak
from tests.unit.learn.world import START, logistic, make_examples, make_system, make_world_plan

RULE = [sp.worst_slice(sp.log_loss()) <= 1.5]


def make_goal(**changes: Any) -> Goal:
    """The shop's goal with the rule on slices alone."""
    costs = sp.cost(false_positive=1, false_negative=4)
    return make_system(**{"must": RULE, "slices": ["country"], "cost": costs, **changes}).goal


def make_rows(n: int, *, seed: int, from_day: int, planted: bool) -> tuple[Examples, Scored]:
    """Decisions of a model whose probabilities are right, but for a planted slice, where outcomes are drawn anew.

    There its log loss is about double: what it is sure of does not come.
    """
    rng = np.random.default_rng([seed, from_day])
    p = rng.choice([0.05, 0.9], n, p=[0.7, 0.3])
    country, device = rng.choice(["at", "de", "fr", "it"], n), rng.choice(["app", "web", "tv"], n, p=[0.5, 0.4, 0.1])
    age = rng.normal(40, 10, n)
    inside = (country == "de") & (device == "web")
    wrong = inside & (rng.random(n) < 0.15) & planted
    y = np.where(wrong, p < 0.5, rng.random(n) < p).astype(float)
    at = np.sort(START + from_day * DAY + rng.integers(0, 40 * DAY, n))
    fields = pa.table({"country": country, "device": device, "key": [f"k{i}" for i in range(n)]})
    rows = Examples(pa.table({"age": age, "p": p}), fields, y, at)
    costs = Costs(np.full(n, 1.0), np.full(n, 4.0))
    return rows, act_on("candidate", p, np.full(n, 0.2), y=y, costs=costs)


def judged(goal: Goal, *, seed: int = 0, planted: bool = True, n: int = 6000) -> GateReport:
    """The report on a model whose validation rows proposed slices."""
    older, before = make_rows(n // 2, seed=seed, from_day=0, planted=planted)
    newer, after = make_rows(n, seed=seed, from_day=50, planted=planted)
    return judge(goal, Bench(newer, 50, 0), after, baselines=[], proposals=propose_weak(goal, older, before))


def test_a_planted_slice_of_double_loss_is_refused_with_its_name() -> None:
    """The reason says where, how much more, how sure that is, how many decisions, and what the model expected."""
    found = judged(make_goal())
    rail = found.guardrails[0]
    assert rail.verdict == FAILS
    assert rail.bound > 1.5
    assert rail.estimate == pytest.approx(2.3, abs=0.4)
    assert rail.reason.startswith("country = de and device = web: log loss 0.")
    assert "while the model expected 0." in rail.reason
    assert "of the decisions" in rail.reason
    assert found.reasons[0].startswith("worst_slice(log_loss()) <= 1.5: country = de and device = web")
    assert not found.passed


def test_without_the_rule_it_is_told_and_does_not_block() -> None:
    """The report has the slice, with its effect and interval, and what was looked at."""
    found = judged(make_goal(must=[]))
    assert found.passed
    assert found.weak is not None
    worst = found.weak.worse[0]
    assert worst.name == "country = de and device = web"
    assert worst.found
    assert worst.times.low > 1.5
    assert json.loads(json.dumps(found.to_dict()))["weak"]["slices"][0]["name"] == worst.name
    assert "2." in tell_weak(found.weak, worst)


@pytest.mark.parametrize("of", [sp.log_loss(), sp.brier(), sp.accuracy()])
def test_a_clean_model_is_not_refused(of: Any) -> None:
    """Of twenty models whose probabilities are right none is refused, and all are told what would have been seen."""
    goal = make_goal(must=[sp.worst_slice(of) <= 1.2])
    reports = [judged(goal, seed=seed, planted=False, n=3000) for seed in range(20)]
    assert [each.guardrails[0].verdict for each in reports] == [HOLDS] * 20
    assert "none shown to be worse; one of 5 % of the rows would" in reports[0].guardrails[0].reason


def test_losses_that_the_goal_names_are_those_that_are_judged() -> None:
    """Wrong actions, to a depth that the rule states."""
    found = judged(make_goal(must=[sp.worst_slice(sp.accuracy(), depth=1) <= 1.2]))
    rail = found.guardrails[0]
    assert rail.verdict == FAILS
    assert "share of wrong answers" in rail.reason
    assert " and " not in rail.reason.split(":")[0]


def test_a_declared_slice_breaks_the_rule_by_itself() -> None:
    """Without rows that propose any, the slices that the goal names are judged."""
    rows, _ = make_rows(6000, seed=1, from_day=0, planted=False)
    p = np.asarray(rows.features["p"])
    bad = np.asarray(rows.fields["country"]) == "fr"
    y = np.where(bad & (np.random.default_rng(0).random(6000) < 0.3), p < 0.5, rows.y).astype(float)
    told = replace(rows, y=y)
    costs = Costs(np.full(6000, 1.0), np.full(6000, 4.0))
    ours = act_on("candidate", p, np.full(6000, 0.2), y=y, costs=costs)
    found = judge(make_goal(), Bench(told, 50, 0), ours, baselines=[])
    assert found.guardrails[0].verdict == FAILS
    assert found.guardrails[0].reason.startswith("country = fr: log loss")


def test_too_few_rows_are_no_evidence() -> None:
    """Where no slice can be judged the rule blocks, as guardrails do."""
    rows, ours = make_rows(60, seed=0, from_day=0, planted=False)
    found = judge(make_goal(slices=[]), Bench(rows, 50, 0), ours, baselines=[])
    assert found.guardrails[0].verdict == UNKNOWN
    assert "too few to see a slice that is worse" in found.reasons[0]


def test_keys_and_times_make_no_slices() -> None:
    """A text of a value for each row says nothing of other rows."""
    rows, _ = make_rows(100, seed=0, from_day=0, planted=False)
    assert sorted(table_of(rows)) == ["age", "country", "device", "p"]


def test_what_a_model_expects_to_lose_is_what_it_loses_if_it_is_right() -> None:
    """For each loss, on average over outcomes drawn from its probabilities."""
    rng = np.random.default_rng(0)
    p = rng.beta(1, 3, 200_000)
    y = (rng.random(p.size) < p).astype(float)
    scored = Scored("m", p, p >= 0.2, np.zeros(p.size))
    for name in ("log_loss", "brier", "accuracy"):
        lost, expected = losses_of(name, y, scored)
        assert lost.mean() == pytest.approx(expected.mean(), rel=0.01)


def trained(examples: TrainingSet, **changes: Any) -> Candidate:
    """A candidate of the shop with the rule on slices."""
    plan = make_world_plan(trials=1, **{"must": [sp.worst_slice(sp.log_loss()) <= 1.25], "slices": [], **changes})
    return train(plan, examples, learners=logistic(), seed=0)


def flipped(examples: TrainingSet) -> TrainingSet:
    """The same decisions, with outcomes in one slice that an additive model cannot tell apart."""
    inside = np.isnan(examples.features["avg_30d"].to_numpy())
    coin = np.random.default_rng(1).random(inside.size) < 0.5
    value = np.where(inside & ~np.isnan(examples.labels.value), coin, examples.labels.value).astype(float)
    loss = np.where(value > 0, 30.0, np.nan)
    return replace(examples, labels=replace(examples.labels, value=value, outcome={"loss": loss}))


def test_training_finds_on_validation_rows_and_judges_on_held_out_ones() -> None:
    """Where one feature is missing outcomes are coins: the gate names that; without it there is nothing to say."""
    clean = make_examples(12_000, skill=3.0)
    good, bad = trained(clean), trained(flipped(clean))
    assert good.report.guardrails[0].verdict == HOLDS
    assert bad.report.guardrails[0].verdict == FAILS
    assert "avg_30d = (none)" in bad.report.guardrails[0].reason
    assert bad.report.weak is not None
    assert bad.report.weak.rows == bad.report.rows
    assert bad.to_dict()["report"]["weak"]["looked_at"] > 100
