"""Decisions that somebody chose: raked to known shares, on each side by itself, and never claimed to be drawn."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import setpoint as sp
from setpoint.core.errors import NothingYet
from setpoint.declare.plan import Plan
from setpoint.declare.sample import Chosen
from setpoint.features.training_set import TrainingSet
from setpoint.learn.raked import RakedSides, levels_by_margin, rake_rows, rake_sides
from setpoint.learn.sides import Examples, divide, mature_rows
from setpoint.learn.train import train
from setpoint.registry.card import make_card
from tests.unit.learn.world import COUNTRIES, logistic, make_examples, make_world_plan

SHARES = dict(zip(COUNTRIES, [0.4, 0.2, 0.15, 0.1, 0.1, 0.05], strict=True))


def population(n: int = 12_000, *, seed: int = 0) -> TrainingSet:
    """The decisions of everybody, each with a country; the later in the alphabet, the likelier the fraud."""
    examples = make_examples(n, seed=seed)
    return examples.take(np.flatnonzero(~examples.features["country"].is_null().to_numpy()))


def answered(examples: TrainingSet, *, seed: int = 0) -> TrainingSet:
    """Those who came by themselves: four in five of the risky countries, one in five of the others."""
    rng = np.random.default_rng(seed)
    risky = np.isin(examples.features["country"].to_numpy(zero_copy_only=False).astype(str), ["de", "es", "fr"])
    return examples.take(np.flatnonzero(rng.random(risky.size) < np.where(risky, 0.8, 0.2)))


def survey(**more: Any) -> Chosen:
    """A sample of who came, with the known shares of the countries."""
    return sp.chosen("convenience", judged_by="who came", **({"margins": {"country": SHARES}} | more))


def raked(plan: Plan, examples: TrainingSet, sample: Chosen | None) -> RakedSides:
    """The sides of a system that declares nothing but a sample."""
    system: Any = SimpleNamespace(sample=sample)
    return rake_sides(system, divide(plan, examples))


def declared_chosen(plan: Plan) -> Plan:
    """The plan of the same system whose decisions are a survey."""
    of = plan.system
    features = {each.name: each.expr for each in of.features}
    parts: dict[str, Any] = {
        "decide": of.decide,
        "features": features,
        "label": of.label,
        "goal": of.goal,
        "release": of.release,
    }
    return replace(plan, system=sp.System(of.name, **parts, sample=survey()))


def shares(rows: Examples) -> dict[str, float]:
    """What each country weighs."""
    names = rows.features["country"].to_numpy(zero_copy_only=False).astype(str)
    return {name: float(rows.weight[names == name].sum() / rows.weight.sum()) for name in COUNTRIES}


def test_the_raked_rate_is_nearer_to_the_truth() -> None:
    """On every side of 20 planted selections: fraud is rarer than among those who came, and the weights know it."""
    plan = make_world_plan()
    for seed in range(20):
        everyone = population(6_000, seed=seed)
        came = answered(everyone, seed=seed)
        whole, plain = divide(plan, everyone), divide(plan, came)
        found = raked(plan, came, survey()).sides
        truth, naive = float(whole.rows.y.mean()), float(plain.rows.y.mean())
        weighed = float(np.average(found.rows.y, weights=found.rows.weight))
        assert naive - truth > 0.08
        assert abs(weighed - truth) < (naive - truth) / 3
        held_out = np.average(found.held_out.y, weights=found.held_out.weight)
        assert abs(held_out - whole.held_out.y.mean()) < abs(plain.held_out.y.mean() - whole.held_out.y.mean())


def test_each_side_meets_the_margins_by_itself() -> None:
    """And its weights keep their sum, so that the sides count as before."""
    plan, came = make_world_plan(), answered(population())
    found = raked(plan, came, survey())
    for rows in (found.sides.train, found.sides.validation, found.sides.held_out):
        assert shares(rows) == pytest.approx(SHARES, abs=1e-6)
        assert rows.weight.sum() == pytest.approx(rows.y.size)


def test_newer_decisions_move_no_older_weight() -> None:
    """Where the held-out rows are others, those that train weigh as before, bit by bit."""
    plan, came = make_world_plan(), answered(population())
    before = raked(plan, came, survey()).sides
    newest = before.index[before.split.held_out]
    names = came.features["country"].to_numpy(zero_copy_only=False).astype(object)
    names[newest] = np.roll(names[newest], 1)
    names[newest[:50]] = "fr"
    table = came.features.set_column(0, "country", pa.array(names, pa.string()))
    fields = came.fields.set_column(1, "country", pa.array(names, pa.string()))
    after = raked(plan, replace(came, features=table, fields=fields), survey()).sides
    assert np.array_equal(before.train.weight, after.train.weight)
    assert np.array_equal(before.validation.weight, after.validation.weight)
    assert not np.array_equal(before.held_out.weight, after.held_out.weight)


def test_rows_beside_the_sides_are_raked_with_them() -> None:
    """All that the released model learns from meets the margins; what stands for decisions weighs as on its side."""
    plan, came = make_world_plan(), answered(population())
    sides = divide(plan, came)
    fair_at = np.arange(0, sides.split.train.size, 3)
    fair = sides.train.take(fair_at)
    beside = replace(
        sides, whole=(sides.rows, sides.index), fair=replace(fair, weight=2 * fair.weight), fair_at=fair_at
    )
    system: Any = SimpleNamespace(sample=survey())
    found = rake_sides(system, beside).sides
    assert shares(found.every) == pytest.approx(SHARES, abs=1e-6)
    assert found.fair is not None
    assert np.allclose(found.fair.weight, 2 * found.train.weight[fair_at])


def test_a_side_without_a_level_waits_for_it() -> None:
    """No weight stands for nobody, and a level that the margins lack is told with its name."""
    plan, came = make_world_plan(), answered(population())
    with pytest.raises(NothingYet, match="Of all rows: No row of the sample has country='xx'"):
        raked(plan, came, survey(margins={"country": {**SHARES, "fr": 0.04, "xx": 0.01}}))
    with pytest.raises(NothingYet, match="Of all rows: The sample has country='ch', which the margin"):
        raked(plan, came, survey(margins={"country": {"at": 0.5, "be": 0.5}}))


def test_levels_that_a_margin_does_not_name_are_others() -> None:
    """NULL among them; numbers and truth values are named as they are written."""
    fields = pa.table({"n": [1.0, 2.5, None], "yes": [True, False, None], "t": ["a", None, "c"]})
    rows = Examples(pa.table({}), fields, np.zeros(3), np.zeros(3))
    assert levels_by_margin(rows, "n", {"1": 0.5, "2.5": 0.5}).tolist() == ["1", "2.5", "(none)"]
    assert levels_by_margin(rows, "yes", {"true": 0.5, "(other)": 0.5}).tolist() == ["true", "(other)", "(other)"]
    assert levels_by_margin(rows, "t", {"a": 0.2, "(none)": 0.2, "(other)": 0.6}).tolist() == ["a", "(none)", "(other)"]


def test_trimmed_weights_are_told() -> None:
    """Half more than the mean is the most; the margins are then missed, by as much as is said."""
    rows = mature_rows(answered(population()))[0]
    found = rake_rows(survey(most=1.5), rows)
    assert found.weight.max() <= 1.5 + 1e-9
    assert (found.converged, found.trimmed > 0, found.apart > 0.01) == (False, True, True)


def test_the_weights_reach_the_model_the_gate_and_the_card() -> None:
    """Fewer rows than there are, counted as such; and nobody claims an interval from a design."""
    plan = make_world_plan(trials=1, must=[], protect={"country": SHARES})
    came = answered(population())
    chosen = train(declared_chosen(plan), came, learners=logistic(), seed=0)
    plain = train(plan, came, learners=logistic(), seed=0)
    assert chosen.digest != plain.digest
    assert chosen.procedure.digest != plain.procedure.digest
    assert chosen.report.metrics["brier"].estimate < plain.report.metrics["brier"].estimate - 0.01
    assert plain.report.effective_rows is None
    assert chosen.report.effective_rows is not None
    assert chosen.report.effective_rows < 0.8 * chosen.report.rows
    assert "selection-bias" in {each.kind for each in plain.findings}
    assert "selection-bias" not in {each.kind for each in chosen.findings}
    document = json.loads(json.dumps(chosen.to_dict()))
    assert document["sample"]["probability"] is False
    assert document["sample"]["effective_size"] < 0.8 * document["sample"]["rows"]
    card = make_card(document, plan)
    assert card["training data"]["sample"].startswith(
        "convenience, chosen by who came: no row has a known chance; raked to known shares of country: its "
    )
    assert "none follows from a design" in card["evaluation data"]["intervals"]
    assert ", which weigh as " in card["evaluation data"]["rows"]
    assert "as training weighs them, 5.0% of the population" in card["protected groups"]["country = fr"]
    assert "intervals" not in make_card(plain.to_dict(), plan)["evaluation data"]
