"""Weights of rows in training: what is fitted, settled, stated and judged counts each row as often as it stands for."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

import setpoint as sp
from setpoint.core.errors import DataError
from setpoint.core.times import DAY
from setpoint.declare.plan import Plan
from setpoint.features.training_set import TrainingSet
from setpoint.learn.baselines import fit_rates
from setpoint.learn.calibrate import calibrate
from setpoint.learn.gate import judge
from setpoint.learn.recipe import Recipe
from setpoint.learn.scored import Bench, Scored, act_on
from setpoint.learn.sides import Examples, count_rows, divide, mature_rows
from setpoint.learn.threshold import Costs, choose_threshold
from setpoint.learn.train import Candidate, train
from tests.unit.learn.world import START, logistic, make_examples, make_system, make_world_plan


def make_rows(n: int = 3000, *, seed: int = 0) -> tuple[Examples, np.ndarray]:
    """Rows with whole weights from 1 to 3, and the probabilities that their outcomes were drawn from."""
    rng = np.random.default_rng(seed)
    p = rng.beta(1, 3, n)
    y = (rng.random(n) < p).astype(float)
    fields = pa.table({"country": pa.array(rng.choice(["at", "de"], n)), "total": rng.gamma(2.0, 40.0, n)})
    at = np.sort(START + rng.integers(0, 40 * DAY, n))
    loss = np.where(y > 0, rng.gamma(2, 20, n), np.nan)
    weight = rng.integers(1, 4, n).astype(float)
    return Examples(pa.table({"x": p}), fields, y, at, {"loss": loss}, weight), p


def repeated(rows: Examples) -> Examples:
    """Each row as often as its weight says."""
    again = rows.take(np.repeat(np.arange(rows.y.size), rows.weight.astype(int)))
    return Examples(again.features, again.fields, again.y, again.at, again.outcome)


def train_one(plan: Plan, examples: TrainingSet) -> Candidate:
    """A training of the logistic recipe, without search and audit."""
    return train(plan, examples, learners=logistic(), seed=0, recipe=Recipe("logistic", {"c": 0.1, "steps": 60}))


def scored(rows: Examples, p: np.ndarray, *, name: str = "candidate") -> Scored:
    """What a model with these scores does at a fifth."""
    n = rows.y.size
    return act_on(name, p, np.full(n, 0.2), y=rows.y, costs=Costs(np.full(n, 1.0), np.full(n, 4.0)))


def test_rows_count_once_unless_told_otherwise() -> None:
    """Weights are 1 by default, and travel with the rows that are taken."""
    rows, _ = make_rows()
    assert not repeated(rows).weighted
    assert rows.weighted
    assert np.array_equal(rows.take(np.array([5, 2])).weight, rows.weight[[5, 2]])


def test_the_threshold_of_weighted_rows_is_that_of_repeated_ones() -> None:
    """Mean costs are means by weight."""
    rows, _ = make_rows()
    goal = make_system().goal
    weighted, again = choose_threshold(goal, rows), choose_threshold(goal, repeated(rows))
    assert weighted.false_negative.mean == pytest.approx(again.false_negative.mean, rel=1e-12)
    plain = choose_threshold(goal, Examples(rows.features, rows.fields, rows.y, rows.at, rows.outcome))
    assert weighted.false_negative.mean != plain.false_negative.mean


@pytest.mark.parametrize("coded", [False, True])
def test_the_rates_of_weighted_rows_are_those_of_repeated_ones(coded: bool) -> None:
    """Bins carry equal weight, and so do the rates in them."""
    rows, p = make_rows()
    values = np.floor(p * 8) if coded else np.where(p < 0.05, np.nan, p)
    times = rows.weight.astype(int)
    weighted = fit_rates(values, rows.y, coded=coded, weight=rows.weight)
    again = fit_rates(np.repeat(values, times), np.repeat(rows.y, times), coded=coded)
    assert weighted.rates == pytest.approx(again.rates, rel=1e-12)
    assert (weighted.edges is None) == coded
    if not coded:
        assert np.array_equal(weighted.edges, again.edges)


def test_the_gate_judges_weighted_rows_as_repeated_ones() -> None:
    """Days are the clusters, so copies within a day add no evidence: the same values, bounds and verdicts.

    A share takes no more evidence from a weight of 2 than from two rows, so its bounds may be a little wider.
    """
    rows, p = make_rows()
    goal = make_system(must=[sp.auc() >= 0.6, sp.ece() <= 0.1, sp.business() >= 0, sp.recall() >= 0.5]).goal
    reports = []
    for part, scores in ((rows, p), (repeated(rows), np.repeat(p, rows.weight.astype(int)))):
        rate = np.full(scores.size, np.average(part.y, weights=part.weight))
        bench = Bench(part, draws=60, seed=0)
        reports.append(judge(goal, bench, scored(part, scores), baselines=[scored(part, rate, name="prior")]))
    weighted, again = reports
    assert [each.verdict for each in weighted.guardrails] == [each.verdict for each in again.guardrails]
    for name, found in weighted.metrics.items():
        assert found.estimate == pytest.approx(again.metrics[name].estimate, rel=1e-9)
        other, tolerance = again.metrics[name], 5e-3 if found.method == "wilson" else 1e-6
        assert (found.low, found.high) == pytest.approx((other.low, other.high), rel=tolerance)
        assert found.high - found.low >= other.high - other.low - 1e-6 * abs(other.low)
    assert weighted.baselines[0].difference.low == pytest.approx(again.baselines[0].difference.low, rel=1e-6)
    assert weighted.rows == rows.y.size
    assert weighted.effective_rows is not None
    assert 0.8 * rows.y.size < weighted.effective_rows < rows.y.size
    assert weighted.to_dict()["effective_rows"] == weighted.effective_rows
    assert again.effective_rows is None
    assert "effective_rows" not in again.to_dict()


def test_the_reliability_table_of_held_out_rows_is_weighted() -> None:
    """It shows the rates of the rows that the weights stand for."""
    rows, p = make_rows()
    heavy = Examples(rows.features, rows.fields, rows.y, rows.at, rows.outcome, np.where(rows.y > 0, 5.0, 1.0))
    light, dark = (calibrate(part, p).judged_on(part, p).table for part in (rows, heavy))
    assert np.mean([row.rate for row in dark]) > 1.5 * np.mean([row.rate for row in light])


def test_weights_of_one_change_neither_the_training_set_nor_the_model() -> None:
    """Equal weights are dropped, so a digest does not tell them from none."""
    plan, examples = make_world_plan(trials=1), make_examples()
    ones = examples.weigh(np.ones(examples.at.size))
    assert ones.weight is None
    assert ones.digest == examples.digest
    first, second = (train_one(plan, each) for each in (examples, ones))
    assert first.to_dict() == second.to_dict()


def test_weights_are_part_of_a_training_set() -> None:
    """They are in its digest, go with the rows that are taken, and must be one finite number per decision."""
    examples = make_examples()
    weight = np.arange(examples.at.size) % 3 + 1.0
    weighed = examples.weigh(weight)
    assert weighed.digest != examples.digest
    assert weighed.take(np.array([4, 2])).weight.tolist() == [2.0, 3.0]
    rows, places = mature_rows(weighed)
    assert np.array_equal(rows.weight, weight[places])
    for bad in (weight[1:], -weight, weight * np.nan):
        with pytest.raises(DataError):
            examples.weigh(bad)


def test_a_decision_of_weight_zero_trains_and_judges_nothing() -> None:
    """It is counted as left out, and the training is that of the others."""
    examples = make_examples()
    kept = np.random.default_rng(0).random(examples.at.size) < 0.8
    weighed = examples.weigh(kept.astype(float))
    plan = make_world_plan(trials=1)
    sides = divide(plan, weighed)
    assert sides.rows.y.size == (examples.usable & kept).sum()
    assert count_rows(weighed, sides)["without weight"] == (examples.usable & ~kept).sum()
    assert "without weight" not in count_rows(examples, divide(plan, examples))
    first = train_one(plan, weighed)
    second = train_one(plan, examples.take(np.flatnonzero(kept)))
    assert first.procedure.digest == second.procedure.digest
    assert first.digest == second.digest


def test_a_sample_that_took_a_fifth_of_the_negatives_trains_the_population_when_weighted() -> None:
    """With one over its chance as weight, the scores and the gate are those of all decisions; without, far off."""
    plan, everything = make_world_plan(trials=1), make_examples(12_000)
    negative = everything.labels.value == 0
    chance = np.where(negative, 0.2, 1.0)
    taken = np.flatnonzero(np.random.default_rng(1).random(chance.size) < chance)
    sample = everything.take(taken)
    whole = train_one(plan, everything)
    weighted = train_one(plan, sample.weigh(1 / chance[taken]))
    plain = train_one(plan, sample)
    scores = [each.scorer.score(everything.features) for each in (whole, weighted, plain)]
    assert np.abs(scores[1] - scores[0]).mean() < 0.03
    assert np.abs(scores[2] - scores[0]).mean() > 0.2
    for name in ("average_precision", "log_loss", "brier"):
        truth, found, naive = (each.report.metrics[name].estimate for each in (whole, weighted, plain))
        assert abs(found - truth) < 0.04
        assert abs(naive - truth) > 2 * abs(found - truth)
    prior = [each.baselines[0].scores[0] for each in (whole, weighted, plain)]
    assert prior[1] == pytest.approx(prior[0], abs=0.02)
    assert prior[2] > prior[0] + 0.2
