"""Several models as one, from the declaration to the gate: taken where better, kept without pickle, explained."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import setpoint as sp
from setpoint.cli.main import main
from setpoint.core.errors import DeclarationError, WrongType
from setpoint.core.times import DAY, HOUR, time
from setpoint.learn.scorer import load_scorer
from setpoint.system.backends import open_learners
from tests.integration.test_goal_kinds import CASES, DAYS, Case, write

END = time("2026-01-01") + (DAYS + 12) * DAY
DEEP = {"rounds": 1, "num_leaves": 63, "min_data_in_leaf": 2, "learning_rate": 1.0}
WEAK = sp.learner("lightgbm", **DEEP)
"""One deep tree: it learns its rows by heart."""


def declare(case: Case, method: str, folder: Path, *, members: int = 4) -> sp.System:
    """The system of a case with an ensemble of models that each learn too much."""
    folder.mkdir(exist_ok=True)
    write(case, folder, shuffled=False, leak=False)
    decisions = sp.events("decisions", "decisions.parquet", key="id", at="ts")
    truths = sp.events("truths", "truths.parquet", at="ts", delay="0s")
    parts = dict(case.parts)
    rule = parts.pop("rule")
    return sp.System(
        "desk",
        decide=sp.decide(decisions, fields=["load", "noise", "site", "search"]),
        features={name: sp.field(name) for name in ("load", "noise", "site")},
        label=case.label(truths),
        goal=sp.goal(parts.pop("metric"), **parts),
        release=sp.release(sp.shadow("7d"), fallback=rule),
        learners=[WEAK] if method == "bagging" else [WEAK, "logistic"],
        ensemble=sp.ensemble(method, members=members),
    )


@pytest.mark.parametrize("case", CASES, ids=[case.kind for case in CASES])
def test_bags_of_models_that_learn_too_much_are_tried_for_every_kind(case: Case, tmp_path: Path) -> None:
    """Taken where better on newer rows; saved, loaded and explained, with what they cost beside the single one.

    The mean of the logarithms of counts is drawn down by each tree that has seen none.
    """
    with sp.open_system(declare(case, "bagging", tmp_path), root=tmp_path) as live:
        report = live.train(as_of=END)
    found = report["ensemble"]
    assert found["gained"] is not None
    assert found["reason"] in report["card"]
    assert found["taken"] or case.kind in ("count", "quantile")
    assert [each["what"] for each in found["cost"]] == (["MB", "microseconds for one row"] if found["taken"] else [])
    assert all(each["ensemble"] > each["single"] for each in found["cost"])
    folder = next(path for path in tmp_path.rglob("scorer.json")).parent
    scorer = load_scorer(folder, open_learners(1), expected=report["model"])
    table = pa.table({"load": [0.5, -1.0, None], "noise": [0.0, 2.0, 1.0], "site": ["north", "south", "west"]})
    scores = scorer.score(table)
    assert np.array_equal(scores, np.concatenate([scorer.score(table.slice(place, 1)) for place in range(3)]))
    if case.kind != "survival":
        told = scorer.explain_outputs({"load": 0.5, "noise": 0.0, "site": "north"}, names=["a", "b", "c"])
        assert told is not None
        assert {reason["feature"] for each in told for reason in each["reasons"]} >= {"load"}
        assert all("sampled" not in each for each in told)
    assert not list(tmp_path.rglob("*.pkl"))


PAIRS = (("binary", "greedy"), ("multiclass", "stacking"), ("regression", "stacking"), ("survival", "greedy"))


@pytest.mark.parametrize(("kind", "method"), PAIRS)
def test_weights_are_learned_from_newer_rows_for_every_kind(kind: str, method: str, tmp_path: Path) -> None:
    """What is told says whether it is better than the best single model."""
    case = next(each for each in CASES if each.kind == kind)
    with sp.open_system(declare(case, method, tmp_path), root=tmp_path) as live:
        found = live.train(as_of=END)["ensemble"]
    assert found["reason"].startswith(f"{method} of") if found["taken"] else "the best single model" in found["reason"]
    assert found["taken"] == bool(found["cost"])


SHOP = """
import setpoint as sp

orders = sp.events("orders", "orders.parquet", key="id", at="ts")
ends = sp.events("ends", "ends.parquet", at="ts", delay="0s")
names = ["a", "b", "c", "d", "e", "f"]
system = sp.System(
    "shop",
    decide=sp.decide(orders, fields=names),
    features={name: sp.field(name) for name in names},
    label=sp.label(ends.truth > 0, on="id", within="2d"),
    goal=sp.goal(sp.auc(), business="eur", act=sp.act("call"), cost=sp.cost(false_positive=1, false_negative=2)),
    release=sp.release(sp.shadow("7d"), fallback=sp.rule(sp.field("a") > 1)),
    learners=[sp.learner("lightgbm", rounds=6, num_leaves=31, learning_rate=1.0, feature_fraction=1.0)],
    ensemble=sp.ensemble("bagging", members=8),
)
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A project whose truth hangs a little on each of six numbers, and that deep trees learn by heart."""
    rng, rows = np.random.default_rng(3), 4000
    at = np.sort(rng.integers(time("2026-01-01"), time("2026-01-01") + 60 * DAY, rows))
    seen = rng.normal(size=(6, rows))
    truth = rng.random(rows) < 1 / (1 + np.exp(-seen.sum(axis=0)))
    ids, stamps = [f"d{number}" for number in range(rows)], pa.timestamp("us", tz="UTC")
    columns = {"id": ids, "ts": pa.array(at, stamps), **dict(zip("abcdef", seen, strict=True))}
    pq.write_table(pa.table(columns), tmp_path / "orders.parquet")
    told = {"id": ids, "ts": pa.array(at + HOUR, stamps), "truth": truth.astype(float)}
    pq.write_table(pa.table(told), tmp_path / "ends.parquet")
    (tmp_path / "shop.py").write_text(SHOP)
    return tmp_path


def test_an_ensemble_decides_in_a_replay(shop: Path) -> None:
    """Online as offline; what it costs in time is no part of a replay."""
    namespace: dict[str, sp.System] = {}
    exec(SHOP, namespace)
    with sp.open_system(namespace["system"], root=shop) as live:
        found = live.replay(sample=0.02)
    assert found["summary"]["online_offline_mismatches"] == 0
    assert any(model["learner"] == "ensemble" and model["live_from"] for model in found["models"])
    assert all(each["what"] == "MB" for gate in found["gates"] for each in gate["ensemble"]["cost"])


def test_the_command_tells_what_an_ensemble_costs(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Beside the best single model, in the report; its run shows its members."""
    page = shop / "training.html"
    assert main(["train", str(shop), "--as-of", "2026-03-05", "--report", str(page)]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "bagging of 8 models" in shown
    assert "against the best single model on held-out rows" in shown
    assert "microseconds for one row:" in shown
    assert "bagging of 8 models" in page.read_text()
    assert main(["runs", shown.split("model ", 1)[1][:12], str(shop)]) == 0
    assert "0.125 of lightgbm" in capsys.readouterr().out
    assert main(["plan", str(shop)]) == 0
    assert "8 bags" in " ".join(capsys.readouterr().out.split())


def test_what_means_nothing_is_refused(tmp_path: Path) -> None:
    """Members of which a ranking has no common scale, a method that there is not, one member."""
    ranking, unknown = next(case for case in CASES if case.kind == "ranking"), cast("Any", "boosting")
    with pytest.raises(DeclarationError, match="no common scale"):
        declare(ranking, "greedy", tmp_path)
    with pytest.raises(WrongType, match="boosting"):
        sp.ensemble(unknown)
    with pytest.raises(DeclarationError, match="members=1"):
        sp.ensemble("bagging", members=1)
