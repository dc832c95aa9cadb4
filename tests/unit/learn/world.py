"""A small world to train in: checkouts of a shop, of which some come back as fraud."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

import setpoint as sp
from setpoint.backends.lightgbm import LightGBMLearner
from setpoint.backends.sklearn import LogisticLearner
from setpoint.core.digest import digest
from setpoint.core.ports import Learner
from setpoint.core.times import DAY, HOUR, time
from setpoint.declare.plan import Plan, Profile, make_plan
from setpoint.features.training_set import TrainingSet
from setpoint.labels.join import CENSORED, KNOWN, UNKNOWN, VOID, Labels

START = time("2024-01-01")
COUNTRIES = ("at", "be", "ch", "de", "es", "fr")
COLUMNS = {
    "checkouts": {"checkout_id": "text", "ts": "time", "country": "text", "total": "number", "note": "text"},
    "purchases": {"purchase_id": "text", "ts": "time", "country": "text", "price": "number"},
    "frauds": {"checkout_id": "text", "ts": "time", "loss": "number"},
}


def learners() -> dict[str, Learner]:
    """The two built-in learners."""
    return {"lightgbm": LightGBMLearner(), "logistic": LogisticLearner()}


def logistic() -> dict[str, Learner]:
    """The fast learner alone."""
    return {"logistic": LogisticLearner()}


def make_system(*, ensemble: Any = None, **changes: Any) -> sp.System:
    """The shop's declaration; `changes` replace parts of its goal."""
    checkouts = sp.events("checkouts", "c.parquet", key="checkout_id", at="ts")
    purchases = sp.events("purchases", "p.parquet", id="purchase_id", at="ts", delay="0s")
    frauds = sp.events("frauds", "f.parquet", at="ts", delay="0s")
    goal: dict[str, Any] = {
        "metric": sp.auc(),
        "business": "eur",
        "act": sp.act("block", by="cost"),
        "cost": sp.cost(false_positive=5, false_negative=frauds.loss),
        "slices": ["country"],
        "must": [sp.auc() >= 0.6, sp.ece() <= 0.1],
    } | changes
    return sp.System(
        "shop",
        decide=sp.decide(checkouts, fields=["country", "total", "ts"]),
        features={
            "country": sp.field("country"),
            "total": sp.field("total"),
            "n_3d": sp.count(purchases, by="country", last="3d"),
            "avg_30d": sp.mean(purchases.price, by="country", last="30d"),
            "big": sp.field("total") > 100,
            "hour": sp.field("ts").hour(),
        },
        label=sp.label(frauds.loss > 0, on="checkout_id", within="2d"),
        goal=sp.goal(goal.pop("metric"), **goal),
        release=sp.release(sp.shadow("7d"), fallback=sp.rule(sp.field("total") > 5000)),
        ensemble=ensemble,
    )


def make_world_plan(*, trials: int = 2, rounds: int = 30, minimum_rows: int = 200, **changes: Any) -> Plan:
    """The plan of the shop, with a small budget."""
    plan = make_plan(make_system(**changes), COLUMNS, Profile(dict.fromkeys(COLUMNS, 1000), 100.0))
    return replace(plan, trials=trials, rounds=rounds, minimum_rows=minimum_rows)


def make_examples(
    n: int = 4000, *, days: int = 60, seed: int = 0, skill: float = 1.0, as_of: int | None = None
) -> TrainingSet:
    """A training set of the shop: a tenth of its decisions is void, censored or not mature yet.

    The log odds of fraud are linear in the total, the country and the count, times `skill`.
    """
    rng = np.random.default_rng(seed)
    at = np.sort(rng.integers(START, START + days * DAY, n))
    country = rng.choice(len(COUNTRIES), n, p=[0.4, 0.2, 0.15, 0.1, 0.1, 0.05])
    total = np.round(rng.gamma(2.0, 40.0, n), 2)
    count = rng.poisson(20 + 10 * np.sin(at / (5 * DAY)) + 3 * country).astype(np.float64)
    average = np.round(rng.normal(50 + 5 * country, 10), 4)
    average[rng.random(n) < 0.1] = np.nan
    odds = -1.6 + skill * (0.015 * (total - 80) + 0.5 * (country - 1.5) + 0.05 * (count - 22))
    y = (rng.random(n) < 1 / (1 + np.exp(-odds))).astype(np.float64)
    loss = np.where(y > 0, np.round(rng.gamma(2.0, 20.0, n) + 1, 2), np.nan)
    settled = np.where(y > 0, at + rng.integers(HOUR, 2 * DAY, n), at + 2 * DAY)
    end = START + (days + 3) * DAY if as_of is None else as_of
    state = np.full(n, KNOWN, dtype=np.int8)
    state[rng.random(n) < 0.03] = VOID
    state[rng.random(n) < 0.02] = CENSORED
    mature = at + 2 * DAY <= end
    state[~mature] = UNKNOWN
    names = np.array(COUNTRIES, dtype=object)[country]
    names[rng.random(n) < 0.02] = None
    features = {
        "country": pa.array(names, pa.string()),
        "total": total,
        "n_3d": count,
        "avg_30d": average,
        "big": (total > 100).astype(np.float64),
        "hour": ((at % DAY) // HOUR).astype(np.float64),
    }
    keys = pa.array([f"c{seed}-{i}" for i in range(n)], pa.string())
    fields = {
        "checkout_id": keys,
        "country": features["country"],
        "total": total,
        "ts": pa.array(at, pa.timestamp("us", tz="UTC")),
    }
    known = state == KNOWN
    labels = Labels(
        state=state,
        value=np.where(known, y, np.nan),
        settled_at=np.where(state == UNKNOWN, -(2**63), settled).astype(np.int64),
        mature=mature,
        outcome={"loss": np.where(known, loss, np.nan)},
    )
    return TrainingSet(
        keys=keys,
        at=at,
        fields=pa.table(fields),
        features=pa.table(features),
        labels=labels,
        snapshot_digest=digest({"snapshot": seed}),
    )


def with_features(examples: TrainingSet, columns: Mapping[str, Any]) -> TrainingSet:
    """The same examples with some features replaced."""
    table = examples.features
    for name, values in columns.items():
        table = table.set_column(table.column_names.index(name), name, pa.array(values))
    return replace(examples, features=table)
