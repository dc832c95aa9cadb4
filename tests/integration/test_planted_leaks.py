"""Leaks planted in a shop's files: each is found by training, refused by the declaration, or set aside by a contract.

Every plant has a clean twin, and twenty clean shops give no finding.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import setpoint as sp
from setpoint.backends.sklearn import LogisticLearner
from setpoint.core.errors import LeakRefused
from setpoint.core.times import DAY, HOUR, time
from setpoint.data.contracts.contract import infer_contract
from setpoint.data.ingest.ingest import ingest
from setpoint.data.rows import kinds
from setpoint.data.snapshots.snapshot import take_snapshot
from setpoint.declare.plan import Plan, Profile, make_plan
from setpoint.declare.source import info
from setpoint.features.reader import FeatureReader
from setpoint.features.training_set import TrainingSet, build_training_set
from setpoint.labels.join import resolve
from setpoint.learn.audit import check_procedure
from setpoint.learn.findings import Finding
from setpoint.learn.scorer import Scorer
from setpoint.learn.sides import Sides, divide
from setpoint.learn.train import probe_of, train, trainer_of

START, DAYS, ORDERS = time("2024-03-01"), 60, 3000
TIMES = pa.timestamp("us", tz="UTC")
LEARNERS = {"logistic": LogisticLearner()}

orders = sp.events("orders", "orders.csv", key="order_id", at="ts")
clicks = sp.events("clicks", "clicks.csv", id="click_id", at="ts", delay="1m")
frauds = sp.events("frauds", "frauds.csv", id="order_id", at="ts", delay="1h")


def make_system(**features: Any) -> sp.System:
    """The shop; `features` come on top of its four."""
    return sp.System(
        "shop",
        decide=sp.decide(orders, fields=["user", "country", "total", "note", "ts"]),
        features={
            "country": sp.field("country"),
            "total": sp.field("total"),
            "note": sp.field("note"),
            "clicks_1d": sp.count(clicks, by="user", last="1d"),
            "spent_7d": sp.mean(clicks.price, by="user", last="7d"),
            "frauds_7d": sp.mean(frauds.amount > 50, by="user", last="7d"),
            **features,
        },
        label=sp.label(frauds.amount > 0, on="order_id", within="2d"),
        goal=sp.goal(
            sp.auc(),
            business="eur",
            act=sp.act("block"),
            cost=sp.cost(false_positive=5, false_negative=frauds.amount),
            must=[sp.auc() >= 0.55],
        ),
        release=sp.release(sp.shadow("7d"), fallback=sp.rule(sp.field("total") > 500)),
    )


Files = dict[str, dict[str, Any]]


def make_files(seed: int) -> Files:
    """The shop's three files, as columns: frauds follow big orders of users who click little."""
    rng = np.random.default_rng(seed)
    users = np.array([f"u{i}" for i in range(200)])
    who = rng.integers(0, 200, ORDERS)
    ts = np.sort(rng.integers(START, START + DAYS * DAY, ORDERS))
    total = np.round(rng.gamma(2.0, 50.0, ORDERS), 2)
    lazy = rng.random(200)
    fraud = rng.random(ORDERS) < 1 / (1 + np.exp(2.2 - 0.01 * total - 1.5 * (lazy[who] - 0.5)))
    click_who = rng.choice(200, 12000, p=(1.2 - lazy) / (1.2 - lazy).sum())
    ids = np.array([f"o{seed}-{i}" for i in range(ORDERS)])
    return {
        "orders": {
            "order_id": ids,
            "ts": ts,
            "user": users[who],
            "country": rng.choice(["at", "de", "fr"], ORDERS),
            "total": total,
            "note": np.round(rng.normal(size=ORDERS), 3),
        },
        "clicks": {
            "click_id": np.arange(12000),
            "ts": rng.integers(START - 7 * DAY, START + DAYS * DAY, 12000),
            "user": users[click_who],
            "price": np.round(rng.gamma(2.0, 10.0, 12000), 2),
        },
        "frauds": {
            "order_id": ids[fraud],
            "ts": ts[fraud] + rng.integers(HOUR, 40 * HOUR, int(fraud.sum())),
            "user": users[who][fraud],
            "amount": total[fraud],
        },
    }


@dataclass(frozen=True)
class Shop:
    """A shop's plan, the rows that keep their contracts, and its training set."""

    plan: Plan
    rows: dict[str, pa.Table]
    examples: TrainingSet
    quarantined: dict[str, pa.Table]

    def requests(self, places: np.ndarray) -> pa.Table:
        """The requests of some decisions."""
        return self.examples.fields.take(pa.array(places))

    def recompute(self, places: np.ndarray, as_of: int) -> pa.Table:
        """Features anew, by a reader that has only the rows known at a time."""
        known = take_snapshot(self.rows, as_of).rows
        return FeatureReader(self.plan, known).read(self.requests(places), self.examples.at[places])

    def findings(self, **changes: Any) -> list[Finding]:
        """What training finds."""
        candidate = train(
            self.plan,
            changes.pop("examples", self.examples),
            learners=LEARNERS,
            seed=0,
            rows=self.rows,
            recompute=self.recompute,
        )
        return list(candidate.findings)


def open_shop(files: Files, *, ahead: int = 0) -> Shop:
    """Ingest the files and build the training set; a reader that looks ahead sees that much of the future."""
    raw = {
        name: pa.table(
            {
                column: pa.array(values, TIMES) if column == "ts" else pa.array(values)
                for column, values in table.items()
            }
        )
        for name, table in files.items()
    }
    system = make_system()
    declared = {name: info(source) for name, source in system.sources.items()}
    ingested = {name: ingest(declared[name], raw[name], infer_contract(declared[name], raw[name])) for name in raw}
    rows = {name: found.rows for name, found in ingested.items()}
    plan = make_plan(
        system, {name: kinds(table) for name, table in rows.items()}, Profile(dict.fromkeys(rows, 1), 50.0)
    )
    plan = replace(plan, trials=1, draws=50)
    spine = rows["orders"]
    at = spine["ts"].cast(pa.int64()).to_numpy()
    requests = spine.select(list(plan.fields))
    features = FeatureReader(plan, rows).read(requests, at + ahead)
    as_of = START + (DAYS + 3) * DAY
    keys = spine["order_id"].combine_chunks()
    labels = resolve(plan.system.label, keys, at, rows, as_of, outcome_columns=["amount"])
    examples = build_training_set(plan, requests, at, features, labels, take_snapshot(rows, as_of).digest)
    return Shop(plan, rows, examples, {name: found.quarantined for name, found in ingested.items()})


def is_fraud(files: Files) -> np.ndarray:
    """Whether each order was a fraud."""
    return np.isin(files["orders"]["order_id"], files["frauds"]["order_id"]).astype(float)


@pytest.mark.parametrize("seed", range(20))
def test_a_clean_shop_gives_no_finding(seed: int) -> None:
    """Not one in twenty, with every check of the audit switched on."""
    assert open_shop(make_files(seed)).findings() == []


def copied(files: Files, seed: int) -> None:
    """The outcome stands in a column of the orders, a little blurred."""
    noise = np.random.default_rng(seed).normal(0, 0.1, ORDERS)
    files["orders"]["note"] = np.round(is_fraud(files) + noise, 3)


def copied_as_null(files: Files, seed: int) -> None:
    """A column is filled in for frauds only, as a review afterwards would."""
    note = np.round(np.random.default_rng(seed).normal(size=ORDERS), 3)
    files["orders"]["note"] = np.where(is_fraud(files) > 0, note, np.nan)


@pytest.mark.parametrize("plant", [copied, copied_as_null])
@pytest.mark.parametrize("seed", range(3))
def test_a_label_copied_into_a_feature_is_found(plant: Callable[[Files, int], None], seed: int) -> None:
    """The feature is named, and the model may not be released."""
    files = make_files(seed)
    plant(files, seed)
    found = open_shop(files).findings()
    assert ("label-copied", "note") in {(each.kind, each.feature) for each in found}
    assert any(each.blocks for each in found)


@pytest.mark.parametrize("seed", range(3))
def test_a_feature_that_folds_future_events_is_found(seed: int) -> None:
    """Windows that end an hour after the decision hold rows that were not known; the features are named."""
    found = open_shop(make_files(seed), ahead=HOUR).findings()
    assert {(each.kind, each.feature) for each in found} >= {("future-event", "clicks_1d")}
    assert all(each.blocks for each in found if each.kind == "future-event")


def test_the_future_cannot_be_declared() -> None:
    """The outcome of the decision itself, a column of the spine, and a source that does not say when it is known."""
    with pytest.raises(LeakRefused, match="that is the label"):
        make_system(own=sp.max(frauds.amount, by="order_id"))
    with pytest.raises(LeakRefused, match="not among the request fields"):
        make_system(later=orders.reviewed)
    unknown = sp.events("visits", "visits.csv", at="ts")
    with pytest.raises(LeakRefused, match="when its rows can be known"):
        make_system(visits=sp.count(unknown, by="user"))
    with pytest.raises(LeakRefused, match="the action"):
        make_system(action=sp.action == "block")


@pytest.mark.parametrize("share", [0.02, 0.1])
@pytest.mark.parametrize("seed", range(3))
def test_rows_repeated_across_the_split_are_found(seed: int, share: float) -> None:
    """Orders that come again weeks later under another key, with everything they had."""
    shop = open_shop(make_files(seed))
    examples, rng, count = shop.examples, np.random.default_rng(seed), int(share * ORDERS)
    old = rng.choice(np.flatnonzero(examples.at < START + 35 * DAY), count, replace=False)
    more = examples.take(np.concatenate([np.arange(ORDERS), old]))
    at = more.at.copy()
    at[ORDERS:] = rng.integers(START + 48 * DAY, START + 58 * DAY, count)
    keys = pa.array([*examples.keys.to_pylist(), *[f"again{i}" for i in range(count)]])
    fields = more.fields.set_column(more.fields.column_names.index("order_id"), "order_id", keys)
    fields = fields.set_column(fields.column_names.index("ts"), "ts", pa.array(at, TIMES))
    labels = replace(more.labels, settled_at=more.labels.settled_at + (at - more.at))
    repeated = replace(more, keys=keys, at=at, fields=fields, labels=labels)
    kinds_found = {each.kind for each in replace(shop, examples=repeated).findings()}
    assert "duplicated-rows" in kinds_found


def test_a_key_that_comes_twice_is_set_aside_or_found() -> None:
    """The contract quarantines it; a training set that has it all the same is refused."""
    files = make_files(0)
    for name, values in files["orders"].items():
        files["orders"][name] = np.concatenate([values, values[:40] if name != "total" else values[:40] + 1])
    shop = open_shop(files)
    assert shop.quarantined["orders"].num_rows > 0
    twice = shop.examples.take(np.concatenate([np.arange(shop.examples.at.size), np.arange(5)]))
    found = shop.findings(examples=twice)
    assert any(each.kind == "duplicated-rows" and "5 decisions" in each.evidence for each in found)


def scaled_over_everything(sides: Sides, probe: Callable[[Sides], Scorer]) -> Scorer:
    """Standardises a column with the mean of all rows before it is fitted."""
    place = sides.rows.features.column_names.index("total")
    total = sides.rows.features["total"].to_numpy()
    column = pa.array((total - total.mean()) / total.std())
    rows = replace(sides.rows, features=sides.rows.features.set_column(place, "total", column))
    return probe(Sides(rows, sides.index, sides.split))


def filled_from_everything(sides: Sides, probe: Callable[[Sides], Scorer]) -> Scorer:
    """Fills NULLs with the median of all rows before it is fitted."""
    place = sides.rows.features.column_names.index("spent_7d")
    spent = sides.rows.features["spent_7d"].to_numpy()
    column = pa.array(np.where(np.isnan(spent), np.nanmedian(spent), spent))
    rows = replace(sides.rows, features=sides.rows.features.set_column(place, "spent_7d", column))
    return probe(Sides(rows, sides.index, sides.split))


@pytest.mark.parametrize("plant", [scaled_over_everything, filled_from_everything])
def test_statistics_fitted_on_the_held_out_side_are_found(plant: Callable[..., Scorer]) -> None:
    """Setpoint's own training has none (its twin); a procedure that has them changes when the held-out rows do."""
    shop = open_shop(make_files(1))
    sides = divide(shop.plan, shop.examples)
    probe = probe_of(shop.plan, trainer_of(shop.plan, LEARNERS, seed=0))
    assert check_procedure(sides, probe, seed=0) == ()
    found = check_procedure(sides, lambda each: plant(each, probe), seed=0)
    assert [each.kind for each in found] == ["fitted-on-held-out"]


@pytest.mark.parametrize("seed", range(3))
def test_order_times_shuffled_in_the_file_are_found(seed: int) -> None:
    """Half of the frauds then happened before their order was placed."""
    files = make_files(seed)
    files["orders"]["ts"] = np.random.default_rng(seed).permutation(files["orders"]["ts"])
    found = open_shop(files).findings()
    assert any(each.kind == "time-disagrees" and each.blocks for each in found)


@pytest.mark.parametrize("seed", range(3))
def test_decision_times_shuffled_in_the_training_set_are_found(seed: int) -> None:
    """They are not those of their requests, labels settle before them, and features cannot be computed again."""
    shop = open_shop(make_files(seed))
    shuffled = replace(shop.examples, at=np.random.default_rng(seed).permutation(shop.examples.at))
    found = shop.findings(examples=shuffled)
    assert len([each for each in found if each.kind == "time-disagrees" and each.blocks]) == 3
