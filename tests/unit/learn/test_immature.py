"""Decisions whose label's time is not over, in training."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

import setpoint as sp
from setpoint.core.times import DAY
from setpoint.data.arrays import NULL_TIME
from setpoint.data.labels import KNOWN, UNKNOWN, Labels
from setpoint.declare.plan import Plan, Profile, make_plan
from setpoint.features.training_set import TrainingSet
from setpoint.learn.sides import divide
from setpoint.learn.train import train
from setpoint.measure.metrics import METRICS
from tests.unit.learn.world import COLUMNS, START, logistic

DAYS, WITHIN, OPENS = 120, 30, 92
"""How long the world lasts, how long a label waits, and from which day on there are customers of a new country."""


def plan(immature: str) -> Plan:
    """The plan of a system whose labels take a month."""
    checkouts = sp.events("checkouts", "c.parquet", key="checkout_id", at="ts")
    frauds = sp.events("frauds", "f.parquet", at="ts", delay="0s")
    system = sp.System(
        "shop",
        decide=sp.decide(checkouts, fields=["country", "total"]),
        features={"total": sp.field("total"), "country": sp.field("country")},
        label=sp.label(frauds.loss > 0, on="checkout_id", within=f"{WITHIN}d", immature=immature),
        goal=sp.goal(sp.auc(), business="eur", act=sp.act("block"), cost=sp.cost(false_positive=1, false_negative=5)),
        release=sp.release(sp.shadow("7d"), fallback=sp.rule(sp.field("total") > 5000)),
    )
    made = make_plan(system, COLUMNS, Profile(dict.fromkeys(COLUMNS, 1000), 100.0))
    return replace(made, trials=1, rounds=30, minimum_rows=200)


def world(seed: int = 0, n: int = 12_000, *, opens: int = OPENS) -> TrainingSet:
    """Decisions of 120 days, of which those of the last 30 are young; fraud is known 6 days late on average."""
    rng = np.random.default_rng(seed)
    at = np.sort(rng.integers(START, START + DAYS * DAY, n))
    total = rng.normal(size=n)
    country = np.where((at >= START + opens * DAY) & (rng.random(n) < 0.5), "ch", "at")
    positive = rng.random(n) < 1 / (1 + np.exp(1.5 - total - 3 * (country == "ch")))
    late = np.minimum(rng.exponential(6 * DAY, n), WITHIN * DAY).astype(np.int64)
    now, ends = START + DAYS * DAY, at + WITHIN * DAY
    came, over = positive & (at + late <= now), ends <= now
    state = np.where(came | over, KNOWN, UNKNOWN).astype(np.int8)
    value = np.where(came, 1.0, np.where(over, 0.0, np.nan))
    settled = np.where(came, at + late, np.where(over, ends, NULL_TIME)).astype(np.int64)
    keys = pa.array([f"c{place}" for place in range(n)])
    columns = {"total": total, "country": pa.array(country)}
    return TrainingSet(
        keys=keys,
        at=at,
        fields=pa.table({"checkout_id": keys, **columns}),
        features=pa.table(columns),
        labels=Labels(state, value, settled, over, {}, as_of=now),
        snapshot_digest="s",
    )


def test_by_default_no_young_decision_touches_a_model() -> None:
    """What is known of it may be anything: the released model is the same to the last bit."""
    examples = world()
    young = ~examples.labels.mature
    assert young.sum() > 2000
    value = np.where(young, 1.0, examples.labels.value)
    state = np.where(young, KNOWN, examples.labels.state).astype(np.int8)
    flipped = replace(examples, labels=replace(examples.labels, state=state, value=value))
    first, second = (train(plan("exclude"), each, learners=logistic(), seed=0) for each in (examples, flipped))
    assert (first.digest, first.procedure.digest) == (second.digest, second.procedure.digest)
    assert "young" not in first.counts


def test_weighted_young_decisions_teach_what_is_new() -> None:
    """A country with much fraud opened a month ago: a model that may look at the young ranks decisions far better."""
    examples, later = world(1), world(2, opens=0)
    shown = METRICS["auc"].function
    truth = later.labels.usable
    rows, y = later.features.filter(pa.array(truth)), later.labels.value[truth]
    auc = {}
    for immature in ("exclude", "weighted"):
        found = train(plan(immature), examples, learners=logistic(), seed=0)
        auc[immature] = shown(y, found.scorer.score(rows))
        if immature == "weighted":
            assert found.counts["young"] > 2000
            assert found.counts["usable"] == int(examples.usable.sum())
    assert auc["weighted"] > auc["exclude"] + 0.05


def test_a_weighted_model_is_not_biased_by_what_has_not_come() -> None:
    """In a world that stays as it is, its scores of new decisions are as high as outcomes will be."""
    examples = world(3, opens=DAYS)
    found = train(plan("weighted"), examples, learners=logistic(), seed=0)
    later = world(4, opens=DAYS)
    truth = later.labels.usable
    scores = found.scorer.score(later.features.filter(pa.array(truth)))
    assert scores.mean() == pytest.approx(later.labels.value[truth].mean(), abs=0.02)


def test_the_judged_procedure_sees_only_what_was_known_when_validation_began() -> None:
    """Positives that became known later do not change it, though they change what is released."""
    examples = world(5)
    split = divide(plan("weighted"), examples).split
    begins = split.validation_start
    at, labels = examples.at, examples.labels
    late = (at < begins) & (at + WITHIN * DAY > begins) & (labels.value == 1.0) & (labels.settled_at > begins)
    assert late.sum() > 50
    changed = replace(
        labels,
        value=np.where(late, 0.0, labels.value),
        settled_at=np.where(late, at + WITHIN * DAY, labels.settled_at),
    )
    first, second = (
        train(plan("weighted"), each, learners=logistic(), seed=0)
        for each in (examples, replace(examples, labels=changed))
    )
    assert first.procedure.digest == second.procedure.digest
    assert first.digest != second.digest
    plainly = train(plan("exclude"), examples, learners=logistic(), seed=0)
    assert plainly.procedure.digest != first.procedure.digest
